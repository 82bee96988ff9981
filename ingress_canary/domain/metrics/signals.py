"""Signals: the router's series of one rollout, by the names of metrics and labels, and what queries may name.

The engine makes them from the router; ``counting.py`` and the SLI kinds read the series of a reading by them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import nan

from ingress_canary.domain.metrics.samples import SeriesIdentity, Side


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
    strata: tuple[str, ...] = ()
    """Labels whose values together name a stratum: requests that only compare with their like."""
    own_answers: frozenset[str] = frozenset()
    """Statuses of requests that a controller answered itself and counted as stable's; "" for one that is not known."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the users' own queries may name (``promql.VARIABLES``)."""

    def bound_of(self, labels: Mapping[str, str]) -> float:
        """Return the upper bound of a bucket by its labels; not a number where they have none."""
        return _bound(labels.get(self.bound, ""))

    def stratum(self, identity: SeriesIdentity) -> str:
        """Return the stratum of a series: the values of its labels for that, apart by a space."""
        return _stratum(identity, self.strata) if self.strata else ""


@lru_cache(maxsize=1024)
def _bound(text: str) -> float:
    """Return a bound; ``1`` and ``1.0`` are the same."""
    try:
        return float(text)
    except ValueError:
        return nan


@lru_cache(maxsize=65_536)
def _stratum(identity: SeriesIdentity, names: tuple[str, ...]) -> str:
    labels = dict(identity)
    return " ".join(labels[name] for name in names if labels.get(name))
