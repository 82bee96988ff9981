"""Status of a CanaryRollout: what the daemon keeps and shows of a rollout. Written by the daemon alone."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self, TypedDict, Unpack

from pydantic import Field

from ingress_canary.api.gate import MAX_GATES, GateStatus
from ingress_canary.api.model import Model
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.api.units import Text, Weight
from ingress_canary.api.workload import CopyStatus, ScaleStatus


class Phase(StrEnum):
    """The phase of a rollout."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"


AT_REST = frozenset({Phase.SUCCEEDED, Phase.ROLLED_BACK})
"""The phases at rest: no shadow, no evidence, no polling."""


class Verdict(StrEnum):
    """The verdict on one SLO by its evidence."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no-data"


class StepStatusChanges(TypedDict, total=False):
    """Changes of a step's times, and of a number that the schedule does not have."""

    index: int
    started_at: datetime
    baked_seconds: float
    held_seconds: float


class StepStatus(Model):
    """The step a rollout is at."""

    index: int
    """Number of the step in the expanded list, from 1."""
    name: Annotated[str, Field(max_length=63)] = ""
    """As the schedule names it."""
    weight: Weight
    """Percent of requests that the step sends to the canary."""
    started_at: datetime
    """When the step was entered."""
    baked_seconds: float = 0
    """Judged time of the step so far."""
    held_seconds: float = 0
    """Judged time in which the requirement was unmet, compared with maxHold."""

    def updated(self, **changes: Unpack[StepStatusChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)


class RequestTally(Model):
    """Whole-number counts of one side since the rollout's start."""

    total: int = 0
    """Requests."""
    bad: int = 0
    """Requests among them that the SLO counts as bad."""


class LogE(Model):
    """Natural logarithms of the E-values; never NaN or Infinity."""

    absolute: float = 0
    """Evidence that the canary is worse than the objective."""
    relative: float = 0
    """Evidence that the canary is worse than stable."""
    passing: float = 0
    """Evidence that the canary is better than the objective in this step."""


class SloStatus(Model):
    """One SLO's evidence and verdict."""

    name: Annotated[str, Field(max_length=63)]
    """As the schedule names it."""
    verdict: Verdict
    canary: RequestTally = RequestTally()
    """The canary's counts since the rollout's start."""
    stable: RequestTally = RequestTally()
    """Stable's counts since the rollout's start."""
    step: RequestTally = RequestTally()
    """The canary's counts of this step."""
    log_e: LogE = LogE()
    message: Text = ""
    """The evidence in numbers: what is missing to pass, or what was proven."""


class ShadowStatus(Model):
    """The shadow Ingress of this rollout."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the shadow, stored before it is created."""
    uid: Annotated[str, Field(max_length=64)] | None = None
    """Uid of the shadow, once it carries a step: if it is missing then, somebody deleted it."""


class RoutingStatus(Model):
    """The wanted header and cookie routes."""

    header: HeaderRoute | None = None
    cookie: Annotated[str, Field(max_length=128)] | None = None
    """The cookie's name."""


class ScheduleStatus(Model):
    """The schedule as it was when the rollout began."""

    hash: Annotated[str, Field(max_length=64)]
    """Hash of the content."""
    content: Annotated[dict[str, object], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
    """The schedule's spec, which the rollout follows to its end, even if the CanarySchedule changes."""
    namespace: Annotated[str, Field(max_length=63)] | None = None
    """Namespace of a shared schedule, whose Secrets it names; unset for an inline one."""


class BaselineStatusChanges(TypedDict, total=False):
    """Changes of a baseline in mid-rollout."""

    template: str | None
    canary: str | None
    compared: str | None


class BaselineStatus(Model):
    """Canary and stable as they were when the rollout began."""

    template: Annotated[str, Field(max_length=64)] | None = None
    """Hash of the stable workload's pod template."""
    canary: Annotated[str, Field(max_length=64)] | None = None
    """Hash of the canary workload's pod template: evidence of another template does not count for this revision."""
    compared: Annotated[str, Field(max_length=64)] | None = None
    """Hash of the pod template that the canary is compared with, when stable has changed since."""
    target: Annotated[str, Field(max_length=64)] | None = None
    """Digest of the names of the Ingress, the Services and the shadow that the rollout began with."""
    ready_endpoints: int = 0
    """Ready endpoints of the stable Service: the shadow is removed only when there are as many."""

    def updated(self, **changes: Unpack[BaselineStatusChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)


class PausedBy(StrEnum):
    """Who paused a rollout; a pause by the spec ends with ``spec.paused``."""

    SPEC = "Spec"
    USER = "User"
    DAEMON = "Daemon"


class PauseStatusChanges(TypedDict, total=False):
    """Changes of a pause."""

    by: PausedBy
    returns_to: Phase
    fresh_evidence: bool
    until_approved: bool
    hands_off: bool


class PauseStatus(Model):
    """A pause of the rollout."""

    by: PausedBy
    returns_to: Phase
    """The phase that ``resume`` goes back to."""
    fresh_evidence: bool = False
    """Whether evidence starts anew on resume, because the old evidence was judged already."""
    until_approved: bool = False
    """Whether the step's approval also ends the pause, which began because it was not given in time."""
    hands_off: bool = False
    """Whether the daemon leaves the shadow as another writer makes it, after a drift fight."""

    def updated(self, **changes: Unpack[PauseStatusChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)


class ApprovalStatusChanges(TypedDict, total=False):
    """Changes of an approval that was asked for."""

    overdue: bool
    given_at: datetime | None


class ApprovalStatus(Model):
    """The approval of a step: asked for, or given."""

    step: int
    """The step that needs the approval, from 1: ``approve`` must name it."""
    asked_at: datetime
    """When the rollout began to wait for the approval."""
    until: datetime
    """When ``onTimeout`` is carried out."""
    overdue: bool = False
    """Nobody approved in time."""
    given_at: datetime | None = None
    """When the approval was given; unset while it is waited for."""

    def updated(self, **changes: Unpack[ApprovalStatusChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)


class ActionStatus(Model):
    """The last one-shot action that was handled."""

    id: Annotated[str, Field(max_length=128)]
    """Id of the action, chosen by its sender: an id that was handled is not handled again."""
    verb: Annotated[str, Field(max_length=32)]
    """The verb of the action."""
    result: Annotated[str, Field(max_length=256)] = ""
    """``done``; or ``no effect``, ``stale`` or ``malformed``, a colon and why nothing was done."""
    note: Annotated[str, Field(max_length=256)] = ""
    """The sender's reason."""


class TransitionChanges(TypedDict, total=False):
    """Changes of an entry of the history."""

    message: str


class Transition(Model):
    """One entry of the history."""

    at: datetime
    """When it was decided."""
    phase: Phase
    reason: Annotated[str, Field(max_length=64)]
    """One word of the vocabulary (reasons.md)."""
    step: int = 0
    """The step that it led to, from 1; 0 for none."""
    weight: Weight = 0
    """The weight that it led to."""
    message: Text = ""
    """The sentence with the numbers."""

    @property
    def mark(self) -> tuple[object, ...]:
        """What tells it from every other entry, whatever becomes of its message; the same once it was stored."""
        return self.at, self.phase, self.reason, self.step, self.weight

    def updated(self, **changes: Unpack[TransitionChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)


class AlertStatus(Model):
    """Alerts that were sent and still last; they are not sent again."""

    reason: Annotated[str, Field(max_length=64)]
    """One word of the vocabulary (reasons.md)."""
    at: datetime
    """When the alert was sent."""


class Condition(Model):
    """A condition as Kubernetes defines it."""

    type: Annotated[str, Field(max_length=64)]
    """Ready (can run as written), Effective (the weight was seen to work), Promoted (ended well), Preflight, Frozen or
    ScheduleCurrent (the schedule begun with is the one that there is now) or ShadowRemoved (False while a shadow that
    was deleted is still there)."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=64)]
    """One word of the vocabulary (reasons.md)."""
    message: Text = ""
    """The sentence with the numbers."""
    observed_generation: int = 0
    """The generation of the spec that the condition is about."""
    last_transition_time: datetime
    """When the status last changed."""


class OutcomeChanges(TypedDict, total=False):
    """Changes of a status that come with an outcome, beside its phase, reason and message."""

    revision: str | None
    stable_revision: str | None
    failed_revision: str | None
    step: StepStatus | None
    weight: float
    routing: RoutingStatus
    observed_share: float | None
    slos: list[SloStatus]
    analysis_state: str | None
    shadow: ShadowStatus | None
    schedule: ScheduleStatus | None
    baseline: BaselineStatus | None
    pause: PauseStatus | None
    approval: ApprovalStatus | None
    copying: CopyStatus | None
    scale: ScaleStatus | None
    ownership_released: bool | None
    not_ready_since: datetime | None
    finishing: bool
    gates: list[GateStatus]
    leader: str | None
    started_at: datetime | None
    finished_at: datetime | None


class RolloutStatusChanges(OutcomeChanges, total=False):
    """Changes of any member of a status."""

    observed_generation: int
    phase: Phase
    reason: str
    message: str
    last_action: ActionStatus | None
    history: list[Transition]
    alerts: list[AlertStatus]
    conditions: list[Condition]
    actual_weight: float | None


class RolloutStatus(Model):
    """The daemon's decision with its numbers; written before anything else is done."""

    observed_generation: int = 0
    """The generation of the spec that was decided on."""
    revision: Annotated[str, Field(max_length=64)] | None = None
    """The revision of this rollout, or of the last one."""
    stable_revision: Annotated[str, Field(max_length=64)] | None = None
    """The revision that was promoted last."""
    failed_revision: Annotated[str, Field(max_length=64)] | None = None
    """The revision that was rolled back last: not tried again until ``retry`` or another revision."""
    phase: Phase = Phase.PENDING
    reason: Annotated[str, Field(max_length=64)] = ""
    """Reason of the present state: one word of the vocabulary (reasons.md)."""
    message: Text = ""
    """The reason as a sentence, with the numbers."""
    step: StepStatus | None = None
    weight: Weight = 0
    """The wanted weight of the shadow, in percent."""
    actual_weight: Weight | None = None
    """The weight on the shadow, which is another one while the API server takes no write."""
    routing: RoutingStatus = RoutingStatus()
    observed_share: float | None = None
    """Canary requests over both sides' since the step settled, 0..1."""
    slos: Annotated[list[SloStatus], Field(max_length=10)] = []
    """Each SLO's evidence and verdict, as of the last checkpoint or transition."""
    analysis_state: Annotated[str, Field(max_length=262144)] | None = None
    """Checkpoint of the accumulators: opaque and versioned."""
    shadow: ShadowStatus | None = None
    schedule: ScheduleStatus | None = None
    baseline: BaselineStatus | None = None
    pause: PauseStatus | None = None
    approval: ApprovalStatus | None = None
    copying: CopyStatus | None = None
    scale: ScaleStatus | None = None
    ownership_released: bool | None = None
    """Whether the daemon owns no field of the workloads any more that it wrote by CopyImages or scaleCanary, so that
    server-side apply meets no conflict with it. Unset where it wrote none in this rollout."""
    not_ready_since: datetime | None = None
    """Since when the canary, which should have traffic, has had no ready endpoint."""
    finishing: bool = False
    """A person has said that the promotion is done: only stable's readiness is waited for."""
    gates: Annotated[list[GateStatus], Field(max_length=MAX_GATES)] = []
    """The last question to each gate in this rollout, and its answer."""
    last_action: ActionStatus | None = None
    history: Annotated[list[Transition], Field(max_length=20)] = []
    """The last transitions, oldest first."""
    alerts: Annotated[list[AlertStatus], Field(max_length=16)] = []
    """Alerts since the last transition."""
    conditions: Annotated[list[Condition], Field(max_length=8)] = []
    """Ready, Effective and Promoted, for ``kubectl wait``."""
    leader: Annotated[str, Field(max_length=256)] | None = None
    """Which replica took this rollout over, and since when it leads; only where several replicas may run."""
    started_at: datetime | None = None
    """When the shadow of this revision was first asked for."""
    finished_at: datetime | None = None
    """When the rollout came to rest."""

    @property
    def shown_weight(self) -> float:
        """The weight on the shadow, as far as it is known: a status of the first release has the wanted one only."""
        return self.weight if self.actual_weight is None else self.actual_weight

    def updated(self, **changes: Unpack[RolloutStatusChanges]) -> Self:
        """Return the status with these changes."""
        return self.model_copy(update=changes)
