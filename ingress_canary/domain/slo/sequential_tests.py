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
from typing import NamedTuple

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.proof_levels import log_fail, log_pass

GRID = 16
"""J: alternatives that each fail test mixes over."""
PASS_FACTORS = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85)
"""g: alternatives of the pass test, as factors of theta."""
LOG_PASSING = log(len(PASS_FACTORS))
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


EXCESSES = geomspace(0.25, log(1000), GRID)
"""ln(r_j/rho): how far beyond rho the relative test's alternatives lie."""
EXCESS_FACTORS = [expm1(excess) for excess in EXCESSES]


class Factors(NamedTuple):
    """The increments of a log-likelihood ratio by one bad and one good request, for each alternative."""

    bad: Sequence[float]
    good: Sequence[float]

    def steps(self, total: float, bad: float, phi: float) -> list[float]:
        """Return the increment by ``bad`` of ``total`` requests, for each alternative."""
        worse, better = bad / phi, (total - bad) / phi
        if not bad:
            return [better * y for y in self.good]
        return [worse * x + better * y for x, y in zip(self.bad, self.good, strict=True)]


class SharedIncident(NamedTuple):
    """The first incident of a step that stable shows as well, which the second account of the pass test leaves out."""

    n: int = 0
    """Canary requests in it."""
    e: int = 0
    over: bool = False
    """Whether it has ended: later ones count."""

    def plus(self, counts: Counts, *, ill: bool) -> "SharedIncident":
        """Return the incident after one more tick of the step, in which stable was ill or was not."""
        if self.over or not (ill or self.n):
            return self
        return SharedIncident(self.n + counts.n, self.e + counts.e) if ill else self._replace(over=True)


NO_INCIDENT = SharedIncident()


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
        """The threshold of each of the two fail tests."""
        return log_fail(self.slos, self.alpha)

    @cached_property
    def known_requests(self) -> float:
        """Stable requests over which its ratio is taken where it is worse than theta: 5 bad ones at theta."""
        return 5 / self.theta

    @cached_property
    def log_pass(self) -> float:
        """The threshold of the pass test."""
        return log_pass(self.beta)

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
        return [bad * x - all_bad * log1p(q0 * y) for x, y in zip(EXCESSES, EXCESS_FACTORS, strict=True)]

    def log_passing(self, step: Counts, phi: float, incident: SharedIncident = NO_INCIDENT) -> float:
        """Return the pass test's ln E on a step's counts: the mean of one on all of them, one without the incident.

        While the incident lasts the second one is worth nothing: nobody goes on to the next step in the middle of it.
        """
        if not step.n:
            return 0.0
        every = log_mean_exp(self._passing.steps(step.n, step.e, phi))
        if not incident.n:
            return every
        if not incident.over:
            return every - log(2)
        rest = log_mean_exp(self._passing.steps(step.n - incident.n, step.e - incident.e, phi))
        return log_mean_exp((every, rest))

    def passes(self, step: Counts, phi: float, incident: SharedIncident = NO_INCIDENT) -> bool:
        """Return whether the pass test proves a step; mostly its first alternative tells, the one with fewest errors.

        No other gains more by good requests, and together they have at least an eighth of what it has alone.
        """
        better, worse = (step.n - step.e) / phi * self._passing.good[0], step.e / phi * self._passing.bad[0]
        if better < self.log_pass:
            return False
        alone = better + worse - LOG_PASSING
        return (alone >= self.log_pass and not incident.n) or self.log_passing(step, phi, incident) >= self.log_pass

    def wait(self, step: Counts, ratio: float, phi: float, incident: SharedIncident = NO_INCIDENT) -> int | None:
        """Return how many more requests pass the step when ``ratio`` of them are bad; None when no number would.

        With an incident in the step that is a few more than needed: as if one of the two accounts had to do it alone.
        """
        if not incident.n:
            return self._wait(step.n, step.e, ratio, phi, self.log_pass)
        if self.log_passing(step, phi, incident) >= self.log_pass:
            return 0
        rest = step.n - incident.n, step.e - incident.e
        waits = [self._wait(n, e, ratio, phi, self.log_pass + log(2)) for n, e in ((step.n, step.e), rest)]
        return min((wait for wait in waits if wait is not None), default=None)

    def _wait(self, n: int, e: int, ratio: float, phi: float, threshold: float) -> int | None:
        """Return how many more requests bring one account of the pass test to a ``threshold`` (ln E)."""
        have = self._passing.steps(n, e, phi)
        if log_mean_exp(have) >= threshold:
            return 0
        gains = self._passing.steps(1, ratio, phi)
        # the mean lies between the largest of its terms and that one over their number: so does the crossing
        least = _reached(have, gains, threshold)
        if least is None or least > LARGEST_WAIT:
            return None
        more = _reached(have, gains, threshold + log(len(gains)))
        assert more is not None
        # ln E is convex in the requests, so Newton's method comes down to the crossing and never passes it
        step = 1.0
        while step > 0.25:
            terms = [exp(sum_ + more * gain - threshold) for sum_, gain in zip(have, gains, strict=True)]
            total = sum(terms)
            step = log(total / len(terms)) * total / sum([term * gain for term, gain in zip(terms, gains, strict=True)])
            more -= step

        enough = ceil(more) + 1
        short = max(0, enough - 3)
        while enough - short > 1:
            middle = (short + enough) // 2
            proven = log_mean_exp(self._passing.steps(n + middle, e + ratio * middle, phi)) >= threshold
            short, enough = (short, middle) if proven else (middle, enough)
        return enough


def _reached(have: Sequence[float], gains: Sequence[float], threshold: float) -> float | None:
    """Return after how many increments the first of several sums reaches a threshold; None when none ever does."""
    return min(((threshold - sum_) / gain for sum_, gain in zip(have, gains, strict=True) if gain > 0), default=None)


def relative_terms(n: int, m: int, ratio: float) -> tuple[Sequence[float], Sequence[float]]:
    """Return what a bad request of the canary, and one of stable, adds to each B_j in a tick with n and m requests.

    The same sums as ``Design.relative_steps``, for tests that share their requests; ``ratio`` is the accepted rho.
    """
    share = n * ratio / (n * ratio + m)
    less = [log1p(share * y) for y in EXCESS_FACTORS]
    return [x - y for x, y in zip(EXCESSES, less, strict=True)], [-y for y in less]


def log_sum_exp(values: Sequence[float]) -> float:
    """Return ln of the sum of exp(values), without leaving the range of floats."""
    top = max(values)
    return top + log(sum([exp(value - top) for value in values]))


def log_mean_exp(values: Sequence[float]) -> float:
    """Return ln of the mean of exp(values)."""
    return log_sum_exp(values) - log(len(values))


def log_add(one: float, other: float) -> float:
    """Return ln of the sum of exp(one) and exp(other), of which one at most is minus infinity."""
    low, high = (one, other) if one < other else (other, one)
    return high + log1p(exp(low - high))
