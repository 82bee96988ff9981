"""CanaryRollout: one canary of one Service behind one Ingress. Owned by app teams."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ingress_canary.api.model import Model, closed, rule
from ingress_canary.api.schedule import HeaderRoute, OpenObject, ScheduleSpec
from ingress_canary.api.units import Duration, Name, ObjectName, Text, Weight


class ShadowSpec(Model):
    """The canary Ingress that the daemon creates beside the primary."""

    name: ObjectName | None = None
    """Its name; ``<primary>-canary`` unless said."""
    share_upstream: bool = False
    """Accept that other paths on the same stable Service are canaried too (alternatives are per upstream)."""


class WorkloadKind(StrEnum):
    """Kinds whose pod template makes a revision."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


class WorkloadRef(Model):
    """A workload of the rollout's namespace."""

    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    name: ObjectName


class ScaleCanary(Model):
    """Scale the canary workload up at the start and back after the end."""

    to: Annotated[int, Field(ge=1, le=1000)]
    drain: Duration = timedelta(seconds=60)


class WorkloadSpec(Model):
    """The workloads behind the two Services: sources of revision and readiness, never taken over."""

    canary: WorkloadRef | None = None
    stable: WorkloadRef | None = None
    scale_canary: ScaleCanary | None = None
    not_ready_timeout: Duration = timedelta(minutes=10)


class PromotionStrategy(StrEnum):
    """How stable becomes the new version."""

    MANUAL = "Manual"
    COPY_IMAGES = "CopyImages"


class Promotion(Model):
    """What happens after the last step."""

    strategy: PromotionStrategy = PromotionStrategy.MANUAL


class ScheduleRef(Model):
    """A CanarySchedule by name."""

    name: ObjectName
    namespace: Name | None = None
    """The daemon's own namespace unless said."""


class ScheduleSource(Model):
    """A shared schedule, or one of its own."""

    model_config = ConfigDict(
        json_schema_extra=closed(rule("has(self.ref) != has(self.inline)", "say exactly one of ref and inline"))
    )

    ref: ScheduleRef | None = None
    inline: ScheduleSpec | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.ref is None) == (self.inline is None):
            raise ValueError("say exactly one of ref and inline")
        return self


class RolloutSpec(Model):
    """What is rolled out, and how."""

    model_config = ConfigDict(
        json_schema_extra=closed(
            rule("self.stableService != self.canaryService", "stableService and canaryService must be two Services")
        )
    )

    ingresses: Annotated[list[ObjectName], Field(min_length=1, max_length=1)]
    """The primary Ingress: read, never written. One for now."""
    stable_service: Name
    canary_service: Name
    shadow: ShadowSpec = ShadowSpec()
    workload: WorkloadSpec = WorkloadSpec()
    revision: (
        Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$")] | None
    ) = None
    """The revision's name, said by CI; otherwise the hash of the canary workload's pod template."""
    promotion: Promotion = Promotion()
    schedule: ScheduleSource
    paused: bool = False
    """Stops advancing, never stops watching."""
    probe: OpenObject | None = None

    @property
    def primary(self) -> str:
        """The primary Ingress's name."""
        return self.ingresses[0]

    @property
    def shadow_name(self) -> str:
        """The shadow's name."""
        return self.shadow.name or f"{self.primary}-canary"

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if self.stable_service == self.canary_service:
            raise ValueError("canaryService must not be stableService; name the Service in front of the canary's pods")
        if len(self.shadow_name) > 253:
            raise ValueError("the shadow's name would be longer than 253 characters; set a shorter shadow.name")
        if self.shadow_name == self.primary:
            raise ValueError("shadow.name must not be the primary's name; leave it out or choose another")
        return self


class Phase(StrEnum):
    """Where a rollout is in its life."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"


class Verdict(StrEnum):
    """What the evidence says of one SLO."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no-data"


class StepStatus(Model):
    """The step a rollout is at."""

    index: int
    """In the expanded list, from 1."""
    name: Annotated[str, Field(max_length=63)] = ""
    weight: Weight
    started_at: datetime
    baked_seconds: float = 0
    """Judged time so far."""
    held_seconds: float = 0
    """Judged time in which the requirement was unmet; maxHold is held against it."""


class Tally(Model):
    """Whole-number counts of one side since the rollout's start."""

    total: int = 0
    bad: int = 0


class LogE(Model):
    """Natural logarithms of the E-values; never NaN or Infinity."""

    absolute: float = 0
    relative: float = 0
    passing: float = 0


