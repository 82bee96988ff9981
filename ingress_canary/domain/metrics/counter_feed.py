"""Counter feed: the counters that an SLI counts from, followed from reading to reading.

``counting.py`` follows each distinct feed of a rollout once; an SLI kind says which one it is, and takes its counts
from what has risen.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import NamedTuple, TypeVar

from ingress_canary.domain.metrics.counter_state import CounterState, Increase, Sample, SeriesKey
from ingress_canary.domain.metrics.samples import NoData, Reading, Series, Side, UnknownBound
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey

K = TypeVar("K")
OTHERS = "a rate, a ratio, an amount or what a recording rule computes is no counter"
"""Why a series is none that was taken for one."""
Samples = Mapping[SeriesKey, Sample] | NoData | UnknownBound
"""The counters of a reading, or why they are not usable."""


class CounterFeed(ABC):
    """Counters that rise and reset together; frozen, and equal feeds are followed once."""

    __slots__ = ()

    @abstractmethod
    def samples(self, reading: Reading, signals: Signals) -> Samples:
        """Return the samples of both sides in a reading, or why they are not usable."""

    @property
    def title(self) -> str:
        """What the counters are called where there are none; empty for those of the Ingress itself."""
        return ""


class Followed(NamedTuple):
    """The state of a feed's counters after a reading: those that rose, or why they are not usable."""

    counters: CounterState
    increases: tuple[Increase, ...] = ()
    classes: bool = False
    """Whether the controllers report classes of statuses, such as ``5xx``."""
    problem: NoData | UnknownBound | None = None

    def without(self, excluded: frozenset[str]) -> "Followed":
        """Return it without the increases of statuses that count on neither side."""
        kept = tuple(increase for increase in self.increases if increase.status not in excluded)
        return self._replace(increases=kept)


def follow(
    counters: CounterState, reading: Reading, samples: Samples, oldest: datetime, nothing: Callable[[], str]
) -> Followed:
    """Enter samples into the counter state, unless they are unusable; ``nothing`` returns the message without any."""
    if isinstance(samples, NoData | UnknownBound):
        return Followed(counters, problem=samples)
    if not samples:
        # the pages were read and are known from here on, so that the first series counts from 0
        known, _ = counters.follow(reading, samples)
        return Followed(known, problem=NoData(nothing()))
    newest = max(sample.at for sample in samples.values())
    if newest < oldest:
        age = (reading.at - newest).total_seconds()
        return Followed(counters, problem=NoData(Message(MessageKey.STALE, age=age)))
    classes = any(sample.status.endswith("xx") for sample in samples.values())
    followed, increases = counters.follow(reading, samples)
    return Followed(followed, increases, classes)


def sample_of(series: Series, side: Side, key: SeriesKey, signals: Signals) -> Sample:
    """Return the sample of one of the controllers' counters, known by ``key``."""
    status, stratum = series.labels.get(signals.status, ""), signals.stratum(key[1])
    return Sample(series.at, side, status, (series.value,), stratum)


def enter(samples: dict[K, Sample], key: K, sample: Sample) -> None:
    """Enter a sample, unless a newer one is there: two jobs or replicas read one process, and are never added up."""
    known = samples.get(key)
    if known is None or (known.at, known.values) < (sample.at, sample.values):
        samples[key] = sample


def no_count(series: Series) -> NoData:
    """Return why a series cannot be a counter of events."""
    why = f"{series.family} of {series.instance} is {series.value:g}, which is no count"
    is_fraction = isfinite(series.value) and series.value % 1 != 0
    return NoData(f"{why}: events are counted in whole numbers; {OTHERS}" if is_fraction else why)
