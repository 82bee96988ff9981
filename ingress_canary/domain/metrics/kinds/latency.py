"""Latency: counts requests that took longer than a bucket's bound of the controllers' histogram (``sli.latency``)."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import ClassVar, Self

from ingress_canary.api.sli import LatencySli
from ingress_canary.domain.metrics.capabilities import Capability
from ingress_canary.domain.metrics.counter_feed import CounterFeed, Followed, enter, no_count, sample_of
from ingress_canary.domain.metrics.counter_state import Sample, SeriesKey, series_key
from ingress_canary.domain.metrics.kinds.kind import CountedSli, Need
from ingress_canary.domain.metrics.request_feed import sums_of_sides
from ingress_canary.domain.metrics.samples import NoData, Reading, Strata, UnknownBound, is_count
from ingress_canary.domain.metrics.signals import Signals


@dataclass(frozen=True, slots=True)
class Latency(CountedSli[LatencySli], CounterFeed):
    """Counts requests that took longer than a threshold: a sample is (count, bucket), so that both reset together."""

    is_slowness: ClassVar[bool] = True

    threshold: float
    """Seconds; equal to a bucket's bound."""

    @classmethod
    def of(cls, model: LatencySli) -> Self:
        """Return the SLI of its model."""
        return cls(model.threshold.total_seconds())

    @property
    def needs(self) -> tuple[Need, ...]:
        """The histogram."""
        return (Need("threshold", Capability.LATENCY_BUCKETS),)

    @property
    def bounds(self) -> tuple[float, ...]:
        """The threshold's bucket."""
        return (self.threshold,)

    @property
    def feed(self) -> CounterFeed:
        """The histogram's count and its bucket of the threshold."""
        return self

    def samples(self, reading: Reading, signals: Signals) -> dict[SeriesKey, Sample] | NoData | UnknownBound:
        """Return count and threshold bucket of each label set of both sides that has both at the same instant."""
        for family in (signals.latency_count, signals.latency_bucket):
            if family in reading.failed:
                return NoData(reading.failed[family])
        halves: tuple[dict[SeriesKey, Sample], dict[SeriesKey, Sample]] = ({}, {})
        bounds = set(reading.bounds)
        for series in reading.series:
            if series.family == signals.latency_count:
                half, bound_label = halves[0], ""
            elif series.family == signals.latency_bucket:
                bound = signals.bound_of(series.labels)
                bounds.add(bound)
                if bound != self.threshold:
                    continue
                half, bound_label = halves[1], signals.bound
            else:
                continue
            side = signals.side(series.labels)
            if side is None:
                continue
            if not is_count(series.value):
                return no_count(series)
            key = series_key(series, bound_label)
            enter(half, key, sample_of(series, side, key, signals))
        totals, buckets = halves
        if totals and not buckets:
            return self._no_bucket(reading, bounds)
        return _paired(totals, buckets)

    def _no_bucket(self, reading: Reading, bounds: AbstractSet[float]) -> NoData | UnknownBound:
        """Return why there are counts of latency without a bucket of the threshold."""
        if reading.missing is None and self.threshold not in bounds:
            return UnknownBound(self.threshold, tuple(sorted(bounds)))
        why = reading.missing or "other series have them"
        return NoData(f"the buckets of {self.threshold:g} s are missing from this reading: {why}")

    def counts(self, followed: Followed) -> Strata | NoData:
        """Return the requests, and those that were slower."""
        return sums_of_sides(followed.increases, lambda increase: max(0, round(increase.by[0]) - round(increase.by[1])))


def _paired(
    totals: Mapping[SeriesKey, Sample], buckets: Mapping[SeriesKey, Sample]
) -> dict[SeriesKey, Sample] | NoData:
    """Return each label set's count with its bucket, where both are of one scrape."""
    # a controller with other buckets says nothing of this threshold: its label sets are left out, not guessed; and a
    # count that is newer than its bucket would make slow requests of the difference
    known = [key for key in totals if key in buckets]
    pairs = {
        key: totals[key]._replace(values=(*totals[key].values, *buckets[key].values))
        for key in known
        if buckets[key].at == totals[key].at
    }
    if {totals[key].side for key in known} - {pair.side for pair in pairs.values()}:
        return NoData(
            "the counts and the buckets of latency come from different scrapes, which makes no share: servers with "
            "different data share the address, or a deduplication takes them from different replicas"
        )
    return pairs
