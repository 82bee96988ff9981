"""Observe: everything one decision needs, gathered from the caches and the ledger before anything is decided.

No request is made here. A reading that the ticker left is taken into the evidence exactly once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.api.rollout import AT_REST, CanaryRollout, Phase, RolloutSpec, RolloutStatus, WorkloadRef
from ingress_canary.domain.decision.observation import Observation, Obstacle, hands_off, is_shadow, wanted
from ingress_canary.domain.evaluation.evaluation import Mode, Session, Tick
from ingress_canary.domain.metrics.counting import by_process
from ingress_canary.domain.metrics.samples import Target
from ingress_canary.domain.metrics.sli_kinds import Signals
from ingress_canary.domain.objects.revision import same_version, template_hash
from ingress_canary.domain.objects.views import Endpoints, Ingress, Json, Key, Meta, Owner, View, Workload
from ingress_canary.domain.preflight.inputs import ControllerFacts, Rival, Subject
from ingress_canary.domain.preflight.problem import Findings, summary
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.compiled_schedule import Course
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.status.unsupported import unsupported_rollout
from ingress_canary.domain.traffic.drift import compare, merge_patch, stamped, untouched
from ingress_canary.domain.traffic.effectiveness import EffectState
from ingress_canary.domain.traffic.ineffective_diagnosis import Circumstances, causes, since
from ingress_canary.domain.traffic.probe import ProbeRequest, probe_request, unaskable
from ingress_canary.domain.traffic.router.choice import Routers
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.traffic.shadow_removal import terminating
from ingress_canary.engine.options import Options
from ingress_canary.engine.schedules.schedule_source import course_of, newer_than, shared_in
from ingress_canary.engine.spec_parser import read_status
from ingress_canary.engine.state.reading_count import ticked
from ingress_canary.engine.state.rollout_state import Entry, Ledger
from ingress_canary.ports import Cluster

FIGHT_UNDOINGS = 5
FIGHT_SECONDS = 600
PHASES = {str(phase): phase for phase in Phase}


class Scene(NamedTuple):
    """An observation with what carrying the decision out will need."""

    seen: Observation
    router: Router
    primary: Ingress | None
    target: Target | None
    """Whose evidence speaks for this rollout."""
    findings: Findings | None
    """What preflight found, judged by the settings; None where it was not asked: at rest, or without a schedule."""
    leftovers: tuple[Ingress, ...] = ()
    """Other shadows of this rollout, or of an earlier one of its name, by which nobody may reach the canary."""


def claim(body: Json, entry: Entry, ledger: Ledger, view: View) -> tuple[Key, ...]:
    """Note what a rollout uses, and return the others that want the same and must look again."""
    meta, spec = entry.memory.of(Meta.of, body), entry.spec
    assert spec is not None
    named = view.ingress(Key(meta.namespace, spec.shadow_name))
    begun = named is not None and named.meta.owner is not None and named.meta.owner.uid == meta.uid
    phase = (body.get("status") or {}).get("phase")
    known = PHASES.get(str(phase), Phase.PENDING)
    return ledger.claim(entry, Rival(meta.key, meta.created, spec.primary, spec.canary_service, known, begun))


def observe(
    body: Json, entry: Entry, ledger: Ledger, cluster: Cluster, routers: Routers, options: Options, monotonic: float
) -> Scene:
    """Return what there is to see of a rollout whose spec can be read."""
    view, metadata = cluster.view, body["metadata"]
    key, spec = Key(metadata.get("namespace", ""), metadata["name"]), entry.spec
    assert spec is not None
    remembered = entry.memory.of
    status = remembered(read_status, body)
    primary = view.ingress(Key(key.namespace, spec.primary))
    router = entry.router = routers.of(primary, view, entry.router)
    owner = Owner(CanaryRollout.__name__, key.name, metadata.get("uid", ""))
    # the shadow that there is, though the spec may name another one by now
    named = view.ingress(Key(key.namespace, status.shadow.name if status.shadow else spec.shadow_name))
    ours = named is not None and is_shadow(named, owner.uid, status)
    shadow = named if ours else None
    canary, stable = _workload(view, key, spec.workload.canary), _workload(view, key, spec.workload.stable)
    course, obstacles = course_of(cluster, spec, status, entry, options)
    obstacles = [*_unread(entry), *obstacles, *_refused(spec, course)]
    meta = remembered(Meta.of, body)
    if entry.reading is not None and entry.reading.error is None:
        entry.facts = ControllerFacts(pods=len(entry.reading.instances), orphaned=entry.reading.orphaned)
    findings: Findings | None = None
    if course is not None and status.phase not in AT_REST:
        subject = Subject(
            key=key, uid=owner.uid, created=meta.created, phase=status.phase, spec=spec, routes=course.routes,
            primary=primary, shadow=shadow, view=view, prefix=router.prefix,
            rivals=ledger.rivals(entry.rival) if entry.rival else (),
            next_weight=course.next_weight(status.step.index if status.step else 0), controllers=options.controllers,
            facts=_facts(router, view, entry),
        )  # fmt: skip
        findings = remembered(Findings, entry.preflight(subject, router.rules), options.accept_unchecked)
        if findings.refused:
            obstacles.append((Reason.PREFLIGHT_FAILED, summary(findings.refused)))
    session = _session(entry, course, status)
    drift, carried = None, wanted(status)
    if primary is not None and shadow is not None and status.shadow is not None:
        manifest = remembered(manifest_of, router, primary, spec, owner, wanted(status))
        if not remembered(untouched, router, shadow):
            drift = compare(router, shadow, wanted(status), manifest)
        if remembered(merge_patch, router, shadow, manifest) is not None or status.shadow.uid != shadow.meta.uid:
            carried = router.told(shadow)
            # what cannot be written now is judged by what is on: a canary may fail meanwhile
            if session is not None and not entry.failures and not hands_off(status):
                session = session.unapplied()
    if hands_off(status):
        # the fight has been told: once a person has said resume, undoing is counted anew
        entry.undone.clear()
    leftovers = tuple(_leftovers(view.ingresses_by_owner(key), router, owner, shadow))
    held = (terminating(router, one) for one in (shadow, *leftovers) if one is not None)
    sticky = primary is not None and router.sticky(primary)
    revision, stable_hash, canary_hash, same = remembered(_versions, spec, canary, stable)
    signals = remembered(_signals, router, primary, spec, revision) if primary is not None else None
    target = remembered(_target, key, spec, course, signals) if signals is not None else None
    if session is not None and course is not None and signals is not None and entry.reading is not None:
        at = _tick(course, signals, status, carried, sticky, options)
        session = ticked(entry, session, entry.reading, at)
    entry.reading = None
    entry.session = session
    endpoints = view.endpoints(Key(key.namespace, spec.canary_service))
    recent = [rival for at, rival in entry.undone if monotonic - at <= FIGHT_SECONDS]
    seen = Observation(
        key=key,
        generation=metadata.get("generation") or 0,
        spec=spec,
        status=status,
        course=course,
        shared_in=shared_in(spec, status, options),
        obstacles=tuple(obstacles),
        problems=findings.problems if findings else (),
        revision=revision,
        canary=canary,
        stable=stable,
        stable_hash=stable_hash,
        canary_hash=canary_hash,
        same_version=same,
        causes=_causes(entry, status, session, findings, endpoints),
        stable_ready=len(view.endpoints(Key(key.namespace, spec.stable_service)).ready),
        canary_ready=len(endpoints.ready),
        shadow=shadow,
        foreign=named is not None and not ours,
        removed=entry.removed is not None and status.shadow is not None and entry.removed == status.shadow.uid,
        terminating=next((one for one in held if one is not None), None),
        drift=drift,
        fighting=(recent[-1] or "unknown") if len(recent) > FIGHT_UNDOINGS else None,
        rejected=entry.rejected,
        frozen=view.freeze,
        outdated=newer_than(cluster, spec, status, entry, options),
        denied=entry.denied,
        sticky=sticky,
        action=_action(metadata, status),
        gates=entry.hear(status),
        session=session,
        interval=options.interval,
        warm_up=options.warm_up,
    )
    return Scene(seen, router, primary, target, findings, leftovers)


def manifest_of(router: Router, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
    """Return the shadow's manifest as it is stored."""
    return stamped(router, router.shadow(primary, spec, owner, exposure))


