"""State of counters: the last sample of each series, counter resets, and the increase since.

Used by ``counting.py``, which knows what the counters mean. The rules are judging.md's: a counter that vanished keeps
its last value; a new one counts from 0 on a process of which all counters are known, or that started after the last
look, and is only a starting point otherwise. One that fell counts from 0 where its process began anew, or where it
shows less than it had ``LATE`` before; any other fall is another replica's, which is late, and the higher value stays
the one to count from.
Nothing here knows of HTTP.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from ingress_canary.domain.metrics.samples import EMPTY, Reading, Series, SeriesIdentity, Side

FORGET_AFTER = timedelta(hours=1)
"""A process that was not seen for so long is gone; one that returns under its name must say when it started."""
START_JITTER = timedelta(seconds=5)
"""A start time is computed from the node's boot time, which moves a little when its clock is adjusted."""

LATE = timedelta(seconds=60)
"""By how much one replica of a source may show less than another one showed before, or twice its sampling where that is
longer: a scrape that takes its time, or a clock that is ahead, gives a later time to a smaller value."""

MOSTLY = 10
"""Looks by which a series has fallen more often than not, a fall to begin anew counting twice, and is no counter. A
counter falls with its process, and between two replicas of a source at every other look at most."""

SeriesKey = tuple[str, SeriesIdentity]
"""Instance and labels."""


def series_key(series: Series, bound: str = "") -> SeriesKey:
    """Return what the counters of a series are known by; ``bound`` is the label of a bucket's, which is left out."""
    identity = series.identity
    if identity is None:
        identity = frozenset(item for item in series.labels.items() if item[0] != bound)
    return series.instance, identity


class Sample(NamedTuple):
    """One label set at one instant: counters of one process that rise and reset together."""

    at: datetime
    side: Side
    status: str
    values: tuple[float, ...]
    stratum: str = ""
    """Which kind of requests these are (``signals.py``)."""


class Increase(NamedTuple):
    """The increase of a sample's values since the sample before."""

    side: Side
    status: str
    by: tuple[float, ...]
    stratum: str = ""


class _ProcessState(NamedTuple):
    """What is known of a controller process from its last samples."""

    at: datetime
    """Time of its newest sample, which may be older than the reading; of the reading when it had none."""
    started: datetime | None


class _Floor(NamedTuple):
    """Lower bound of a label set's counters: a sample below it shows a counter reset."""

    values: tuple[float, ...]
    """What it had ``LATE`` ago, or less."""
    later: Sample
    """What it had since: the next floor, once it is old enough."""

    @classmethod
    def of_starting_point(cls, first: Sample) -> Self:
        """Return the floor of a label set without older samples: few counters double within a minute."""
        return cls(tuple(value / 2 for value in first.values), first)

    def at(self, now: datetime, late: timedelta, last: Sample) -> "_Floor":
        """Return the floor for a sample of that time; ``last`` is the newest that was taken before it."""
        if last.at <= now - late:
            return _Floor(last.values, last)
        return _Floor(self.later.values, last) if self.later.at <= now - late else self

    def is_late(self, last: Sample, values: tuple[float, ...]) -> bool:
        """Return whether fallen values come from a late replica: then none rose, and none is below the floor."""
        rose = any(now > then for now, then in zip(values, last.values, strict=True))
        return not rose and all(now >= low for now, low in zip(values, self.values, strict=True))


