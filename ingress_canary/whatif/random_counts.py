"""Random counts for simulated traffic, with the standard library alone: numpy is an extra.

Python 3.12 has ``random.binomialvariate``; this serves 3.11 as well, and gives the same numbers on every version.
Used by ``simulated_traffic.py``.
"""

from math import floor, lgamma, log, log1p, sqrt
from random import Random

FEW = 10.0
"""Expected successes from which rejection is faster than counting, and below which it is not exact."""
NEVER = 1e-15
"""Expected successes that are none: what is a random number's last digit is no chance."""
TRIALS = 2**30
"""Trials of the binomial that stands for a Poisson: the two differ by at most mean / TRIALS (Le Cam 1960)."""


def binomial(rng: Random, n: int, p: float) -> int:
    """Return how many of ``n`` trials succeed, each with chance ``p``."""
    if n * p < NEVER:
        return 0
    if p >= 1.0:
        return n
    if p > 0.5:
        return n - binomial(rng, n, 1.0 - p)
    return _counted(rng, n, p) if n * p < FEW else _rejected(rng, n, p)


def poisson(rng: Random, mean: float) -> int:
    """Return a Poisson count; ``mean`` stays far below 2**29."""
    return binomial(rng, TRIALS, mean / TRIALS)


def bad_of(rng: Random, n: int, ratio: float, burst: float = 1.0) -> int:
    """Return how many of ``n`` requests are bad when bad ones come in runs of ``burst`` on average.

    Requests follow each other as a Markov chain of good and bad runs whose share of bad requests is ``ratio``. Where
    independent requests make runs at least as long, they are independent.
    """
    if burst <= 1 or n * ratio < NEVER or ratio * (burst + 1) >= burst:
        return binomial(rng, n, ratio)
    ends = {True: 1 / burst, False: ratio / (burst * (1 - ratio))}
    bad, left, count = rng.random() < ratio, n, 0
    while left > 0:
        run = min(left, _first(rng, log1p(-ends[bad])))
        count += run if bad else 0
        left -= run
        bad = not bad
    return count


def _first(rng: Random, log_miss: float) -> int:
    """Return the number of the first trial that succeeds; ``log_miss`` is ln of the chance that one does not."""
    return floor(log(1.0 - rng.random()) / log_miss) + 1


def _counted(rng: Random, n: int, p: float) -> int:
    """Count successes from gap to gap (Devroye 1986, X.4), in time n p."""
    log_miss = log1p(-p)
    successes, trial = 0, _first(rng, log_miss)
    while trial <= n:
        successes += 1
        trial += _first(rng, log_miss)
    return successes


def _rejected(rng: Random, n: int, p: float) -> int:
    """Draw by transformed rejection with squeeze: algorithm BTRS of Hörmann 1993, for p <= 0.5 and n p >= 10."""
    deviation = sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = n * p + 0.5
    inside = 0.92 - 4.2 / b
    while True:
        u = rng.random() - 0.5
        v = 1.0 - rng.random()
        distance = 0.5 - abs(u)
        k = floor((2 * a / distance + b) * u + centre) if distance else -1
        if not 0 <= k <= n:
            continue
        if distance >= 0.07 and v <= inside:
            return k
        mode = floor((n + 1) * p)
        scaled = v * (2.83 + 5.1 / b) * deviation / (a / (distance * distance) + b)
        likelihood = lgamma(mode + 1) + lgamma(n - mode + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        if log(scaled) <= likelihood + (k - mode) * log(p / (1 - p)):
            return k
