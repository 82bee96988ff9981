"""Tails: the evidence at one bound of a histogram, by how much the canary is slower there, and the test's constants.

``distribution_check.py`` keeps a tail for each bound, and judges all of them together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.slo.accumulator import NOTHING, UNKNOWN_DISPERSION
from ingress_canary.domain.slo.dispersion import Dispersion
from ingress_canary.domain.slo.proof_levels import log_fail
from ingress_canary.domain.slo.recent import TEN_MINUTES
from ingress_canary.domain.slo.wealth import Wealth

RATIO = 2.0
"""rho: how many times as many requests of the canary as of stable may be slower than a bound."""
LEAST_GAP, GAP_OF_TAIL = 0.001, 0.1
"""By how much the canary's share must exceed stable's to matter: by so much, and by so much of stable's share."""
APART = 60.0
"""Seconds between two marks of the last ten minutes."""


Terms = tuple[Sequence[float], Sequence[float]]
"""Increments by one bad request of the canary and by one of stable, for each alternative."""


@dataclass(frozen=True, slots=True)
class DistributionTest:
    """The constants of one SLO; fixed when the rollout begins."""

    name: str
    alpha: float
    slos: int
    """S: SLOs of the rollout, which share alpha."""
    minimums: tuple[int, ...]
    """Canary requests that each step must have seen."""
    settle: float = 0.0
    """Seconds after a rise of the weight in which a cold start may still show."""

    @property
    def steps(self) -> int:
        """K."""
        return len(self.minimums)

    @property
    def log_fail(self) -> float:
        """The threshold of the mean E-value."""
        return log_fail(self.slos, self.alpha)


class Tail(NamedTuple):
    """The evidence at one bound; the bad requests of its counts are those that took longer."""

    wealth: Wealth
    dispersion: Dispersion = UNKNOWN_DISPERSION
    total: Counts = NOTHING
    step: Counts = NOTHING

    def seen(self, at: float, counts: Counts) -> "Tail":
        """Return the tail after a tick whose requests of the canary are not compared with stable's."""
        dispersion = self.dispersion.plus(at, counts.m, counts.f)
        return self._replace(dispersion=dispersion, step=self.step.plus(counts))

    def plus(self, at: float, counts: Counts, terms: Terms | None, *, measure: bool) -> "Tail":
        """Return the tail after a tick that ended ``at``; ``terms`` is what a slow request of each side adds to a bet.

        None where a side had no requests: then nothing is bet.
        """
        _, e, m, f = counts
        wealth, dispersion = self.wealth, self.dispersion
        if terms is not None and e + f:
            canary, stable = e / dispersion.phi, f / dispersion.phi
            wealth = wealth.plus([canary * x + stable * y for x, y in zip(*terms, strict=True)])
        if not dispersion.fixed:
            dispersion = dispersion.plus(at, m, f)
            if dispersion.fixed or measure:
                dispersion = dispersion.measured()
        return Tail(wealth, dispersion, self.total.plus(counts), self.step.plus(counts))


class TailMark(NamedTuple):
    """What had been counted at an instant."""

    at: float
    """Seconds of the epoch; minus infinity at the beginning."""
    totals: tuple[Counts, ...]
    """By bound; empty at the beginning."""


BEGIN = TailMark(-inf, ())


class Excess(NamedTuple):
    """The share of the canary's requests that are slower than a bound, beside stable's, over some time."""

    counts: Counts
    span: Message

    @property
    def gap(self) -> float:
        """By how much the canary's share exceeds stable's; -1 when a side has no requests."""
        n, e, m, f = self.counts
        return e / n - f / m if n and m else -1.0

    @property
    def matters(self) -> bool:
        """Whether the gap is large enough to condemn a canary for."""
        _, _, m, f = self.counts
        return self.gap >= (max(LEAST_GAP, GAP_OF_TAIL * f / m) if m else LEAST_GAP)


def excess_of(tail: Tail, marks: Sequence[TailMark], place: int) -> Excess:
    """Return where the canary is slower by most at a bound: over the rollout, in the step, or of late."""
    before = marks[0].totals
    late = _difference(tail.total, before[place]) if before else tail.total
    spans = (
        Excess(tail.total, Message(MessageKey.SINCE_THE_START)), Excess(tail.step, Message(MessageKey.IN_THIS_STEP)),
        Excess(late, Message(MessageKey.IN_TEN_MINUTES)),
    )  # fmt: skip
    return max(spans, key=lambda span: (span.matters, span.gap))


def marked(marks: tuple[TailMark, ...], at: float, tails: Sequence[Tail]) -> tuple[TailMark, ...]:
    """Return the marks after a tick that ended ``at``."""
    if marks[-1].at > at:
        # the clock was set back: what lies ahead is taken for now
        marks = tuple(mark._replace(at=min(mark.at, at)) for mark in marks)
    if at - marks[-1].at >= APART:
        marks = (*marks, TailMark(at, tuple(tail.total for tail in tails)))
    while len(marks) > 1 and marks[1].at <= at - TEN_MINUTES:
        marks = marks[1:]
    return marks


def _difference(counts: Counts, before: Counts) -> Counts:
    return Counts(counts.n - before.n, counts.e - before.e, counts.m - before.m, counts.f - before.f)
