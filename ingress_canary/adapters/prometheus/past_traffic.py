"""Past traffic of an Ingress from Prometheus, for ``plan --prometheus``.

The average of the past, by the server's own ``increase``: good enough to plan with, and never evidence.
"""

import math
from dataclasses import dataclass

from ingress_canary.adapters.prometheus.client import PrometheusClient
from ingress_canary.adapters.prometheus.errors import PrometheusError
from ingress_canary.adapters.prometheus.queries import Dialect
from ingress_canary.domain.metrics.samples import Target

SPAN = "7d"
SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class PastTraffic:
    """Averages of the last seven days."""

    rps: float
    """Requests a second, excluded statuses left out."""
    error_ratio: float
    slow_ratio: float | None
    """Share of requests above the threshold; None without one."""


async def last_week(
    client: PrometheusClient, dialect: Dialect, target: Target, bad: str, excluded: str, threshold: float | None
) -> PastTraffic:
    """Return the traffic of an Ingress in the last seven days.

    ``bad`` and ``excluded`` are regular expressions of statuses, ``threshold`` is a bucket's bound in seconds. Of two
    scrapes of a process the larger counts. Raises PrometheusError.
    """
    exposition = dialect.exposition

    async def number(family: str, more: str = "") -> float:
        selector = dialect.selector(family, target, more)
        # by no rate: VictoriaMetrics takes it over the life of each series, and counts each controller that went whole
        once = f"max by ({', '.join(dialect.kept)}) (increase({selector}[{SPAN}]))"
        rows = await client.query(f"sum({once})")
        return rows[0].samples[-1][1] / SECONDS if rows else math.nan

    counted = f'status!~"{excluded}"' if excluded else ""
    rps = await number(exposition.requests, counted)
    if not rps > 0:
        raise PrometheusError(
            f"no request of Ingress {target.namespace}/{target.ingress} in the last {SPAN}; check --ingress, and the "
            "settings prometheus_labels and prometheus_matchers"
        )
    errors = await number(
        exposition.requests, ",".join(matcher for matcher in (f'status=~"{bad}"', counted) if matcher)
    )
    if threshold is None:
        return PastTraffic(rps, _share(errors, rps), None)
    every = await number(exposition.durations, counted)
    fast = await number(
        exposition.buckets, ",".join(matcher for matcher in (dialect.bound(threshold), counted) if matcher)
    )
    if math.isnan(fast):
        raise PrometheusError(f"there is no bucket of {threshold:g} s; choose a bound of the controllers' histogram")
    return PastTraffic(rps, _share(errors, rps), _share(every - fast, every))


def _share(part: float, whole: float) -> float:
    """Return a ratio within 0 and 1; 0 where a series is missing."""
    return min(1.0, max(0.0, part / whole)) if part > 0 and whole > 0 else 0.0
