"""Canary endpoints: hold while the canary Service has no ready endpoint, roll back after notReadyTimeout."""

from datetime import datetime

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold, leave_unchanged
from ingress_canary.domain.decision.rules.rollout_facts import IN_FLIGHT, is_promoted, is_promoting, is_stable_replaced
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def no_ready_endpoints(seen: Observation, now: datetime) -> Decision | None:
    """Hold while the canary has no ready endpoint, and roll back after notReadyTimeout."""
    status, since = seen.status, seen.status.not_ready_since
    if status.phase is Phase.PENDING:
        # a canary that was scaled up for the rollout is waited for by rules/scale_canary.py
        return None
    if not _matters(seen):
        return (
            None
            if since is None
            else leave_unchanged(seen, wants_evidence=status.shadow is not None, not_ready_since=None)
        )
    limit = seen.spec.workload.not_ready_timeout.total_seconds()
    spent = max(0.0, (now - since).total_seconds()) if since else 0.0
    service = seen.spec.canary_service
    if spent >= limit:
        message = Message(MessageKey.NO_ENDPOINT_FOR, service=service, spent=spent)
        return finish(seen, now, Phase.ROLLED_BACK, Reason.CANARY_NOT_READY, message)
    if status.phase is Phase.PAUSED:
        # the reason of the pause matters more to a person, so it stays in the status
        return leave_unchanged(seen, wants_evidence=True, not_ready_since=since or now)
    message = Message(MessageKey.NO_ENDPOINT, service=service, limit=limit, left=limit - spent)
    return hold(seen, Reason.CANARY_NOT_READY, message, wants_evidence=True, alert=True, not_ready_since=since or now)


def _matters(seen: Observation) -> bool:
    """Return whether the canary should have traffic and cannot take any; a promotion under way goes on without it."""
    if seen.canary_ready or seen.status.shadow is None or seen.status.phase not in IN_FLIGHT:
        return False
    becomes_stable = (
        seen.status.copying is not None or seen.status.finishing or is_stable_replaced(seen) or is_promoted(seen)
    )
    return not (is_promoting(seen) and becomes_stable)
