"""Samples of a metrics source: raw cumulative counters by series with their own timestamps, or why there are none.

Made by the adapters (scrape, Prometheus), turned into counts by ``counting.py``. The router says which families
and labels matter and which side a series speaks for; sources know nothing of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple

from ingress_canary.domain.metrics.capabilities import Capabilities
from ingress_canary.domain.reasons.message import Message

EMPTY: Mapping[Any, Any] = MappingProxyType({})
"""Default of a mapping that is not given."""
LARGEST = 2.0**53
"""From here on a float holds not every whole number."""
TURN = " ("
"""In an instance's name, behind the process's own: there its counters have begun anew, by another way to them."""


class Side(StrEnum):
    """The side that a request belongs to: canary or stable."""

    CANARY = "canary"
    STABLE = "stable"


class Counts(NamedTuple):
    """Whole-number counts of both sides over some span, with the letters of docs/judging.md."""

    n: int = 0
    """Canary requests."""
    e: int = 0
    """Bad ones of them."""
    m: int = 0
    """Stable requests."""
    f: int = 0
    """Bad ones of them."""

    def plus(self, other: "Counts") -> "Counts":
        """Return the counts of both spans together."""
        n, e, m, f = self
        more_n, more_e, more_m, more_f = other
        return Counts(n + more_n, e + more_e, m + more_m, f + more_f)


Strata = Mapping[str, Counts]
"""Counts by stratum."""
Tails = Mapping[float, Counts]
"""By bound of a histogram, in seconds: the requests of both sides, of which those beyond it are the bad ones."""


def counts_of(strata: Strata) -> Counts:
    """Return the counts of all strata together."""
    every = [*strata.values()]
    return every[0] if len(every) == 1 else Counts(*[sum(numbers) for numbers in zip(*every, strict=True)])


class Target(NamedTuple):
    """The Ingress whose series a metrics source is to read: their labels always describe the primary."""

    namespace: str
    ingress: str
    service: str
    """The stable Service."""
    shadow: str = ""
    """The shadow's name: the orphan metric speaks of it, not of the primary."""
    bounds: frozenset[float] = frozenset()
    """The latency bucket bounds, in seconds, that SLOs need; a source leaves the other buckets out."""
    totals: tuple[str, ...] = ()
    """Selectors of the users' own counters of all events; their series come with the selector for a family."""
    parts: tuple[str, ...] = ()
    """Likewise of the bad events among them, or of the good ones."""
    values: tuple[str, ...] = ()
    """Queries of the users whose answer is one number."""
    needs: Capabilities = frozenset()
    """What the source must be able to answer for its SLOs: which source serves it."""
    past: tuple[float, ...] = ()
    """Instants before now, in seconds of the epoch on the daemon's clock and rising: their readings are wanted too."""
    every_bound: bool = False
    """Whether SLOs need the buckets of all bounds, whatever these are."""

    def has_bound(self, bound: float) -> bool:
        """Return whether SLOs need the buckets of a bound."""
        return self.every_bound or bound in self.bounds


SeriesIdentity = frozenset[tuple[str, str]]
"""What tells a series from the others of its process: the labels of both halves of a histogram are the same."""


class Series(NamedTuple):
    """One cumulative counter of one controller process at one instant."""

    family: str
    instance: str
    """The process that counts, usually a controller pod; counters of two instances are never mixed."""
    labels: Mapping[str, str]
    value: float
    at: datetime
    """The sample's own time, on the daemon's clock."""
    identity: SeriesIdentity | None = None
    """Its labels, a bucket's bound aside, from a source that made them before; None for those of ``labels``."""


def is_count(value: float) -> bool:
    """Return whether a counter of events can have this value: whole, and so small that every increment is exact."""
    return 0 <= value < LARGEST and value % 1 == 0


class Instance(NamedTuple):
    """A controller process that answered."""

    name: str
    started: datetime | None
    """When it started, on the daemon's clock; None when it does not say."""


OrphanTypes = tuple[str, ...]
"""What a shadow lacks by the controllers' word, such as ``no-service`` and ``no-endpoint``; empty for nothing."""


class Reading(NamedTuple):
    """The answer of a metrics source for one target at one tick."""

    at: datetime
    """When the source was read, on the daemon's clock."""
    instances: tuple[Instance, ...] = ()
    series: tuple[Series, ...] = ()
    bounds: frozenset[float] = frozenset()
    """Every latency bucket bound seen, in seconds, also of buckets left out: what may be chosen as a threshold."""
    orphaned: OrphanTypes | None = None
    """The controllers' own word that the shadow is inert (orphan metric); None when they do not say."""
    error: Message | str | None = None
    """Why there is no data at all; None when at least one instance answered."""
    note: str | None = None
    """What a person should know of a reading that is usable all the same, such as one pod that did not answer."""
    missing: str | None = None
    """Whose counters it lacks, and why, such as a pod that did not answer: why there may be no series at all."""
    failed: Mapping[str, str] = EMPTY
    """Families and queries that could not be had, and why: what needs them has no data, whatever else is there."""
    values: Mapping[str, float] = EMPTY
    """The numbers that users' queries answered."""
    sampled_every: timedelta = timedelta(0)
    """How often the source itself takes samples, on the daemon's clock; zero when it takes one at each reading."""
    past: tuple["Reading", ...] = ()
    """Readings of the instants that were wanted, without those of which nothing is known; empty without a memory."""


@dataclass(frozen=True, slots=True)
class NoData:
    """The reason why there is no evidence at this tick: unknown, neither bad nor good."""

    message: Message | str


@dataclass(frozen=True, slots=True)
class UnknownBound:
    """A latency threshold that is no bucket bound: the SLO must be changed, waiting does not help."""

    threshold: float
    bounds: tuple[float, ...]
    """The bounds that there are, rising, in seconds."""

    @property
    def unsettled(self) -> NoData:
        """What is said until it is certain that the bucket is not merely late."""
        return NoData(f"the buckets of {self.threshold:g} s are missing from this reading, and may yet come")

    @property
    def message(self) -> str:
        """The problem with its remedy."""
        known = ", ".join(f"{bound:g}" for bound in self.bounds if isfinite(bound))
        remedy = f"choose one of {known}" if known else "they export no bucket at all"
        return f"threshold {self.threshold:g} s is not a bucket bound of the controllers' histogram: {remedy}"
