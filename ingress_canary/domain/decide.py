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
from ingress_canary.domain.actions import Action, Verb
from ingress_canary.domain.effect import EffectState
from ingress_canary.domain.moves import GONE, OFF, UNBEGUN, end, enter, keep, move, open_shadow, stay, target
from ingress_canary.domain.observation import AT_REST, Alert, Decision, Observation, Obstacle, hands_off, wanted
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


# --- a person's request ------------------------------------------------------------------------------------------


def requested(seen: Observation, now: datetime) -> Decision | None:
    """Carry out the one-shot action, or say why it does nothing; either way it is handled once."""
    action = seen.action
    if action is None:
        return None
    hand = intervened(seen, now)
    if hand is not None:
        # what another hand took away stays away, whatever is asked for in the same breath
        seen = replace(seen, status=hand.status, drift=None)
    prevented = _prevented(seen, action, raced=hand is not None)
    decision = None if prevented else _carried_out(seen, now, action)
    if decision is None:
        decision = keep(seen, watch=seen.status.phase not in AT_REST)
        result = prevented or f"no effect: nothing to {action.verb} in phase {seen.status.phase}"
    else:
        result = "done"
    record = ActionStatus(id=action.id, verb=action.verb or action.text[:32], result=result[:256])
    status = decision.status.model_copy(update={"last_action": record})
    return replace(decision, status=status, moved=decision.moved or (hand.moved if hand else None))


def _prevented(seen: Observation, action: Action, *, raced: bool) -> str | None:
    """Return why an action does nothing whatever the phase: it cannot be understood, comes late, or is locked."""
    status = seen.status
    if action.verb is None or action.problem:
        return f"malformed: {action.problem}"
    if action.revision is not None and action.revision != status.revision:
        return f"stale: it names revision {action.revision}, this is {status.revision}"
    if action.verb in (Verb.RESUME, Verb.FINISH) and (raced or _replaced(seen)):
        return "stale: the shadow, the spec or the canary has just been changed; look again"
    if action.verb is Verb.RESUME and seen.spec.paused:
        return "no effect: spec.paused is true; set it to false"
    if action.verb is Verb.RESUME and seen.course is None:
        return f"no effect: {seen.obstacles[0][1]}"
    return None


def _carried_out(seen: Observation, now: datetime, action: Action) -> Decision | None:
    """Return what an action leads to; None when there is nothing in this phase that it could change."""
    assert action.verb is not None
    match action.verb:
        case Verb.ABORT:
            return _abort(seen, now)
        case Verb.PAUSE:
            return _pause(seen, now)
        case Verb.RESUME:
            # weight does not rise in the very look that proves a fail
            return failed(seen, now) or _resume(seen, now)
        case Verb.RETRY:
            return _retry(seen, now)
        case Verb.FINISH:
            return _finish(seen, now)
        case _:
            assert_never(action.verb)


