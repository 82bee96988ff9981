"""CanarySchedule: the steps of a rollout, and how it is judged. Owned by SREs.

Where a member's behaviour is not served yet, the schema accepts it and ``domain/status/unsupported.py`` refuses it.
"""

import re
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self, TypedDict, Unpack, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from ingress_canary.api.gate import MAX_GATES, Gate
from ingress_canary.api.model import InvalidValue, Model, NotExactlyOne, closed, rule
from ingress_canary.api.notification import MAX_NOTIFICATIONS, Notification
from ingress_canary.api.promql import query_fault
from ingress_canary.api.units import (
    LONG,
    Duration,
    Name,
    Points,
    Weight,
    as_begun,
    between,
    format_duration,
    format_percent,
)

MAX_STEPS = 50
MAX_SLOS = 10

HeaderToken = Annotated[str, Field(min_length=1, max_length=128)]
CookieName = Annotated[str, Field(min_length=1, max_length=128)]


def _parsable(query: str, info: ValidationInfo) -> str:
    """Refuse a query that is too costly to parse; in a rollout that began with it, it is sent without parsing."""
    if not as_begun(info) and (fault := query_fault(query)):
        raise InvalidValue(*fault)
    return query


Promql = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_parsable)]


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


class Day(StrEnum):
    """A day of the week."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


Minute = Annotated[str, Field(max_length=5, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


def _of_the_calendar(value: object, info: ValidationInfo) -> object:
    """Refuse years outside the supported calendar; in a rollout that began with them, they are clamped."""
    year = value[:4] if isinstance(value, str) and re.match("[0-9]{4}-", value) else "2000"
    if "2000" <= year <= "2199":
        return value
    if as_begun(info):
        return "2000-01-01T00:00" if year < "2000" else "2199-12-31T00:00"
    raise ValueError(f"the year must be 2000 to 2199; got {value}")


LocalTime = Annotated[
    str,
    Field(max_length=19, pattern=r"^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"),
    BeforeValidator(_of_the_calendar),
]


class AllowedRange(Model):
    """Hours of some days in which a rollout may advance; ``to`` before ``from`` runs over midnight."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]
    """Days on which the range begins."""
    from_: Minute = Field(alias="from")
    """Local time of day."""
    to: Minute
    """Local time of day."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.from_ == self.to:
            remedy = "write two times: a range to an earlier time runs over midnight"
            raise InvalidValue(f"the range is empty: from and to are {self.to}", remedy, "to")
        return self


def _instant(member: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(f"no such time: {text}", "write a date of the calendar", member) from None


class Freeze(Model):
    """A span of time in which no rollout advances."""

    from_: LocalTime = Field(alias="from")
    """Local time."""
    to: LocalTime
    """Local time."""
    reason: Annotated[str, Field(max_length=256)] = ""
    """Reason of the freeze, shown in messages."""

    @model_validator(mode="after")
    def _forward(self, info: ValidationInfo) -> Self:
        begins, ends = _instant("from", self.from_), _instant("to", self.to)
        if begins >= ends and not as_begun(info):
            raise InvalidValue("the freeze ends before it begins", "write a time after from", "to")
        return self


class Windows(Model):
    """When a rollout may advance. Analysis and rollback never stop."""

    timezone: Annotated[str, Field(max_length=64)] = "UTC"
    """IANA name of the time zone of all these times."""
    allow: Annotated[list[AllowedRange], Field(max_length=32)] = []
    """Hours in which a rollout may advance; always when empty."""
    freezes: Annotated[list[Freeze], Field(max_length=64)] = []
    """Times in which no rollout advances, even inside ``allow``."""
    finish_in_window: bool = False
    """Do not enter a step whose bake cannot end inside the window."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            near = [*get_close_matches(self.timezone, available_timezones(), 1), "Europe/Berlin"][0]
            remedy = f"write an IANA name such as {near}"
            raise InvalidValue(f"unknown time zone `{self.timezone}`", remedy, "timezone") from None
        return self


class SliModel(Model):
    """One kind of service level indicator."""

    has_objective: ClassVar[bool] = True
    """Whether it counts events, of which an objective promises a share."""
    cold_start: ClassVar[timedelta] = timedelta(0)
    """How long after a rise of the weight a healthy canary may look bad, unless the SLO says otherwise."""
    max_burn: ClassVar[float] = 10
    """maxBurn unless the SLO says otherwise."""
    refuses_objective: ClassVar[bool] = False
    """Whether an objective beside it can only be a misunderstanding."""
    only_pauses: ClassVar[bool] = False
    """Whether a fail is to be looked at by a person, unless the SLO says otherwise."""

    @property
    def bad_events(self) -> str:
        """What it calls bad, in words."""
        return "events that count as bad"


