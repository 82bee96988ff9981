"""Gaps between the bad shares of canary and stable, over the rollout, the step and the last ten minutes.

A block of one stratum (``relative_test.py``) adds e - n f/m: by how many bad requests the canary exceeds what stable's
ratio makes of its own n. So a gap is held against requests of the same kind at the same time, whatever each side's mix
is. Kept as sums, of which a window is a difference. Judging.md, "Verdict", says what a gap must reach.
"""

from typing import NamedTuple

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.recent import APART, TEN_MINUTES


class Gap(NamedTuple):
    """By how much the canary exceeds stable over some blocks."""

    excess: float = 0.0
    """Bad requests of the canary beyond stable's ratio."""
    n: int = 0
    """Canary requests in these blocks."""

    def plus(self, block: Counts) -> "Gap":
        """Return the gap with one more block, in which both sides have requests."""
        n, e, m, f = block
        return Gap(self.excess + (e - n * f / m), self.n + n)

    def since(self, before: "Gap") -> float:
        """Return the difference of the bad shares since an earlier sum; -1 without a block."""
        n = self.n - before.n
        return (self.excess - before.excess) / n if n else -1.0


NO_GAP = Gap()


class Gaps(NamedTuple):
    """The gap of the rollout, and its former values that windows begin with."""

    now: Gap = NO_GAP
    step: Gap = NO_GAP
    """At the beginning of the step."""
    marks: tuple[tuple[float, Gap], ...] = ((float("-inf"), NO_GAP),)
    """At instants some minutes apart, what there was before; the first one is ten minutes old or more."""

    def begin(self) -> "Gaps":
        """Return the gaps at the beginning of a step."""
        return self._replace(step=self.now)

    def at(self, instant: float, now: Gap) -> "Gaps":
        """Return the gaps after a tick that ended at an ``instant`` (seconds of the epoch)."""
        known = self.marks
        if known[-1][0] <= instant < known[-1][0] + APART and (len(known) == 1 or instant < known[1][0] + TEN_MINUTES):
            return Gaps(now, self.step, known)
        first, *others = known
        # the clock may have been set back
        marks = [first, *[mark for mark in others if mark[0] <= instant]]
        if instant - marks[-1][0] >= APART:
            marks.append((instant, self.now))
        while len(marks) > 1 and marks[1][0] <= instant - TEN_MINUTES:
            del marks[0]
        return Gaps(now, self.step, tuple(marks))

    @property
    def largest(self) -> float:
        """The largest of the three, as a difference of ratios; -1 where nothing was compared."""
        return max(self.now.since(before) for before in (NO_GAP, self.step, self.marks[0][1]))


NO_GAPS = Gaps()
