"""Gathering of a pass's inputs from the caches and the rollout's state; what is derived of them is ``assemble``'s.

No request is made here. A reading that the ticker left is taken in exactly once.
"""

from collections.abc import Iterator, Sequence

import structlog

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.api.workload import WorkloadRef
from ingress_canary.domain.metrics.counting import advance
from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key, Meta
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.preflight.inputs import Rival
from ingress_canary.domain.reconcile.assemble import AssembledPass, assemble
from ingress_canary.domain.reconcile.inputs import OwnedShadow, PassInputs, PassMemory, PassOptions, RouteInputs
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.traffic.router.choice import Routers
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.engine.options import Options
from ingress_canary.engine.schedules.schedule_source import compiled_schedule_of, newer_than, shared_in
from ingress_canary.engine.spec_parser import read_status
from ingress_canary.engine.state.rollout_state import RolloutState, RolloutStates
from ingress_canary.ports import Cluster

log = structlog.get_logger(__name__)

PHASES = {str(phase): phase for phase in Phase}


def claim(body: Json, state: RolloutState, states: RolloutStates, view: ClusterView) -> tuple[Key, ...]:
    """Record which Ingress and Service a rollout uses, and return the other rollouts that this concerns."""
    meta, spec = state.memo.of(Meta.of, body), state.spec
    assert spec is not None
    named = view.shadows_named(Key(meta.namespace, spec.shadow_name))
    return states.claim(state, state.memo.of(_rival, body, meta, spec, tuple(named)))


def _rival(body: Json, meta: Meta, spec: RolloutSpec, named: Sequence[ShadowObject]) -> Rival:
    """Return a rollout as preflight of the others sees it; ``named`` are the objects of its shadow's name."""
    begun = any(found.meta.owner is not None and found.meta.owner.uid == meta.uid for found in named)
    phase = PHASES.get(str((body.get("status") or {}).get("phase")), Phase.PENDING)
    return Rival(meta.key, meta.created, spec.primary, spec.canary_service, phase, begun)


def observe(
    body: Json,
    state: RolloutState,
    states: RolloutStates,
    cluster: Cluster,
    routers: Routers,
    options: Options,
    monotonic: float,
) -> AssembledPass:
    """Return the pass over a rollout whose spec can be read, and remember what it has taken in."""
    inputs = gather(body, state, states, cluster, routers, options, monotonic)
    assembled = assemble(inputs, state.memo.of, state.preflight)
    _keep(state, assembled)
    return assembled


def gather(
    body: Json,
    state: RolloutState,
    states: RolloutStates,
    cluster: Cluster,
    routers: Routers,
    options: Options,
    monotonic: float,
) -> PassInputs:
    """Return the inputs of a pass, as the caches and the rollout's state have them."""
    view, spec, metadata = cluster.view, state.spec, body["metadata"]
    assert spec is not None
    key, meta = Key(metadata.get("namespace", ""), metadata["name"]), state.memo.of(Meta.of, body)
    status = state.memo.of(read_status, body)
    primary = view.ingress(Key(key.namespace, spec.primary))
    router = state.router = routers.of(primary, view, state.router)
    # the shadow that exists, though the spec may name another one by now
    name = status.shadow.name if status.shadow else spec.shadow_name
    shadow = view.shadow(router.resource, Key(key.namespace, name))
    compiled, obstacles = compiled_schedule_of(cluster, spec, status, state, options)
    if compiled is not None:
        status = state.memo.of(_within, status, compiled)
    return PassInputs(
        key=key,
        uid=metadata.get("uid", ""),
        created=meta.created,
        generation=metadata.get("generation") or 0,
        spec=spec,
        status=status,
        routes=(RouteInputs(router, primary, shadow, status.shadow),),
        view=view,
        compiled=compiled,
        options=PassOptions(
            options.interval, options.warm_up, options.accept_unchecked, options.controllers, options.restarts
        ),
        spec_problem=state.spec_problem,
        obstacles=tuple(obstacles),
        shared_in=shared_in(spec, status, options),
        outdated=newer_than(cluster, spec, status, state, options),
        action=(metadata.get("annotations") or {}).get(ACTION_ANNOTATION),
        owned=tuple(_owned(view, key, routers, router)),
        canary=_workload(view, key, spec.workload.canary),
        stable=_workload(view, key, spec.workload.stable),
        canary_endpoints=view.endpoints(Key(key.namespace, spec.canary_service)),
        stable_endpoints=view.endpoints(Key(key.namespace, spec.stable_service)),
        rivals=states.rivals(state.rival) if state.rival else (),
        frozen=view.freeze,
        memory=_memory_of(state),
        evidence=state.reading,
        probed=state.probed,
        answers=state.answers,
        monotonic=monotonic,
    )


def _within(status: RolloutStatus, compiled: CompiledSchedule) -> RolloutStatus:
    """Return a status at a step that the schedule has, whatever somebody has written: the canary is to be judged."""
    step, last = status.step, len(compiled.walk)
    if step is None or 1 <= step.index <= last:
        return status
    return status.updated(step=step.updated(index=1 if step.index < 1 else last))


def _owned(view: ClusterView, rollout: Key, routers: Routers, router: Router) -> Iterator[OwnedShadow]:
    """Yield what names a rollout as its owner, with the rollout's router for what is of its kind."""
    for shadow in view.shadows_by_owner(rollout):
        is_its_kind = shadow.resource == router.resource
        yield OwnedShadow(router if is_its_kind else routers.of_shadow(shadow, view), shadow)


def _workload(view: ClusterView, key: Key, ref: WorkloadRef | None) -> Workload | None:
    return None if ref is None else view.workload(ref.kind, Key(key.namespace, ref.name))


def _memory_of(state: RolloutState) -> PassMemory:
    """Return the part of a rollout's state that a pass reads."""
    return PassMemory(
        evaluation=state.evaluation,
        step_began=state.step_began,
        facts=state.facts,
        gates=state.gates,
        undone=tuple(state.undone),
        clock_set=state.clock_set,
        removed=state.removed,
        rejected=state.rejected,
        denied=state.denied,
        failures=state.failures,
        unwritten=state.unwritten,
    )


def _keep(state: RolloutState, assembled: AssembledPass) -> None:
    """Remember what a pass has taken in: the reading, answers of gates, what the evidence has come to."""
    memory, tick = assembled.memory, assembled.tick
    state.evaluation, state.step_began, state.facts = memory.evaluation, memory.step_began, memory.facts
    state.gates, state.clock_set = memory.gates, memory.clock_set
    state.reading, state.answers = None, {}
    # what the ticker counted has been taken in: with it go the counters before
    state.memo.forget(advance)
    if not memory.undone:
        state.undone.clear()
    if tick is not None and assembled.has_evidence:
        state.counting = tick.signals, tick.compiled.measures
    if assembled.fault is not None:
        log.error("a reading could not be judged", uid=state.uid, exc_info=assembled.fault)
