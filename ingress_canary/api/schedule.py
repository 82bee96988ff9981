"""CanarySchedule: the steps of a rollout, and how it is judged. Owned by SREs.

Where a member's behaviour is not served yet, the schema accepts it and ``domain/status/unsupported.py`` refuses it.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self, TypedDict, Unpack

from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from ingress_canary.api.gate import MAX_GATES, Gate
from ingress_canary.api.model import InvalidValue, Model, NotExactlyOne, closed, rule
from ingress_canary.api.notification import MAX_NOTIFICATIONS, Notification
from ingress_canary.api.promql import MOST_TOGETHER, PER_VARIABLE, length
from ingress_canary.api.slo import Baseline, OnFailure, Slo
from ingress_canary.api.units import (
    LONG,
    Duration,
    Name,
    Weight,
    as_begun,
    between,
)
from ingress_canary.api.windows import Windows

MAX_STEPS = 50
MAX_SLOS = 10

HeaderToken = Annotated[str, Field(min_length=1, max_length=128)]
CookieName = Annotated[str, Field(min_length=1, max_length=128)]


class HeaderRoute(Model):
    """Requests that a header routes to the canary: ``name`` alone (always, never), with ``value`` or ``pattern``."""

    model_config = ConfigDict(
        json_schema_extra=closed(
            rule(
                "!(has(self.value) && has(self.pattern))",
                "value and pattern exclude each other: a value makes the pattern ignored",
            )
        )
    )

    name: HeaderToken
    """The header's name; case does not matter."""
    value: HeaderToken | None = None
    """The exact value that is routed to the canary; with it, ``always`` and ``never`` have no meaning."""
    pattern: HeaderToken | None = None
    """A regular expression (PCRE, not anchored) that the value must match."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.value is not None and self.pattern is not None:
            raise InvalidValue(
                "value and pattern exclude each other: a value makes the pattern ignored", "remove one", about="value"
            )
        return self


class Routing(Model):
    """Header and cookie routes to the canary, besides the weight's share. All of them work together."""

    header: HeaderRoute | None = None
    """Default header route of the steps."""
    cookie: CookieName | None = None
    """Default cookie of the steps: its value ``always`` or ``never`` decides."""


class Ramp(Model):
    """Steps from one weight to another, by addition or by a factor."""

    model_config = ConfigDict(
        json_schema_extra=closed(
            rule("has(self.by) != has(self.factor)", "say exactly one of by and factor"),
            rule("self.from < self.to", "a ramp rises: from must be below to"),
        )
    )

    from_: Weight = Field(alias="from")
    """First weight, in percent, above 0."""
    to: Weight
    """Last weight, in percent; always a step of its own."""
    by: Annotated[float, Field(gt=0, le=100)] | None = None
    """Percentage points added each step."""
    factor: Annotated[float, Field(gt=1, le=100)] | None = None
    """Factor of each step over the one before."""
    bake: Annotated[Duration, LONG]
    """Judged time that each step of the ramp takes at least."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if (self.by is None) == (self.factor is None):
            raise NotExactlyOne("by", "factor")
        if self.from_ >= self.to:
            raise InvalidValue(f"a ramp rises: from ({self.from_:g}) must be below to ({self.to:g})", "swap them")
        if self.from_ <= 0:
            raise InvalidValue("a ramp begins above 0", "put a step of weight 0 before it")
        return self


class ApprovalWhen(StrEnum):
    """When an approval is asked for."""

    BEFORE = "Before"
    AFTER = "After"


class OnTimeout(StrEnum):
    """What happens when nobody approves in time: go on waiting, pause, or roll back."""

    HOLD = "Hold"
    PAUSE = "Pause"
    ROLLBACK = "Rollback"


class Approval(Model):
    """Approval by a person, before the step is entered or left; of a ramp, before its first step or after its last."""

    when: ApprovalWhen = ApprovalWhen.AFTER
    timeout: Annotated[Duration, between("1ms", "8760h")] = timedelta(hours=24)
    """How long the approval is waited for, at most 8760h."""
    on_timeout: OnTimeout = OnTimeout.HOLD


class Require(StrEnum):
    """The requirement that ends a step: every SLO proven, or nothing proven against the canary over the bake."""

    PROOF = "Proof"
    NO_FAIL = "NoFail"


class StepChanges(TypedDict, total=False):
    """Changes of a step that is read already."""

    approval: Approval | None


class Step(Model):
    """One step, or a ramp of steps."""

    model_config = ConfigDict(
        json_schema_extra=closed(
            rule("has(self.weight) != has(self.ramp)", "say exactly one of weight and ramp"),
            rule("has(self.ramp) != has(self.bake)", "a step with a weight needs a bake; a ramp has its own"),
        )
    )

    name: Name | None = None
    """Name of the step in messages."""
    weight: Weight | None = None
    """Percent of requests drawn for the canary, 0..100, up to three decimals, never falling from step to step."""
    ramp: Ramp | None = None
    header: HeaderRoute | None = None
    """Header route of this step instead of the schedule's."""
    cookie: CookieName | None = None
    """Cookie route of this step instead of the schedule's."""
    bake: Annotated[Duration, LONG] | None = None
    """Judged time that the step takes at least: downtime, missing data, pauses and settling do not count."""
    require: Require = Require.PROOF
    approval: Approval | None = None
    min_requests: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """Canary requests of this step that each SLO must have seen; overrides the SLO's own number."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.weight is None) == (self.ramp is None):
            raise NotExactlyOne("weight", "ramp")
        if self.ramp is None and self.bake is None:
            raise InvalidValue("a step with a weight needs a bake", "add one, such as bake: 10m")
        if self.ramp is not None and self.bake is not None:
            raise InvalidValue("bake is set beside a ramp, which has its own", "move it into the ramp", about="bake")
        return self

    def updated(self, **changes: Unpack[StepChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)


class AnalysisSettings(Model):
    """Settings of the sequential tests (docs/judging.md)."""

    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.01
    """Chance of rolling a healthy rollout back, over its whole life."""
    beta: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Chance of passing a step that is worse than the objective."""
    baseline: Baseline = Baseline()
    exclude_statuses: Annotated[
        list[Annotated[str, Field(max_length=3, pattern=r"^[1-5][0-9]{2}$")]], Field(max_length=16)
    ] = ["101", "308"]
    """Statuses that count on neither side: sockets, which are counted when they close, and redirects to HTTPS."""
    settle: Annotated[Duration, between("0s", "10m")] = timedelta(seconds=15)
    """Evidence dropped after each change of weight, at most 10m."""
    no_data_timeout: Annotated[Duration, LONG] = timedelta(minutes=15)
    """Missing data beyond this raise an alert."""


