"""What the counters of some processes were when last seen, and by how much they have risen since.

Used by ``evidence.py``, which knows what the counters mean. The rules are gates.md's: a counter that fell was reset
and counts from 0; one that vanished keeps its last value; a new one counts from 0 on a process that is known, or
that started after the last look, and is only a starting point otherwise. Nothing here knows of HTTP.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from ingress_canary.domain.samples import EMPTY, Reading, Side

FORGET_AFTER = timedelta(hours=1)
"""A process that was not seen for so long is gone; one that returns under its name must say when it started."""
START_JITTER = timedelta(seconds=5)
"""A start time is computed from the node's boot time, which moves a little when its clock is adjusted."""

SeriesKey = tuple[str, frozenset[tuple[str, str]]]
"""Instance and labels."""


class Sample(NamedTuple):
    """One label set at one instant: counters of one process that rise and reset together."""

    at: datetime
    side: Side
    status: str
    values: tuple[float, ...]


class Increase(NamedTuple):
    """By how much a sample's values rose since the one before."""

    side: Side
    status: str
    by: tuple[float, ...]


class _Look(NamedTuple):
    """The last that is known of a process."""

    at: datetime
    """Time of its newest sample, which may be older than the reading; of the reading when it had none."""
    started: datetime | None


class Ledger(NamedTuple):
    """The last sample of each label set. A new one is made at each look; the empty one has seen nothing."""

    looked: datetime | None = None
    instances: Mapping[str, _Look] = EMPTY
    samples: Mapping[SeriesKey, Sample] = EMPTY

    def follow(self, reading: Reading, samples: Mapping[SeriesKey, Sample]) -> tuple["Ledger", tuple[Increase, ...]]:
        """Return the ledger after this look, and what rose. ``reading`` tells who answered, and when."""
        newest: dict[str, datetime] = {}
        for (name, _), sample in samples.items():
            newest[name] = max(sample.at, newest.get(name, sample.at))
        answered = dict.fromkeys(newest) | {instance.name: instance.started for instance in reading.instances}
        looks = dict(self.instances)
        looks |= {name: _Look(newest.get(name, reading.at), started) for name, started in answered.items()}
        gone = {name for name, look in looks.items() if reading.at - look.at > FORGET_AFTER}
        anew = {name for name, started in answered.items() if self._began_since(name, started, reading.at)}

        before = dict(self.samples)
        if gone or anew:
            before = {key: sample for key, sample in before.items() if key[0] not in gone and key[0] not in anew}
        after, increases = dict(before), []
        for key, sample in samples.items():
            last = before.get(key)
            if last is not None and sample.at <= last.at:
                continue  # the same sample again, or an older one out of order
            after[key] = sample
            if last is not None:
                fell = any(now < then for now, then in zip(sample.values, last.values, strict=True))
                base = None if fell else last.values
            elif key[0] in anew or key[0] in self.instances:
                base = None
            else:
                continue  # a starting point
            by = (
                sample.values
                if base is None
                else tuple(now - then for now, then in zip(sample.values, base, strict=True))
            )
            if any(by):
                increases.append(Increase(sample.side, sample.status, by))
        kept = {name: look for name, look in looks.items() if name not in gone}
        return Ledger(reading.at, kept, after), tuple(increases)

    def _began_since(self, name: str, started: datetime | None, now: datetime) -> bool:
        """Return whether every counter of a process is known to have been 0 after the last look.

        A start in the future is another clock's word and proves nothing; neither does the start that was known.
        """
        look = self.instances.get(name)
        since = self.looked if look is None else look.at
        if started is None or since is None or not since < started <= now:
            return False
        return look is None or look.started is None or started - look.started > START_JITTER
