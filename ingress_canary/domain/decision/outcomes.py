"""Outcomes of a decision: hold in the phase with a reason, transition to another phase, enter a step, or finish."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from ingress_canary.api.rollout import (
    AT_REST,
    BaselineStatus,
    Phase,
    RolloutSpec,
    RolloutStatus,
    RoutingStatus,
    ScheduleStatus,
    ShadowStatus,
    StepStatus,
    Transition,
)
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.objects.revision import digest
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason

HISTORY = 20

NO_TRAFFIC: dict[str, Any] = {"weight": 0.0, "routing": RoutingStatus()}
"""Status changes with which no request is sent to the canary."""
NO_SHADOW: dict[str, Any] = {**NO_TRAFFIC, "shadow": None}
"""Status changes with which there is no shadow."""
NOT_STARTED: dict[str, Any] = {
    **NO_TRAFFIC, "step": None, "observed_share": None, "slos": [], "analysis_state": None, "schedule": None,
    "baseline": None, "pause": None, "approval": None, "copying": None, "not_ready_since": None,
    "finishing": False, "started_at": None, "finished_at": None, "gates": [],
}  # fmt: skip
"""Status changes that reset a rollout to before its first step."""


def hold(
    seen: Observation,
    reason: Reason,
    message: Message | str,
    *,
    wants_evidence: bool = False,
    alert: bool = False,
    evaluation: Evaluation | None = None,
    **changes: Any,
) -> Decision:
    """Return the decision to stay in the phase, with a reason."""
    message = verbatim(message) if isinstance(message, str) else message
    status = _status_with(seen, seen.status, reason=reason, **changes)
    alerts = (Alert(reason, message),) if alert else ()
    return Decision(status, evaluation or seen.evaluation, None, alerts, wants_evidence, message)


def leave_unchanged(seen: Observation, *, wants_evidence: bool = False, **changes: Any) -> Decision:
    """Return the decision that keeps phase, reason and message, with only these changes to the status."""
    return Decision(_status_with(seen, seen.status, **changes), seen.evaluation, wants_evidence=wants_evidence)


def transition(
    seen: Observation, now: datetime, phase: Phase, reason: Reason, message: Message | str, *,
    wants_evidence: bool = False, evaluation: Evaluation | None = None, **changes: Any,
) -> Decision:  # fmt: skip
    """Return the decision to change to a phase (or to note a change within it), with an entry in the history."""
    message = verbatim(message) if isinstance(message, str) else message
    status = _status_with(seen, seen.status, phase=phase, reason=reason, **changes)
    entry = Transition(
        at=now, phase=phase, reason=reason, step=status.step.index if status.step else 0, weight=status.weight,
        message=str(message),
    )  # fmt: skip
    status = status.model_copy(update={"history": [*status.history, entry][-HISTORY:]})
    return Decision(status, evaluation or seen.evaluation, entry, (), wants_evidence, message)


def finish(
    seen: Observation, now: datetime, phase: Phase, reason: Reason, message: Message | str, **changes: Any
) -> Decision:
    """Return the decision that ends a rollout: Succeeded or RolledBack, without a shadow."""
    assert phase in AT_REST
    failed = {"failed_revision": seen.status.revision} if phase is Phase.ROLLED_BACK else {}
    over = {
        "pause": None,
        "approval": None,
        "copying": None,
        "not_ready_since": None,
        "finishing": False,
        "finished_at": now,
        "analysis_state": None,
        "observed_share": None,
    }
    return transition(seen, now, phase, reason, message, **{**NO_SHADOW, **over, **failed, **changes})


def open_shadow(seen: Observation, now: datetime) -> Decision:
    """Return the decision to have the shadow created, at weight 0; the step is entered once it is there."""
    status, changes = seen.status, dict[str, Any](NO_TRAFFIC)
    if status.schedule is None:
        content = seen.schedule.spec.dump()
        changes["schedule"] = ScheduleStatus(hash=digest(content), content=content, namespace=seen.shared_in)
        changes["baseline"] = BaselineStatus(
            template=seen.stable_hash, target=target_digest(seen.spec), ready_endpoints=seen.stable_ready
        )
        changes["started_at"] = now
    return hold(
        seen, Reason.SETTLING, Message(MessageKey.CREATING_SHADOW), wants_evidence=True,
        shadow=ShadowStatus(name=seen.spec.shadow_name), evaluation=seen.current_evaluation, **changes,
    )  # fmt: skip


def target_digest(spec: RolloutSpec) -> str:
    """Return the digest of the objects that the spec names; when it changes, the rollout begins anew."""
    return _target_digest(spec.primary, spec.stable_service, spec.canary_service, spec.shadow_name)


@lru_cache(maxsize=4096)
def _target_digest(*names: str) -> str:
    return digest(list(names))


def enter_step(
    seen: Observation, now: datetime, index: int, reason: Reason, message: Message | str, **changes: Any
) -> Decision:
    """Return the decision to enter a step with fresh evidence of it."""
    assert seen.shadow is not None
    step, baseline = seen.schedule.walk.at(index), seen.status.baseline
    if baseline is not None:
        # the pod template that gets the traffic; in flight a new one would have superseded the rollout before this
        changes["baseline"] = baseline.model_copy(update={"canary": seen.canary_hash or baseline.canary})
    return transition(
        seen, now, Phase.PROGRESSING, reason, message, wants_evidence=True,
        evaluation=seen.current_evaluation.enter(index),
        step=StepStatus(index=index, name=step.name, weight=step.exposure.weight, started_at=now),
        weight=step.exposure.weight,
        routing=RoutingStatus(header=step.exposure.header, cookie=step.exposure.cookie),
        shadow=ShadowStatus(name=seen.shadow.meta.name, uid=seen.shadow.meta.uid),
        copying=None, approval=None,
        **changes,
    )  # fmt: skip


def _status_with(seen: Observation, status: RolloutStatus, **changes: Any) -> RolloutStatus:
    return status.model_copy(update={"observed_generation": seen.generation, **changes})