class SloStatus(Model):
    """One SLO's evidence and verdict."""

    name: Annotated[str, Field(max_length=63)]
    verdict: Verdict
    canary: Tally = Tally()
    stable: Tally = Tally()
    step: Tally = Tally()
    """The canary's counts of this step."""
    log_e: LogE = LogE()
    message: Text = ""
    """What is missing to pass, or what was proven, in numbers."""


class ShadowStatus(Model):
    """The shadow that belongs to this rollout now."""

    name: Annotated[str, Field(max_length=253)]
    uid: Annotated[str, Field(max_length=64)] | None = None


class RoutingStatus(Model):
    """Header and cookie routes that are meant to be on."""

    header: HeaderRoute | None = None
    cookie: Annotated[str, Field(max_length=128)] | None = None


class ScheduleStatus(Model):
    """The schedule as it was when the rollout began."""

    hash: Annotated[str, Field(max_length=64)]
    content: Annotated[dict[str, object], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]


class BaselineStatus(Model):
    """Stable as it was when the rollout began."""

    template: Annotated[str, Field(max_length=64)] | None = None
    """Hash of the stable workload's pod template."""
    compared: Annotated[str, Field(max_length=64)] | None = None
    """Hash of the pod template that the canary is compared with, when stable has changed since."""
    target: Annotated[str, Field(max_length=64)] | None = None
    """Stands for the Ingress, the Services and the shadow that the rollout began with."""
    ready_endpoints: int = 0


class PausedBy(StrEnum):
    """Who stopped a rollout: what the spec paused goes on when the spec says so."""

    SPEC = "Spec"
    USER = "User"
    DAEMON = "Daemon"


class PauseStatus(Model):
    """A stop that waits for a person."""

    by: PausedBy
    returns_to: Phase
    """The phase that ``resume`` goes back to."""
    fresh_evidence: bool = False
    """Whether the evidence starts anew on resume, because what was seen had been judged already."""
    hands_off: bool = False
    """Whether the shadow is left as another writer makes it, because undoing has become a fight."""


class ActionStatus(Model):
    """The last one-shot action that was handled."""

    id: Annotated[str, Field(max_length=128)]
    verb: Annotated[str, Field(max_length=32)]
    result: Annotated[str, Field(max_length=256)] = ""


class Transition(Model):
    """One entry of the history."""

    at: datetime
    phase: Phase
    reason: Annotated[str, Field(max_length=64)]
    step: int = 0
    weight: Weight = 0
    message: Text = ""


class Condition(Model):
    """A condition as Kubernetes defines it."""

    type: Annotated[str, Field(max_length=64)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(max_length=64)]
    message: Text = ""
    observed_generation: int = 0
    last_transition_time: datetime


class RolloutStatus(Model):
    """What the daemon decided, with its numbers; written before anything else is done."""

    observed_generation: int = 0
    revision: Annotated[str, Field(max_length=64)] | None = None
    stable_revision: Annotated[str, Field(max_length=64)] | None = None
    failed_revision: Annotated[str, Field(max_length=64)] | None = None
    phase: Phase = Phase.PENDING
    reason: Annotated[str, Field(max_length=64)] = ""
    message: Text = ""
    step: StepStatus | None = None
    weight: Weight = 0
    """The weight that is meant to be on the shadow."""
    routing: RoutingStatus = RoutingStatus()
    observed_share: float | None = None
    """Canary requests over both sides' since the step settled, 0..1."""
    slos: Annotated[list[SloStatus], Field(max_length=10)] = []
    analysis_state: Annotated[str, Field(max_length=262144)] | None = None
    """Checkpoint of the accumulators: opaque and versioned."""
    shadow: ShadowStatus | None = None
    schedule: ScheduleStatus | None = None
    baseline: BaselineStatus | None = None
    pause: PauseStatus | None = None
    finishing: bool = False
    """A person has said that the promotion is done: only stable's readiness is waited for."""
    last_action: ActionStatus | None = None
    history: Annotated[list[Transition], Field(max_length=20)] = []
    conditions: Annotated[list[Condition], Field(max_length=8)] = []
    started_at: datetime | None = None
    finished_at: datetime | None = None


class CanaryRollout(Model):
    """One canary of one Service behind one Ingress."""

    api_version: Literal["ingress-canary.io/v1alpha1"]
    kind: Literal["CanaryRollout"]
    spec: RolloutSpec
    status: RolloutStatus = RolloutStatus()
