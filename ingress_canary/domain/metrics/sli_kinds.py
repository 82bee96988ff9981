"""SLI kinds, one class each (availability, latency, counters, gauge), and the router's series that they read.

The engine makes both once a rollout, from its schedule and its router; ``counting.py`` counts by them, and the
metrics sources are asked for the bounds and the users' queries.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ingress_canary.api.schedule import AnalysisSettings, Sli, Slo
from ingress_canary.domain.metrics.promql import fill, is_sided, selector
from ingress_canary.domain.metrics.samples import Side


@dataclass(frozen=True, slots=True)
class Signals:
    """The series of one rollout, by metric names and labels, as its router knows them."""

    ingress: str
    """The primary, ``namespace/name``, for messages."""
    requests: str
    """Family of the request counter."""
    latency_bucket: str
    latency_count: str
    side: Callable[[Mapping[str, str]], Side | None]
    """Which side a series' labels speak for; None for neither, such as another Service's."""
    status: str = "status"
    """Label that holds the HTTP status, or its class such as ``5xx``."""
    bound: str = "le"
    """Label that holds a bucket's upper bound."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the users' own queries may name (``promql.VARIABLES``)."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Counts requests whose status is bad."""

    bad: tuple[str, ...]
    """Statuses; a dot stands for any digit."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Counts requests that took longer than a threshold."""

    threshold: float
    """Seconds; equal to a bucket's bound."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts from two counters of the user's own queries."""

    part: str
    """The query of what is bad, or of what is good."""
    total: str
    part_is_good: bool

    @property
    def is_sided(self) -> bool:
        """Whether stable is counted as well as the canary."""
        return is_sided(self.part) and is_sided(self.total)

    def selectors(self, variables: Mapping[str, str], side: Side) -> tuple[str, str] | None:
        """Return the selectors (part, total) of a side; None for stable where queries do not distinguish sides."""
        if side is Side.STABLE and not self.is_sided:
            return None
        return _raw(fill(self.part, variables, side)), _raw(fill(self.total, variables, side))


def _raw(query: str) -> str:
    """Return the raw counters of a query, or the query itself where it is invalid, for the source to refuse it."""
    try:
        return selector(query)
    except ValueError:
        return query


@dataclass(frozen=True, slots=True)
class Gauge:
    """Compares one number of the canary with a threshold."""

    query: str

    def filled(self, variables: Mapping[str, str]) -> str:
        """Return the query with its variables rendered."""
        return fill(self.query, variables, Side.CANARY)


@dataclass(frozen=True, slots=True)
class SliSet:
    """The SLI of each SLO."""

    by_slo: Mapping[str, Availability | Latency | Counters]
    excluded: frozenset[str] = frozenset()
    """Statuses that count on neither side."""
    gauges: Mapping[str, Gauge] = field(default_factory=dict)
    """What is looked at without being counted, by SLO."""

    @property
    def bounds(self) -> frozenset[float]:
        """The bucket bounds that a source must deliver."""
        return frozenset(measure.threshold for measure in self.by_slo.values() if isinstance(measure, Latency))

    @property
    def alone(self) -> frozenset[str]:
        """The SLOs that count only the canary, so that there is no comparison with stable."""
        return frozenset(
            name for name, measure in self.by_slo.items() if isinstance(measure, Counters) and not measure.is_sided
        )

    def parts(self, variables: Mapping[str, str]) -> tuple[str, ...]:
        """Return the selectors of the users' counters of bad or good events, sorted."""
        return tuple(sorted({part for part, _ in self._selectors(variables)}))

    def totals(self, variables: Mapping[str, str]) -> tuple[str, ...]:
        """Return the selectors of the users' counters of all events, sorted."""
        return tuple(sorted({total for _, total in self._selectors(variables)}))

    def _selectors(self, variables: Mapping[str, str]) -> list[tuple[str, str]]:
        own = [measure for measure in self.by_slo.values() if isinstance(measure, Counters)]
        pairs = [measure.selectors(variables, side) for measure in own for side in Side]
        return [pair for pair in pairs if pair is not None]

    def values(self, variables: Mapping[str, str]) -> tuple[str, ...]:
        """Return the queries whose numbers a source must deliver, sorted."""
        return tuple(sorted({gauge.filled(variables) for gauge in self.gauges.values()}))

    @classmethod
    def of(cls, slos: Iterable[Slo], analysis: AnalysisSettings) -> "SliSet":
        """Return the SLIs of a schedule's SLOs."""
        by_slo, gauges = {}, {}
        for slo in slos:
            if slo.sli.prometheus_threshold is not None:
                gauges[slo.name] = Gauge(slo.sli.prometheus_threshold.query)
            else:
                by_slo[slo.name] = _sli_kind(slo.sli)
        return cls(by_slo, frozenset(analysis.exclude_statuses), gauges)


def _sli_kind(sli: Sli) -> Availability | Latency | Counters:
    if sli.requests is not None:
        return Availability(tuple(sli.requests.bad))
    if sli.latency is not None:
        return Latency(sli.latency.threshold.total_seconds())
    own = sli.prometheus
    assert own is not None
    part = own.good if own.bad is None else own.bad
    assert part is not None
    return Counters(part, own.total, part_is_good=own.bad is None)
