"""A change of a status, or of one of its records, to a value of another type."""

from datetime import datetime

from ingress_canary.api.rollout_status import ApprovalStatus
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import leave_unchanged


def waits(seen: Observation, record: ApprovalStatus) -> Decision:
    approval = f"step {record.step}"
    return leave_unchanged(seen, approval=approval)  # mypy: Argument "approval" to "leave_unchanged" has incompatible


def given(record: ApprovalStatus, now: datetime) -> ApprovalStatus:
    at = f"{now:%H:%M}"
    return record.updated(given_at=at)  # mypy: Argument "given_at" to "updated" of "ApprovalStatus" has incompatible
