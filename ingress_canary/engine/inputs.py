"""Inputs of a pass: everything one decision needs, gathered from the caches and the rollout's state.

No request is made here. A reading that the ticker left is added to the evidence exactly once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.api.rollout import AT_REST, CanaryRollout, Phase, RolloutSpec, RolloutStatus, WorkloadRef
from ingress_canary.domain.decision.observation import (
    Observation,
    Obstacle,
    is_shadow,
    leaves_shadow_alone,
    preflight_obstacle,
    wanted_exposure,
)
from ingress_canary.domain.evaluation.evaluation import Evaluation, EvidenceMode, TickInputs
from ingress_canary.domain.metrics.counting import requests_by_process
from ingress_canary.domain.metrics.samples import Target
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.revision import same_version, template_hash
from ingress_canary.domain.objects.views import ClusterView, Endpoints, Ingress, Json, Key, Meta, Owner, Workload
from ingress_canary.domain.preflight.inputs import ControllerFacts, PreflightInputs, Rival
from ingress_canary.domain.preflight.problem import Findings
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.status.unsupported import unsupported_rollout
from ingress_canary.domain.traffic.drift import compare, merge_patch, stamped, untouched
from ingress_canary.domain.traffic.effectiveness import EffectState
from ingress_canary.domain.traffic.ineffective_diagnosis import Circumstances, likely_causes, requests_since
from ingress_canary.domain.traffic.probe import ProbeRequest, probe_request, unaskable_probe
from ingress_canary.domain.traffic.router.choice import Routers
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.traffic.shadow_removal import is_ours, terminating
from ingress_canary.engine.options import Options
from ingress_canary.engine.schedules.schedule_source import compiled_schedule_of, newer_than, shared_in
from ingress_canary.engine.spec_parser import read_status
from ingress_canary.engine.state.reading_count import tick_reading
from ingress_canary.engine.state.rollout_state import RolloutState, RolloutStates
from ingress_canary.ports import Cluster

FIGHT_UNDOINGS = 5
FIGHT_SECONDS = 600
PHASES = {str(phase): phase for phase in Phase}


class PassInputs(NamedTuple):
    """An observation, with what executing the decision will need."""

    seen: Observation
    router: Router
    primary: Ingress | None
    target: Target | None
    """The series that the metrics source reads for this rollout."""
    findings: Findings | None
    """What preflight found, graded by the settings; None where it did not run: at rest, or without a schedule."""
    leftovers: tuple[Ingress, ...] = ()
    """Other shadows of this rollout, or of an earlier one of its name; they must not send traffic to the canary."""


def claim(body: Json, state: RolloutState, states: RolloutStates, view: ClusterView) -> tuple[Key, ...]:
    """Record which Ingress and Service a rollout uses, and return the other rollouts that this concerns."""
    meta, spec = state.memo.of(Meta.of, body), state.spec
    assert spec is not None
    named = view.ingress(Key(meta.namespace, spec.shadow_name))
    begun = named is not None and named.meta.owner is not None and named.meta.owner.uid == meta.uid
    phase = (body.get("status") or {}).get("phase")
    known = PHASES.get(str(phase), Phase.PENDING)
    return states.claim(state, Rival(meta.key, meta.created, spec.primary, spec.canary_service, known, begun))


def observe(
    body: Json,
    state: RolloutState,
    states: RolloutStates,
    cluster: Cluster,
    routers: Routers,
    options: Options,
    monotonic: float,
) -> PassInputs:
    """Return the inputs of a pass over a rollout whose spec can be read."""
    view, metadata = cluster.view, body["metadata"]
    key, spec = Key(metadata.get("namespace", ""), metadata["name"]), state.spec
    assert spec is not None
    remembered = state.memo.of
    status = remembered(read_status, body)
    primary = view.ingress(Key(key.namespace, spec.primary))
    router = state.router = routers.of(primary, view, state.router)
    owner = Owner(CanaryRollout.__name__, key.name, metadata.get("uid", ""))
    # the shadow that exists, though the spec may name another one by now
    named = view.ingress(Key(key.namespace, status.shadow.name if status.shadow else spec.shadow_name))
    ours = named is not None and is_shadow(named, owner.uid, status)
    shadow = named if ours else None
    canary, stable = _workload(view, key, spec.workload.canary), _workload(view, key, spec.workload.stable)
    compiled, obstacles = compiled_schedule_of(cluster, spec, status, state, options)
    obstacles = [*_unread(state), *obstacles, *_refused(spec, compiled)]
    meta = remembered(Meta.of, body)
    if state.reading is not None and state.reading.error is None:
        state.facts = ControllerFacts(pods=len(state.reading.instances), orphaned=state.reading.orphaned)
    findings: Findings | None = None
    if compiled is not None and status.phase not in AT_REST:
        subject = PreflightInputs(
            key=key, uid=owner.uid, created=meta.created, phase=status.phase, spec=spec, routes=compiled.routes,
            primary=primary, shadow=shadow, view=view, prefix=router.prefix,
            rivals=states.rivals(state.rival) if state.rival else (),
            next_weight=compiled.next_weight(status.step.index if status.step else 0), controllers=options.controllers,
            facts=_facts(router, view, state),
        )  # fmt: skip
        findings = remembered(Findings, state.preflight(subject, router.rules), options.accept_unchecked)
        if findings.refused:
            obstacles.append(preflight_obstacle(findings.refused))
    evaluation = _evaluation_of(state, compiled, status)
    drift, carried = None, wanted_exposure(status)
    if primary is not None and shadow is not None and status.shadow is not None:
        manifest = remembered(manifest_of, router, primary, spec, owner, wanted_exposure(status))
        if not remembered(untouched, router, shadow):
            drift = compare(router, shadow, wanted_exposure(status), manifest)
        if remembered(merge_patch, router, shadow, manifest) is not None or status.shadow.uid != shadow.meta.uid:
            carried = router.exposure_if_marked(shadow)
            # while the shadow cannot be written, the exposure that it has is judged: a canary may fail meanwhile
            if evaluation is not None and not state.failures and not leaves_shadow_alone(status):
                evaluation = evaluation.unapplied()
    if leaves_shadow_alone(status):
        # the fight has been reported: after a person's resume, undone changes are counted anew
        state.undone.clear()
    leftovers = tuple(_leftovers(view.ingresses_by_owner(key), owner, shadow))
    held = (terminating(router, ingress) for ingress in (shadow, *leftovers) if ingress is not None)
    sticky = primary is not None and router.sticky(primary)
    revision, stable_hash, canary_hash, same = remembered(_versions, spec, canary, stable)
    signals = remembered(_signals, router, primary, spec, revision) if primary is not None else None
    target = remembered(_target, key, spec, compiled, signals) if signals is not None else None
    if evaluation is not None and compiled is not None and signals is not None and state.reading is not None:
        at = _tick(compiled, signals, status, carried, sticky, options)
        evaluation = tick_reading(state, evaluation, state.reading, at)
    state.reading = None
    state.evaluation = evaluation
    endpoints = view.endpoints(Key(key.namespace, spec.canary_service))
    recent = [rival for at, rival in state.undone if monotonic - at <= FIGHT_SECONDS]
    seen = Observation(
        key=key,
        generation=metadata.get("generation") or 0,
        spec=spec,
        status=status,
        compiled=compiled,
        shared_in=shared_in(spec, status, options),
        obstacles=tuple(obstacles),
        problems=findings.problems if findings else (),
        revision=revision,
        canary=canary,
        stable=stable,
        stable_hash=stable_hash,
        canary_hash=canary_hash,
        same_version=same,
        causes=_causes(state, status, evaluation, findings, endpoints),
        stable_ready=len(view.endpoints(Key(key.namespace, spec.stable_service)).ready),
        canary_ready=len(endpoints.ready),
        shadow=shadow,
        foreign=named is not None and not ours,
        removed=state.removed is not None and status.shadow is not None and state.removed == status.shadow.uid,
        terminating=next((found for found in held if found is not None), None),
        drift=drift,
        fighting=(recent[-1] or "unknown") if len(recent) > FIGHT_UNDOINGS else None,
        rejected=state.rejected,
        frozen=view.freeze,
        outdated=newer_than(cluster, spec, status, state, options),
        denied=state.denied,
        sticky=sticky,
        action=_action(metadata, status),
        gates=state.take_gate_answers(status),
        evaluation=evaluation,
        interval=options.interval,
        warm_up=options.warm_up,
    )
    return PassInputs(seen, router, primary, target, findings, leftovers)


def manifest_of(router: Router, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
    """Return the shadow's manifest with its fingerprint, as it is stored."""
    return stamped(router, router.shadow(primary, spec, owner, exposure))