def probe_of(scene: Scene, status: RolloutStatus) -> ProbeRequest | None:
    """Return what the next tick is to have asked of a rollout whose status is this; nothing before it has a step."""
    probe = scene.seen.spec.probe
    if probe is None or status.step is None or scene.target is None:
        return None
    return probe_request(probe, wanted(status), scene.router, status.revision or "")


def _leftovers(owned: Sequence[Ingress], router: Router, owner: Owner, shadow: Ingress | None) -> Iterator[Ingress]:
    """Yield what a rollout left under another name, or an earlier rollout where a finalizer holds it."""
    for one in owned:
        mine = one.meta.owner == owner and router.exposure(one) is not None
        if (one.meta.deleting or mine) and (shadow is None or one.meta.uid != shadow.meta.uid):
            yield one


def _unread(entry: Entry) -> Iterator[Obstacle]:
    """Yield why the present spec is not the one that is served."""
    if entry.spec_problem is not None:
        yield Reason.INVALID_SPEC, entry.spec_problem


def _refused(spec: RolloutSpec, course: Course | None) -> Iterator[Obstacle]:
    """Yield what a valid spec asks for and does not get."""
    for field, why in unsupported_rollout(spec):
        yield Reason.INVALID_SPEC, f"{field}: {why}"
    for why in unaskable(spec.probe, course.routes) if spec.probe is not None and course is not None else ():
        yield Reason.INVALID_SPEC, f"spec.probe: {why}"


