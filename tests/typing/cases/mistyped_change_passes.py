"""A change of a status, or of one of its records, to a value of its type."""

from datetime import datetime

from ingress_canary.api.rollout_status import ApprovalStatus
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import leave_unchanged


def waits(seen: Observation, record: ApprovalStatus) -> Decision:
    approval = record
    return leave_unchanged(seen, approval=approval)


def given(record: ApprovalStatus, now: datetime) -> ApprovalStatus:
    at = now
    return record.updated(given_at=at)
