"""Counter feed: the counters that an SLI counts from, followed from reading to reading.

``counting.py`` follows each distinct feed of a rollout once; an SLI kind says which one it is, and takes its counts
from what has risen.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from ingress_canary.domain.metrics.counter_state import CounterState, Increase, Sample, SeriesKey
from ingress_canary.domain.metrics.samples import NoData, Reading, Series, UnknownBound
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey

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


def is_newer(sample: Sample, than: Sample) -> bool:
    """Return whether a sample replaces another one of its label set, which another reader of the process gave."""
    return (than.at, than.values) < (sample.at, sample.values)


def no_count(series: Series) -> NoData:
    """Return why a series cannot be a counter."""
    return NoData(f"{series.family} of {series.instance} is {series.value:g}, which is no count")
