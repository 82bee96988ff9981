"""Counting of requests: raw cumulative counters in, whole-number counts of canary and stable out (docs/judging.md).

The engine keeps one :class:`CounterBook` a rollout and calls :func:`advance` with each reading; the tests of
``sequential_tests.py`` consume the counts. The counter book is memory only: a restarted daemon begins with an empty
one, whose first look is a starting point and no evidence.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite, nan
from typing import NamedTuple

from ingress_canary.domain.metrics.counter_state import CounterState, Increase, Sample, SeriesKey
from ingress_canary.domain.metrics.query_counters import query_counts, query_samples
from ingress_canary.domain.metrics.samples import EMPTY, Counts, NoData, Reading, Series, Side, UnknownBound, is_count
from ingress_canary.domain.metrics.sli_kinds import Availability, Counters, Latency, Signals, SliSet
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey

STALE_AT_LEAST = timedelta(seconds=60)
SHOWN = 3
"""Processes that a message names."""


class Requests(NamedTuple):
    """Requests of each side without excluded statuses, from which the observed share is computed."""

    canary: int = 0
    stable: int = 0


class ReadingCounts(NamedTuple):
    """The counts that one reading added."""

    counts: Mapping[str, Counts | NoData | UnknownBound]
    """By SLO that counts. All zero when the reading holds nothing new."""
    requests: Requests = Requests()
    """Zero also where the request counters are not usable."""
    classes_only: bool = False
    """Excluded statuses cannot be distinguished, because the controllers report classes: the relative test is off."""
    values: Mapping[str, float | NoData] = EMPTY
    """By SLO that holds a number against a bound."""


class CounterBook(NamedTuple):
    """Counter states of one rollout, cheap to advance; never changed in place."""

    at: datetime | None = None
    """When the newest usable reading was made."""
    requests: CounterState = CounterState()
    latency: Mapping[float, CounterState] = EMPTY
    """By threshold: each sample is a label set's (count, bucket), so that both reset together."""
    own: Mapping[str, CounterState] = EMPTY
    """The users' own counters, by SLO."""


def requests_by_process(book: CounterBook) -> Mapping[str, Requests]:
    """Return the requests that each controller process has counted so far, idle processes included."""
    counted = {name: Requests() for name in book.requests.instances}
    for (name, _), sample in book.requests.samples.items():
        before, count = counted.get(name, Requests()), round(sample.values[0])
        if sample.side is Side.CANARY:
            counted[name] = before._replace(canary=before.canary + count)
        else:
            counted[name] = before._replace(stable=before.stable + count)
    return counted


def newest_samples(book: CounterBook) -> dict[str, datetime]:
    """Return the newest sample time of each process that has samples."""
    newest: dict[str, datetime] = {}
    for counters in (book.requests, *book.latency.values(), *book.own.values()):
        for (name, _), sample in counters.samples.items():
            if name not in newest or newest[name] < sample.at:
                newest[name] = sample.at
    return newest