class RequestsSli(SliModel):
    """Availability from the controllers' request counters."""

    bad: Annotated[
        list[Annotated[str, Field(max_length=3, pattern=r"^[1-5][0-9.][0-9.]$")]], Field(min_length=1, max_length=16)
    ] = ["5.."]
    """Statuses that count as bad; a dot stands for any digit."""

    @property
    def bad_events(self) -> str:
        """What it calls bad, in words."""
        return f"requests answered {' or '.join(self.bad)}"


class LatencySli(SliModel):
    """Share of requests slower than a threshold, from the controllers' request duration histogram."""

    cold_start: ClassVar[timedelta] = timedelta(seconds=150)
    # an objective of 99 % below 300 ms is a percentile: nobody means that 10 % may be slower
    max_burn: ClassVar[float] = 1

    threshold: Annotated[Duration, between("1ms", "1h")]
    """Must equal one of the histogram's bucket bounds."""

    @property
    def bad_events(self) -> str:
        """What it calls bad, in words."""
        return f"requests slower than {format_duration(self.threshold)}"


class LatencyDistributionSli(SliModel):
    """All buckets of the controllers' request duration histogram, compared with stable's."""

    has_objective: ClassVar[bool] = False
    refuses_objective: ClassVar[bool] = True
    cold_start: ClassVar[timedelta] = LatencySli.cold_start
    only_pauses: ClassVar[bool] = True


class PrometheusSli(SliModel):
    """The user's own counters."""

    model_config = ConfigDict(
        json_schema_extra=closed(rule("has(self.bad) != has(self.good)", "say exactly one of bad and good"))
    )

    bad: Promql | None = None
    """Counter of bad events; or give ``good``."""
    good: Promql | None = None
    """Counter of good events; or give ``bad``."""
    total: Promql
    """Counter of all events."""

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        if (self.bad is None) == (self.good is None):
            raise NotExactlyOne("bad", "good")
        return self


