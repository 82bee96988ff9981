"""Block arrays: the blocks of the relative test over many ticks of many runs, and the gaps that they add up to.

``RelativeTest`` of ``domain/slo`` where requests are not told apart, as in a simulation: one stratum, in arrays of
shape (ticks, runs). Sums are added up in its order, so that they are equal to the last bit. Used by
``span_evidence.py``.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.gaps import Gap, Gaps
from ingress_canary.domain.slo.recent import APART, TEN_MINUTES
from ingress_canary.domain.slo.relative_test import ALL, UNSEEN, RelativeTest
from ingress_canary.domain.slo.wealth import Wealth

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class BlockArray:
    """The blocks of one SLO's relative test over a span."""

    def __init__(self, before: Sequence[RelativeTest], counts: Sequence[Ints], judged: Flags) -> None:
        """Take the counts n, e, m and f of each tick; those that are not judged are in no block."""
        self.before = before
        self.counts: Ints = np.stack(list(counts)) * judged
        n, _, m, _ = self.counts
        whole = (n > 0) & (m > 0)
        self.ended: Ints = self.counts * whole
        """Counts of the block that ends with a tick; 0 where none does."""
        self.open: dict[int, Ints] = {}
        """By run, the block after each tick, (4, ticks); without the runs in which each judged tick is a block."""
        begun = np.array([any(self._block(run)) for run in range(len(before))], bool)
        lasting = np.flatnonzero(begun | ((n + m > 0) & ~whole).any(axis=0))
        if lasting.size:
            self._follow(lasting)
        both = self.ended[0] > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            n, e, m, f = self.ended
            excess = np.where(both, e - n * f / m, 0.0)
        first = np.array([[test.gaps.now.excess for test in before]])
        self.excess: Floats = np.add.accumulate(np.concatenate([first, excess]), axis=0)
        """Of the rollout, before the span and after each tick."""
        self.n: Ints = np.cumsum(np.concatenate([[[test.gaps.now.n for test in before]], self.ended[0]]), axis=0)

    def after(self, tick: int, run: int, together: Wealth, instants: Sequence[float]) -> RelativeTest:
        """Return the test of a run after a tick; ``instants`` are the ends of all ticks of the span."""
        test, blocks = self.before[run], self.open.get(run)
        strata = test.strata
        if blocks is not None and (ALL in strata or blocks[:, : tick + 1].any()):
            block = Counts(*blocks[:, tick].tolist())
            strata = {**strata, ALL: strata.get(ALL, UNSEEN)._replace(block=block)}
        return test._replace(together=together, strata=strata, gaps=self._gaps(tick, run, instants))

    def largest_gaps(self, run: int, instants: Sequence[float]) -> Floats:
        """Return the largest gap of a run after each tick, by the daemon's own code: few runs need it."""
        gaps, largest = self.before[run].gaps, []
        for tick, instant in enumerate(instants):
            if self.ended[0, tick, run]:
                gaps = gaps.at(instant, self._gap(tick + 1, run))
            largest.append(gaps.largest)
        return np.array(largest)

    def _gap(self, place: int, run: int) -> Gap:
        """Return the rollout's gap of a run before a tick."""
        return Gap(float(self.excess[place, run]), int(self.n[place, run]))

    def _block(self, run: int) -> Counts:
        return self.before[run].strata.get(ALL, UNSEEN).block

    def _follow(self, runs: Ints) -> None:
        """Follow the blocks of some runs, in which they last for more than a tick."""
        counts, block = self.counts[:, :, runs], np.array([self._block(run) for run in runs.tolist()], np.int64).T
        after, ended = np.empty_like(counts), np.empty_like(counts)
        for tick in range(counts.shape[1]):
            block = block + counts[:, tick]
            is_over = (block[0] > 0) & (block[2] > 0)
            ended[:, tick] = block * is_over
            after[:, tick] = block = block * ~is_over
        self.ended[:, :, runs] = ended
        self.open = dict(zip(runs.tolist(), np.moveaxis(after, 2, 0), strict=True))

    def _gaps(self, tick: int, run: int, instants: Sequence[float]) -> Gaps:
        """Return the gaps of a run after a tick, with marks as :meth:`Gaps.at` makes them."""
        gaps, ended = self.before[run].gaps, np.flatnonzero(self.ended[0, : tick + 1, run]).tolist()
        if not ended:
            return gaps
        ends = [instants[place] for place in ended]
        marks = list(gaps.marks)
        number = bisect_left(ends, marks[-1][0] + APART)
        while number < len(ends):
            marks.append((ends[number], self._gap(ended[number], run)))
            number = bisect_left(ends, ends[number] + APART, number)
        while len(marks) > 1 and marks[1][0] <= ends[-1] - TEN_MINUTES:
            del marks[0]
        return Gaps(self._gap(tick + 1, run), gaps.step, tuple(marks))