def advance(
    book: CounterBook, reading: Reading, signals: Signals, measures: SliSet, interval: timedelta
) -> tuple[CounterBook, ReadingCounts]:
    """Return the counter book with ``reading`` entered, and the counts that it adds.

    ``interval`` is how often the source is read: data older than twice that, than twice its own sampling, and than
    60 s, are stale. A family that is not usable is not entered either, so that its next usable sample brings what came
    in between.
    """
    values = {slo: _number(reading, gauge.filled(signals.variables)) for slo, gauge in measures.gauges.items()}
    if reading.error is not None:
        return book, ReadingCounts({slo: NoData(reading.error) for slo in measures.by_slo}, values=values)
    if book.at is not None and reading.at <= book.at:
        return book, ReadingCounts({slo: Counts() for slo in measures.by_slo}, values=values)
    oldest = reading.at - max(2 * interval, 2 * reading.sampled_every, STALE_AT_LEAST)

    nothing = _nothing_seen(book.requests, reading, signals)
    requests = _follow(book.requests, reading, _requests(reading, signals), oldest, nothing)
    latency = {
        bound: _follow(
            book.latency.get(bound, CounterState()), reading, _latencies(reading, signals, bound), oldest, nothing
        )
        for bound in measures.bounds
    }
    own = dict(book.own)
    counts: dict[str, Counts | NoData | UnknownBound] = {}
    for slo, measure in measures.by_slo.items():
        match measure:
            case Availability(bad):
                counts[slo] = _availability(requests, bad, measures.excluded)
            case Latency(threshold):
                counts[slo] = _slow_requests(latency[threshold], measures.excluded)
            case Counters():
                samples = query_samples(reading, measure, signals.variables)
                followed = _follow(
                    own.get(slo, CounterState()), reading, samples, oldest, f"no series yet of {measure.total}"
                )
                own[slo] = followed.counters
                counts[slo] = followed.problem or query_counts(followed.increases, measure)
    everything = _sum_of_sides(requests.increases, measures.excluded, lambda _: 0)
    evidence = ReadingCounts(
        counts,
        Requests(everything.n, everything.m),
        classes_only=bool(measures.excluded) and any(increases.classes for increases in (requests, *latency.values())),
        values=values,
    )
    return CounterBook(
        reading.at, requests.counters, {bound: increases.counters for bound, increases in latency.items()}, own
    ), evidence


def _number(reading: Reading, query: str) -> float | NoData:
    """Return the number that a query answered, or why there is none."""
    why = reading.error or reading.failed.get(query)
    if why is not None:
        return NoData(why)
    value = reading.values.get(query, nan)
    return value if isfinite(value) else NoData(f"no number came from {query}")


class _Followed(NamedTuple):
    """One counter state after a reading: the counters that rose, or why they are not usable."""

    counters: CounterState
    increases: tuple[Increase, ...] = ()
    classes: bool = False
    problem: NoData | UnknownBound | None = None


def _follow(
    counters: CounterState,
    reading: Reading,
    samples: Mapping[SeriesKey, Sample] | NoData | UnknownBound,
    oldest: datetime,
    nothing: str,
) -> _Followed:
    """Enter samples into the counter state, unless they are unusable; ``nothing`` is the message without any."""
    if isinstance(samples, NoData | UnknownBound):
        return _Followed(counters, problem=samples)
    if not samples:
        # the pages were read and are known from here on, so that the first series counts from 0
        known, _ = counters.follow(reading, samples)
        return _Followed(known, problem=NoData(nothing))
    newest = max(sample.at for sample in samples.values())
    if newest < oldest:
        age = (reading.at - newest).total_seconds()
        return _Followed(counters, problem=NoData(Message(MessageKey.STALE, age=age)))
    classes = any(sample.status.endswith("xx") for sample in samples.values())
    followed, increases = counters.follow(reading, samples)
    return _Followed(followed, increases, classes)


def _nothing_seen(counters: CounterState, reading: Reading, signals: Signals) -> str:
    """Return why there may be no series of an Ingress: its controllers did not answer, or none counts it."""
    if reading.missing is not None:
        return f"no series for Ingress {signals.ingress} in what could be read: {reading.missing}"
    silent = {name for name, _ in counters.samples} - {instance.name for instance in reading.instances}
    if silent:
        return (
            f"no series for Ingress {signals.ingress} any more: {', '.join(sorted(silent)[:SHOWN])}, which counted "
            "its requests before, is not among the controllers that answered"
        )
    return (
        f"no series yet for Ingress {signals.ingress}: no request was seen, or the controllers leave it out "
        "(metrics excluded; a wildcard or hostless rule without --metrics-per-undefined-host=true)"
    )


def _requests(reading: Reading, signals: Signals) -> dict[SeriesKey, Sample] | NoData:
    """Return the request counters of both sides."""
    if signals.requests in reading.failed:
        return NoData(reading.failed[signals.requests])
    samples: dict[SeriesKey, Sample] = {}
    for series in reading.series:
        if series.family != signals.requests:
            continue
        side = signals.side(series.labels)
        if side is None:
            continue
        if not is_count(series.value):
            return _unusable(series)
        key = series.instance, frozenset(series.labels.items())
        sample = Sample(series.at, side, series.labels.get(signals.status, ""), (series.value,))
        # two jobs or replicas that read one process: the newer sample, never the sum
        if key not in samples or _order(samples[key]) < _order(sample):
            samples[key] = sample
    return samples