def probe_of(inputs: PassInputs, status: RolloutStatus) -> ProbeRequest | None:
    """Return the probe that the next tick is to send for a rollout with this status; None before its first step."""
    probe = inputs.seen.spec.probe
    if probe is None or status.step is None or inputs.target is None:
        return None
    return probe_request(probe, wanted_exposure(status), inputs.router, status.revision or "")


def _leftovers(owned: Sequence[Ingress], owner: Owner, shadow: Ingress | None) -> Iterator[Ingress]:
    """Yield shadows that a rollout left under another name, and an earlier rollout's that a finalizer holds."""
    for ingress in filter(is_ours, owned):
        mine = ingress.meta.owner == owner
        if (ingress.meta.deleting or mine) and (shadow is None or ingress.meta.uid != shadow.meta.uid):
            yield ingress


def _unread(state: RolloutState) -> Iterator[Obstacle]:
    """Yield why the present spec is not in use."""
    if state.spec_problem is not None:
        yield Obstacle(Reason.INVALID_SPEC, *state.spec_problem)


def _refused(spec: RolloutSpec, compiled: CompiledSchedule | None) -> Iterator[Obstacle]:
    """Yield the fields of a valid spec that this release or schedule does not support."""
    probe = unaskable_probe(spec.probe, compiled.routes) if spec.probe is not None and compiled is not None else ()
    for fault in (*unsupported_rollout(spec), *probe):
        yield Obstacle(Reason.INVALID_SPEC, *fault)


