"""Proof size: how many canary requests prove a healthy canary good. Used by ``plan.py``.

The pass test depends on a step's counts alone, and more bad requests never help: with k of them a step passes at
``n_k`` requests. So the chance of having passed by then follows, exactly, from walking through n_0, n_1, ... with
binomial increments. judging.md's ``(ln(1/beta) + 0.8) / kl(p, theta)`` is the mean of the same; this gives its table.
"""

from math import ceil, log, log1p, sqrt
from statistics import NormalDist
from typing import NamedTuple

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.sequential_tests import PASS_FACTORS, Design

LEVELS = (0.5, 0.95)
MOST_BAD = 400
"""Bad requests up to which the walk is exact; with more of them a normal approximation is close enough."""
NEGLIGIBLE = 1e-10


class Proof(NamedTuple):
    """Median and 95th percentile: requests, or seconds."""

    p50: float
    p95: float


class Price(NamedTuple):
    """The price of looking at any time: requests that prove a canary good of which none is bad."""

    any_time: int
    """By the pass test, which holds however often anybody looks."""
    one_look: int
    """By a sample of a size that is fixed ahead and looked at once."""


def price(design: Design) -> Price:
    """Return the price of looking at any time, without bursts."""
    enough = design.wait(Counts(), 0.0, 1.0)
    assert enough is not None
    return Price(enough, ceil(design.log_pass / -log1p(-design.theta)))


def proof(design: Design, ratio: float) -> Proof | None:
    """Return the requests that pass a step when ``ratio`` of them are bad; None when no number would."""
    if design.wait(Counts(), ratio, 1.0) is None:
        return None
    return _walked(design, ratio) or _approximated(design, ratio)


def _walked(design: Design, ratio: float) -> Proof | None:
    """Return the exact result; None when it needs too many bad requests to compute."""
    reached: list[float] = []
    n, passed, waiting = 0, 0.0, [1.0]  # waiting[i]: the chance of k + i bad requests so far, not having passed
    for bad in range(MOST_BAD):
        more = design.wait(Counts(n, bad), 0.0, 1.0)
        if more is None:
            return None
        waiting = _convolved(waiting, _binomial(more, ratio))
        n += more
        passed += waiting.pop(0)
        while len(reached) < len(LEVELS) and passed >= LEVELS[len(reached)]:
            reached.append(n)
        if len(reached) == len(LEVELS):
            return Proof(*reached)
        while waiting and waiting[-1] < NEGLIGIBLE:
            waiting.pop()
    return None


def _binomial(n: int, p: float) -> list[float]:
    """Return the chances of 0, 1, 2, ... successes, until they are negligible."""
    chances = [(1 - p) ** n]
    while len(chances) <= n and (chances[-1] > NEGLIGIBLE or len(chances) < n * p):
        k = len(chances)
        chances.append(chances[-1] * (n - k + 1) / k * p / (1 - p))
    return chances


def _convolved(first: list[float], other: list[float]) -> list[float]:
    sums = [0.0] * (len(first) + len(other) - 1)
    for i, x in enumerate(first):
        for j, y in enumerate(other):
            sums[i + j] += x * y
    return sums


def _approximated(design: Design, ratio: float) -> Proof:
    """Return when a normal random walk passes the threshold, by the alternative that gains most from this ratio."""
    gains = [(log(g), log1p((1 - g) * design.theta / (1 - design.theta))) for g in PASS_FACTORS]
    drift, bad, good = max((ratio * bad + (1 - ratio) * good, bad, good) for bad, good in gains)
    spread = sqrt(ratio * (1 - ratio)) * (good - bad)
    threshold = design.log_pass + 0.8
    p50, p95 = (
        ((z * spread + sqrt((z * spread) ** 2 + 4 * drift * threshold)) / (2 * drift)) ** 2
        for z in (NormalDist().inv_cdf(level) for level in LEVELS)
    )
    return Proof(p50, p95)
