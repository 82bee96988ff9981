"""Recent requests of both sides: how many there were in the last minute, in the last ten, and in the last thousands.

Kept as marks: what had been counted at some instants. What came since is the difference to a mark, so that a window
costs one subtraction however long it is, and marks may be thinned out. Used by ``accumulator.py``.
"""

from typing import NamedTuple

from ingress_canary.domain.metrics.samples import Counts

MINUTE, TEN_MINUTES = 60.0, 600.0
APART = 200.0
"""Seconds between two marks that are more than a minute old."""
PARTS = 20
"""Marks that the window of a number of requests is made of."""


class Mark(NamedTuple):
    """What had been counted of both sides at an instant."""

    at: float
    """Seconds of the epoch; minus infinity at the beginning."""
    n: int
    e: int
    m: int
    f: int

    def since(self, before: "Mark") -> Counts:
        """Return the counts since an earlier mark."""
        return Counts(self.n - before.n, self.e - before.e, self.m - before.m, self.f - before.f)


BEGINNING = Mark(float("-inf"), 0, 0, 0, 0)


class Recent(NamedTuple):
    """The marks of one SLO. The canary's requests are those that were judged; stable's are all that are known."""

    minute: tuple[Mark, ...] = ()
    """Of each tick of the last minute, oldest first."""
    earlier: tuple[Mark, ...] = (BEGINNING,)
    """Of the ticks before, 200 s apart but for the newest; the first one is ten minutes old or more."""
    stable: tuple[tuple[int, int], ...] = ((0, 0),)
    """Stable's requests and bad ones at marks some requests apart; the first one lies a window of requests back."""

    @property
    def now(self) -> Mark:
        """The newest mark."""
        return self.minute[-1] if self.minute else self.earlier[-1]

    def plus(self, at: float, counts: Counts, window: float) -> "Recent":
        """Return the marks after one more tick, with stable's last ``window`` requests."""
        last, minute, earlier = self.now, self.minute, self.earlier
        if last.at > at:
            # the clock was set back: what lies ahead says nothing of the time before it
            minute = tuple([mark for mark in minute if mark.at <= at])
            first, *others = earlier
            earlier = (first._replace(at=min(first.at, at)), *[mark for mark in others if mark.at <= at])
        _, n, e, m, f = last
        now = Mark(at, n + counts.n, e + counts.e, m + counts.m, f + counts.f)
        minute = (*minute, now)
        while minute[0].at <= at - MINUTE:
            spaced = len(earlier) < 2 or earlier[-1].at - earlier[-2].at >= APART
            earlier, minute = (*(earlier if spaced else earlier[:-1]), minute[0]), minute[1:]
        while len(earlier) > 1 and earlier[1].at <= at - TEN_MINUTES:
            earlier = earlier[1:]
        stable = self.stable
        if now.m - stable[-1][0] >= window / PARTS:
            stable = (*stable, (now.m, now.f))
        while len(stable) > 1 and stable[1][0] <= now.m - window:
            stable = stable[1:]
        return Recent(minute, earlier, stable)

    @property
    def last_minute(self) -> Counts:
        """The counts of the last minute."""
        return self.now.since(self.earlier[-1])

    @property
    def last_ten_minutes(self) -> Counts:
        """The counts of the last ten minutes, or up to 200 s more; all of them where there are fewer."""
        return self.now.since(self.earlier[0])

    @property
    def lasting(self) -> float:
        """Stable's ratio of bad requests over all that is known or over the last window of requests: the smaller one.

        The window alone would keep an incident for ever that was followed by no more requests.
        """
        now, (m, f) = self.now, self.stable[0]
        return min(ratio(now.f, now.m), ratio(now.f - f, now.m - m))


def ratio(bad: int, requests: int) -> float:
    """Return the share of bad requests; 0 without any."""
    return bad / requests if bad else 0.0