class CounterState(NamedTuple):
    """The last sample of each label set. Immutable: each reading makes a new state; the empty one has no samples."""

    looked: datetime | None = None
    instances: Mapping[str, _ProcessState] = EMPTY
    samples: Mapping[SeriesKey, Sample] = EMPTY
    floors: Mapping[SeriesKey, _Floor] = EMPTY
    falls: Mapping[SeriesKey, int] = EMPTY
    """By label set of the last reading: at how many more looks it fell than not; those alone of which that is some."""

    @property
    def falling(self) -> bool:
        """Whether a label set falls at most looks, as no counter does."""
        return any(count >= MOSTLY for count in self.falls.values())

    def follow(
        self, reading: Reading, samples: Mapping[SeriesKey, Sample]
    ) -> tuple["CounterState", tuple[Increase, ...]]:
        """Return the state after this reading, and the increases. ``reading`` says which processes answered."""
        newest: dict[str, datetime] = {}
        for (name, _), sample in samples.items():
            newest[name] = max(sample.at, newest.get(name, sample.at))
        answered = dict.fromkeys(newest) | {instance.name: instance.started for instance in reading.instances}
        late = max(LATE, 2 * reading.sampled_every)
        # of most processes the start is the one that is known
        starts = {name: started for name, started in answered.items() if self._started(name) != started}
        older = {name for name, started in starts.items() if self._is_older(name, started, reading.at - late)}
        instances = dict(self.instances)
        for name in answered.keys() - older:
            at = newest.get(name, reading.at)
            # a replica that is late takes nothing back
            at = max(at, instances[name].at) if name in instances else at
            instances[name] = _ProcessState(at, answered[name])
        gone = {name for name, process in instances.items() if reading.at - process.at > FORGET_AFTER}
        anew = {name for name, started in starts.items() if self._began_since(name, started, reading.at)}
        partial = self._partial(reading)
        restarted = anew | {name for name, started in starts.items() if self._is_another(name, started)}

        after, floors = dict(self.samples), dict(self.floors)
        if gone or anew:
            after = {key: sample for key, sample in after.items() if key[0] not in gone and key[0] not in anew}
            floors = {key: floors[key] for key in after}
        increases, falls = [], dict[SeriesKey, int]()
        for key, sample in samples.items():
            name, last = key[0], after.get(key)
            if name in older:
                continue  # a late replica still shows the process before
            if last is not None:
                found = _continued(last, floors[key].at(sample.at, late, last), sample, restarted=name in restarted)
            elif name in anew or (name in self.instances and name not in partial):
                found = _begun(sample)
            else:
                found = sample.values, _Floor.of_starting_point(sample)
            if (fallen := _fallen(self.falls.get(key, 0), last, sample, found)) > 0:
                falls[key] = fallen
            if found is None:
                continue
            base, floors[key] = found
            after[key] = sample
            by = tuple(now - then for now, then in zip(sample.values, base, strict=True))
            if any(by):
                increases.append(Increase(sample.side, sample.status, by, sample.stratum))
        kept = {name: process for name, process in instances.items() if name not in gone}
        return CounterState(reading.at, kept, after, floors, falls), tuple(increases)

    def _partial(self, reading: Reading) -> set[str]:
        """Return the processes of whose counters this reading, or the last one, may not have shown all.

        A page has its families by name, so that the start of its process comes behind all counters: one without it was
        cut short. A source that takes samples itself takes whole pages, and forgets starts.
        """
        if reading.sampled_every:
            return set()
        return {one.name for one in reading.instances if None in (one.started, self._started(one.name))}

    def _started(self, name: str) -> datetime | None:
        process = self.instances.get(name)
        return process.started if process is not None else None

    def _is_older(self, name: str, started: datetime | None, since: datetime) -> bool:
        """Return whether a process reports an earlier start time than it reported after ``since``."""
        process = self.instances.get(name)
        if process is None or process.started is None or started is None or process.at < since:
            return False
        return process.started - started > START_JITTER

    def _is_another(self, name: str, started: datetime | None) -> bool:
        """Return whether a process reports a later start time than the known one, whenever the last reading was."""
        known = self._started(name)
        return started is not None and known is not None and started - known > START_JITTER

    def _began_since(self, name: str, started: datetime | None, now: datetime) -> bool:
        """Return whether every counter of a process is known to have been 0 after the last reading.

        A start in the future comes from another clock and proves nothing; neither does the start that was known.
        """
        process = self.instances.get(name)
        since = self.looked if process is None else process.at
        if started is None or since is None or not since < started <= now:
            return False
        return process is None or process.started is None or started - process.started > START_JITTER


def _begun(sample: Sample) -> tuple[tuple[float, ...], _Floor]:
    """Return the starting point of a sample whose counters were reset, and its floor."""
    nothing = tuple(0.0 for _ in sample.values)
    return nothing, _Floor(nothing, sample)


def _fallen(before: int, last: Sample | None, sample: Sample, found: tuple[tuple[float, ...], _Floor] | None) -> int:
    """Return at how many more looks a label set fell than not, once ``found`` is what its sample is counted from."""
    if last is None:
        return 0
    if sample.at <= last.at:
        return before
    if all(now >= then for now, then in zip(sample.values, last.values, strict=True)):
        return before - 1
    return min(before + (1 if found is None else 2), 2 * MOSTLY)


def _continued(
    last: Sample, floor: _Floor, sample: Sample, *, restarted: bool
) -> tuple[tuple[float, ...], _Floor] | None:
    """Return the starting point of a sample of known counters, and its floor; None for a sample that adds nothing."""
    if sample.at <= last.at:
        return None  # the same sample again, or an older one out of order
    if all(now >= then for now, then in zip(sample.values, last.values, strict=True)):
        # the counters of the former process are no lower bound for the new one
        return last.values, _begun(sample)[1] if restarted else floor
    if restarted or not floor.is_late(last, sample.values):
        return _begun(sample)
    return None