def _latencies(reading: Reading, signals: Signals, threshold: float) -> dict[SeriesKey, Sample] | NoData | UnknownBound:
    """Return count and threshold bucket of each label set of both sides that has both at the same instant."""
    for family in (signals.latency_count, signals.latency_bucket):
        if family in reading.failed:
            return NoData(reading.failed[family])
    halves: tuple[dict[SeriesKey, Sample], dict[SeriesKey, Sample]] = ({}, {})
    bounds = set(reading.bounds)
    for series in reading.series:
        if series.family == signals.latency_count:
            half, labels = halves[0], series.labels
        elif series.family == signals.latency_bucket:
            bound = _bound(series.labels.get(signals.bound, ""))
            bounds.add(bound)
            if bound != threshold:
                continue
            labels = {name: value for name, value in series.labels.items() if name != signals.bound}
            half = halves[1]
        else:
            continue
        side = signals.side(labels)
        if side is None:
            continue
        if not is_count(series.value):
            return _unusable(series)
        key = series.instance, frozenset(labels.items())
        sample = Sample(series.at, side, labels.get(signals.status, ""), (series.value,))
        if key not in half or _order(half[key]) < _order(sample):
            half[key] = sample
    totals, buckets = halves
    if totals and not buckets:
        return _no_bucket(reading, threshold, bounds)
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


def _no_bucket(reading: Reading, threshold: float, bounds: AbstractSet[float]) -> NoData | UnknownBound:
    """Return why there are counts of latency without a bucket of the threshold."""
    if reading.missing is None and threshold not in bounds:
        return UnknownBound(threshold, tuple(sorted(bounds)))
    why = reading.missing or "other series have them"
    return NoData(f"the buckets of {threshold:g} s are missing from this reading: {why}")


def _unusable(series: Series) -> NoData:
    return NoData(f"{series.family} of {series.instance} is {series.value:g}, which is no count")


def _order(sample: Sample) -> tuple[datetime, tuple[float, ...]]:
    return sample.at, sample.values


@lru_cache(maxsize=1024)
def _bound(text: str) -> float:
    """Return a bucket's bound; ``1`` and ``1.0`` are the same."""
    try:
        return float(text)
    except ValueError:
        return nan


@lru_cache(maxsize=256)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of bad statuses: ``5..`` also matches the class ``5xx``, ``50.`` does not."""
    return re.compile("|".join(pattern.replace(".", "[0-9x]") for pattern in patterns))


def _availability(
    requests: _Followed, bad: tuple[str, ...], excluded: frozenset[str]
) -> Counts | NoData | UnknownBound:
    if requests.problem is not None:
        return requests.problem
    narrow = [pattern for pattern in bad if not pattern.endswith("..")]
    if requests.classes and narrow:
        return NoData(
            f"the controllers report status classes only, so {', '.join(narrow)} cannot be told apart: "
            "remove --report-status-classes, or count a whole class such as 5.."
        )
    matches = _matcher(bad).fullmatch
    return _sum_of_sides(
        requests.increases, excluded, lambda increase: round(increase.by[0]) if matches(increase.status) else 0
    )


def _slow_requests(latency: _Followed, excluded: frozenset[str]) -> Counts | NoData | UnknownBound:
    if latency.problem is not None:
        return latency.problem
    return _sum_of_sides(
        latency.increases, excluded, lambda increase: max(0, round(increase.by[0]) - round(increase.by[1]))
    )


def _sum_of_sides(increases: Iterable[Increase], excluded: frozenset[str], bad: Callable[[Increase], int]) -> Counts:
    """Return the sums of both sides; the first value of an increase is its number of requests."""
    n = e = m = f = 0
    for increase in increases:
        if increase.status in excluded:
            continue
        if increase.side is Side.CANARY:
            n, e = n + round(increase.by[0]), e + bad(increase)
        else:
            m, f = m + round(increase.by[0]), f + bad(increase)
    return Counts(n, e, m, f)