class ThresholdSli(SliModel):
    """A gauge or ratio compared with a bound; uncalibrated."""

    has_objective: ClassVar[bool] = False
    model_config = ConfigDict(
        json_schema_extra=closed(
            rule("has(self.min) || has(self.max)", "say min, max or both"),
            rule("!has(self.min) || !has(self.max) || self.min <= self.max", "min must not be above max"),
        )
    )

    query: Promql
    """A query with one number as its answer."""
    max: float | None = None
    """Highest accepted value."""
    min: float | None = None
    """Lowest accepted value."""
    window: Annotated[Duration, LONG] = timedelta(minutes=1)
    """Time between two queries."""
    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """Consecutive results that make a verdict."""

    @model_validator(mode="after")
    def _bounded(self, info: ValidationInfo) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("say min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max and not as_begun(info):
            raise InvalidValue(f"{self.min:g} is above max ({self.max:g}), and every look outside", "swap them", "min")
        return self


def _exactly_one(schema: dict[str, Any]) -> None:
    """Add the rule that one of a model's fields is set, and no other, to its JSON schema."""
    members = list(schema["properties"])
    present = ", ".join(f"has(self.{member})" for member in members)
    schema |= closed(rule(f"[{present}].filter(x, x).size() == 1", f"say exactly one of {_listed(members)}"))


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


class Sli(Model):
    """The service level indicator: exactly one of its fields."""

    model_config = ConfigDict(json_schema_extra=_exactly_one)

    requests: RequestsSli | None = None
    latency: LatencySli | None = None
    latency_distribution: LatencyDistributionSli | None = None
    prometheus: PrometheusSli | None = None
    prometheus_threshold: ThresholdSli | None = None

    @property
    def chosen(self) -> tuple[str, SliModel]:
        """The field that is set, by its name in manifests, and its value."""
        return self._present[0]

    @property
    def _present(self) -> list[tuple[str, SliModel]]:
        members = ((name, getattr(self, name)) for name in type(self).model_fields)
        return [(to_camel(name), value) for name, value in members if value is not None]

    @classmethod
    def models(cls) -> dict[str, type[SliModel]]:
        """Return the model of each field, by the field's name in manifests."""
        return {
            to_camel(name): next(model for model in get_args(field.annotation) if issubclass(model, SliModel))
            for name, field in cls.model_fields.items()
        }

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if len(self._present) != 1:
            raise NotExactlyOne(*self.models())
        return self


SMALLEST_DELTA = 0.001
"""Difference of bad shares that matters at least, where a schedule does not say one."""
WITHOUT_OBJECTIVE = [member for member, model in Sli.models().items() if not model.has_objective]
"""The fields of an SLI that need no objective."""
REFUSES_OBJECTIVE = [member for member, model in Sli.models().items() if model.refuses_objective]
"""Those beside which an objective is a fault."""


class OnFailure(StrEnum):
    """What happens on a proven fail."""

    ROLLBACK = "Rollback"
    PAUSE = "Pause"


class Slo(Model):
    """One objective that the canary must be proven to meet."""

    model_config = ConfigDict(
        json_schema_extra=closed(
            rule(
                " || ".join(["has(self.objective)", *(f"has(self.sli.{member})" for member in WITHOUT_OBJECTIVE)]),
                f"an objective is needed for everything but {', '.join(WITHOUT_OBJECTIVE)}",
            ),
            *(
                rule(f"!has(self.objective) || !has(self.sli.{member})", f"{member} has no objective")
                for member in REFUSES_OBJECTIVE
            ),
        )
    )

    name: Name
    """Name of the SLO in verdicts and messages."""
    objective: Annotated[float, Field(ge=50, lt=100)] | None = None
    """Percent of good requests promised, below 100."""
    max_burn: Annotated[float, Field(gt=0, le=1000)] | None = None
    """How many times faster than the objective allows the canary may spend its error budget: 10, for latency 1."""
    min_delta: Points | None = None
    """Instead of `analysis.baseline.minDelta`: half of what the objective allows, at least 0.1pp."""
    min_requests: Annotated[int, Field(ge=0, le=1_000_000_000)] = 50
    """Canary requests of a step before it can pass."""
    settle: Annotated[Duration, between("0s", "10m")] | None = None
    """Evidence dropped after a change of weight, at least `analysis.settle`: 150s for latency, in which caches warm."""
    on_failure: OnFailure | None = None
    """What happens when this SLO fails: Pause for latencyDistribution, else as the schedule says."""
    sli: Sli

    def failure_action(self, of_schedule: OnFailure) -> OnFailure:
        """Return what happens when it fails, given the schedule's own word."""
        if self.on_failure is not None:
            return self.on_failure
        return OnFailure.PAUSE if self.sli.chosen[1].only_pauses else of_schedule

    def settles_for(self, routing: timedelta) -> timedelta:
        """Return how long after a rise of the weight its evidence is dropped, given how long the routing takes."""
        own = self.sli.chosen[1].cold_start if self.settle is None else self.settle
        return max(routing, own)

    @property
    def theta(self) -> float:
        """The ratio of bad requests that the canary is tested against (docs/judging.md)."""
        return (self.max_burn or 0) * (1 - (self.objective or 0) / 100)

    @property
    def allowance(self) -> str:
        """What share of which events it allows, in words."""
        return f"{format_percent(self.theta)} of {self.sli.chosen[1].bad_events}"

    def matters_from(self, baseline: "Baseline") -> float:
        """Return delta: its own, the one that the baseline says for all, or half of what the objective allows."""
        said = baseline.min_delta if self.min_delta is None else self.min_delta
        return max(SMALLEST_DELTA, (100 - (self.objective or 0)) / 200) if said is None else said

    @model_validator(mode="after")
    def _burning(self) -> Self:
        if self.max_burn is None:
            # filled in, so that a rollout keeps what it began with, whatever another release takes for usual
            object.__setattr__(self, "max_burn", self.sli.chosen[1].max_burn)
        return self

    @model_validator(mode="after")
    def _testable(self) -> Self:
        kind, sli = self.sli.chosen
        if self.objective is None:
            if sli.has_objective:
                raise InvalidValue("an objective is needed", "add one, such as objective: 99.9")
            return self
        if sli.refuses_objective:
            raise InvalidValue(f"{kind} has no objective: it compares with stable", "remove it", about="objective")
        if self.theta > 0.5 + 1e-9:
            raise InvalidValue(
                f"maxBurn x (1 - objective) = {self.theta:.3g} of all requests may fail before the SLO does",
                "lower maxBurn or raise the objective until it is at most 0.5",
                about="maxBurn",
            )
        return self


class Baseline(Model):
    """By how much the canary must be worse than stable to fail."""

    max_ratio: Annotated[float, Field(ge=1, le=100)] = 1.25
    """Ratio of the canary's bad share over stable's that is still accepted."""
    min_delta: Points | None = None
    """Difference of the bad shares below which a proven ratio is no fail, in percentage points, of SLOs that say none:
    half of what the objective allows, at least 0.1pp."""


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