class OnInconclusive(StrEnum):
    """What happens after maxHold."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"


class OnNoData(StrEnum):
    """What happens while data are missing."""

    HOLD = "Hold"
    RETREAT = "Retreat"


class ScheduleSpecChanges(TypedDict, total=False):
    """Changes of a schedule that is read already."""

    steps: list[Step]
    windows: Windows | None
    slos: list[Slo]
    gates: list[Gate]
    notifications: list[Notification]


class ScheduleSpec(Model):
    """The steps of a rollout, and how it is judged."""

    routing: Routing = Routing()
    steps: Annotated[list[Step], Field(min_length=1, max_length=MAX_STEPS)]
    """Steps in order; at most 50 when ramps are expanded."""
    windows: Windows | None = None
    slos: Annotated[list[Slo], Field(min_length=1, max_length=MAX_SLOS)]
    """Objectives that the canary is judged by."""
    analysis: AnalysisSettings = AnalysisSettings()
    max_hold: Annotated[Duration, LONG] = timedelta(hours=6)
    """Longest stay in a step, counted only while it could be judged and its requirement is unmet."""
    on_inconclusive: OnInconclusive = OnInconclusive.PAUSE
    on_failure: OnFailure = OnFailure.ROLLBACK
    """What happens on a proven fail, unless the SLO says otherwise."""
    on_no_data: OnNoData = OnNoData.HOLD
    gates: Annotated[list[Gate], Field(max_length=MAX_GATES)] = []
    """Webhooks that are asked before a rollout goes on; in this order where several are asked at once."""
    notifications: Annotated[list[Notification], Field(max_length=MAX_NOTIFICATIONS)] = []
    """Who gets messages about which reasons."""

    @model_validator(mode="after")
    def _affordable(self, info: ValidationInfo) -> Self:
        together = sum(length(query) for slo in self.slos for query in slo.sli.queries.values())
        if together > MOST_TOGETHER and not as_begun(info):
            raise InvalidValue(
                f"their queries have {together} characters together (each variable counts as {PER_VARIABLE} more), "
                f"and {MOST_TOGETHER} are the most",
                "let Prometheus record parts of them by rules, and query what is recorded",
                "slos",
            )
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [slo.name for slo in self.slos]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidValue(f"two SLOs are named {doubled[0]}", "give each its own name", "slos")
        names = [notification.name for notification in self.notifications]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidValue(f"two are named {doubled[0]}", "give each its own name", "notifications")
        gates = [gate.name for gate in self.gates]
        if doubled := sorted({name for name in gates if gates.count(name) > 1}):
            raise InvalidValue(f"two gates are named {doubled[0]}", "give each its own name", "gates")
        before = 0.0
        for number, step in enumerate(self.steps):
            first = step.ramp.from_ if step.ramp else step.weight or 0.0
            if first < before:
                raise InvalidValue(
                    f"the weight falls from {before:g} to {first:g}", "weights never fall", f"steps[{number}]"
                )
            before = step.ramp.to if step.ramp else first
        return self

    def least_time(self, bake: float) -> timedelta:
        """Return how long a step takes at least, from its change of weight on; ``bake`` in seconds."""
        routing = self.analysis.settle
        return max(timedelta(seconds=bake) + routing, *(slo.settles_for(routing) for slo in self.slos))

    def updated(self, **changes: Unpack[ScheduleSpecChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)


class ObjectMeta(Model):
    """The part of an object's metadata that this project reads."""

    name: Annotated[str, Field(max_length=253)]
    namespace: Annotated[str, Field(max_length=63)] = ""


class CanarySchedule(Model):
    """A schedule that rollouts share by name."""

    api_version: Literal["ingress-canary.io/v1alpha1"]
    kind: Literal["CanarySchedule"]
    spec: ScheduleSpec
