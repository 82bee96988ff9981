"""What is counted: the SLOs' side (which requests are bad) and the router's (which series speak for whom).

The engine makes both once a rollout, from its schedule and its router; ``evidence.py`` counts by them, and the
metrics sources are asked for the bounds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ingress_canary.api.schedule import Analysis, Sli, Slo
from ingress_canary.domain.samples import Side


@dataclass(frozen=True, slots=True)
class Signals:
    """What a router says about the series of one rollout."""

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
class Measures:
    """What is counted, by SLO."""

    by_slo: Mapping[str, Availability | Latency]
    excluded: frozenset[str] = frozenset()
    """Statuses that count on neither side."""

    @property
    def bounds(self) -> frozenset[float]:
        """The bucket bounds that a source must deliver."""
        return frozenset(measure.threshold for measure in self.by_slo.values() if isinstance(measure, Latency))

    @classmethod
    def of(cls, slos: Iterable[Slo], analysis: Analysis) -> "Measures":
        """Return what the SLOs count that the controllers' own series tell."""
        by_slo = {slo.name: measure for slo in slos if (measure := _measure(slo.sli)) is not None}
        return cls(by_slo, frozenset(analysis.exclude_statuses))


def _measure(sli: Sli) -> Availability | Latency | None:
    if sli.requests is not None:
        return Availability(tuple(sli.requests.bad))
    if sli.latency is not None:
        return Latency(sli.latency.threshold.total_seconds())
    return None
