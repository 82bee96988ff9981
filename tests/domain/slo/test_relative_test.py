"""The canary against stable, kind by kind of requests."""

from math import log

import pytest

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.relative_test import MOST_APART, MOST_STRATA, TOGETHER, RelativeTest
from ingress_canary.domain.slo.sequential_tests import Design, log_mean_exp, log_sum_exp
from ingress_canary.domain.slo.wealth import FIRST, STEPS

DESIGN = Design(0.01)
ONE_STEP = FIRST + STEPS


def begun(*names: str, steps: int = 1) -> RelativeTest:
    """A test at its first step, of strata that stable has had 1,000 requests of."""
    return RelativeTest.of(steps).usually({name: Counts(m=1000, f=2) for name in names}).begin(1)


def fed(test: RelativeTest, *ticks: dict[str, Counts]) -> RelativeTest:
    for number, tick in enumerate(ticks):
        test = test.plus(10.0 * number, tick, DESIGN, 1.0, well=True)
    return test


def staked(test: RelativeTest) -> float:
    """ln of what the first copies of all bets come to."""
    return log_sum_exp([test.together.log_e, *[test.single.log_e for _ in test.chosen]])


@pytest.mark.parametrize("names", [(), ("GET /",), ("GET /", "POST /"), tuple(f"GET /{i}" for i in range(40))])
def test_all_that_is_staked_is_the_whole_wealth(names: tuple[str, ...]) -> None:
    assert staked(begun(*names)) == pytest.approx(log(ONE_STEP))
    assert begun(*names).log_e == pytest.approx(log(ONE_STEP))
    three = begun(*names, steps=3).begin(2).begin(3)
    assert staked(three) == pytest.approx(log(ONE_STEP))


def test_a_single_stratum_is_tested_as_all_requests_are() -> None:
    tick = Counts(100, 5, 900, 1)
    for test in (begun(), begun("GET /")):
        after = fed(test, {"GET /": tick})
        assert after.chosen == ()
        bet = log_mean_exp(DESIGN.relative_steps(*tick, 1.0))
        # the copy that begins with the tick has a small stake
        assert log(ONE_STEP) + bet < after.log_e < log(ONE_STEP) + bet + 0.01


def test_evidence_of_both_strata_adds_up_and_each_is_evidence_by_itself() -> None:
    ticks = [{"a": Counts(100, 5, 900, 1), "b": Counts(100, 4, 900, 1)}]
    after = fed(begun("a", "b"), *ticks)
    together = [
        a + b for a, b in zip(*(DESIGN.relative_steps(*counts, 1.0) for counts in ticks[0].values()), strict=True)
    ]
    assert after.together.log_e == pytest.approx(log(ONE_STEP * TOGETHER) + log_mean_exp(together), abs=0.01)
    assert after.log_e == pytest.approx(
        log_sum_exp([after.together.log_e, after.apart["a"].log_e, after.apart["b"].log_e])
    )
    assert after.worst is not None
    assert (after.worst.name, after.worst.judged) == ("a", ticks[0]["a"])


def test_a_mix_of_requests_is_no_evidence() -> None:
    # the canary gets most of what fails on both sides
    tick = {"good": Counts(50, 0, 900, 0), "bad": Counts(50, 15, 20, 6)}
    assert fed(begun("good", "bad"), *[tick] * 50).log_e < 0
    pooled = Counts(100, 15, 920, 6)
    assert fed(begun(), *[{"": pooled}] * 50).log_e > 100


def test_a_block_ends_when_both_sides_have_had_a_request() -> None:
    ticks = [{"a": Counts(1, 1, 0, 0)}, {"a": Counts(1, 0, 0, 0)}, {"a": Counts(0, 0, 1, 0)}]
    waiting = fed(begun(), *ticks[:2])
    assert waiting.strata["a"].block == Counts(2, 1, 0, 0)
    assert (waiting.together.ticks, waiting.gaps.largest) == (0, -1)
    ended = fed(begun(), *ticks)
    assert ended.strata["a"].block == Counts()
    assert ended.strata["a"].judged == Counts(2, 1, 1, 0)
    assert (ended.together.ticks, ended.gaps.largest) == (1, 0.5)


def test_a_block_without_bad_requests_stakes_nothing() -> None:
    after = fed(begun("a", "b"), {"a": Counts(10, 0, 90, 0)})
    assert (after.together.ticks, after.apart) == (0, {})
    assert after.gaps.now.n == 10


def test_the_strata_with_most_of_stables_requests_are_bet_on_by_themselves() -> None:
    counts = {f"GET /{place}": Counts(m=place + 1) for place in range(40)}
    chosen = RelativeTest.of(3).usually(counts).begin(1).chosen
    assert chosen == tuple(f"GET /{place}" for place in reversed(range(8, 40)))
    assert len(chosen) == MOST_APART


def test_what_is_bet_on_by_itself_stays_so_once_something_was_bet() -> None:
    one = RelativeTest.of(3).usually({"a": Counts(m=5)}).begin(1)
    later = {"b": Counts(m=5)}
    assert one.usually(later).begin(2).chosen == ("a", "b")
    assert fed(one, {"a": Counts(5, 1, 5, 0)}).usually(later).begin(2).chosen == ()


def test_further_strata_than_are_told_apart_are_not_compared() -> None:
    known = {f"GET /{place}": Counts(1, 0, 1, 0) for place in range(MOST_STRATA)}
    more = {"GET /more": Counts(1000, 900, 1000, 0)}
    full = fed(RelativeTest.of(1).begin(1), known)
    assert fed(full, more) == full
    assert fed(RelativeTest.of(1).begin(1), known | more) == full
    assert "GET /more" not in full.usually(more).strata


def test_what_stable_usually_makes_of_the_canarys_mix_is_known_where_strata_are() -> None:
    stable = {"good": Counts(m=900, f=0), "bad": Counts(m=100, f=30), "rare": Counts(m=1, f=1)}
    test = RelativeTest.of(1).usually(stable).begin(1)
    assert test.usual({"good": Counts(n=10), "bad": Counts(n=30)}, 100) == pytest.approx(0.75 * 0.3)
    # one bad request of one says little
    assert test.usual({"rare": Counts(n=1)}, 100) == pytest.approx(0.01)
    assert test.usual({"unseen": Counts(n=1)}, 100) == 0
    assert test.usual({"bad": Counts(m=5)}, 100) == 0
    assert RelativeTest.of(1).usually({"bad": Counts(m=100, f=30)}).begin(1).usual({"bad": Counts(n=1)}, 100) == 0


def test_anew_the_same_strata_are_bet_on_without_evidence() -> None:
    test = fed(begun("a", "b", steps=3), {"a": Counts(100, 50, 900, 1)}).anew(2)
    assert test.chosen == ("a", "b")
    assert test.log_e == pytest.approx(begun("a", "b", steps=3).begin(2).log_e)
    assert test.usual({"a": Counts(n=1)}, 100) == 0
