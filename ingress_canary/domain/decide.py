"""The one place where it is decided what happens to a rollout.

``decide(seen, now)`` asks an ordered tuple of small rules; the first that has something to say decides. Order is
meaning: a person's request before the evidence, the evidence before another hand on the shadow, and only then what
the phase would do by itself. Nothing here awaits, logs or reads a clock.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from ingress_canary.api.rollout import ActionStatus, PausedBy, PauseStatus, Phase, RolloutStatus, RoutingStatus, Verdict
from ingress_canary.api.schedule import OnFailure, OnInconclusive, OnNoData
from ingress_canary.api.units import format_seconds
from ingress_canary.domain.actions import Verb
from ingress_canary.domain.effect import EffectState
from ingress_canary.domain.moves import GONE, OFF, UNBEGUN, end, enter, move, open_shadow, stay
from ingress_canary.domain.observation import AT_REST, Alert, Decision, Observation, Obstacle
from ingress_canary.domain.reasons import Reason
from ingress_canary.domain.revision import images
from ingress_canary.domain.session import Session
from ingress_canary.domain.steps import PlannedStep

Rule = Callable[[Observation, datetime], Decision | None]

IN_FLIGHT = frozenset({Phase.PROGRESSING, Phase.PAUSED, Phase.PROMOTING})


def decide(seen: Observation, now: datetime) -> Decision:
    """Return what is to be so, with its reason and numbers."""
    for rule in RULES:
        decision = rule(seen, now)
        if decision is not None:
            return decision
    raise AssertionError("by_phase decides for every phase")


def unreadable(status: RolloutStatus, generation: int, problem: str) -> Decision:
    """Return the decision for a rollout whose spec cannot be read at all: it stays where it is, and says so."""
    changes = {"observed_generation": generation, "reason": Reason.INVALID_SPEC, "message": problem[:1024]}
    return Decision(status.model_copy(update=changes), alerts=(Alert(Reason.INVALID_SPEC, problem[:1024]),))


def blind(seen: Observation, _now: datetime) -> Decision | None:
    """Hold a rollout in flight whose schedule can no longer be read; a person's request still counts."""
    if seen.course is not None or seen.status.phase not in IN_FLIGHT or seen.action is not None:
        return None
    reason, message = seen.obstacles[0]
    return stay(seen, reason, message, alert=True)


# --- a person's request ------------------------------------------------------------------------------------------


def requested(seen: Observation, now: datetime) -> Decision | None:
    """Carry out the one-shot action, or say why it does nothing; either way it is handled once."""
    action = seen.action
    if action is None:
        return None
    if action.verb is None or action.problem:
        return _handled(seen, action.problem or "no verb", "malformed")
    if action.revision is not None and action.revision != seen.status.revision:
        return _handled(seen, f"it names revision {action.revision}, this is {seen.status.revision}", "stale")
    match action.verb:
        case Verb.ABORT:
            decision = _abort(seen, now)
        case Verb.PAUSE:
            decision = _pause(seen, now)
        case Verb.RESUME:
            decision = _resume(seen, now)
        case Verb.RETRY:
            decision = _retry(seen, now)
        case Verb.FINISH:
            decision = _finish(seen, now)
        case _:
            assert_never(action.verb)
    if decision is None:
        return _handled(seen, f"nothing to {action.verb} in phase {seen.status.phase}", "no effect")
    record = ActionStatus(id=action.id, verb=action.verb, result="done")
    status = decision.status.model_copy(update={"last_action": record})
    return Decision(status, decision.session, decision.moved, decision.alerts, decision.watch)


def _handled(seen: Observation, why: str, result: str) -> Decision:
    """Record an action that changes nothing; reason and message stay what they were."""
    assert seen.action is not None
    verb = str(seen.action.verb or seen.action.text[:32])
    record = ActionStatus(id=seen.action.id, verb=verb, result=f"{result}: {why}"[:256])
    status = seen.status.model_copy(update={"last_action": record})
    return Decision(status, seen.session, watch=status.phase not in AT_REST)


