"""SLIs of a CanarySchedule: what is counted or measured of the canary, one model for each kind."""

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
    as_begun,
    between,
    format_duration,
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
