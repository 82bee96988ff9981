"""How stable's errors scatter: what is left out, what is learnt, and for how long."""

import numpy as np
import pytest

from ingress_canary.domain.slo.dispersion import Dispersion

TICKS = 180
"""Half an hour of ten seconds."""


def learnt(requests: list[int], bad: list[int], every: float = 10.0) -> Dispersion:
    dispersion = Dispersion()
    for number, (m, f) in enumerate(zip(requests, bad, strict=True)):
        dispersion = dispersion.plus(1e9 + number * every, m, f)
    return dispersion.measured()


def drawn(rate: float, *incidents: tuple[range, float], seed: int = 1) -> tuple[list[int], list[int]]:
    """Draw half an hour of stable with 0.1 % of errors, and more in some ticks."""
    rng = np.random.default_rng(seed)
    ratios = np.full(TICKS, 0.001)
    for ticks, ratio in incidents:
        ratios[ticks.start : ticks.stop] = ratio
    requests = rng.poisson(rate * 10, TICKS) + 1
    return requests.tolist(), rng.binomial(requests, ratios).tolist()


MINUTE = range(90, 96)


@pytest.mark.parametrize(
    ("rate", "ratio"),
    [(10, 0.5), (10, 1.0), (100, 0.05), (100, 0.5), (100, 1.0), (1000, 0.01), (1000, 0.05), (1000, 0.5), (1000, 1.0)],
)
def test_an_incident_is_left_out(rate: float, ratio: float) -> None:
    assert learnt(*drawn(rate, (MINUTE, ratio))).phi < 2


@pytest.mark.parametrize("seed", range(20))
def test_at_few_requests_the_one_outage_is_left_out(seed: int) -> None:
    assert learnt(*drawn(1, (MINUTE, 0.5), seed=seed)).phi < 2


def test_what_comes_again_is_no_outage_but_bursts() -> None:
    often = [(range(at, at + 6), 0.5) for at in (20, 80, 140)]
    assert learnt(*drawn(1, *often)).phi > 3


def test_two_incidents_are_left_out_where_they_are_large() -> None:
    assert learnt(*drawn(100, (MINUTE, 0.5), (range(20, 24), 0.3))).phi < 2


def test_bursts_of_single_ticks_are_what_phi_is_for() -> None:
    bad = [50 if number % 30 == 0 else 0 for number in range(TICKS)]
    assert learnt([1000] * TICKS, bad).phi > 20


def test_an_incident_over_half_of_the_warm_up_is_taken_for_the_usual() -> None:
    requests, bad = drawn(1000, (range(60, TICKS), 0.5))
    assert learnt(requests, bad).phi > 100


def test_an_incident_longer_than_the_warm_up_is_none_of_its_usual_errors() -> None:
    calm = learnt([1000] * 12, [1, 0] * 6)
    assert calm.before == 12
    for number in range(12, 30):
        calm = calm.plus(1e9 + number * 10.0, 1000, 900)
    assert calm.measured().phi == 1


def test_without_a_warm_up_what_stable_does_later_is_no_clustering() -> None:
    dispersion = learnt([1000] * 5, [1, 0, 0, 0, 0])
    for number in range(5, 60):
        dispersion = dispersion.plus(1e9 + number * 10.0, 1000, 300)
    assert dispersion.measured().phi == 1
    assert dispersion.fixed


def test_a_scatter_that_chance_explains_counts_as_none() -> None:
    phis = [learnt(*drawn(100, seed=seed)).phi for seed in range(200)]
    assert sum(phi > 1 for phi in phis) <= 4


def test_half_an_hour_is_learnt_and_then_fixed() -> None:
    requests, bad = drawn(100)
    before = learnt(requests, bad)
    assert not before.fixed, "the newest tick has no end yet"
    after = before.plus(1e9 + TICKS * 10.0, 1000, 0).measured()
    assert after.fixed
    assert len(after.requests) == 0, "what is fixed needs no ticks"
    assert after.plus(1e9 + 5000, 1000, 900).measured() == after


def test_short_ticks_are_added_up_and_a_gap_counts_for_a_minute() -> None:
    assert learnt([100] * 60, [1] * 60, every=1.0).requests.tolist() == [1000] * 6
    dispersion = Dispersion().plus(0.0, 100, 1).plus(10_000.0, 100, 1)
    assert dispersion.known == 60.0


def test_a_clock_that_is_set_back_begins_another_tick() -> None:
    dispersion = Dispersion().plus(1000.0, 100, 1).plus(500.0, 100, 1)
    assert (dispersion.requests.tolist(), dispersion.known) == ([100, 100], 0.0)
