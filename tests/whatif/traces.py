"""Recordings that the tests of backtests share: traffic that is known tick by tick."""

from collections.abc import Iterator
from typing import NamedTuple

from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.whatif.backtest.recorded_rollout import usable
from ingress_canary.whatif.backtest.recorded_traffic import RecordedTraffic
from ingress_canary.whatif.backtest.recording import RecordedTick, RecordingHeader

BEGIN = 1_767_225_600
"""2026-01-01T00:00:00Z."""
EVERY = 10
HOUR = 3600
BUCKETS = (0.1, 0.5)
HEADER = RecordingHeader("shop/web", EVERY, BUCKETS)


class Span(NamedTuple):
    """Ticks between two instants, in seconds since the beginning, the second one included."""

    since: float
    until: float
    requests: int = 1000
    bad: int = 0
    slow: int = 0
    is_recorded: bool = True


def ticks(hours: float, *spans: Span) -> Iterator[RecordedTick]:
    """Yield a tick each ten seconds: 1,000 requests, all good, or as the last span that holds it says."""
    usual = Span(0, hours * HOUR)
    for at in range(0, int(hours * HOUR) + 1, EVERY):
        span = next((span for span in reversed(spans) if span.since < at <= span.until), usual)
        if span.is_recorded:
            good, slow = span.requests - span.bad, span.slow
            requests = {"200": good} | ({"503": span.bad} if span.bad else {})
            yield RecordedTick(
                BEGIN + at, requests, {"200": (span.requests, (span.requests - slow) // 2, span.requests - slow)}
            )


def trace(spec, hours: float, *spans: Span, header: RecordingHeader = HEADER) -> RecordedTraffic:
    """Return the traffic of such a recording as a schedule counts it."""
    traffic = RecordedTraffic(usable(SliSet.of(spec.slos, spec.analysis)))
    traffic.enter(header)
    for tick in ticks(hours, *spans):
        traffic.enter(tick)
    return traffic
