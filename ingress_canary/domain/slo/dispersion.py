"""Dispersion of stable's errors: how much less a bad request proves where they come in bursts (phi of judging.md).

``accumulator.py`` feeds it stable's ticks from the warm-up on, until half an hour is known. Incidents are left out:
what happens once is no clustering, and would divide all later evidence.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from statistics import median
from typing import NamedTuple, Self

LEARNT = 1800.0
"""Seconds of stable's ticks after which phi is fixed."""
SPAN = 10.0
"""Seconds that one entry spans at least: shorter ticks are added up."""
LONGEST_SPAN = 60.0
"""Seconds that one entry counts for at most: what lies in a gap was not seen."""
FEWEST_BEFORE = 6
"""Entries from before the canary had traffic without which nothing shows what is usual."""
NEIGHBOURS = 3
"""Entries on each side that show an incident."""
INCIDENT = 10.0
"""Bad requests of a tick, by its neighbours and beyond five times the usual ratio, that make it one of an incident."""
OUTAGE = 0.2
"""Ratio of bad requests that is no burst of some client's but an outage."""
FEWEST_ERRORS = 5
"""Bad requests below which nothing is said of how they scatter."""


@dataclass(frozen=True)
class ErrorSums:
    """Sums over some ticks of stable, in whole numbers: T, and those of m, f, m m, m f, f f."""

    ticks: int = 0
    m: int = 0
    f: int = 0
    mm: int = 0
    mf: int = 0
    ff: int = 0

    @classmethod
    def of(cls, ticks: Sequence[tuple[int, int]]) -> Self:
        """Return the sums over ticks of (m, f)."""
        return cls(
            len(ticks), sum([m for m, _ in ticks]), sum([f for _, f in ticks]), sum([m * m for m, _ in ticks]),
            sum([m * f for m, f in ticks]), sum([f * f for _, f in ticks]),
        )  # fmt: skip

    @cached_property
    def phi(self) -> float:
        """How much more the bad counts scatter than independent ones would, at least 1.

        T/(T-1) sum (f_t - m_t p)^2 / sum m_t p, multiplied out so that it stays exact whatever the counts. 1 when there
        are under 5 bad requests, and when chance alone would make them scatter as much.
        """
        if self.ticks < 2 or self.f < FEWEST_ERRORS:
            return 1.0
        squares = self.m**2 * self.ff - 2 * self.m * self.f * self.mf + self.f**2 * self.mm
        phi = self.ticks * squares / ((self.ticks - 1) * self.m**2 * self.f)
        return phi if phi >= 1 + 3 * sqrt(2 / self.ticks) else 1.0


class Dispersion(NamedTuple):
    """Stable's requests and bad ones, tick by tick, until half an hour is known; then what was learnt from them."""

    requests: "array[int]" = array("Q")
    bad: "array[int]" = array("Q")
    since: float | None = None
    """When the newest entry began, in seconds of the epoch."""
    known: float = 0.0
    """Seconds that the entries before the newest one span."""
    sums: ErrorSums = ErrorSums()
    """Of the ticks that phi was last measured on."""
    before: int = 0
    """Entries from before the canary had traffic; 0 until it has."""

    @property
    def phi(self) -> float:
        """As it was last measured."""
        return self.sums.phi

    @property
    def fixed(self) -> bool:
        """Whether all that is to be known is known."""
        return self.known >= LEARNT

    def plus(self, at: float, m: int, f: int) -> "Dispersion":
        """Return the dispersion with a tick of stable that ended ``at``; one without requests changes nothing."""
        if self.fixed or not m:
            return self
        if self.since is not None and 0 <= at - self.since < SPAN:
            requests, bad = self.requests[:], self.bad[:]
            requests[-1] += m
            bad[-1] += f
            return self._replace(requests=requests, bad=bad)
        span = 0.0 if self.since is None else min(max(at - self.since, 0.0), LONGEST_SPAN)
        return self._replace(
            requests=self.requests + array("Q", [m]), bad=self.bad + array("Q", [f]), since=at, known=self.known + span
        )

    def measured(self) -> "Dispersion":
        """Return the dispersion with phi measured anew, the first time when the canary gets traffic.

        Once it is fixed the entries are dropped. Without a warm-up to speak of it is fixed at 1: what stable does later
        may be an incident, and nothing shows how it usually is.
        """
        if not self.requests:
            return self
        before = self.before or len(self.requests)
        if before < FEWEST_BEFORE:
            return Dispersion(known=LEARNT)
        sums = _sums(self.requests, self.bad, before)
        if self.fixed:
            return Dispersion(known=self.known, sums=sums)
        return self._replace(sums=sums, before=before)


def _sums(requests: Sequence[int], bad: Sequence[int], before: int) -> ErrorSums:
    """Return the sums over the ticks outside incidents: beyond what is usual, and was ``before`` the canary."""
    ticks = list(zip(requests, bad, strict=True))
    if sum(bad) < FEWEST_ERRORS:
        return ErrorSums.of(ticks)
    ratios = [f / m for m, f in ticks]
    # no median exceeds the largest ratio
    if max(requests) * max(ratios) <= INCIDENT and max(ratios) < OUTAGE:
        return ErrorSums.of(ticks)
    around = _around(ratios)
    usual = min(median(around), median(around[:before]))
    excess = [m * (near - 5 * usual) for (m, _), near in zip(ticks, around, strict=True)]
    outage = _outage(around)
    return ErrorSums.of([tick for place, tick in enumerate(ticks) if excess[place] <= INCIDENT and place not in outage])


def _outage(around: Sequence[float]) -> range:
    """Return the ticks of the one outage, which at few requests a tick is too small for ``INCIDENT``.

    What comes again is no outage: errors then come in bursts.
    """
    peak = max(around)
    reached = [ratio >= peak / 4 for ratio in around]
    first, count = reached.index(True), sum(reached)
    at_once = all(reached[first : first + count])
    # what lasts for most of the time is the usual
    return range(first, first + count) if peak >= OUTAGE and at_once and 2 * count <= len(around) else range(0)


def _around(ratios: Sequence[float]) -> list[float]:
    """Return, for each tick, the larger of the medians of the ratios before it and after it; at an edge the one side's.

    A tick's own errors never decide whether it is left out.
    """
    # those that end with each tick; what comes after one tick ends with a later one
    medians = [_median(ratios[max(0, end - NEIGHBOURS) : end]) for end in range(len(ratios) + NEIGHBOURS + 1)]
    return [max(before, after) for before, after in zip(medians, medians[NEIGHBOURS + 1 :], strict=False)]


def _median(ratios: Sequence[float]) -> float:
    """Return the median of a few ratios; 0 without any. For so few it is half the work of ``statistics.median``."""
    ranked, middle = sorted(ratios), len(ratios) // 2
    if len(ranked) % 2:
        return ranked[middle]
    return (ranked[middle - 1] + ranked[middle]) / 2 if ranked else 0.0
