"""Phase Progressing: advance when the step's requirement is met and nothing holds; otherwise hold with the reason."""

from collections.abc import Callable
from datetime import datetime

from ingress_canary.api.rollout import PausedBy, PauseStatus, Phase
from ingress_canary.api.schedule import OnInconclusive, OnNoData, Require
from ingress_canary.api.units import format_seconds
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import enter_step, finish, hold, open_shadow, transition, without_shadow
from ingress_canary.domain.decision.phases.pending import obstacle_of
from ingress_canary.domain.decision.phases.step_barriers import step_barrier
from ingress_canary.domain.decision.rules.calendar import calendar_obstacle, freeze_obstacle
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import PlannedStep
from ingress_canary.domain.traffic.effectiveness import EffectState

HoldReason = tuple[Reason, str | Callable[[], str]]
"""Why a step holds; a message made of numbers is rendered when somebody reads it."""
ALERTING = frozenset({Reason.WEIGHT_NOT_EFFECTIVE, Reason.PREFLIGHT_FAILED, Reason.INVALID_SPEC})


def progressing_phase(seen: Observation, now: datetime) -> Decision:
    """Advance when the step's requirement is met and nothing holds; otherwise hold with what is waited for."""
    status, evaluation = seen.status, seen.current_evaluation
    assert status.step is not None
    index = status.step.index
    step = seen.schedule.walk.at(index)
    if status.shadow is None or status.shadow.uid is None:
        return _reopen(seen, now, index)
    if evaluation.misconfigured is not None:
        return hold(seen, Reason.INVALID_SPEC, evaluation.misconfigured, wants_evidence=True, alert=True)
    if evaluation.no_data is not None:
        return _without_data(seen, now, evaluation)
    if evaluation.held >= seen.schedule.spec.max_hold.total_seconds() and not evaluation.met(step):
        return _timed_out(seen, now, step)
    held = _hold_reason(seen, evaluation, step, now)
    if held is not None:
        return hold(seen, *held, wants_evidence=True, alert=held[0] in ALERTING)
    decision = step_barrier(seen, now, index + 1)
    if decision is not None:
        return decision
    if index < len(seen.schedule.walk):
        return enter_step(seen, now, index + 1, Reason.STEP_PASSED, f"{step.title} passed: {_proof(seen, step)}")
    message = f"the last step passed: {_proof(seen, step)}; waiting for stable to become the new version"
    return transition(seen, now, Phase.PROMOTING, Reason.STEP_PASSED, message, wants_evidence=True)


def _hold_reason(seen: Observation, evaluation: Evaluation, step: PlannedStep, now: datetime) -> HoldReason | None:
    """Return why a rollout holds at its step, the most important reason first; None when it may advance."""
    if seen.obstacles:
        return seen.obstacles[0].reason, str(seen.obstacles[0])
    if evaluation.settling:
        return Reason.SETTLING, lambda: f"{step.title}: waiting for the controllers to apply the weight"
    if not evaluation.fresh(now, seen.interval):
        return (
            Reason.SETTLING,
            lambda: f"{step.title}: waiting for a fresh reading of the source; {_last_reading(evaluation, now)}",
        )
    if evaluation.effect.state is EffectState.NOT_EFFECTIVE:
        causes = f"; likely causes: {seen.causes}" if seen.causes else ""
        return Reason.WEIGHT_NOT_EFFECTIVE, f"{evaluation.effect.message}{causes}"
    if seen.frozen is not None:
        freeze = freeze_obstacle(seen.frozen)
        return freeze.reason, lambda: f"{freeze}; {step.title}: {_evidence(seen)}"
    if evaluation.baked < step.bake:
        left = step.bake - evaluation.baked
        return Reason.BAKING, lambda: f"{step.title}: {format_seconds(left)} of judged time to go; {_evidence(seen)}"
    if not evaluation.met(step):
        return Reason.INSUFFICIENT_EVIDENCE, lambda: f"{step.title}: {_evidence(seen)}"
    return None


def _reopen(seen: Observation, now: datetime, index: int) -> Decision:
    """Create the shadow again at weight 0, and enter the step again once it exists."""
    obstacle = obstacle_of(seen)
    if obstacle is not None:
        return hold(seen, obstacle.reason, str(obstacle), wants_evidence=True)
    evaluation = seen.current_evaluation
    if evaluation.no_data is not None:
        message = f"off traffic until data return: {evaluation.no_data}"
        return hold(seen, Reason.NO_DATA, message, wants_evidence=True, alert=_overdue(seen, now))
    if not evaluation.fresh(now, seen.interval):
        return hold(
            seen,
            Reason.SETTLING,
            f"step {index} is taken again after a fresh reading of the source",
            wants_evidence=True,
        )
    shut = calendar_obstacle(seen, now, index)
    if shut is not None:
        return hold(seen, shut.reason, str(shut), wants_evidence=True)
    if seen.status.shadow is not None and seen.has_shadows:
        return enter_step(seen, now, index, Reason.RESUMED, f"step {index} is taken again")
    return open_shadow(seen, now)


def _without_data(seen: Observation, now: datetime, evaluation: Evaluation) -> Decision:
    """Hold without data, or retreat (``onNoData``) after two intervals; alert after noDataTimeout."""
    message = evaluation.no_data or ""
    retreats = seen.schedule.spec.on_no_data is OnNoData.RETREAT
    if retreats and _silence(evaluation, now) >= max(60.0, 2 * seen.interval):
        assert seen.status.step is not None
        fresh = evaluation.anew(seen.status.step.index)
        return transition(
            seen,
            now,
            Phase.PROGRESSING,
            Reason.NO_DATA,
            f"off traffic until data return: {message}",
            wants_evidence=True,
            evaluation=fresh,
            **without_shadow(approval=None),
        )
    return hold(seen, Reason.NO_DATA, message, wants_evidence=True, alert=_overdue(seen, now))


def _last_reading(evaluation: Evaluation, now: datetime) -> str:
    if evaluation.read_at is None:
        return "there was none yet"
    return f"the last one began {format_seconds((now - evaluation.read_at).total_seconds())} ago: is the source slow?"


def _silence(evaluation: Evaluation, now: datetime) -> float:
    return (now - evaluation.no_data_since).total_seconds() if evaluation.no_data_since else 0.0


def _overdue(seen: Observation, now: datetime) -> bool:
    return _silence(seen.current_evaluation, now) >= seen.schedule.spec.analysis.no_data_timeout.total_seconds()


def _timed_out(seen: Observation, now: datetime, step: PlannedStep) -> Decision:
    spent = format_seconds(seen.current_evaluation.held)
    message = f"{step.title} was not decided in {spent} of judged time: {_evidence(seen)}"
    if seen.schedule.spec.on_inconclusive is OnInconclusive.ROLLBACK:
        return finish(seen, now, Phase.ROLLED_BACK, Reason.STEP_TIMED_OUT, message)
    pause = PauseStatus(by=PausedBy.DAEMON, returns_to=Phase.PROGRESSING, fresh_evidence=True)
    return transition(seen, now, Phase.PAUSED, Reason.STEP_TIMED_OUT, message, wants_evidence=True, pause=pause)


def _evidence(seen: Observation) -> str:
    return seen.current_evaluation.analysis.summary


def _proof(seen: Observation, step: PlannedStep) -> str:
    """Return the evidence on which a step was passed."""
    analysis = seen.current_evaluation.analysis
    return analysis.summary if step.require is Require.PROOF else analysis.unopposed_summary