def _facts(router: Router, view: View, entry: Entry) -> ControllerFacts:
    """Return what is known of the controllers: what they are told, and what the last look at the source showed."""
    told = router.facts(view.controller_config, view.controller_arguments)
    return told._replace(pods=entry.facts.pods, orphaned=entry.facts.orphaned)


def _causes(
    entry: Entry, status: RolloutStatus, session: Session | None, findings: Findings | None, endpoints: Endpoints
) -> str:
    """Return why the weight may have no effect, once it has none; until then take note of where the step began."""
    if session is None or status.step is None or session.settling:
        return ""
    if entry.step_began is None or entry.step_began[0] != status.step.started_at:
        entry.step_began = status.step.started_at, by_process(session.book)
    if session.effect.state is not EffectState.NOT_EFFECTIVE:
        return ""
    return causes(
        Circumstances(
            weight=status.weight / 100,
            problems=findings.problems if findings else (),
            orphaned=entry.facts.orphaned,
            processes=since(by_process(session.book), entry.step_began[1]),
            ready=len(endpoints.ready),
            unready=len(endpoints.unready),
        )
    )


def _workload(view: View, key: Key, ref: WorkloadRef | None) -> Workload | None:
    return None if ref is None else view.workload(ref.kind, Key(key.namespace, ref.name))


def _versions(
    spec: RolloutSpec, canary: Workload | None, stable: Workload | None
) -> tuple[str | None, str | None, str | None, bool]:
    """Return the revision, the hashes of stable's and the canary's pod templates, and whether both run one version."""
    same = canary is not None and stable is not None and same_version(canary, stable)
    hashed = template_hash(stable) if stable else None, template_hash(canary) if canary else None
    return _revision(spec, canary), *hashed, same


def _revision(spec: RolloutSpec, canary: Workload | None) -> str | None:
    """Return the revision: said by CI, or the pod template's hash, or a constant where there is neither."""
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


def _session(entry: Entry, course: Course | None, status: RolloutStatus) -> Session | None:
    if course is None or status.phase in AT_REST:
        return None
    if entry.session is None:
        return Session.restored(course, status) if status.schedule is not None else Session.new(course)
    return entry.session


def _signals(router: Router, primary: Ingress, spec: RolloutSpec, revision: str | None) -> Signals:
    """Return what the router says of the series, with all that users' queries may name."""
    told = router.signals(primary, spec)
    also = {
        "namespace": primary.meta.namespace, "ingress": spec.primary, "stableService": spec.stable_service,
        "canaryService": spec.canary_service, "revision": revision or "",
    }  # fmt: skip
    return replace(told, variables={**told.variables, **also})


def _target(key: Key, spec: RolloutSpec, course: Course | None, signals: Signals) -> Target:
    target = Target(key.namespace, spec.primary, spec.stable_service, spec.shadow_name)
    if course is None:
        return target
    measures, variables = course.measures, signals.variables
    return target._replace(
        bounds=measures.bounds, totals=measures.totals(variables), parts=measures.parts(variables),
        values=measures.values(variables),
    )  # fmt: skip


def _tick(
    course: Course, signals: Signals, status: RolloutStatus, carried: Exposure, sticky: bool, options: Options
) -> Tick:
    step, mode = status.step, Mode.of(status)
    return Tick(
        course=course,
        signals=signals,
        # no step bakes at another exposure than its own
        mode=Mode.WATCHING if mode is Mode.JUDGING and carried != wanted(status) else mode,
        step=course.walk.at(step.index) if step else None,
        exposure=carried,
        sticky=sticky,
        interval=options.interval,
    )
