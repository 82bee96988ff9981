"""Tick times: when each tick ends, and which earlier ticks its windows reach back to.

They are the same in all runs, because every tick takes one interval: what ``Recent`` and ``Dispersion`` do with times
alone is done once, by themselves, with counts that number the ticks.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.dispersion import Dispersion
from ingress_canary.domain.slo.recent import Recent

Places = NDArray[np.int64]


class TickMarks(NamedTuple):
    """The ticks that ``Recent`` has marks of after one tick."""

    minute: tuple[int, ...]
    earlier: tuple[int, ...]


class TickTimes:
    """Ticks by their number: 0 is the beginning, then those of the warm-up, then the rollout's."""

    def __init__(self, begin: datetime, warm_edges: Sequence[float], interval: float) -> None:
        """Know the ticks of the warm-up: when it begins and when each tick ends, in seconds since ``begin``."""
        self.begin, self.interval = begin, interval
        self.warm = len(warm_edges[1:])
        # 800 s and what lies between marks, as Recent keeps them
        self.reach = int(800 / interval) + 5
        """Earlier ticks that a window may reach back to."""
        self.seconds: list[float] = [0.0] * (self.warm + 1)
        """Since the first step began; 0 up to there."""
        self.at: list[float] = [float("-inf")]
        """Seconds of the epoch."""
        self.stamps: list[int] = [0] * (self.warm + 1)
        """Microseconds since the first step began."""
        self.marks: list[TickMarks] = [TickMarks((), (0,))]
        self.template = Dispersion()
        """Of a stable with one request in each tick of the warm-up, which shows what ticks make an entry."""
        self._recent = Recent()
        for until in warm_edges[1:]:
            self._add(until)
            self.template = self.template.plus(self.at[-1], 1, 0)
        ends = np.cumsum(np.array(self.template.requests, np.int64))
        self.entries: Places = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        """Where each entry begins, counted in ticks of the warm-up."""
        self.learnt = int(ends[-1]) if len(ends) else 0
        """Ticks of the warm-up after which nothing more is learnt."""
        self._arrays = self._as_arrays()

    def upto(self, last: int) -> None:
        """Know all ticks up to this one."""
        if len(self.at) > last:
            return
        # twice as many, so that the arrays are seldom made anew
        for _ in range(2 * last - len(self.at)):
            self.seconds.append(self.seconds[-1] + self.interval)
            self.stamps.append(timedelta(seconds=self.seconds[-1]) // timedelta(microseconds=1))
            self._add(self.seconds[-1])
        self._arrays = self._as_arrays()

    def a_minute_before(self, ticks: Places) -> Places:
        """Return the ticks from which the last minute is counted."""
        return self._arrays[0][ticks]

    def ten_minutes_before(self, ticks: Places) -> Places:
        """Return the ticks from which the last ten minutes are counted."""
        return self._arrays[1][ticks]

    def microseconds(self, ticks: Places) -> Places:
        """Return when ticks end, since the first step began."""
        return self._arrays[2][ticks]

    def since_begin(self, ticks: Places) -> NDArray[np.float64]:
        """Return the seconds after which ticks end, since the first step began."""
        return self._seconds[ticks]

    def _add(self, until: float) -> None:
        self.at.append((self.begin + timedelta(seconds=until)).timestamp())
        self._recent = self._recent.plus(self.at[-1], Counts(n=1), window=1.0)
        minute, earlier = (tuple(mark.n for mark in marks) for marks in (self._recent.minute, self._recent.earlier))
        self.marks.append(TickMarks(minute, earlier))

    def _as_arrays(self) -> tuple[Places, Places, Places]:
        self._seconds = np.array(self.seconds)
        oldest = [(marks.earlier[-1], marks.earlier[0]) for marks in self.marks]
        minute, ten_minutes = np.array(oldest, np.int64).T
        return minute, ten_minutes, np.array(self.stamps, np.int64)
