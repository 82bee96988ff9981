"""Phase Progressing: advance when the step's requirement is met and nothing holds; otherwise hold with the reason."""

from datetime import datetime

from ingress_canary.api.rollout_status import PausedBy, PauseStatus, Phase
from ingress_canary.api.schedule import OnInconclusive, OnNoData, Require
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import enter_step, finish, hold, open_shadow, transition, without_shadow
from ingress_canary.domain.decision.phases.pending import obstacle_of
from ingress_canary.domain.decision.phases.step_barriers import step_barrier
from ingress_canary.domain.decision.rules.blindness import is_without_traffic
from ingress_canary.domain.decision.rules.calendar import calendar_obstacle
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import PlannedStep
from ingress_canary.domain.traffic.effectiveness import EffectState

HoldReason = tuple[Reason, Message]
"""Why a step holds."""
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
        return _without_data(seen, now, evaluation, evaluation.no_data)
    if evaluation.held >= seen.schedule.spec.max_hold.total_seconds() and not evaluation.met(step):
        return _timed_out(seen, now, step)
    held = _hold_reason(seen, evaluation, step, now)
    if held is not None:
        return hold(seen, *held, wants_evidence=True, alert=held[0] in ALERTING)
    decision = step_barrier(seen, now, index + 1)
    if decision is not None:
        return decision
    if index < len(seen.schedule.walk):
        passed = Message(MessageKey.STEP_PASSED, step=step.title, evidence=_proof(seen, step))
        return enter_step(seen, now, index + 1, Reason.STEP_PASSED, passed)
    message = Message(MessageKey.LAST_STEP_PASSED, evidence=_proof(seen, step))
    return transition(seen, now, Phase.PROMOTING, Reason.STEP_PASSED, message, wants_evidence=True)


def _hold_reason(seen: Observation, evaluation: Evaluation, step: PlannedStep, now: datetime) -> HoldReason | None:
    """Return why a rollout holds at its step, the most important reason first; None when it may advance."""
    if seen.obstacles:
        return seen.obstacles[0].reason, seen.obstacles[0].message
    if evaluation.settling:
        return Reason.SETTLING, Message(MessageKey.WAITING_FOR_WEIGHT, step=step.title)
    if not evaluation.fresh(now, seen.interval):
        return Reason.SETTLING, _stale(evaluation, step, now)
    effect, analysis = evaluation.effect, evaluation.analysis
    if effect.state is EffectState.NOT_EFFECTIVE:
        alone = Message(MessageKey.NOT_EFFECTIVE, effect=effect.message)
        explained = Message(MessageKey.NOT_EFFECTIVE_CAUSES, effect=effect.message, causes=seen.causes)
        return Reason.WEIGHT_NOT_EFFECTIVE, explained if seen.causes else alone
    if seen.frozen is not None:
        return Reason.FROZEN, Message(MessageKey.FROZEN_AT_STEP, why=seen.frozen, step=step.title, evidence=analysis)
    if evaluation.baked < step.bake:
        left = step.bake - evaluation.baked
        return Reason.BAKING, Message(MessageKey.BAKING, step=step.title, left=left, evidence=analysis)
    if not evaluation.met(step):
        message = Message(MessageKey.INSUFFICIENT_EVIDENCE, step=step.title, evidence=analysis)
        return Reason.INSUFFICIENT_EVIDENCE, message
    return None


def _reopen(seen: Observation, now: datetime, index: int) -> Decision:
    """Create the shadow again at weight 0, and enter the step again once it exists."""
    obstacle = obstacle_of(seen)
    if obstacle is not None:
        return hold(seen, obstacle.reason, obstacle.message, wants_evidence=True)
    evaluation = seen.current_evaluation
    if evaluation.no_data is not None:
        message = Message(MessageKey.OFF_UNTIL_DATA, why=evaluation.no_data)
        return hold(seen, Reason.NO_DATA, message, wants_evidence=True, alert=_overdue(seen, now))
    if not evaluation.fresh(now, seen.interval):
        awaits = Message(MessageKey.STEP_AWAITS_READING, index=index)
        return hold(seen, Reason.SETTLING, awaits, wants_evidence=True)
    shut = calendar_obstacle(seen, now, index)
    if shut is not None:
        return hold(seen, shut.reason, shut.message, wants_evidence=True)
    if seen.status.shadow is not None and seen.has_shadows:
        return enter_step(seen, now, index, Reason.RESUMED, Message(MessageKey.STEP_AGAIN, index=index))
    return open_shadow(seen, now)


def _without_data(seen: Observation, now: datetime, evaluation: Evaluation, why: Message) -> Decision:
    """Hold without data, or retreat (``onNoData``) after two intervals; alert after noDataTimeout."""
    if is_without_traffic(seen):
        return hold(seen, Reason.NO_TRAFFIC, Message(MessageKey.NO_TRAFFIC), wants_evidence=True)
    retreats = seen.schedule.spec.on_no_data is OnNoData.RETREAT
    if retreats and _silence(evaluation, now) >= max(60.0, 2 * seen.interval):
        assert seen.status.step is not None
        fresh = evaluation.anew(seen.status.step.index)
        return transition(
            seen,
            now,
            Phase.PROGRESSING,
            Reason.NO_DATA,
            Message(MessageKey.OFF_UNTIL_DATA, why=why),
            wants_evidence=True,
            evaluation=fresh,
            **without_shadow(approval=None),
        )
    return hold(seen, Reason.NO_DATA, why, wants_evidence=True, alert=_overdue(seen, now))


def _stale(evaluation: Evaluation, step: PlannedStep, now: datetime) -> Message:
    """Return the message of a step whose last reading is too old to act on."""
    if evaluation.read_at is None:
        return Message(MessageKey.WAITING_FOR_FIRST_READING, step=step.title)
    ago = (now - evaluation.read_at).total_seconds()
    return Message(MessageKey.WAITING_FOR_READING, step=step.title, ago=ago)


def _silence(evaluation: Evaluation, now: datetime) -> float:
    return (now - evaluation.no_data_since).total_seconds() if evaluation.no_data_since else 0.0


def _overdue(seen: Observation, now: datetime) -> bool:
    return _silence(seen.current_evaluation, now) >= seen.schedule.spec.analysis.no_data_timeout.total_seconds()


def _timed_out(seen: Observation, now: datetime, step: PlannedStep) -> Decision:
    evaluation = seen.current_evaluation
    message = Message(MessageKey.STEP_TIMED_OUT, step=step.title, spent=evaluation.held, evidence=evaluation.analysis)
    if seen.schedule.spec.on_inconclusive is OnInconclusive.ROLLBACK:
        return finish(seen, now, Phase.ROLLED_BACK, Reason.STEP_TIMED_OUT, message)
    pause = PauseStatus(by=PausedBy.DAEMON, returns_to=Phase.PROGRESSING, fresh_evidence=True)
    return transition(seen, now, Phase.PAUSED, Reason.STEP_TIMED_OUT, message, wants_evidence=True, pause=pause)


def _proof(seen: Observation, step: PlannedStep) -> Message:
    """Return the evidence on which a step was passed."""
    analysis = seen.current_evaluation.analysis
    return analysis.summary if step.require is Require.PROOF else analysis.unopposed_summary
