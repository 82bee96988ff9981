"""ScaleCanary, when: the canary gets its replicas before the first step, and its former number after the end."""

from datetime import datetime, timedelta

from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.workload import ScaleStatus, WorkloadKind
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.workload.scale_canary import concerns, replicas_due


def await_replicas(seen: Observation, now: datetime) -> Decision | None:
    """Scale the canary up and hold until it is ready, its former replicas stored first; None when that is not needed.

    A canary that does not become ready is rolled back after notReadyTimeout, so that it does not run for ever.
    """
    canary = seen.canary
    if canary is None or seen.spec.paused or _is_otherwise_barred(seen):
        return None
    scale = _asked(seen, canary)
    if scale is None:
        return None
    if scale == seen.status.scale and canary.rolled_out and seen.canary_ready:
        return None
    limit = seen.spec.workload.not_ready_timeout.total_seconds()
    since = None if seen.canary_ready else seen.status.not_ready_since or now
    spent = max(0.0, (now - since).total_seconds()) if since else 0.0
    if spent >= limit:
        message = Message(MessageKey.SCALED_IN_VAIN, workload=canary.title, replicas=scale.wanted, spent=spent)
        return finish(seen, now, Phase.ROLLED_BACK, Reason.CANARY_NOT_READY, message)
    if seen.denied is not None:
        message = Message(MessageKey.SCALING_REFUSED, workload=canary.title, replicas=scale.wanted, why=seen.denied)
    else:
        message = Message(MessageKey.SCALING, workload=canary.title, replicas=scale.wanted, left=limit - spent)
    return hold(seen, Reason.CANARY_NOT_READY, message, wants_evidence=True, scale=scale, not_ready_since=since)


def restore_replicas(seen: Observation, now: datetime) -> ScaleStatus | None:
    """Return the scaling to store at rest: back to the former replicas after the drain, then None."""
    status, canary, scaling = seen.status, seen.canary, seen.spec.workload.scale_canary
    scale = status.scale
    if scale is None:
        return None
    if canary is None or not concerns(scale, canary) or canary.replicas <= scale.before:
        return None
    drain = scaling.drain if scaling else timedelta(0)
    if scale.wanted == scale.before or (status.finished_at is not None and now < status.finished_at + drain):
        return scale
    return scale.updated(wanted=scale.before, done=False)


def _asked(seen: Observation, canary: Workload) -> ScaleStatus | None:
    """Return the scaling to store in status; None without ``scaleCanary``, or when the canary has enough replicas."""
    scaling, scale = seen.spec.workload.scale_canary, seen.status.scale
    if scaling is None:
        return None
    if scale is None or not concerns(scale, canary):
        if canary.replicas >= scaling.to:
            return None
        kind = WorkloadKind(canary.kind)
        return ScaleStatus(kind=kind, name=canary.meta.name, before=canary.replicas, wanted=scaling.to)
    if scale.wanted != scaling.to:
        # it was being scaled back after the last rollout, or the spec asks for another number
        return scale.updated(wanted=scaling.to, done=False)
    there = replicas_due(seen.status, canary) is None
    return scale.updated(done=True) if there and not scale.done else scale


def _is_otherwise_barred(seen: Observation) -> bool:
    """Return whether anything that replicas would not cure keeps the rollout from beginning."""
    return seen.foreign is not None or not all(obstacle.cured_by_scaling for obstacle in seen.obstacles)
