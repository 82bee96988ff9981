"""Sequential tests of error ratios: E-values, which stay valid when checked after every tick.

The mathematics of judging.md and nothing else: ``accumulator.py`` feeds it counts, ``verdicts.py`` reads verdicts from
it. While its null hypothesis holds, an E-value's expectation is at most 1, so that (Ville's inequality) it ever reaches
1/alpha with a chance of at most alpha, however often one looks. All E-values are kept as natural logarithms.

Sources: Lindon and Malek 2022 (anytime-valid inference for counts), Ramdas et al. 2023 (game-theoretic statistics),
Turner, Ly and Gruenwald 2021 (E-variables for k samples).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, exp, expm1, log, log1p
from typing import NamedTuple, Self

GRID = 16
"""J: alternatives that each fail test mixes over."""
PASS_FACTORS = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85)
"""g: alternatives of the pass test, as factors of theta."""
SMALLEST_THETA, LARGEST_THETA = 1e-9, 0.95
LARGEST_WAIT = 10**12
"""Requests beyond which a proof is called out of reach."""


def logit(ratio: float) -> float:
    """Return the log odds of a ratio between 0 and 1."""
    return log(ratio) - log1p(-ratio)


def geomspace(first: float, last: float, count: int) -> list[float]:
    """Return ``count`` numbers in geometric progression from ``first`` to ``last``, both included."""
    step = log(last / first) / (count - 1)
    return [first * exp(step * i) for i in range(count - 1)] + [last]


_EXCESSES = geomspace(0.25, log(1000), GRID)
"""ln(r_j/rho): how far beyond rho the relative test's alternatives lie."""
_EXCESS_FACTORS = [expm1(excess) for excess in _EXCESSES]


class Factors(NamedTuple):
    """The increments of a log-likelihood ratio by one bad and one good request, for each alternative."""

    bad: Sequence[float]
    good: Sequence[float]

    def steps(self, total: float, bad: float, phi: float) -> list[float]:
        """Return the increment by ``bad`` of ``total`` requests, for each alternative."""
        worse, better = bad / phi, (total - bad) / phi
        return [worse * x + better * y for x, y in zip(self.bad, self.good, strict=True)]


@dataclass(frozen=True)
class Design:
    """The constants of one SLO's tests, computed once.

    Raises ValueError for a theta outside 1e-9..0.95, where there is no grid of alternatives.
    """

    theta: float
    """Ratio of bad requests that the canary is tested against."""
    rho: float = 1.25
    """Ratio of the canary's bad share over stable's that is still accepted."""
    delta: float = 0.001
    """Difference of the bad shares below which a proven ratio does not condemn."""
    alpha: float = 0.01
    """Chance of failing a healthy rollout, over its whole life and all its SLOs."""
    beta: float = 0.05
    """Chance of passing a step that is worse than theta."""
    slos: int = 1
    """S: SLOs of the rollout, which share alpha."""
    steps: int = 1
    """K: steps of the rollout, with each of which a copy of the fail tests begins."""

    def __post_init__(self) -> None:
        if not SMALLEST_THETA <= self.theta <= LARGEST_THETA:
            raise ValueError(f"theta lies between {SMALLEST_THETA:g} and {LARGEST_THETA:g}, got {self.theta!r}")

    @cached_property
    def log_fail(self) -> float:
        """The threshold of each of the two fail tests, ln(2S/alpha): half of alpha for each."""
        return log(2 * self.slos / self.alpha)

    @cached_property
    def log_pass(self) -> float:
        """The threshold of the pass test, ln(1/beta)."""
        return -log(self.beta)

    @cached_property
    def _passing(self) -> Factors:
        better = [log1p((1 - g) * self.theta / (1 - self.theta)) for g in PASS_FACTORS]
        return Factors([log(g) for g in PASS_FACTORS], better)

    @cached_property
    def _shifts(self) -> list[float]:
        return geomspace(0.25, logit(0.99) - logit(self.theta), GRID)

    @cached_property
    def _against_theta(self) -> Factors:
        return self._against(self.theta)

    def _against(self, null: float) -> Factors:
        worse, better, base = log(null), log1p(-null), logit(null)
        odds = [base + shift for shift in self._shifts]
        return Factors([-log1p(exp(-x)) - worse for x in odds], [-log1p(exp(x)) - better for x in odds])

    def null(self, stable: float) -> float | None:
        """Return theta_t: theta, or rho times stable's present ratio of bad requests when that is more.

        None when that reaches 0.95: what a healthy canary may be as bad as is then beyond any null that has room for
        alternatives, so the tick is no evidence. Stable alone decides it, never the canary's own counts, so that each
        factor's expectation is still at most 1.
        """
        allowed = self.rho * stable
        return max(self.theta, allowed) if allowed < LARGEST_THETA else None

    def absolute_steps(self, null: float, n: int, e: int, phi: float) -> list[float]:
        """Return the increments of each A_j by a tick with canary ``e`` of ``n``, tested against ``null`` (theta_t)."""
        factors = self._against_theta if null == self.theta else self._against(null)
        return factors.steps(n, e, phi)

    def relative_steps(self, n: int, e: int, m: int, f: int, phi: float) -> list[float]:
        """Return the increments of each B_j by a tick with canary ``e`` of ``n`` and stable ``f`` of ``m``.

        This is e ln(q_j/q0) + f ln((1-q_j)/(1-q0)) of judging.md. Both logarithms contain
        ln((n r_j + m)/(n rho + m)) = log1p(q0 (r_j/rho - 1)), so that one is enough. n and m are above 0.
        """
        q0 = n * self.rho / (n * self.rho + m)
        bad, all_bad = e / phi, (e + f) / phi
        return [bad * x - all_bad * log1p(q0 * y) for x, y in zip(_EXCESSES, _EXCESS_FACTORS, strict=True)]

    def log_passing(self, n: float, e: float, phi: float) -> float:
        """Return the pass test's ln E on a step's counts."""
        return log_mean_exp(self._passing.steps(n, e, phi))

    def wait(self, n: int, e: int, ratio: float, phi: float) -> int | None:
        """Return how many more requests pass the step when ``ratio`` of them are bad; None when no number would."""
        have = self._passing.steps(n, e, phi)
        if log_mean_exp(have) >= self.log_pass:
            return 0
        gains = self._passing.steps(1, ratio, phi)
        # the mean lies between the largest of its terms and that one over their number: so does the crossing
        least = _reached(have, gains, self.log_pass)
        if least is None or least > LARGEST_WAIT:
            return None
        more = _reached(have, gains, self.log_pass + log(len(gains)))
        assert more is not None
        # ln E is convex in the requests, so Newton's method comes down to the crossing and never passes it
        step = 1.0
        while step > 0.25:
            terms = [exp(sum_ + more * gain - self.log_pass) for sum_, gain in zip(have, gains, strict=True)]
            total = sum(terms)
            step = log(total / len(terms)) * total / sum([term * gain for term, gain in zip(terms, gains, strict=True)])
            more -= step

        enough = ceil(more) + 1
        short = max(0, enough - 3)
        while enough - short > 1:
            middle = (short + enough) // 2
            proven = self.log_passing(n + middle, e + ratio * middle, phi) >= self.log_pass
            short, enough = (short, middle) if proven else (middle, enough)
        return enough


