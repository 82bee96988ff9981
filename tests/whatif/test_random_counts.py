"""The samplers against scipy's distributions: a chi-square test each, with fixed seeds."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ingress_canary.whatif.random_counts import bad_of, binomial, poisson

DRAWS = 20_000
LEAST_EXPECTED = 10
ACCEPTED = 1e-4
"""Chance that a right sampler is refused; the seeds are fixed, so that it either happens always or never."""


def fits(values, distribution):
    """Return the p-value that values come from a distribution, by Pearson's test over its quantiles."""
    bounds = np.unique(distribution.ppf(np.linspace(0.001, 0.999, 40)))
    expected = np.diff(distribution.cdf(bounds), prepend=0, append=1) * len(values)
    observed = np.bincount(np.searchsorted(bounds, values), minlength=len(bounds) + 1)
    # what is too rare to count goes to its neighbour on the inside
    if expected[-1] < LEAST_EXPECTED:
        observed[-2], expected[-2] = observed[-2:].sum(), expected[-2:].sum()
        observed, expected = observed[:-1], expected[:-1]
    return stats.chisquare(observed, expected).pvalue


@pytest.mark.parametrize(
    ("n", "p"), [(1, 0.3), (7, 0.5), (50, 0.001), (500, 0.011), (900, 0.0111), (40, 0.25), (10_000, 0.2), (300, 0.97)]
)
def test_binomial_counts_are_binomial(n, p):
    rng = Random(f"{n} {p}")
    assert fits([binomial(rng, n, p) for _ in range(DRAWS)], stats.binom(n, p)) > ACCEPTED


@pytest.mark.parametrize("mean", [0.02, 0.5, 9.9, 10.1, 50, 2000, 100_000])
def test_poisson_counts_are_poisson(mean):
    rng = Random(f"{mean}")
    assert fits([poisson(rng, mean) for _ in range(DRAWS)], stats.poisson(mean)) > ACCEPTED


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(1, 100), st.randoms(use_true_random=False))
def test_no_more_requests_are_bad_than_there_are(n, ratio, burst, rng):
    few = min(n, 10_000)
    assert 0 <= bad_of(rng, few, ratio, burst) <= few
    assert 0 <= binomial(rng, n, ratio) <= n


@pytest.mark.parametrize(("n", "p", "count"), [(0, 0.5, 0), (10, 0.0, 0), (10, 1.0, 10)])
def test_certainty_needs_no_draw(n, p, count):
    assert bad_of(Random(1), n, p, 5.0) == binomial(Random(1), n, p) == count


def test_bursts_keep_the_ratio_and_scatter_more():
    rng, n, ratio, burst = Random(1), 1000, 0.01, 5.0
    counts = np.array([bad_of(rng, n, ratio, burst) for _ in range(DRAWS)])
    independent = n * ratio * (1 - ratio)
    # a chain of runs with mean 5 scatters (1 + r)/(1 - r) times as much, r its correlation from one to the next
    r = 1 - 1 / burst - ratio / (burst * (1 - ratio))
    assert counts.mean() == pytest.approx(n * ratio, rel=0.03)
    assert counts.var() / independent == pytest.approx((1 + r) / (1 - r), rel=0.06)


def test_a_ratio_whose_own_runs_are_longer_makes_independent_counts():
    rng = Random(2)
    assert fits([bad_of(rng, 100, 0.9, 5.0) for _ in range(DRAWS)], stats.binom(100, 0.9)) > ACCEPTED
