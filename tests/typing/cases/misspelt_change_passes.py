"""A change of a member that a status has."""

from datetime import datetime

from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import hold, leave_unchanged, without_shadow
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def waits(seen: Observation, now: datetime) -> Decision:
    return hold(
        seen,
        Reason.CANARY_NOT_READY,
        Message(MessageKey.CREATING_SHADOW),
        not_ready_since=now,
    )


def goes_on(seen: Observation) -> Decision:
    changes = without_shadow()
    changes["not_ready_since"] = None
    return leave_unchanged(seen, **changes)
