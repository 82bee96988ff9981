"""Progressing: advance when the step's requirement is met and nothing holds; otherwise say what is waited for."""

from collections.abc import Callable
from datetime import datetime

from ingress_canary.api.rollout import PausedBy, PauseStatus, Phase
from ingress_canary.api.schedule import OnInconclusive, OnNoData, Require
from ingress_canary.api.units import format_seconds
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import GONE, end, enter, move, open_shadow, stay
from ingress_canary.domain.decision.phases.pending import obstacle_of
from ingress_canary.domain.decision.phases.step_barriers import barred
from ingress_canary.domain.decision.rules.calendar import closed, everywhere
from ingress_canary.domain.evaluation.evaluation import Session
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import PlannedStep
from ingress_canary.domain.traffic.effectiveness import EffectState

Held = tuple[Reason, str | Callable[[], str]]
"""What is waited for; a sentence made of numbers is made when somebody reads it."""
ALERTING = frozenset({Reason.WEIGHT_NOT_EFFECTIVE, Reason.PREFLIGHT_FAILED, Reason.INVALID_SPEC})


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
    decision = barred(seen, now, index + 1)
    if decision is not None:
        return decision
    if index < len(seen.schedule.walk):
        return enter(seen, now, index + 1, Reason.STEP_PASSED, f"{step.title} passed: {_proof(seen, step)}")
    message = f"the last step passed: {_proof(seen, step)}; waiting for stable to become the new version"
    return move(seen, now, Phase.PROMOTING, Reason.STEP_PASSED, message, watch=True)


def _held(seen: Observation, session: Session, step: PlannedStep, now: datetime) -> Held | None:
    """Return what keeps a rollout at its step, the thing to look at first coming first."""
    if seen.obstacles:
        return seen.obstacles[0]
    if session.settling:
        return Reason.SETTLING, lambda: f"{step.title}: waiting for the controllers to apply the weight"
    if not session.fresh(now, seen.interval):
        return (
            Reason.SETTLING,
            lambda: f"{step.title}: waiting for a fresh look at the source; {_last_look(session, now)}",
        )
    if session.effect.state is EffectState.NOT_EFFECTIVE:
        causes = f"; likely causes: {seen.causes}" if seen.causes else ""
        return Reason.WEIGHT_NOT_EFFECTIVE, f"{session.effect.message}{causes}"
    if seen.frozen is not None:
        reason, message = everywhere(seen.frozen)
        return reason, lambda: f"{message}; {step.title}: {_evidence(seen)}"
    if session.baked < step.bake:
        left = step.bake - session.baked
        return Reason.BAKING, lambda: f"{step.title}: {format_seconds(left)} of judged time to go; {_evidence(seen)}"
    if not session.met(step):
        return Reason.INSUFFICIENT_EVIDENCE, lambda: f"{step.title}: {_evidence(seen)}"
    return None


def _reopen(seen: Observation, now: datetime, index: int) -> Decision:
    """Have the shadow made anew, at weight 0, and take the step again once it is there."""
    obstacle = obstacle_of(seen)
    if obstacle is not None:
        return stay(seen, *obstacle, watch=True)
    session = seen.evidence
    if session.no_data is not None:
        message = f"off traffic until data return: {session.no_data}"
        return stay(seen, Reason.NO_DATA, message, watch=True, alert=_overdue(seen, now))
    if not session.fresh(now, seen.interval):
        return stay(seen, Reason.SETTLING, f"step {index} is taken again after a fresh look at the source", watch=True)
    shut = closed(seen, now, index)
    if shut is not None:
        return stay(seen, *shut, watch=True)
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
            session=fresh, approval=None, **GONE,
        )  # fmt: skip
    return stay(seen, Reason.NO_DATA, message, watch=True, alert=_overdue(seen, now))


def _last_look(session: Session, now: datetime) -> str:
    if session.read_at is None:
        return "there was none yet"
    return f"the last one began {format_seconds((now - session.read_at).total_seconds())} ago: is the source slow?"


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


def _evidence(seen: Observation) -> str:
    return seen.evidence.analysis.summary


def _proof(seen: Observation, step: PlannedStep) -> str:
    """Return what a step was passed on."""
    analysis = seen.evidence.analysis
    return analysis.summary if step.require is Require.PROOF else analysis.unopposed_summary
