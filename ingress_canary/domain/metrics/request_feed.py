"""Request feed: the controllers' own request counters, which the share of requests is taken from and some SLIs too."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from ingress_canary.domain.metrics.counter_feed import CounterFeed, enter, no_count, sample_of
from ingress_canary.domain.metrics.counter_state import CounterState, Increase, Sample, SeriesKey, series_key
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Side, Strata, is_count
from ingress_canary.domain.metrics.signals import Signals

SHOWN = 3
"""Processes that a message names."""


@dataclass(frozen=True, slots=True)
class RequestFeed(CounterFeed):
    """The request counters of both sides, by status."""

    def samples(self, reading: Reading, signals: Signals) -> dict[SeriesKey, Sample] | NoData:
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
                return no_count(series)
            key = series_key(series)
            enter(samples, key, sample_of(series, side, key, signals))
        return samples


REQUESTS = RequestFeed()


def no_series(counters: CounterState, reading: Reading, signals: Signals) -> str:
    """Return why a family of an Ingress has no series: its controllers did not answer, or none counts that."""
    if reading.missing is not None:
        return f"no series for Ingress {signals.ingress} in what could be read: {reading.missing}"
    if any(series.family == signals.requests and signals.side(series.labels) for series in reading.series):
        return (
            f"the requests of Ingress {signals.ingress} are counted, and no series tell how long they take: the "
            "classic histogram is dropped, or stored as a native one alone (convert_classic_histograms_to_nhcb)"
        )
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


def sums_of_sides(increases: Iterable[Increase], bad: Callable[[Increase], int]) -> Strata:
    """Return the sums of both sides by stratum; the first value of an increase is its number of requests."""
    sums: dict[str, list[int]] = {}
    for increase in increases:
        of_stratum = sums.setdefault(increase.stratum, [0, 0, 0, 0])
        first = 0 if increase.side is Side.CANARY else 2
        of_stratum[first] += round(increase.by[0])
        of_stratum[first + 1] += bad(increase)
    return {stratum: Counts(*counts) for stratum, counts in sums.items()}


def is_told_apart(status: str, bad: tuple[str, ...]) -> bool:
    """Return whether leaving out a status, which a controller answers itself, leaves what the versions answered.

    A success of its own is like any other, and without what an SLO calls bad a fault of the canary would be unseen.
    """
    return status[:1] in ("3", "4") and not status_matcher(bad).fullmatch(status)


@lru_cache(maxsize=256)
def status_matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of bad statuses: ``5..`` also matches the class ``5xx``, ``50.`` does not."""
    return re.compile("|".join(pattern.replace(".", "[0-9x]") for pattern in patterns))
