"""Traffic recorder: readings of a metrics source in, entries of a recording out. Used by ``record`` and ``backtest``.

Counters are followed as the daemon follows them, series by series: resets, replicas of one process and late samples are
counted by the same rules, and what is unknown stays unknown.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isfinite

from ingress_canary.domain.metrics.counter_feed import CounterFeed, Followed, Samples, follow
from ingress_canary.domain.metrics.counter_state import CounterState, series_key
from ingress_canary.domain.metrics.counting import STALE_AT_LEAST
from ingress_canary.domain.metrics.request_feed import REQUESTS, no_series
from ingress_canary.domain.metrics.samples import NoData, Reading, Side, is_count
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.traffic.router.nginx.metric_families import DURATION_BUCKET, DURATION_COUNT
from ingress_canary.domain.traffic.router.nginx.metric_families import REQUESTS as REQUEST_FAMILY
from ingress_canary.whatif.backtest.recording import RecordedTick, RecordingHeader

STARTING_POINT = "counting begins here"
"""Why nothing is known of the first reading: it says what the counters are, and not what has come."""


def signals_of(key: Key, service: str | None) -> Signals:
    """Return the series of an Ingress, or of one Service behind it; whatever canary there was is the canary."""

    def side(labels: Mapping[str, str]) -> Side | None:
        if (labels.get("namespace"), labels.get("ingress")) != key or service not in (None, labels.get("service")):
            return None
        return Side.CANARY if labels.get("canary") else Side.STABLE

    return Signals(f"{key.namespace}/{key.name}", REQUEST_FAMILY, DURATION_BUCKET, DURATION_COUNT, side)


@dataclass(frozen=True, slots=True)
class HistogramFeed(CounterFeed):
    """The whole latency histogram: a sample is the count and every bucket, which reset together."""

    bounds: tuple[float, ...]

    def samples(self, reading: Reading, signals: Signals) -> Samples:
        """Return the count and the buckets of each label set that has all of them at the same instant."""
        if signals.latency_bucket in reading.failed:
            return NoData(reading.failed[signals.latency_bucket])
        if not self.bounds:
            return NoData("the controllers export no bucket of latency")
        totals = REQUESTS.samples(reading, replace(signals, requests=signals.latency_count))
        if isinstance(totals, NoData):
            return totals
        buckets = defaultdict[tuple[str, object], dict[float, float]](dict)
        for series in reading.series:
            if series.family == signals.latency_bucket:
                key = series_key(series, signals.bound)
                total = totals.get(key)
                # a count that is newer than its bucket would make slow requests of the difference
                if total is not None and total.at == series.at and is_count(series.value):
                    buckets[key][signals.bound_of(series.labels)] = series.value
        whole = {
            key: total._replace(values=(*total.values, *(buckets[key][bound] for bound in self.bounds)))
            for key, total in totals.items()
            if buckets[key].keys() >= set(self.bounds)
        }
        return whole if whole or not totals else NoData("no series of latency has all its buckets in this reading")


class TrafficRecorder:
    """Follows the counters of one Ingress from reading to reading."""

    def __init__(self, key: Key, service: str | None, interval: float) -> None:
        self._signals = signals_of(key, service)
        self._header = RecordingHeader(str(key), interval, (), service)
        self._requests = CounterState()
        self._latency = CounterState()
        self._is_begun = False
        self._at: datetime | None = None

    def entries(self, reading: Reading) -> Iterator[RecordingHeader | RecordedTick]:
        """Yield what a reading adds: a tick, and before it a header where something of that is new.

        Nothing while a clock that was set back is not beyond the last reading again.
        """
        if self._at is not None and reading.at <= self._at:
            return
        self._at = reading.at
        bounds = tuple(sorted(bound for bound in reading.bounds if isfinite(bound))) or self._header.buckets
        sampled = round(reading.sampled_every.total_seconds(), 3)
        header = replace(self._header, buckets=bounds, sampled_every=sampled)
        if header != self._header or not self._is_begun:
            if bounds != self._header.buckets:
                # a bucket that was not followed so far has no starting point
                self._latency = CounterState()
            self._header, self._is_begun = header, True
            yield header
        yield self._tick(reading)

    def _tick(self, reading: Reading) -> RecordedTick:
        at = reading.at.timestamp()
        if reading.error is not None:
            return RecordedTick(at, missing=str(reading.error))
        buckets = self._header.buckets
        requests, why = self._followed(REQUESTS, self._requests, reading)
        latency, why_not = self._followed(HistogramFeed(buckets), self._latency, reading)
        self._requests, self._latency = requests.counters, latency.counters
        return RecordedTick(
            at,
            None if why else {status: by[0] for status, by in _of(requests, Side.STABLE).items()},
            None if why_not or not buckets else _of(latency, Side.STABLE),
            sum(by[0] for by in _of(requests, Side.CANARY).values()),
            why or why_not,
        )

    def _followed(self, feed: CounterFeed, state: CounterState, reading: Reading) -> tuple[Followed, str]:
        """Return what has risen, and why that is unknown where it is."""
        interval = timedelta(seconds=self._header.interval)
        oldest = reading.at - max(2 * interval, 2 * reading.sampled_every, STALE_AT_LEAST)
        followed = follow(
            state, reading, feed.samples(reading, self._signals), oldest,
            lambda: no_series(self._requests, reading, self._signals),
        )  # fmt: skip
        if followed.problem is not None:
            return followed, str(followed.problem.message)
        return followed, STARTING_POINT if state.looked is None else ""


def _of(followed: Followed, side: Side) -> dict[str, list[int]]:
    """Return the increases of one side by status."""
    sums: dict[str, list[int]] = {}
    for increase in followed.increases:
        if increase.side is side:
            by = [round(value) for value in increase.by]
            before = sums.get(increase.status)
            sums[increase.status] = [a + b for a, b in zip(before, by, strict=True)] if before else by
    return sums