def _facts(router: Router, view: ClusterView, state: RolloutState) -> ControllerFacts:
    """Return facts of the ingress controllers: their configuration, and what the last reading of the source showed."""
    configured = router.facts(view.controller_config, view.controller_arguments)
    return configured._replace(pods=state.facts.pods, orphaned=state.facts.orphaned)


def _causes(
    state: RolloutState,
    status: RolloutStatus,
    evaluation: Evaluation | None,
    findings: Findings | None,
    endpoints: Endpoints,
) -> tuple[Message, ...]:
    """Return why the weight may have no effect, once it has none; until then record the counters it began with."""
    if evaluation is None or status.step is None or evaluation.settling:
        return ()
    if state.step_began is None or state.step_began[0] != status.step.started_at:
        state.step_began = status.step.started_at, requests_by_process(evaluation.book)
    if evaluation.effect.state is not EffectState.NOT_EFFECTIVE:
        return ()
    return likely_causes(
        Circumstances(
            weight=status.weight / 100,
            problems=findings.problems if findings else (),
            orphaned=state.facts.orphaned,
            processes=requests_since(requests_by_process(evaluation.book), state.step_began[1]),
            ready=len(endpoints.ready),
            unready=len(endpoints.unready),
        )
    )


def _workload(view: ClusterView, key: Key, ref: WorkloadRef | None) -> Workload | None:
    return None if ref is None else view.workload(ref.kind, Key(key.namespace, ref.name))


def _versions(
    spec: RolloutSpec, canary: Workload | None, stable: Workload | None
) -> tuple[str | None, str | None, str | None, bool]:
    """Return the revision, the hashes of stable's and the canary's pod templates, and whether both run one version."""
    same = canary is not None and stable is not None and same_version(canary, stable)
    hashed = template_hash(stable) if stable else None, template_hash(canary) if canary else None
    return _revision(spec, canary), *hashed, same


def _revision(spec: RolloutSpec, canary: Workload | None) -> str | None:
    """Return the revision: ``spec.revision`` from CI, or the pod template's hash, or a constant without either."""
    if spec.workload.canary is not None and canary is None:
        return None
    if spec.revision is not None:
        return spec.revision
    return template_hash(canary) if canary is not None else "initial"


def _action(metadata: Json, status: RolloutStatus) -> Action | None:
    text = (metadata.get("annotations") or {}).get(ACTION_ANNOTATION)
    if text is None:
        return None
    action = Action.parse(text)
    return None if status.last_action is not None and status.last_action.id == action.id else action


def _evaluation_of(state: RolloutState, compiled: CompiledSchedule | None, status: RolloutStatus) -> Evaluation | None:
    if compiled is None or status.phase in AT_REST:
        return None
    if state.evaluation is None:
        return Evaluation.restored(compiled, status) if status.schedule is not None else Evaluation.new(compiled)
    return state.evaluation


def _signals(router: Router, primary: Ingress, spec: RolloutSpec, revision: str | None) -> Signals:
    """Return the router's series of this rollout, with all variables that users' queries may name."""
    signals = router.signals(primary, spec)
    also = {
        "namespace": primary.meta.namespace, "ingress": spec.primary, "stableService": spec.stable_service,
        "canaryService": spec.canary_service, "revision": revision or "",
    }  # fmt: skip
    return replace(signals, variables={**signals.variables, **also})


def _target(key: Key, spec: RolloutSpec, compiled: CompiledSchedule | None, signals: Signals) -> Target:
    target = Target(key.namespace, spec.primary, spec.stable_service, spec.shadow_name)
    if compiled is None:
        return target
    slis = compiled.measures
    asked = slis.questions(signals.variables)
    return target._replace(
        bounds=frozenset(slis.thresholds.values()), totals=asked.totals, parts=asked.parts, values=asked.values,
        needs=slis.needs,
    )  # fmt: skip


def _tick(
    compiled: CompiledSchedule,
    signals: Signals,
    status: RolloutStatus,
    carried: Exposure,
    sticky: bool,
    options: Options,
) -> TickInputs:
    step, mode = status.step, EvidenceMode.of(status)
    return TickInputs(
        compiled=compiled,
        signals=signals,
        # no step bakes at another exposure than its own
        mode=EvidenceMode.WATCHING if mode is EvidenceMode.JUDGING and carried != wanted_exposure(status) else mode,
        step=compiled.walk.at(step.index) if step else None,
        exposure=carried,
        sticky=sticky,
        interval=options.interval,
    )
