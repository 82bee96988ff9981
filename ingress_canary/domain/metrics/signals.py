"""Signals: the router's series of one rollout, by the names of metrics and labels, and what queries may name.

The engine makes them from the router; ``counting.py`` and the SLI kinds read the series of a reading by them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
