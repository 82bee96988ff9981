"""Reasons: the closed vocabulary of conditions, Events and history, with the severity of each.

Status, Events, logs, metric labels, the command line and the docs use these words and no others.
"""

from enum import StrEnum

from ingress_canary.api.notification import Severity


class Reason(StrEnum):
    """The reason of a rollout's state or of a transition."""

    # waiting to begin, or unable to
    INVALID_SPEC = "InvalidSpec"
    SCHEDULE_MISSING = "ScheduleMissing"
    SCHEDULE_CHANGED = "ScheduleChanged"
    PREFLIGHT_FAILED = "PreflightFailed"
    PREFLIGHT_WARNING = "PreflightWarning"
    PREFLIGHT_PASSED = "PreflightPassed"
    SHADOW_REJECTED = "ShadowRejected"
    SHADOW_TERMINATING = "ShadowTerminating"
    CANARY_NOT_READY = "CanaryNotReady"
    WARMING_UP = "WarmingUp"
    # at a step
    SETTLING = "Settling"
    BAKING = "Baking"
    INSUFFICIENT_EVIDENCE = "InsufficientEvidence"
    NO_DATA = "NoData"
    NO_TRAFFIC = "NoTraffic"
    WEIGHT_NOT_EFFECTIVE = "WeightNotEffective"
    OUTSIDE_WINDOW = "OutsideWindow"
    FROZEN = "Frozen"
    AWAITING_APPROVAL = "AwaitingApproval"
    APPROVAL_TIMED_OUT = "ApprovalTimedOut"
    AWAITING_GATE = "AwaitingGate"
    GATE_REJECTED = "GateRejected"
    # stopped
    PAUSED_BY_USER = "PausedByUser"
    INTERVENED = "Intervened"
    DRIFT_FIGHT = "DriftFight"
    # judged
    SLO_VIOLATED = "SLOViolated"
    STEP_TIMED_OUT = "StepTimedOut"
    ABORTED_BY_USER = "AbortedByUser"
    SUPERSEDED = "Superseded"
    STABLE_CHANGED = "StableChanged"
    EVIDENCE_LOST = "EvidenceLost"
    # ending
    AWAITING_STABLE = "AwaitingStable"
    STABLE_NOT_READY = "StableNotReady"
    RESTORING_STABLE = "RestoringStable"
    # moved
    STEP_PASSED = "StepPassed"
    APPROVED = "Approved"
    RESUMED = "Resumed"
    SKIPPED = "Skipped"
    RETRIED = "Retried"
    RESTARTED = "Restarted"
    FINISHED = "Finished"
    PROMOTED = "Promoted"
    # of the daemon, apart from the rollout
    NOTIFICATION_FAILED = "NotificationFailed"
    RECONCILE_FAILED = "ReconcileFailed"


CRITICAL = frozenset({Reason.SLO_VIOLATED, Reason.DRIFT_FIGHT, Reason.RESTORING_STABLE})
"""Users are or were harmed, or the daemon cannot keep them from it."""
WARNING = frozenset(
    {
        Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING, Reason.PREFLIGHT_FAILED, Reason.PREFLIGHT_WARNING,
        Reason.SHADOW_REJECTED, Reason.SHADOW_TERMINATING, Reason.CANARY_NOT_READY, Reason.NO_DATA,
        Reason.WEIGHT_NOT_EFFECTIVE, Reason.APPROVAL_TIMED_OUT, Reason.AWAITING_GATE, Reason.GATE_REJECTED,
        Reason.INTERVENED, Reason.STEP_TIMED_OUT, Reason.ABORTED_BY_USER, Reason.STABLE_NOT_READY, Reason.EVIDENCE_LOST,
        Reason.NOTIFICATION_FAILED, Reason.RECONCILE_FAILED,
    }
)  # fmt: skip
"""Something is not as it was meant to be, and a person may have to act."""
ASKING = frozenset(
    {
        Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING, Reason.PREFLIGHT_FAILED, Reason.SHADOW_REJECTED,
    }
)  # fmt: skip
"""Reasons to wait that need a person: an alert is sent when they begin, without a transition."""


def severity(reason: Reason) -> Severity:
    """Return the severity of a reason: the only place where that is decided."""
    if reason in CRITICAL:
        return Severity.CRITICAL
    return Severity.WARNING if reason in WARNING else Severity.INFO