class Wealth(NamedTuple):
    """One fail test's mixture over J alternatives and K copies of the test: a betting wealth that begins at 1.

    Half of it is bet by the first copy, from the beginning, spread evenly over the alternatives. The rest is held back
    in equal parts, of which each later copy bets one from its own step on (all of it is the first copy's when K is 1):
    good times before a step do not hold up the proof of a regression that begins there. What lies on one alternative
    grows by the same likelihood ratios whichever copy put it there, so one sum for each alternative is enough:
    ln E here equals ln( 1/2 mean_j exp A[1][j] + sum_s [mean_j exp A[s][j], or 1 before it began] / (2(K-1)) ).
    """

    bets: Sequence[float]
    """ln of what lies on each alternative."""
    begun: int
    """Copies that have begun."""
    copies: int
    """K."""

    @classmethod
    def of(cls, copies: int) -> Self:
        """Return the initial wealth: the first copy's bets."""
        share = 1.0 if copies == 1 else 0.5
        return cls([log(share / GRID)] * GRID, 1, copies)

    def plus(self, steps: Sequence[float]) -> Self:
        """Return the wealth after one more tick."""
        return type(self)([bet + step for bet, step in zip(self.bets, steps, strict=True)], self.begun, self.copies)

    def begin(self, copies: int) -> Self:
        """Return the wealth with at least so many copies begun; missing ones begin now."""
        if copies <= self.begun:
            return self
        stake = log(self._held(copies - self.begun) / GRID)
        return type(self)([log_sum_exp((bet, stake)) for bet in self.bets], copies, self.copies)

    @property
    def log_e(self) -> float:
        """The E-value's natural logarithm."""
        waiting = self.copies - self.begun
        return log_sum_exp([*self.bets, log(self._held(waiting))] if waiting else self.bets)

    def _held(self, copies: int) -> float:
        return copies / (2 * (self.copies - 1))


class Dispersion(NamedTuple):
    """Sums over the ticks of the stable side before the canary had traffic, in whole numbers."""

    ticks: int = 0
    m: int = 0
    f: int = 0
    mm: int = 0
    mf: int = 0
    ff: int = 0

    def plus(self, m: int, f: int) -> "Dispersion":
        """Return the sums with one more tick; a tick without requests changes nothing."""
        if not m:
            return self
        return Dispersion(self.ticks + 1, self.m + m, self.f + f, self.mm + m * m, self.mf + m * f, self.ff + f * f)

    @property
    def phi(self) -> float:
        """How much more the bad counts scatter than independent ones would, at least 1; 1 when under 5 of them.

        T/(T-1) sum (f_t - m_t p)^2 / sum m_t p, multiplied out so that it stays exact whatever the counts.
        """
        if self.ticks < 2 or self.f < 5:
            return 1.0
        squares = self.m**2 * self.ff - 2 * self.m * self.f * self.mf + self.f**2 * self.mm
        return max(1.0, self.ticks * squares / ((self.ticks - 1) * self.m**2 * self.f))


def _reached(have: Sequence[float], gains: Sequence[float], threshold: float) -> float | None:
    """Return after how many increments the first of several sums reaches a threshold; None when none ever does."""
    return min(((threshold - sum_) / gain for sum_, gain in zip(have, gains, strict=True) if gain > 0), default=None)


def log_sum_exp(values: Sequence[float]) -> float:
    """Return ln of the sum of exp(values), without leaving the range of floats."""
    top = max(values)
    return top + log(sum([exp(value - top) for value in values]))


def log_mean_exp(values: Sequence[float]) -> float:
    """Return ln of the mean of exp(values)."""
    return log_sum_exp(values) - log(len(values))