def _abort(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase in AT_REST:
        return None
    return end(seen, now, Phase.ROLLED_BACK, Reason.ABORTED_BY_USER, "a person took the canary off")


def _pause(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase in AT_REST or seen.status.phase is Phase.PAUSED:
        return None
    pause = PauseStatus(by=PausedBy.USER, returns_to=seen.status.phase)
    message = f"paused by a person at {seen.status.weight:g} %; resume to go on"
    return move(seen, now, Phase.PAUSED, Reason.PAUSED_BY_USER, message, watch=True, pause=pause)


def _resume(seen: Observation, now: datetime) -> Decision | None:
    """Go on where the pause began: with the shadow made anew if it is gone, with fresh evidence if it was judged."""
    status, pause = seen.status, seen.status.pause
    if status.phase is not Phase.PAUSED or pause is None:
        return None
    message = "resumed by a person"
    if status.step is None:
        return move(seen, now, Phase.PENDING, Reason.RESUMED, message, watch=True, pause=None)
    if seen.shadow is None or status.shadow is None:
        # nothing is put back at once: the shadow is made at weight 0 and the step taken again, after a fresh look
        fresh = seen.evidence.anew(status.step.index)
        return move(
            seen, now, Phase.PROGRESSING, Reason.RESUMED, message, watch=True, session=fresh, pause=None, **GONE
        )
    if pause.fresh_evidence:
        afresh = replace(seen, session=seen.evidence.anew(status.step.index))
        return enter(afresh, now, status.step.index, Reason.RESUMED, f"{message}, with fresh evidence", pause=None)
    return move(seen, now, pause.returns_to, Reason.RESUMED, message, watch=True, pause=None)


def _retry(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase is not Phase.ROLLED_BACK:
        return None
    return _begin(seen, now, Reason.RETRIED, f"revision {seen.revision} is tried again", failed_revision=None)


def _finish(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase is not Phase.PROMOTING:
        return None
    message = "a person said that stable is the new version"
    return move(seen, now, Phase.PROMOTING, Reason.FINISHED, message, watch=True, finishing=True)


# --- what counts in every phase ----------------------------------------------------------------------------------


def paused_by_spec(seen: Observation, now: datetime) -> Decision | None:
    """Follow spec.paused, both ways; only a pause that the spec began ends with it."""
    status = seen.status
    if seen.spec.paused and status.phase in (Phase.PROGRESSING, Phase.PROMOTING):
        pause = PauseStatus(by=PausedBy.SPEC, returns_to=status.phase)
        message = f"spec.paused is true; holding {status.weight:g} %"
        return move(seen, now, Phase.PAUSED, Reason.PAUSED_BY_USER, message, watch=True, pause=pause)
    if not seen.spec.paused and status.pause is not None and status.pause.by is PausedBy.SPEC:
        return _resume(seen, now)
    return None


def superseded(seen: Observation, now: datetime) -> Decision | None:
    """Take the canary off traffic when its workload has become another version in mid-rollout."""
    status = seen.status
    if status.phase not in IN_FLIGHT or seen.revision in (None, status.revision):
        return None
    if seen.same_version:
        message = f"the canary was set back to stable's version; revision {status.revision} is off"
        return end(seen, now, Phase.SUCCEEDED, Reason.SUPERSEDED, message, revision=seen.revision)
    message = f"revision {seen.revision} replaces {status.revision}"
    # with cookie affinity weight 0 does not take clients off (rule 16), so the shadow goes
    off = GONE if seen.sticky else OFF
    return _begin(seen, now, Reason.SUPERSEDED, message, **off)


def failed(seen: Observation, now: datetime) -> Decision | None:
    """Act on a proven fail, in every phase in which the canary may have traffic."""
    status = seen.status
    if status.phase not in IN_FLIGHT or seen.session is None or not seen.session.analysis.failed:
        return None
    message = "; ".join(
        f"{slo.name}: {slo.message}" for slo in seen.session.analysis.statuses if slo.verdict is Verdict.FAIL
    )
    if status.phase is Phase.PROMOTING and _stable_began(seen):
        held = f"{message}; stable already runs the new version, so taking the canary off would help nobody"
        return stay(seen, Reason.SLO_VIOLATED, held, watch=True, alert=True)
    if seen.schedule.spec.on_failure is OnFailure.ROLLBACK:
        return end(seen, now, Phase.ROLLED_BACK, Reason.SLO_VIOLATED, message)
    if status.phase is Phase.PAUSED and status.pause is not None and status.pause.fresh_evidence:
        return None
    pause = PauseStatus(by=PausedBy.DAEMON, returns_to=Phase.PROGRESSING, fresh_evidence=True)
    return move(seen, now, Phase.PAUSED, Reason.SLO_VIOLATED, message, watch=True, pause=pause)


def intervened(seen: Observation, now: datetime) -> Decision | None:
    """Honour a hand that took exposure away: pause, and put nothing back until told to."""
    status = seen.status
    if status.phase is not Phase.PENDING and status.phase not in IN_FLIGHT:
        return None
    gone = status.shadow is not None and status.shadow.uid is not None and _missing(seen)
    if status.phase is Phase.PENDING:
        # nothing is on yet, so there is nothing to pause: a shadow that went is made anew when the rollout begins
        return stay(seen, Reason.SETTLING, "the shadow is gone", **GONE) if gone else None
    # asked for by a pause already: it goes on to honour further lowering without another entry
    pause = PauseStatus(by=PausedBy.DAEMON, returns_to=Phase.PROGRESSING)
    if gone:
        message = "the shadow was deleted by another hand; nothing is put back until resume"
        return move(seen, now, Phase.PAUSED, Reason.INTERVENED, message, pause=pause, **GONE)
    drift = seen.drift
    if drift is None or not drift.lowered:
        return None
    manager = seen.shadow.meta.manager if seen.shadow else ""
    message = f"lowered by another hand ({manager or 'unknown'}): {'; '.join(drift.lowered)}; resume to go on"
    left = drift.honoured
    return move(
        seen, now, Phase.PAUSED, Reason.INTERVENED, message, watch=True, pause=pause, weight=left.weight,
        routing=RoutingStatus(header=left.header, cookie=left.cookie),
    )  # fmt: skip


def _missing(seen: Observation) -> bool:
    """Return whether the shadow in status is gone by another hand than this daemon's."""
    if seen.removed:
        return False
    uid = seen.status.shadow.uid if seen.status.shadow else None
    return seen.shadow is None or seen.shadow.meta.uid != uid


def fighting(seen: Observation, now: datetime) -> Decision | None:
    """Stop undoing what another writer keeps doing."""
    if not seen.fighting or seen.status.phase not in (Phase.PROGRESSING, Phase.PROMOTING):
        return None
    pause = PauseStatus(by=PausedBy.DAEMON, returns_to=seen.status.phase, hands_off=True)
    manager = seen.shadow.meta.manager if seen.shadow else ""
    message = f"another writer ({manager or 'unknown'}) keeps changing the shadow; find it, then resume"
    return move(seen, now, Phase.PAUSED, Reason.DRIFT_FIGHT, message, watch=True, pause=pause)


def stable_changed(seen: Observation, now: datetime) -> Decision | None:
    """Begin the step's evidence anew when what the canary is compared with has become another version."""
    status = seen.status
    if status.phase not in (Phase.PROGRESSING, Phase.PAUSED) or not _stable_began(seen) or status.baseline is None:
        return None
    index = status.step.index if status.step else 1
    changes: dict[str, object] = {"baseline": status.baseline.model_copy(update={"template": seen.stable_hash})}
    if status.step is not None:
        changes["step"] = status.step.model_copy(update={"started_at": now, "baked_seconds": 0.0, "held_seconds": 0.0})
    message = "stable became another version; evidence starts anew at the same step"
    return move(
        seen,
        now,
        status.phase,
        Reason.STABLE_CHANGED,
        message,
        watch=True,
        session=seen.evidence.anew(index),
        **changes,
    )


def _stable_began(seen: Observation) -> bool:
    baseline = seen.status.baseline
    return (
        baseline is not None
        and None not in (baseline.template, seen.stable_hash)
        and baseline.template != seen.stable_hash
    )


# --- what each phase does by itself ------------------------------------------------------------------------------


def by_phase(seen: Observation, now: datetime) -> Decision:
    """Do what the phase does by itself."""
    match seen.status.phase:
        case Phase.PENDING:
            return pending(seen, now)
        case Phase.PROGRESSING:
            return progressing(seen, now)
        case Phase.PAUSED:
            return _paused(seen)
        case Phase.PROMOTING:
            return promoting(seen, now)
        case Phase.SUCCEEDED | Phase.ROLLED_BACK:
            return resting(seen, now)
        case _:
            assert_never(seen.status.phase)


def pending(seen: Observation, now: datetime) -> Decision:
    """Begin when nothing stands in the way and stable is known; say what is waited for until then."""
    if seen.revision is not None and seen.revision != seen.status.revision:
        # counts from the first look on, so that a revision that is replaced before it began leaves no trace
        seen = replace(seen, status=seen.status.model_copy(update={"revision": seen.revision}))
    if seen.same_version and seen.status.started_at is None:
        message = f"the canary runs stable's version ({seen.revision}); nothing to roll out"
        return end(seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, stable_revision=seen.revision)
    obstacle = _obstacle(seen)
    if obstacle is not None:
        return stay(seen, *obstacle, revision=seen.status.revision)
    if seen.spec.paused:
        return stay(seen, Reason.PAUSED_BY_USER, "spec.paused is true; nothing begins until it is false")
    session = seen.evidence
    if seen.shadow is not None and seen.status.shadow is not None and seen.status.started_at is not None:
        if seen.status.shadow.uid not in (None, seen.shadow.meta.uid):
            return stay(seen, Reason.SETTLING, "the shadow was replaced", watch=True)
        return enter(seen, now, 1, Reason.SETTLING, f"{seen.schedule.walk.at(1).title} begins")
    if session.warmed < seen.warm_up:
        left = format_seconds(seen.warm_up - session.warmed)
        reason = Reason.NO_DATA if _dark(session) else Reason.WARMING_UP
        why = session.no_data if _dark(session) else f"learning how stable's errors come, {left} to go"
        return stay(seen, reason, why or "", watch=True, session=session)
    return open_shadow(seen, now)


def _dark(session: Session) -> bool:
    """Return whether the source does not answer at all; an Ingress without traffic is not that."""
    return session.no_data is not None and not session.answered


def _obstacle(seen: Observation) -> Obstacle | None:
    """Return what stands in the way of beginning, worst first."""
    if seen.obstacles and seen.obstacles[0][0] in (Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING):
        return seen.obstacles[0]
    if seen.foreign:
        name = seen.spec.shadow_name
        return Reason.PREFLIGHT_FAILED, f"Ingress {name} belongs to somebody else; delete it or set spec.shadow.name"
    if seen.revision is None:
        ref = seen.spec.workload.canary
        name = f"{ref.kind} {ref.name}" if ref else "the canary's workload"
        return Reason.CANARY_NOT_READY, f"spec.workload.canary: {name} does not exist; create it or correct the name"
    if seen.canary is not None and not seen.canary.rolled_out:
        return Reason.CANARY_NOT_READY, f"{seen.canary.kind} {seen.canary.meta.name} is still rolling out"
    if seen.obstacles:
        return seen.obstacles[0]
    if seen.canary_ready == 0:
        return Reason.CANARY_NOT_READY, f"Service {seen.spec.canary_service} has no ready endpoint"
    if seen.rejected is not None:
        return Reason.SHADOW_REJECTED, seen.rejected
    return None


def progressing(seen: Observation, now: datetime) -> Decision:
    """Advance when the step's requirement is met and nothing holds; otherwise say what is waited for."""
    status, session = seen.status, seen.evidence
    assert status.step is not None
    index = status.step.index
    step = seen.schedule.walk.at(index)
    if status.shadow is None or status.shadow.uid is None:
        return _reopen(seen, now, index)
    if session.no_data is not None:
        return _without_data(seen, now, session)
    if session.held >= seen.schedule.spec.max_hold.total_seconds() and not session.met(step):
        return _timed_out(seen, now, step)
    held = _held(seen, session, step, now)
    if held is not None:
        return stay(seen, *held, watch=True, alert=held[0] in ALERTING)
    if index < len(seen.schedule.walk):
        return enter(seen, now, index + 1, Reason.STEP_PASSED, f"{step.title} passed: {_evidence(seen)}")
    message = f"the last step passed: {_evidence(seen)}; waiting for stable to become the new version"
    return move(seen, now, Phase.PROMOTING, Reason.STEP_PASSED, message, watch=True)


ALERTING = frozenset({Reason.WEIGHT_NOT_EFFECTIVE, Reason.PREFLIGHT_FAILED, Reason.INVALID_SPEC})


def _held(seen: Observation, session: Session, step: PlannedStep, now: datetime) -> Obstacle | None:
    """Return what keeps a rollout at its step, the thing to look at first coming first."""
    if seen.obstacles:
        return seen.obstacles[0]
    if session.misconfigured is not None:
        return Reason.INVALID_SPEC, session.misconfigured
    if session.settling or not session.fresh(now, seen.interval):
        return Reason.SETTLING, f"{step.title}: waiting for the controllers to apply the weight"
    if session.effect.state is EffectState.NOT_EFFECTIVE:
        return Reason.WEIGHT_NOT_EFFECTIVE, session.effect.message
    if session.baked < step.bake:
        left = format_seconds(step.bake - session.baked)
        return Reason.BAKING, f"{step.title}: {left} of judged time to go; {_evidence(seen)}"
    if not session.met(step):
        return Reason.INSUFFICIENT_EVIDENCE, f"{step.title}: {_evidence(seen)}"
    return None


def _reopen(seen: Observation, now: datetime, index: int) -> Decision:
    """Have the shadow made anew, at weight 0, and take the step again once it is there."""
    obstacle = _obstacle(seen)
    if obstacle is not None:
        return stay(seen, *obstacle, watch=True)
    if seen.status.shadow is None and seen.evidence.no_data is not None:
        return stay(seen, Reason.NO_DATA, f"off traffic until data return: {seen.evidence.no_data}", watch=True)
    if seen.status.shadow is not None and seen.shadow is not None:
        return enter(seen, now, index, Reason.RESUMED, f"step {index} is taken again")
    return open_shadow(seen, now)


def _without_data(seen: Observation, now: datetime, session: Session) -> Decision:
    """Hold, or retreat once the gap is longer than a stale sample may be; tell a person after noDataTimeout."""
    spec = seen.schedule.spec
    gap = (now - session.no_data_since).total_seconds() if session.no_data_since else 0.0
    message = session.no_data or ""
    if spec.on_no_data is OnNoData.RETREAT and gap >= max(60.0, 2 * seen.interval):
        assert seen.status.step is not None
        fresh = session.anew(seen.status.step.index)
        return move(
            seen, now, Phase.PROGRESSING, Reason.NO_DATA, f"off traffic until data return: {message}", watch=True,
            session=fresh, **GONE,
        )  # fmt: skip
    late = gap >= spec.analysis.no_data_timeout.total_seconds()
    return stay(seen, Reason.NO_DATA, message, watch=True, alert=late)


def _timed_out(seen: Observation, now: datetime, step: PlannedStep) -> Decision:
    spent = format_seconds(seen.evidence.held)
    message = f"{step.title} was not decided in {spent} of judged time: {_evidence(seen)}"
    if seen.schedule.spec.on_inconclusive is OnInconclusive.ROLLBACK:
        return end(seen, now, Phase.ROLLED_BACK, Reason.STEP_TIMED_OUT, message)
    pause = PauseStatus(by=PausedBy.DAEMON, returns_to=Phase.PROGRESSING, fresh_evidence=True)
    return move(seen, now, Phase.PAUSED, Reason.STEP_TIMED_OUT, message, watch=True, pause=pause)


def _paused(seen: Observation) -> Decision:
    """Stay as it is: watching goes on while the canary may have traffic."""
    status = seen.status
    return stay(seen, Reason(status.reason), status.message, watch=status.shadow is not None)


def promoting(seen: Observation, now: datetime) -> Decision:
    """Take the shadow off once stable is the new version and can carry everybody."""
    status, baseline = seen.status, seen.status.baseline
    if not status.finishing and not _promoted(seen):
        message = "waiting for stable to become the new version; say finish when it is"
        return stay(seen, Reason.AWAITING_STABLE, message, watch=True)
    needed = max(baseline.ready_endpoints if baseline else 1, 1)
    rolled_out = seen.stable is None or seen.stable.rolled_out
    if seen.stable_ready < needed or not rolled_out:
        state = "" if rolled_out else " and is still rolling out"
        message = f"stable has {seen.stable_ready} of {needed} ready endpoints{state}"
        return stay(seen, Reason.STABLE_NOT_READY, message, watch=True)
    message = f"revision {status.revision} is stable now; the shadow is removed"
    return end(
        seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, stable_revision=status.revision, failed_revision=None
    )


def _promoted(seen: Observation) -> bool:
    """Return whether stable has changed since the start and carries the canary's images."""
    if seen.stable is None or seen.canary is None or not _stable_began(seen):
        return False
    return images(seen.stable) == images(seen.canary)


def resting(seen: Observation, now: datetime) -> Decision:
    """Begin with a revision that is new; one that failed, or that stable runs already, starts nothing."""
    status = seen.status
    if seen.revision in (None, status.revision):
        return Decision(status.model_copy(update={"observed_generation": seen.generation}))
    if seen.same_version:
        message = f"the canary was set to stable's version ({seen.revision}); nothing to roll out"
        return end(
            seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, revision=seen.revision, stable_revision=seen.revision,
            failed_revision=None,
        )  # fmt: skip
    return _begin(seen, now, Reason(status.reason), f"revision {seen.revision} is new")


def _begin(seen: Observation, now: datetime, reason: Reason, message: str, **changes: object) -> Decision:
    """Return the decision to start over with the canary's present revision."""
    fresh = {**UNBEGUN, "revision": seen.revision or seen.status.revision, **changes}
    decision = move(seen, now, Phase.PENDING, reason, message, watch=True, **fresh)
    return Decision(decision.status, None, decision.moved, (), watch=True)


# --- sentences ---------------------------------------------------------------------------------------------------


def _evidence(seen: Observation) -> str:
    return seen.evidence.analysis.summary


RULES: tuple[Rule, ...] = (
    blind,
    requested,
    superseded,
    failed,
    intervened,
    fighting,
    paused_by_spec,
    stable_changed,
    by_phase,
)
