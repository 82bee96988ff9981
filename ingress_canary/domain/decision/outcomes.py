"""Outcomes of a decision: hold in the phase with a reason, transition to another phase, enter a step, or finish."""

from datetime import datetime
from functools import lru_cache
from typing import Unpack

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import (
    AT_REST,
    BaselineStatus,
    OutcomeChanges,
    Phase,
    RolloutStatusChanges,
    RoutingStatus,
    ScheduleStatus,
    ShadowStatus,
    StepStatus,
    Transition,
)
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.objects.digest import Digest
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason

HISTORY = 20


def without_traffic(**changes: Unpack[OutcomeChanges]) -> OutcomeChanges:
    """Return the status changes with which no request is sent to the canary, with others beside them."""
    return {**changes, "weight": 0.0, "routing": RoutingStatus()}


def without_shadow(**changes: Unpack[OutcomeChanges]) -> OutcomeChanges:
    """Return the status changes with which there is no shadow, with others beside them."""
    return {**without_traffic(**changes), "shadow": None}


def not_started() -> OutcomeChanges:
    """Return the status changes that reset a rollout to before its first step."""
    return without_traffic(
        step=None, observed_share=None, slos=[], analysis_state=None, schedule=None, baseline=None, pause=None,
        approval=None, copying=None, ownership_released=None, not_ready_since=None, finishing=False, started_at=None,
        finished_at=None, gates=[], leader=None,
    )  # fmt: skip


def hold(
    seen: Observation,
    reason: Reason,
    message: Message,
    *,
    wants_evidence: bool = False,
    alert: bool = False,
    evaluation: Evaluation | None = None,
    **changes: Unpack[OutcomeChanges],
) -> Decision:
    """Return the decision to stay in the phase, with a reason."""
    status = seen.status
    # most passes hold for the reason that is stored already
    if changes or status.reason != reason or status.observed_generation != seen.generation:
        status = status.updated(observed_generation=seen.generation, reason=reason, **changes)
    alerts = (Alert(reason, message),) if alert else ()
    return Decision(status, evaluation or seen.evaluation, None, alerts, wants_evidence, message)


def leave_unchanged(
    seen: Observation, *, wants_evidence: bool = False, **changes: Unpack[RolloutStatusChanges]
) -> Decision:
    """Return the decision that keeps phase, reason and message, with only these changes to the status."""
    changes["observed_generation"] = seen.generation
    return Decision(seen.status.updated(**changes), seen.evaluation, wants_evidence=wants_evidence)


def transition(
    seen: Observation, now: datetime, phase: Phase, reason: Reason, message: Message, *, wants_evidence: bool = False,
    evaluation: Evaluation | None = None, **changes: Unpack[OutcomeChanges],
) -> Decision:  # fmt: skip
    """Return the decision to change to a phase (or to note a change within it), with an entry in the history."""
    status = seen.status.updated(observed_generation=seen.generation, phase=phase, reason=reason, **changes)
    entry = Transition(
        at=now, phase=phase, reason=reason, step=status.step.index if status.step else 0, weight=status.weight,
        message=str(message),
    )  # fmt: skip
    status = status.updated(history=[*status.history, entry][-HISTORY:])
    return Decision(status, evaluation or seen.evaluation, entry, (), wants_evidence, message)


def finish(
    seen: Observation, now: datetime, phase: Phase, reason: Reason, message: Message, **changes: Unpack[OutcomeChanges]
) -> Decision:
    """Return the decision that ends a rollout: Succeeded or RolledBack, without a shadow."""
    assert phase in AT_REST
    ended = without_shadow(
        pause=None, approval=None, copying=None, not_ready_since=None, finishing=False, finished_at=now,
        analysis_state=None, observed_share=None,
    )  # fmt: skip
    if phase is Phase.ROLLED_BACK:
        ended["failed_revision"] = seen.status.revision
    ended |= changes
    return transition(seen, now, phase, reason, message, **ended)


def open_shadow(seen: Observation, now: datetime) -> Decision:
    """Return the decision to have the shadow created, at weight 0; the step is entered once it is there."""
    changes = without_traffic(shadow=ShadowStatus(name=seen.spec.shadow_name))
    if seen.status.schedule is None:
        content = seen.schedule.spec.dump()
        changes["schedule"] = ScheduleStatus(hash=Digest.of(content), content=content, namespace=seen.shared_in)
        changes["baseline"] = BaselineStatus(
            template=seen.stable_hash, target=target_digest(seen.spec), ready_endpoints=seen.stable_ready
        )
        changes["started_at"] = now
    return hold(
        seen, Reason.SETTLING, Message(MessageKey.CREATING_SHADOW), wants_evidence=True,
        evaluation=seen.current_evaluation, **changes,
    )  # fmt: skip


def target_digest(spec: RolloutSpec) -> Digest:
    """Return the digest of the objects that the spec names; when it changes, the rollout begins anew."""
    return _target_digest(spec.primary, spec.stable_service, spec.canary_service, spec.shadow_name)


@lru_cache(maxsize=4096)
def _target_digest(*names: str) -> Digest:
    return Digest.of(list(names))


def enter_step(
    seen: Observation, now: datetime, index: int, reason: Reason, message: Message, **changes: Unpack[OutcomeChanges]
) -> Decision:
    """Return the decision to enter a step with fresh evidence of it."""
    step, baseline = seen.schedule.walk.at(index), seen.status.baseline
    entered: OutcomeChanges = {
        "step": StepStatus(index=index, name=step.name, weight=step.exposure.weight, started_at=now),
        "weight": step.exposure.weight,
        "routing": RoutingStatus(header=step.exposure.header, cookie=step.exposure.cookie),
        "shadow": seen.shadow_record,
        "copying": None,
        "approval": None,
        **changes,
    }
    if baseline is not None:
        # the pod template that gets the traffic; in flight a new one would have superseded the rollout before this
        entered["baseline"] = baseline.updated(canary=seen.canary_hash or baseline.canary)
    evaluation = seen.current_evaluation.enter(index)
    return transition(
        seen, now, Phase.PROGRESSING, reason, message, wants_evidence=True, evaluation=evaluation, **entered
    )
