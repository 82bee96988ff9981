"""Whether the share of requests shows that the weight takes effect."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from ingress_canary.domain.traffic.effectiveness import EffectState, ShareObservation, binomial_interval, judge_effect

EFFECTIVE, NOT_EFFECTIVE, UNKNOWN = EffectState.EFFECTIVE, EffectState.NOT_EFFECTIVE, EffectState.UNKNOWN

CASES = {
    "the share is the weight": (
        ShareObservation(0.05, 50, 1000),
        EFFECTIVE,
        "canary got 50 of 1,000 requests (5%), and a weight of 5% stands for 2.5% to 10%",
    ),
    "everything at weight 100": (
        ShareObservation(1.0, 1000, 1000),
        EFFECTIVE,
        "canary got 1,000 of 1,000 requests (100%), and a weight of 100% stands for 50% to 100%",
    ),
    "nothing where 50 were expected": (
        ShareObservation(0.05, 0, 1000),
        NOT_EFFECTIVE,
        "canary got 0 of 1,000 requests, where about 50 were expected",
    ),
    "nothing where 20 were expected, with affinity: four clients may have sent them": (
        ShareObservation(0.05, 0, 400, forced=True, sticky=True),
        UNKNOWN,
        "canary got 0 of 400 requests, too few to tell at a weight of 5%",
    ),
    "nothing where 675 were expected, with affinity": (
        ShareObservation(0.05, 0, 13_500, forced=True, sticky=True),
        NOT_EFFECTIVE,
        "canary got 0 of 13,500 requests, where about 675 were expected",
    ),
    "nothing at weight 100, with affinity": (
        ShareObservation(1.0, 0, 100, sticky=True),
        NOT_EFFECTIVE,
        "canary got 0 of 100 requests, where about 100 were expected",
    ),
    "nothing where fewer were expected": (
        ShareObservation(0.05, 0, 140, sticky=True),
        UNKNOWN,
        "canary got 0 of 140 requests, too few to tell at a weight of 5%",
    ),
    "nothing, already excluded": (
        ShareObservation(0.05, 0, 390),
        NOT_EFFECTIVE,
        "canary got 0 of 390 requests (0%, 99.9% interval 0% to 1.93%), and a weight of 5% stands for 2.5% to 10%",
    ),
    "a share far too low": (
        ShareObservation(0.5, 100, 1000),
        NOT_EFFECTIVE,
        (
            "canary got 100 of 1,000 requests (10%, 99.9% interval 7.14% to 13.5%), "
            "and a weight of 50% stands for 25% to 100%"
        ),
    ),
    "a share far too low, with affinity": (
        ShareObservation(0.5, 100, 1000, sticky=True),
        EFFECTIVE,
        "canary got 100 of 1,000 requests (10%), and a weight of 50% stands for 0% to 100%",
    ),
    "a share far too high": (
        ShareObservation(0.05, 300, 1000),
        NOT_EFFECTIVE,
        (
            "canary got 300 of 1,000 requests (30%, 99.9% interval 25.3% to 35%), "
            "and a weight of 5% stands for 2.5% to 10%"
        ),
    ),
    "a share far too high, with a header route": (
        ShareObservation(0.05, 300, 1000, forced=True),
        EFFECTIVE,
        "canary got 300 of 1,000 requests (30%), and a weight of 5% stands for 2.5% to 100%",
    ),
    "a share that a few clients explain": (
        ShareObservation(0.05, 300, 1000, sticky=True),
        UNKNOWN,
        (
            "canary got 300 of 1,000 requests (30%), and a weight of 5% stands for up to 10%; 100 requests count as "
            "one, because a cookie binds clients to a side: E=5 of 1,000"
        ),
    ),
    "a share that no few clients explain": (
        ShareObservation(0.05, 3000, 10_000, sticky=True),
        NOT_EFFECTIVE,
        (
            "canary got 3,000 of 10,000 requests (30%), and a weight of 5% stands for up to 10%; 100 requests count as "
            "one, because a cookie binds clients to a side: E=2.4e7 of 1,000"
        ),
    ),
    "a share that may still be chance": (
        ShareObservation(0.05, 3, 20),
        UNKNOWN,
        "canary got 3 of 20 requests (15%, 99.9% interval 0.786% to 53.2%), and a weight of 5% stands for 2.5% to 10%",
    ),
    "too few to tell": (
        ShareObservation(0.05, 5, 100),
        UNKNOWN,
        "canary got 5 of 100 requests, too few to tell at a weight of 5%",
    ),
    "no stable traffic to compare with": (
        ShareObservation(0.01, 10_000, 10_000, forced=True),
        UNKNOWN,
        "canary got 10,000 of 10,000 requests: without stable traffic the share says nothing",
    ),
    "so many that no side was drawn for": (
        ShareObservation(0.5, 100, 1000, undrawn=True),
        EFFECTIVE,
        "canary got 100 of 1,000 requests (10%), and a weight of 50% stands for 0% to 100%",
    ),
    "none where nobody knows how many were drawn": (
        ShareObservation(0.5, 0, 1000, undrawn=True),
        UNKNOWN,
        "canary got 0 of 1,000 requests, too few to tell at a weight of 50%",
    ),
    "too many in spite of them": (
        ShareObservation(0.05, 300, 1000, undrawn=True),
        NOT_EFFECTIVE,
        "canary got 300 of 1,000 requests (30%, 99.9% interval 25.3% to 35%), and a weight of 5% stands for 0% to 10%",
    ),
    "no traffic": (ShareObservation(0.05, 0, 0), UNKNOWN, "no request of either side seen yet"),
    "orphaned": (
        ShareObservation(0.05, 0, 10, orphaned=("no-endpoint", "no-service")),
        NOT_EFFECTIVE,
        (
            "the controllers report the shadow as orphaned (no-endpoint, no-service): they know no Service or no "
            "endpoint for it; "
            "canary got 0 of 10 requests"
        ),
    ),
    "not orphaned": (
        ShareObservation(0.05, 50, 1000, orphaned=()),
        EFFECTIVE,
        "canary got 50 of 1,000 requests (5%), and a weight of 5% stands for 2.5% to 10%",
    ),
    "weight 0": (ShareObservation(0.0, 0, 1000), UNKNOWN, "weight 0: no request is meant for the canary"),
    "weight 0 with a route": (ShareObservation(0.0, 0, 1000, forced=True), UNKNOWN, "no forced traffic seen yet"),
    "weight 0 with a route in use": (ShareObservation(0.0, 7, 1000, forced=True), UNKNOWN, "7 forced requests seen"),
    "weight 0 with a route, orphaned": (
        ShareObservation(0.0, 0, 1000, forced=True, orphaned=("no-service",)),
        UNKNOWN,
        "no forced traffic seen yet; the controllers report the shadow as orphaned",
    ),
}


@pytest.mark.parametrize(("seen", "state", "message"), CASES.values(), ids=CASES)
def test_an_effect_has_its_state_and_its_numbers(seen: ShareObservation, state: EffectState, message: str) -> None:
    got = judge_effect(seen)
    assert (got.state, str(got.message)) == (state, message)


class Shop(NamedTuple):
    """Clients that come one after another; a cookie binds each to the side that it was drawn for."""

    rate: float
    """Requests a second."""
    weight: float
    drawn: float
    """The chance with which a client is really drawn for the canary."""
    size: int
    """Requests a client."""
    span: float
    """Seconds in which a client sends them."""

    def alarm(self, rng: np.random.Generator, seconds: int) -> int | None:
        """Return after how many seconds the weight is called ineffective; None when it never is."""
        clients = rng.poisson(self.rate / self.size * (seconds + self.span))
        begun, canary = rng.uniform(-self.span, seconds, clients), rng.random(clients) < self.drawn
        at = np.repeat(begun, self.size) + rng.uniform(0, self.span, clients * self.size)
        looks = np.arange(10, seconds + 1, 10)
        total = np.searchsorted(np.sort(at[at >= 0]), looks)
        ours = np.searchsorted(np.sort(at[(at >= 0) & np.repeat(canary, self.size)]), looks)
        for look, n, every in zip(looks.tolist(), ours.tolist(), total.tolist(), strict=True):
            if judge_effect(ShareObservation(self.weight, n, every, sticky=True)).state is NOT_EFFECTIVE:
                return look
        return None


TRAFFIC = [(100.0, 0.05), (100.0, 0.01), (10.0, 0.2), (5.0, 0.1)]


@pytest.mark.parametrize(("size", "span"), [(1, 1.0), (20, 60.0), (100, 60.0), (100, 1.0), (100, 600.0)])
@pytest.mark.parametrize(("rate", "weight"), TRAFFIC)
def test_clients_that_stick_make_no_right_weight_look_wrong(rate: float, weight: float, size: int, span: float) -> None:
    rng, runs = np.random.default_rng(1), 60
    shop = Shop(rate, weight, weight, size, span)
    false = sum(shop.alarm(rng, 1800) is not None for _ in range(runs))
    assert binom.sf(false - 1, runs, 0.001) > 0.001


FOUND = [
    (100, 0.05, 2.5, 400), (100, 0.05, 5, 100), (100, 0.05, 0, 160), (10, 0.2, 2.5, 600), (10, 0.2, 0, 420),
    (100, 0.01, 5, 500), (100, 0.01, 0, 800),
]  # fmt: skip
"""Requests a second, weight, by which factor it is wrong, seconds within which that must be found."""


@pytest.mark.parametrize("size", [1, 20, 100])
@pytest.mark.parametrize(("rate", "weight", "factor", "seconds"), FOUND)
def test_a_wrong_weight_is_found_though_clients_stick(
    rate: float, weight: float, factor: float, seconds: int, size: int
) -> None:
    rng = np.random.default_rng(1)
    shop = Shop(rate, weight, factor * weight, size, 60.0)
    assert sum(shop.alarm(rng, seconds) is not None for _ in range(20)) >= 18


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_that_of_clopper_and_pearson(seen: tuple[int, int]) -> None:
    x, n = seen
    least, most = binomial_interval(x, n)
    # right to 1e-7; scipy's inverse of the beta function is off by up to 1e-5 where numbers are large
    if x:
        assert binom.sf(x - 1, n, least * (1 - 1e-7)) <= 0.0005 * (1 + 1e-5)
        assert binom.sf(x - 1, n, min(1.0, least * (1 + 1e-7))) >= 0.0005 * (1 - 1e-5)
    if x < n:
        assert binom.cdf(x, n, most * (1 - 1e-7)) >= 0.0005 * (1 - 1e-5)
        assert binom.cdf(x, n, min(1.0, most * (1 + 1e-7))) <= 0.0005 * (1 + 1e-5)
    assert x or least == 0.0
    assert x < n or most == 1.0


@given(
    st.integers(0, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, ("no-service",), ()]),
)
def test_nothing_is_called_effective_that_sends_nobody_to_the_canary(
    seen: tuple[int, int], weight: float, forced: bool, sticky: bool, orphaned: tuple[str, ...] | None
) -> None:
    got = judge_effect(ShareObservation(weight, *seen, forced, sticky, orphaned))
    if not seen[0] or orphaned:
        assert got.state is not EFFECTIVE
    if not weight:
        assert got.state is UNKNOWN