def _abort(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase in AT_REST:
        return None
    # one that is aborted before it was ever looked at is off all the same
    named = seen.status.revision or seen.revision
    message = "a person took the canary off"
    return end(seen, now, Phase.ROLLED_BACK, Reason.ABORTED_BY_USER, message, revision=named, failed_revision=named)


def _pause(seen: Observation, now: datetime) -> Decision | None:
    status = seen.status
    if status.phase in AT_REST or (status.pause is not None and status.pause.by is not PausedBy.SPEC):
        return None
    before = status.pause or PauseStatus(by=PausedBy.USER, returns_to=status.phase)
    pause = before.model_copy(update={"by": PausedBy.USER})
    message = f"paused by a person at {status.weight:g} %; resume to go on"
    return move(seen, now, Phase.PAUSED, Reason.PAUSED_BY_USER, message, watch=True, pause=pause)


def _resume(seen: Observation, now: datetime) -> Decision | None:
    """Go on where the pause began, with all that was taken away: the shadow made anew, the step's weight and routes.

    Evidence starts anew if it had been judged already.
    """
    status, pause = seen.status, seen.status.pause
    if status.phase is not Phase.PAUSED or pause is None:
        return None
    message = "resumed by a person"
    if status.step is None:
        return move(seen, now, Phase.PENDING, Reason.RESUMED, message, watch=True, pause=None)
    promotes = pause.returns_to is Phase.PROMOTING
    if seen.shadow is None or status.shadow is None:
        if promotes and _stable_began(seen):
            return move(seen, now, Phase.PROMOTING, Reason.RESUMED, message, watch=True, pause=None, **GONE)
        # nothing is put back at once: the shadow is made at weight 0 and the step taken again, after a fresh look
        fresh = seen.evidence.anew(status.step.index)
        return move(
            seen, now, Phase.PROGRESSING, Reason.RESUMED, message, watch=True, session=fresh, pause=None, **GONE
        )
    if pause.fresh_evidence:
        afresh = replace(seen, session=seen.evidence.anew(status.step.index))
        return enter(afresh, now, status.step.index, Reason.RESUMED, f"{message}, with fresh evidence", pause=None)
    exposure = seen.schedule.walk.at(status.step.index).exposure
    if not promotes and wanted(status) != exposure:
        return enter(seen, now, status.step.index, Reason.RESUMED, f"{message}, at the step's weight", pause=None)
    routing = RoutingStatus(header=exposure.header, cookie=exposure.cookie)
    return move(
        seen, now, pause.returns_to, Reason.RESUMED, message, watch=True, pause=None, weight=exposure.weight,
        routing=routing,
    )  # fmt: skip


def _retry(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase is not Phase.ROLLED_BACK:
        return None
    again = seen.revision or seen.status.revision
    return _begin(seen, now, Phase.PENDING, Reason.RETRIED, f"revision {again} is tried again", failed_revision=None)


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
    """Take the canary off traffic when in mid-rollout it has become another version, or the spec means another one.

    A pause that waits for a person goes on waiting for one: what was taken away does not come back by itself.
    """
    status, pause = seen.status, seen.status.pause
    if not _replaced(seen):
        return None
    elsewhere = _elsewhere(seen)
    if seen.same_version and not elsewhere:
        message = f"the canary was set back to stable's version; revision {status.revision} is off"
        return end(seen, now, Phase.SUCCEEDED, Reason.SUPERSEDED, message, revision=seen.revision)
    message = f"revision {seen.revision} replaces {status.revision}"
    if elsewhere:
        message = "the spec names another Ingress, Service or shadow than the rollout began with"
    # with cookie affinity weight 0 does not take clients off (rule 16), and another writer would not let it be
    off = GONE if seen.sticky or elsewhere or hands_off(status) else OFF
    if pause is None or pause.fresh_evidence:
        return _begin(seen, now, Phase.PENDING, Reason.SUPERSEDED, message, **off)
    waits = pause.model_copy(update={"returns_to": Phase.PENDING, "hands_off": False})
    message += "; still paused, resume to begin"
    return _begin(seen, now, Phase.PAUSED, Reason.SUPERSEDED, message, **{**off, "pause": waits})


def _replaced(seen: Observation) -> bool:
    """Return whether what is on the way is no longer what is to be rolled out."""
    changed = seen.status.phase in IN_FLIGHT and seen.revision not in (None, seen.status.revision)
    return changed or _elsewhere(seen)


def _elsewhere(seen: Observation) -> bool:
    baseline = seen.status.baseline
    return (
        seen.status.phase not in AT_REST and baseline is not None and baseline.target not in (None, target(seen.spec))
    )


def failed(seen: Observation, now: datetime) -> Decision | None:
    """Act on a proven fail, in every phase in which the canary may have traffic."""
    status = seen.status
    if status.phase not in IN_FLIGHT or seen.session is None or not seen.session.analysis.failed:
        return None
    message = "; ".join(
        f"{slo.name}: {slo.message}" for slo in seen.session.analysis.statuses if slo.verdict is Verdict.FAIL
    )
    replacing = _promotes(seen) and (_stable_began(seen) or _promoted(seen))
    if seen.schedule.spec.on_failure is OnFailure.ROLLBACK and not replacing:
        return end(seen, now, Phase.ROLLED_BACK, Reason.SLO_VIOLATED, message)
    # whatever holds the weight must not put back what another hand has just taken away: that comes first
    if _deleted(seen) or (seen.drift is not None and seen.drift.lowered):
        return None
    if replacing and status.finishing:
        return None
    if replacing:
        held = f"{message}; stable already runs the new version, so taking the canary off would help nobody"
        return stay(seen, Reason.SLO_VIOLATED, held, watch=True, alert=True)
    if status.pause is not None and status.pause.fresh_evidence:
        return None
    pause = _stop(seen, returns_to=Phase.PROGRESSING, fresh_evidence=True)
    return move(seen, now, Phase.PAUSED, Reason.SLO_VIOLATED, message, watch=True, pause=pause)


def _promotes(seen: Observation) -> bool:
    """Return whether stable is becoming the new version, be it that the rollout is paused meanwhile."""
    pause = seen.status.pause
    return seen.status.phase is Phase.PROMOTING or (pause is not None and pause.returns_to is Phase.PROMOTING)


def _stop(seen: Observation, **changes: object) -> PauseStatus:
    """Return a pause that waits for a person; one that was there already loses nothing that its end must know."""
    before = seen.status.pause or PauseStatus(by=PausedBy.DAEMON, returns_to=seen.status.phase)
    return before.model_copy(update={"by": PausedBy.DAEMON, **changes})


def intervened(seen: Observation, now: datetime) -> Decision | None:
    """Honour a hand that took exposure away: pause, and put nothing back until told to."""
    status = seen.status
    if status.phase is not Phase.PENDING and status.phase not in IN_FLIGHT:
        return None
    gone = _deleted(seen)
    if status.phase is Phase.PENDING:
        # nothing is on yet, so there is nothing to pause: a shadow that went is made anew when the rollout begins
        return stay(seen, Reason.SETTLING, "the shadow is gone", watch=True, **GONE) if gone else None
    pause = _stop(seen)
    if gone:
        message = "the shadow was deleted by another hand; nothing is put back until resume"
        return move(seen, now, Phase.PAUSED, Reason.INTERVENED, message, pause=pause, **GONE)
    drift = seen.drift
    if drift is None or not drift.lowered:
        return None
    left = drift.honoured
    if status.phase is Phase.PAUSED and left == wanted(status):
        # honoured already: what is still missing of the shadow is not put back while hands are off
        return None
    manager = seen.shadow.meta.manager if seen.shadow else ""
    message = f"lowered by another hand ({manager or 'unknown'}): {'; '.join(drift.lowered)}; resume to go on"
    return move(
        seen, now, Phase.PAUSED, Reason.INTERVENED, message, watch=True, pause=pause, weight=left.weight,
        routing=RoutingStatus(header=left.header, cookie=left.cookie),
    )  # fmt: skip


def _deleted(seen: Observation) -> bool:
    """Return whether the shadow in status is gone by another hand than this daemon's."""
    if seen.status.shadow is None or seen.status.shadow.uid is None:
        return False
    if seen.shadow is None:
        return not seen.removed
    return seen.shadow.meta.uid != seen.status.shadow.uid


def fighting(seen: Observation, now: datetime) -> Decision | None:
    """Stop undoing what another writer keeps doing."""
    status = seen.status
    if not seen.fighting or hands_off(status) or status.phase not in IN_FLIGHT or status.shadow is None:
        return None
    pause = _stop(seen, hands_off=True)
    message = f"another writer ({seen.fighting}) keeps changing the shadow; find it, then resume"
    return move(seen, now, Phase.PAUSED, Reason.DRIFT_FIGHT, message, watch=True, pause=pause)


def blind(seen: Observation, _now: datetime) -> Decision | None:
    """Hold a rollout in flight whose schedule can no longer be read."""
    if seen.course is not None or seen.status.phase not in IN_FLIGHT:
        return None
    reason, message = seen.obstacles[0]
    return stay(seen, reason, message, alert=True)


def stable_changed(seen: Observation, now: datetime) -> Decision | None:
    """Begin the step's evidence anew when what the canary is compared with has become another version."""
    status, baseline = seen.status, seen.status.baseline
    if status.phase not in IN_FLIGHT or baseline is None or seen.stable_hash is None:
        return None
    if baseline.template is None:
        # the spec names stable's workload only now, or it was not there: it is compared from here on
        known = baseline.model_copy(update={"template": seen.stable_hash})
        return keep(seen, watch=status.shadow is not None, baseline=known)
    if status.step is None or _promotes(seen) or not _stable_began(seen):
        return None
    return move(
        seen, now, status.phase, Reason.STABLE_CHANGED,
        "stable became another version; evidence starts anew at the same step", watch=True,
        session=seen.evidence.anew(status.step.index),
        baseline=baseline.model_copy(update={"compared": seen.stable_hash}),
        step=status.step.model_copy(update={"started_at": now, "baked_seconds": 0.0, "held_seconds": 0.0}),
    )  # fmt: skip


def _stable_began(seen: Observation) -> bool:
    """Return whether stable is another version than the one that the canary has been compared with."""
    baseline = seen.status.baseline
    compared = (baseline.compared or baseline.template) if baseline else None
    return None not in (compared, seen.stable_hash) and compared != seen.stable_hash


# --- what each phase does by itself ------------------------------------------------------------------------------


def by_phase(seen: Observation, now: datetime) -> Decision:
    """Do what the phase does by itself."""
    match seen.status.phase:
        case Phase.PENDING:
            return pending(seen, now)
        case Phase.PROGRESSING:
            return progressing(seen, now)
        case Phase.PAUSED:
            # watching goes on while the canary may have traffic
            return keep(seen, watch=seen.status.shadow is not None)
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
    if seen.same_version:
        message = f"the canary runs stable's version ({seen.revision}); nothing to roll out"
        return end(seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, stable_revision=seen.revision)
    obstacle = _obstacle(seen)
    if obstacle is not None:
        return stay(seen, *obstacle, revision=seen.status.revision)
    if seen.spec.paused:
        return stay(seen, Reason.PAUSED_BY_USER, "spec.paused is true; nothing begins until it is false")
    session = seen.evidence
    if session.misconfigured is not None:
        return stay(seen, Reason.INVALID_SPEC, session.misconfigured, watch=True)
    if seen.shadow is not None and seen.status.shadow is not None and seen.status.started_at is not None:
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
    if session.misconfigured is not None:
        return stay(seen, Reason.INVALID_SPEC, session.misconfigured, watch=True, alert=True)
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
    if session.settling or not session.fresh(now, seen.interval):
        return Reason.SETTLING, f"{step.title}: waiting for the controllers to apply the weight"
    if session.effect.state is EffectState.NOT_EFFECTIVE:
        causes = f"; likely causes: {seen.causes}" if seen.causes else ""
        return Reason.WEIGHT_NOT_EFFECTIVE, f"{session.effect.message}{causes}"
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
    session = seen.evidence
    if session.no_data is not None:
        message = f"off traffic until data return: {session.no_data}"
        return stay(seen, Reason.NO_DATA, message, watch=True, alert=_overdue(seen, now))
    if not session.fresh(now, seen.interval):
        return stay(seen, Reason.SETTLING, f"step {index} is taken again after a fresh look at the source", watch=True)
    if seen.status.shadow is not None and seen.shadow is not None:
        return enter(seen, now, index, Reason.RESUMED, f"step {index} is taken again")
    return open_shadow(seen, now)


def _without_data(seen: Observation, now: datetime, session: Session) -> Decision:
    """Hold, or retreat once the gap is longer than a stale sample may be; tell a person after noDataTimeout."""
    message = session.no_data or ""
    retreats = seen.schedule.spec.on_no_data is OnNoData.RETREAT
    if retreats and _silence(session, now) >= max(60.0, 2 * seen.interval):
        assert seen.status.step is not None
        fresh = session.anew(seen.status.step.index)
        return move(
            seen, now, Phase.PROGRESSING, Reason.NO_DATA, f"off traffic until data return: {message}", watch=True,
            session=fresh, **GONE,
        )  # fmt: skip
    return stay(seen, Reason.NO_DATA, message, watch=True, alert=_overdue(seen, now))


def _silence(session: Session, now: datetime) -> float:
    return (now - session.no_data_since).total_seconds() if session.no_data_since else 0.0


def _overdue(seen: Observation, now: datetime) -> bool:
    return _silence(seen.evidence, now) >= seen.schedule.spec.analysis.no_data_timeout.total_seconds()


def _timed_out(seen: Observation, now: datetime, step: PlannedStep) -> Decision:
    spent = format_seconds(seen.evidence.held)
    message = f"{step.title} was not decided in {spent} of judged time: {_evidence(seen)}"
    if seen.schedule.spec.on_inconclusive is OnInconclusive.ROLLBACK:
        return end(seen, now, Phase.ROLLED_BACK, Reason.STEP_TIMED_OUT, message)
    pause = PauseStatus(by=PausedBy.DAEMON, returns_to=Phase.PROGRESSING, fresh_evidence=True)
    return move(seen, now, Phase.PAUSED, Reason.STEP_TIMED_OUT, message, watch=True, pause=pause)


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
    if seen.stable is None or seen.canary is None:
        return False
    # the very same pods: stable may have got them before the last step, and was taken for the baseline then
    if seen.same_version:
        return True
    baseline = seen.status.baseline
    changed = baseline is not None and baseline.template not in (None, seen.stable_hash)
    return changed and images(seen.stable) == images(seen.canary)


def resting(seen: Observation, now: datetime) -> Decision:
    """Begin with a revision that is new; one that failed, or that stable runs already, starts nothing."""
    status = seen.status
    if seen.revision in (None, status.revision):
        # how it ended is what is told, also after a spec that could not be read for a while
        ended = status.history[-1] if status.history else status
        return keep(seen, reason=ended.reason, message=ended.message)
    if seen.same_version:
        message = f"the canary was set to stable's version ({seen.revision}); nothing to roll out"
        return end(
            seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, revision=seen.revision, stable_revision=seen.revision,
            failed_revision=None,
        )  # fmt: skip
    return _begin(seen, now, Phase.PENDING, Reason.WARMING_UP, f"revision {seen.revision} is new")


def _begin(seen: Observation, now: datetime, phase: Phase, reason: Reason, message: str, **changes: object) -> Decision:
    """Return the decision to start over with the canary's present revision."""
    fresh = {**UNBEGUN, "revision": seen.revision or seen.status.revision, **changes}
    return replace(move(seen, now, phase, reason, message, watch=True, **fresh), session=None)


# --- sentences ---------------------------------------------------------------------------------------------------


def _evidence(seen: Observation) -> str:
    return seen.evidence.analysis.summary


RULES: tuple[Rule, ...] = (
    requested,
    superseded,
    failed,
    intervened,
    fighting,
    blind,
    paused_by_spec,
    stable_changed,
    by_phase,
)
