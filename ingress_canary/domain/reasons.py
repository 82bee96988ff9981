"""The closed vocabulary: one word for each thing that can be so, the same everywhere it is shown.

Status, Events, logs, metric labels, the command line and the docs use these words and no others.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a rollout is where it is, or why it moved."""

    # waiting to begin, or unable to
    INVALID_SPEC = "InvalidSpec"
    SCHEDULE_MISSING = "ScheduleMissing"
    SCHEDULE_CHANGED = "ScheduleChanged"
    PREFLIGHT_FAILED = "PreflightFailed"
    PREFLIGHT_WARNING = "PreflightWarning"
    PREFLIGHT_PASSED = "PreflightPassed"
    SHADOW_REJECTED = "ShadowRejected"
    CANARY_NOT_READY = "CanaryNotReady"
    WARMING_UP = "WarmingUp"
    # at a step
    SETTLING = "Settling"
    BAKING = "Baking"
    INSUFFICIENT_EVIDENCE = "InsufficientEvidence"
    NO_DATA = "NoData"
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
