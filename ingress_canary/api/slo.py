"""SLOs of a CanarySchedule: what the canary must be proven to meet, and by which indicator it is measured."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self, get_args

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from ingress_canary.api.model import InvalidValue, Model, NotExactlyOne, closed, rule
from ingress_canary.api.promql import query_fault
from ingress_canary.api.units import (
    LONG,
    Duration,
    Name,
    Points,
    as_begun,
    between,
    format_duration,
    format_percent,
)


def _parsable(query: str, info: ValidationInfo) -> str:
    """Refuse a query that is too costly to parse; in a rollout that began with it, it is sent without parsing."""
    if not as_begun(info) and (fault := query_fault(query)):
        raise InvalidValue(*fault)
    return query


Promql = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_parsable)]


class SequentialTest(StrEnum):
    """A test of an SLO; its evidence is the member of that name in ``status.slos[].logE``."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    PASSING = "passing"


class SliModel(Model):
    """One kind of service level indicator."""

    tests: ClassVar[tuple[SequentialTest, ...]] = tuple(SequentialTest)
    """Those that judge it; none where a number is held against bounds."""
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

    @property
    def queries(self) -> dict[str, str]:
        """The users' own queries that it asks, as they are written, by member."""
        return {}


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

    tests: ClassVar[tuple[SequentialTest, ...]] = (SequentialTest.RELATIVE,)
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

    @property
    def queries(self) -> dict[str, str]:
        """Both of them, as they are written, by member."""
        every = {"bad": self.bad, "good": self.good, "total": self.total}
        return {name: query for name, query in every.items() if query is not None}

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        if (self.bad is None) == (self.good is None):
            raise NotExactlyOne("bad", "good")
        return self


class ThresholdSli(SliModel):
    """A gauge or ratio compared with a bound; uncalibrated."""

    tests: ClassVar[tuple[SequentialTest, ...]] = ()
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

    @property
    def queries(self) -> dict[str, str]:
        """The one that it has, as it is written, by member."""
        return {"query": self.query}

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

    @property
    def queries(self) -> dict[str, str]:
        """The users' own queries that it asks, as they are written, by member, such as ``prometheus.bad``."""
        member, sli = self.chosen
        return {f"{member}.{name}": query for name, query in sli.queries.items()}

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
