"""Histogram: the controllers' request durations, followed at all of its bounds for ``sli.latencyDistribution``.

``counting.py`` keeps one a rollout, beside the counter states of the other SLIs. A sample is the count of a label set
with a bucket for each bound, which rise and reset together; a bucket that is not of the count's own scrape, and a
controller with other bounds, are left out as in ``kinds/latency.py``.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from math import ceil, isfinite
from typing import NamedTuple

from ingress_canary.domain.metrics.counter_feed import Followed, enter, follow, no_count, sample_of
from ingress_canary.domain.metrics.counter_state import CounterState, Increase, Sample, SeriesKey, series_key
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Side, Tails, is_count
from ingress_canary.domain.metrics.signals import Signals

MOST_BOUNDS = 32
"""Bounds that are followed at most: of a finer histogram so many, evenly."""
NO_BUCKETS = "the controllers count the requests whose time they take and export no buckets of it"
OTHER_SCRAPES = "the counts and the buckets of latency come from different scrapes, which makes no share"

_Buckets = Mapping[float, Sample]
"""Those of one label set by bound, each with its one value."""


class _LabelSets(NamedTuple):
    """What a reading has of the histogram, by label set."""

    counts: Mapping[SeriesKey, Sample]
    buckets: Mapping[SeriesKey, _Buckets]

    def has(self, bounds: tuple[float, ...]) -> bool:
        """Return whether a label set has all of some bounds, and there are any."""
        wanted = set(bounds)
        return bool(wanted) and any(buckets.keys() >= wanted for buckets in self.buckets.values())

    def usual(self) -> tuple[float, ...]:
        """Return the bounds that most label sets have, rising; there must be a label set."""
        seen = Counter(tuple(sorted(buckets)) for buckets in self.buckets.values())
        bounds = max(seen, key=lambda layout: (seen[layout], len(layout), layout))
        return bounds[:: ceil(len(bounds) / MOST_BOUNDS)]


class Histogram(NamedTuple):
    """The histogram of one rollout as it is followed; never changed in place."""

    bounds: tuple[float, ...] = ()
    """Those that are followed, in rising seconds: fixed for as long as a controller has them."""
    counters: CounterState = CounterState()

    def follow(
        self, reading: Reading, signals: Signals, oldest: datetime, nothing: Callable[[], str]
    ) -> tuple["Histogram", Followed]:
        """Return the histogram after a reading, and what has risen; ``oldest`` and ``nothing`` as in ``follow``."""
        seen = _label_sets(reading, signals)
        if isinstance(seen, NoData):
            return self, Followed(self.counters, problem=seen)
        usable = self
        if seen.buckets and not seen.has(self.bounds):
            # where no controller has its bounds any more, other counters are followed, from a starting point
            usable = Histogram(seen.usual(), CounterState() if self.bounds else self.counters)
        followed = follow(usable.counters, reading, usable._samples(seen, reading), oldest, nothing)
        return usable._replace(counters=followed.counters), followed

    def tails(self, followed: Followed) -> Tails | NoData:
        """Return the requests of a usable reading, and those beyond each bound."""
        if followed.problem is not None:
            return NoData(followed.problem.message)
        n, slow_canary = self._sums(followed.increases, Side.CANARY)
        m, slow_stable = self._sums(followed.increases, Side.STABLE)
        return {bound: Counts(n, e, m, f) for bound, e, f in zip(self.bounds, slow_canary, slow_stable, strict=True)}

    def _sums(self, increases: tuple[Increase, ...], side: Side) -> tuple[int, list[int]]:
        """Return one side's requests, and those beyond each bound."""
        requests, beyond = 0, [0] * len(self.bounds)
        for increase in increases:
            if increase.side is side:
                count, *buckets = map(round, increase.by)
                requests += count
                beyond = [slow + max(0, count - bucket) for slow, bucket in zip(beyond, buckets, strict=True)]
        return requests, beyond

    def _samples(self, seen: _LabelSets, reading: Reading) -> dict[SeriesKey, Sample] | NoData:
        """Return each label set's count with its buckets, where all of them are of one scrape."""
        if seen.counts and not seen.buckets:
            return NoData(f"the buckets are missing: {reading.missing}" if reading.missing else NO_BUCKETS)
        samples, apart = dict[SeriesKey, Sample](), set[Side]()
        for key, count in seen.counts.items():
            buckets = seen.buckets.get(key, {})
            if not all(bound in buckets for bound in self.bounds):
                continue
            chosen = [buckets[bound] for bound in self.bounds]
            if all(bucket.at == count.at for bucket in chosen):
                values = (*count.values, *(bucket.values[0] for bucket in chosen))
                samples[key] = count._replace(values=values)
            else:
                apart.add(count.side)
        if apart - {sample.side for sample in samples.values()}:
            return NoData(OTHER_SCRAPES)
        return samples


def _label_sets(reading: Reading, signals: Signals) -> _LabelSets | NoData:
    """Return the counts and buckets of both sides in a reading, or why they are not usable."""
    for family in (signals.latency_count, signals.latency_bucket):
        if family in reading.failed:
            return NoData(reading.failed[family])
    counts, every = dict[SeriesKey, Sample](), dict[SeriesKey, dict[float, Sample]]()
    for series in reading.series:
        if series.family not in (signals.latency_count, signals.latency_bucket):
            continue
        side = signals.side(series.labels)
        if side is None:
            continue
        if not is_count(series.value):
            return no_count(series)
        if series.family == signals.latency_count:
            key = series_key(series)
            enter(counts, key, sample_of(series, side, key, signals))
        elif isfinite(bound := signals.bound_of(series.labels)):
            key = series_key(series, signals.bound)
            enter(every.setdefault(key, {}), bound, sample_of(series, side, key, signals))
    return _LabelSets(counts, {key: buckets for key, buckets in every.items() if key in counts})
