"""Counting of requests: raw cumulative counters in, whole-number counts of canary and stable out (docs/judging.md).

The engine keeps one :class:`CounterBook` a rollout and calls :func:`advance` with each reading; the tests of
``sequential_tests.py`` consume the counts. The counter book is memory only: a restarted daemon begins with an empty
one, whose first look is a starting point and no evidence.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ingress_canary.domain.metrics.counter_feed import CounterFeed, Followed, follow
from ingress_canary.domain.metrics.counter_state import CounterState
from ingress_canary.domain.metrics.histogram import Histogram
from ingress_canary.domain.metrics.kinds.kind import CountedSli
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.request_feed import REQUESTS, no_series, sums_of_sides
from ingress_canary.domain.metrics.samples import (
    EMPTY,
    Counts,
    NoData,
    Reading,
    Side,
    Strata,
    Tails,
    UnknownBound,
    counts_of,
)
from ingress_canary.domain.metrics.signals import Signals

STALE_AT_LEAST = timedelta(seconds=60)


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
    undrawn: bool = False
    """Requests that no side was drawn for are among stable's and cannot be told apart: the relative test is off."""
    values: Mapping[str, float | NoData] = EMPTY
    """By SLO that holds a number against a bound."""
    strata: Mapping[str, Strata] = EMPTY
    """The counts by SLO and stratum."""
    tails: Mapping[str, Tails | NoData] = EMPTY
    """By SLO that compares a histogram; without any bound when the reading holds nothing new."""


class CounterBook(NamedTuple):
    """Counter states of one rollout, cheap to advance; never changed in place."""

    at: datetime | None = None
    """When the newest usable reading was made."""
    requests: CounterState = CounterState()
    others: Mapping[CounterFeed, CounterState] = EMPTY
    """What SLIs count from besides the requests; each sample's values reset together."""
    histogram: Histogram = Histogram()
    """What SLIs compare of the distribution of latency."""


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
    for counters in (book.requests, *book.others.values(), book.histogram.counters):
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
    values = {slo: sli.number(reading, signals) for slo, sli in measures.compared.items()}
    if reading.error is not None:
        unknown = NoData(reading.error)
        without = dict.fromkeys(measures.distributions, unknown)
        return book, ReadingCounts(dict.fromkeys(measures.counted, unknown), values=values, tails=without)
    if book.at is not None and reading.at <= book.at:
        nothing_new = dict.fromkeys(measures.distributions, EMPTY)
        return book, ReadingCounts(dict.fromkeys(measures.counted, Counts()), values=values, tails=nothing_new)
    oldest = reading.at - max(2 * interval, 2 * reading.sampled_every, STALE_AT_LEAST)

    def no_requests() -> str:
        return no_series(book.requests, reading, signals)

    def after(feed: CounterFeed, counters: CounterState) -> Followed:
        def nothing() -> str:
            return f"no series yet of {feed.title}" if feed.title else no_requests()

        return follow(counters, reading, feed.samples(reading, signals), oldest, nothing)

    requests = after(REQUESTS, book.requests)
    others = {feed: after(feed, book.others.get(feed, CounterState())) for feed in measures.feeds if feed != REQUESTS}
    followed = {REQUESTS: requests, **others}
    # what is excluded counts on neither side
    excluded = measures.left_out(signals.own_answers)
    risen = {feed: one.without(excluded) for feed, one in followed.items()} if excluded else followed
    histogram, tails = book.histogram, dict[str, Tails | NoData]()
    if measures.distributions:
        histogram, followed_buckets = histogram.follow(reading, signals, oldest, no_requests)
        tails = dict.fromkeys(measures.distributions, _tails(histogram, followed_buckets, excluded))
    everything = counts_of(sums_of_sides(risen[REQUESTS].increases, lambda _: 0))
    seen = {slo: _strata(sli, risen[sli.feed]) for slo, sli in measures.counted.items()}
    evidence = ReadingCounts(
        {slo: found if isinstance(found, NoData | UnknownBound) else counts_of(found) for slo, found in seen.items()},
        Requests(everything.n, everything.m),
        classes_only=bool(excluded) and any(one.classes for one in followed.values()),
        undrawn=not signals.own_answers <= excluded,
        values=values,
        strata={slo: found for slo, found in seen.items() if not isinstance(found, NoData | UnknownBound)},
        tails=tails,
    )
    counters = {feed: one.counters for feed, one in others.items()}
    return CounterBook(reading.at, requests.counters, counters, histogram), evidence


def _tails(histogram: Histogram, followed: Followed, excluded: frozenset[str]) -> Tails | NoData:
    if excluded and followed.classes:
        return NoData(
            f"the controllers report status classes only, so {', '.join(sorted(excluded))} cannot be left out: remove "
            "--report-status-classes, or set analysis.excludeStatuses to []"
        )
    return histogram.tails(followed.without(excluded) if excluded else followed)


def _strata(sli: CountedSli[Any], risen: Followed) -> Strata | NoData | UnknownBound:
    return risen.problem or sli.counts(risen)
