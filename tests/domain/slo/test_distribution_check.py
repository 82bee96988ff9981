"""A whole distribution of latency is judged against stable's: what it says, when, and over a restart."""

import base64
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import LogE, RequestTally, Verdict
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, Tails
from ingress_canary.domain.slo.analysis import Analysis, AnalysisTick
from ingress_canary.domain.slo.checkpoint.checkpoint import Unusable, decode, encode
from ingress_canary.domain.slo.distribution.distribution_check import DistributionCheck
from ingress_canary.domain.slo.distribution.tails import DistributionTest
from ingress_canary.domain.slo.plan import Plan
from ingress_canary.domain.slo.sequential_tests import Design, relative_terms

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(seconds=10)
BOUNDS = (0.1, 0.25, 1.0)
TEST = DistributionTest("shape", alpha=0.01, slos=1, minimums=(50, 50, 50))
PLAN = Plan((), (None,) * 3, distributions=(TEST,))


def seen(n: int, canary: Iterable[int], m: int, stable: Iterable[int]) -> Tails:
    """Return a tick's requests of both sides, and how many were slower than each bound."""
    return {bound: Counts(n, e, m, f) for bound, e, f in zip(BOUNDS, canary, stable, strict=True)}


ALIKE = seen(100, (50, 5, 0), 900, (450, 45, 0))
SLOWER = seen(100, (80, 30, 0), 900, (450, 45, 0))


def at_step(index: int = 1, plan: Plan = PLAN, warm_up: int = 12) -> Analysis:
    analysis = Analysis.of(plan)
    for number in range(warm_up):
        analysis = analysis.warm(
            BEGIN + (number - warm_up) * TICK, {}, tails={"shape": seen(0, (0, 0, 0), 900, (450, 45, 0))}
        )
    return analysis.enter_step(index)


def fed(analysis: Analysis, *ticks: Tails | str, start: int = 0, **changes: Any) -> Analysis:
    for number, tails in enumerate(ticks, start):
        analysis = analysis.tick(BEGIN + number * TICK, AnalysisTick({}, tails={"shape": tails}, weight=10, **changes))
    return analysis


def sentence(analysis: Analysis) -> str:
    (status,) = analysis.statuses
    return status.message


def test_a_schedule_has_it_share_alpha_with_the_others() -> None:
    spec = ScheduleSpec.model_validate(
        {
            "steps": [{"weight": 10, "bake": "10m"}, {"weight": 50, "bake": "10m", "minRequests": 7}],
            "slos": [
                {"name": "shape", "minRequests": 20, "sli": {"latencyDistribution": {}}},
                {"name": "availability", "objective": 99.9, "sli": {"requests": {}}},
            ],
        }
    )
    plan = Plan.of(spec, SliSet.of(spec.slos, spec.analysis), (None, 7))
    assert plan.distributions == (DistributionTest("shape", 0.01, 2, (20, 7), 150.0),)
    assert [objective.design.slos for objective in plan.objectives] == [2]
    assert plan.names == ("availability", "shape")
    assert plan.distributions[0].log_fail == plan.objectives[0].design.log_fail


def test_its_increments_are_those_of_the_relative_test() -> None:
    for counts in (Counts(100, 30, 900, 45), Counts(3, 3, 7, 0), Counts(1, 0, 10**6, 5)):
        n, e, m, f = counts
        of_canary, of_stable = relative_terms(n, m, 2.0)
        steps = [(e * x + f * y) / 3 for x, y in zip(of_canary, of_stable, strict=True)]
        assert steps == pytest.approx(Design(0.01, rho=2.0).relative_steps(n, e, m, f, 3))


def test_a_canary_like_stable_passes_without_a_proof() -> None:
    analysis = fed(at_step(), *[ALIKE] * 6)
    assert (analysis.verdicts, analysis.proven, analysis.unopposed) == ((Verdict.PASS,), True, True)
    assert sentence(analysis) == (
        "at none of 3 bounds is it to be seen that more than 2 times as many requests of the canary are slower as of "
        "stable (600 and 5,400 requests in this step)"
    )


def test_a_canary_that_is_slower_at_one_bound_fails_by_that_bound() -> None:
    analysis = fed(at_step(), SLOWER)
    assert (analysis.failed, analysis.first_fail_at) == (("shape",), BEGIN)
    assert sentence(analysis).startswith(
        "slower than 0.25 s: 30% (30 of 100) of the canary, 5% (45 of 900) of stable since the start, proven to be "
        "more than 2 times as many; E="
    )
    assert sentence(analysis).endswith(" >= 200 over 3 bounds, chance of a false alarm <= 1%")
    (status,) = analysis.statuses
    assert (status.canary, status.stable) == (RequestTally(total=100, bad=30), RequestTally(total=900, bad=45))
    assert status.log_e == LogE(relative=round(analysis.distributions[0].log_e, 4))
    assert not analysis.unopposed


def test_the_mean_over_the_bounds_must_be_a_proof() -> None:
    analysis = fed(at_step(), seen(100, (50, 21, 0), 900, (450, 27, 0)))
    (check,) = analysis.distributions
    assert check.log_e == pytest.approx(np.log(np.mean(np.exp(check.log_each))))
    # at that bound by itself it would be one
    assert max(check.log_each) > TEST.log_fail > check.log_e
    assert not analysis.failed


def test_a_faster_canary_is_no_fault() -> None:
    assert fed(at_step(), *[seen(100, (5, 0, 0), 900, (450, 45, 9))] * 60).verdicts == (Verdict.PASS,)


def test_a_difference_that_does_not_matter_holds_nobody_up() -> None:
    # 0.03 % instead of 0.003 %: proven, and less than 0.1 pp
    analysis = fed(at_step(), *[seen(100_000, (50_000, 30, 0), 900_000, (450_000, 27, 0))] * 3)
    assert analysis.distributions[0].log_e > TEST.log_fail
    assert analysis.verdicts == (Verdict.PASS,)


def test_a_suspicion_holds_the_step() -> None:
    analysis = fed(at_step(), seen(100, (50, 19, 0), 900, (450, 27, 0)))
    assert (analysis.verdicts, analysis.unopposed) == ((Verdict.INCONCLUSIVE,), True)
    assert sentence(analysis).startswith(
        "slower than 0.25 s: 19% (19 of 100) of the canary, 3% (27 of 900) of stable since the start, without a proof"
    )
    assert sentence(analysis).endswith("it cannot pass while that is 10 or more")


def test_a_late_regression_is_shown_by_the_time_that_shows_it() -> None:
    late = fed(at_step(), *[ALIKE] * 600, *[SLOWER] * 3)
    assert late.failed
    assert "of stable in the last ten minutes, proven" in sentence(late)
    in_step = fed(fed(at_step(), *[ALIKE] * 600).enter_step(2), *[SLOWER] * 3, start=600)
    assert "of stable in this step, proven" in sentence(in_step)


@pytest.mark.parametrize(
    ("ticks", "words"),
    [
        (["timed out"], "no data: timed out"),
        ([ALIKE, "timed out"], "no data: timed out"),
        ([seen(20, (9, 0, 0), 900, (450, 45, 0))], "20 canary requests seen in this step of minRequests 50"),
        ([seen(100, (50, 5, 0), 0, (0, 0, 0))], "stable had no requests in this step to compare with"),
        ([{0.2: Counts(100, 0, 900, 0)}], "the controllers' histogram has the bounds 0.2 now, and the evidence is of"),
        ([seen(10, (90, 5, 0), 900, (450, 45, 0))], "impossible counts"),
    ],
)
def test_what_is_unknown_is_neither_good_nor_bad(ticks: list[Tails | str], words: str) -> None:
    analysis = fed(at_step(), *ticks)
    assert analysis.verdicts[0] in (Verdict.NO_DATA, Verdict.INCONCLUSIVE)
    assert words in sentence(analysis)
    assert not analysis.proven


def test_before_any_bound_is_known_there_are_no_counts() -> None:
    (status,) = fed(Analysis.of(PLAN).enter_step(1), "timed out").statuses
    assert (status.verdict, status.message, status.canary) == (Verdict.NO_DATA, "no data: timed out", RequestTally())


def test_a_warm_up_without_data_teaches_nothing() -> None:
    analysis = Analysis.of(PLAN)
    for tails in ("timed out", {}, seen(0, (0, 0, 0), 9, (10, 0, 0))):
        analysis = analysis.warm(BEGIN, {}, tails={"shape": tails})
    assert analysis.distributions == (DistributionCheck(TEST),)
    assert fed(at_step(), ALIKE, {}).distributions == fed(at_step(), ALIKE).distributions


def test_what_was_proven_stays_proven_while_the_source_is_silent() -> None:
    assert fed(at_step(), SLOWER, "timed out").failed == ("shape",)


def test_where_the_canary_has_all_the_traffic_nothing_is_compared() -> None:
    alone = seen(100, (50, 5, 0), 0, (0, 0, 0))
    analysis = at_step().tick(BEGIN, AnalysisTick({}, tails={"shape": alone}, weight=100))
    assert analysis.verdicts == (Verdict.PASS,)
    assert sentence(analysis) == "stable has no requests at this weight, so nothing is compared"


def test_at_weight_0_nothing_is_compared_and_what_follows_is_not_held_against_it() -> None:
    staff = AnalysisTick({}, tails={"shape": SLOWER}, weight=0)
    analysis = at_step().tick(BEGIN, staff).tick(BEGIN + TICK, staff)
    assert analysis.verdicts == (Verdict.PASS,)
    assert sentence(analysis).startswith("at weight 0 the canary gets the requests that are sent to it alone")
    after = fed(analysis.enter_step(2), ALIKE, start=2)
    assert (after.verdicts, after.distributions[0].tails[1].total) == ((Verdict.PASS,), ALIKE[0.25])


def test_a_cold_start_is_not_judged() -> None:
    settling = replace(TEST, settle=150.0)
    plan = replace(PLAN, distributions=(settling,))
    analysis = fed(at_step(plan=plan), *[SLOWER] * 3, age=30.0)
    assert (analysis.settled, analysis.verdicts) == (False, (Verdict.INCONCLUSIVE,))
    assert sentence(analysis) == "a cold start may still show for 2m: until then nothing is compared"
    assert fed(analysis, *[ALIKE] * 3, start=3, age=150.0).verdicts == (Verdict.PASS,)
    assert sentence(fed(at_step(), SLOWER, unsettled=float("inf"))) == "the weight of this step is not applied yet"


def test_latency_that_varies_by_itself_weakens_the_evidence_and_says_so() -> None:
    analysis = Analysis.of(PLAN)
    for number in range(60):
        slow = (450, 400 if number % 5 == 0 else 10, 0)
        analysis = analysis.warm(BEGIN + (number - 60) * TICK, {}, tails={"shape": seen(0, (0, 0, 0), 900, slow)})
    begun = analysis.enter_step(1)
    (check,) = begun.distributions
    assert [tail.dispersion.phi > 10 for tail in check.tails] == [False, True, False]
    slower = [seen(100, (50, 20, 0), 900, (450, 45, 0))] * 40
    assert fed(at_step(), *slower[:8]).failed
    assert fed(begun, *slower).verdicts == (Verdict.PASS,)
    assert "because stable's latency varies by itself" in sentence(fed(begun, *slower))


def test_bounds_that_controllers_no_longer_have_are_left_out() -> None:
    one = {0.25: SLOWER[0.25], 0.3: Counts(100, 100, 900, 0)}
    analysis = fed(at_step(), one)
    (check,) = analysis.distributions
    assert check.bounds == BOUNDS
    assert [tail.total for tail in check.tails] == [Counts(), SLOWER[0.25], Counts()]
    assert analysis.failed


def test_evidence_begins_anew_at_the_same_step_when_stable_changed() -> None:
    failed = fed(at_step(2), *[SLOWER] * 3)
    anew = failed.restart_evidence()
    assert (anew.failed, anew.distributions[0].seen) == ((), Counts())
    before, after = failed.distributions[0].tails, anew.distributions[0].tails
    assert [tail.dispersion for tail in after] == [tail.dispersion for tail in before]
    assert [tail.wealth for tail in after] == [tail.wealth for tail in at_step(2).distributions[0].tails]


def test_a_clock_that_is_set_back_keeps_the_evidence() -> None:
    analysis = fed(at_step(), *[ALIKE] * 100)
    back = fed(analysis, *[ALIKE] * 3, start=-1000)
    assert back.verdicts == (Verdict.PASS,)
    assert back.distributions[0].marks[0].at <= (BEGIN - 1000 * TICK).timestamp()


COUNTS = st.integers(0, 3000)


@st.composite
def ticks(draw: st.DrawFn) -> Tails | str:
    if draw(st.integers(0, 9)) == 0:
        return "timed out"
    n, m = draw(COUNTS), draw(COUNTS)
    canary, stable = (
        sorted(draw(st.lists(st.integers(0, total), min_size=3, max_size=3)), reverse=True) for total in (n, m)
    )
    whole = seen(n, canary, m, stable)
    return {0.25: whole[0.25]} if draw(st.integers(0, 9)) == 0 else whole


LIVES = st.tuples(st.lists(ticks(), max_size=10), st.lists(st.tuples(st.integers(1, 3), ticks()), max_size=20))


def lived(life: tuple[list[Tails | str], list[tuple[int, Tails | str]]], restart_at: int | None = None) -> Analysis:
    """Return the analysis after ticks of a warm-up and of steps, with a restart before one of all these ticks."""
    warm, moves = life
    analysis = Analysis.of(PLAN)
    for number, (step, tails) in enumerate([(0, tails) for tails in warm] + moves):
        if number == restart_at:
            restored = decode(encode(analysis), PLAN)
            assert isinstance(restored, Analysis)
            analysis = restored
        at = BEGIN + number * TICK
        if not step:
            analysis = analysis.warm(at, {}, tails={"shape": tails})
            continue
        analysis = analysis if analysis.step == step else analysis.enter_step(step)
        analysis = analysis.tick(at, AnalysisTick({}, tails={"shape": tails}, weight=10))
    return analysis


@given(LIVES, st.data())
def test_a_restart_at_any_tick_changes_no_verdict(life: Any, data: st.DataObject) -> None:
    number = len(life[0]) + len(life[1])
    restart_at = data.draw(st.integers(0, number - 1)) if number else None
    one, other = lived(life), lived(life, restart_at)
    assert encode(one) == encode(other)
    if life[1] and restart_at != number:
        assert one.verdicts == other.verdicts
        assert [status.log_e for status in one.statuses] == [status.log_e for status in other.statuses]


def test_after_a_restart_nothing_passes_before_a_fresh_reading() -> None:
    after = decode(encode(fed(at_step(), *[ALIKE] * 6)), PLAN)
    assert isinstance(after, Analysis)
    assert (after.verdicts, after.unopposed) == ((Verdict.INCONCLUSIVE,), False)
    assert sentence(after) == "the weight of this step is not applied yet"
    assert fed(after, ALIKE, start=6).verdicts == (Verdict.PASS,)


def test_a_checkpoint_without_its_part_begins_its_evidence_anew() -> None:
    text = encode(fed(at_step(), *[SLOWER] * 3))
    older = decode(text.rpartition(".")[0], PLAN)
    assert isinstance(older, Analysis)
    assert older.distributions == (DistributionCheck(TEST, step=1),)
    assert fed(older, SLOWER, start=3).failed


def test_a_rollout_without_it_stores_nothing_of_it() -> None:
    plan = Plan((), (None,))
    text = encode(Analysis.of(plan))
    assert text.count(".") == 3
    assert decode(text + ".what is newer", plan) != Unusable.MALFORMED


@pytest.mark.parametrize("step", [0, 1])
def test_damage_is_no_evidence(step: int) -> None:
    analysis = fed(at_step(), SLOWER) if step else Analysis.of(PLAN)
    no_mapping = base64.b64encode(zlib.compress(b"[]")).decode()
    for damage in (no_mapping, "e30=", "!", "eJwDAAAAAAE="):
        assert decode(f"{encode(analysis).rpartition('.')[0]}.{damage}", PLAN) is Unusable.MALFORMED


def damaged(change: Callable[[list[Any]], None]) -> object:
    """Return what becomes of a checkpoint whose evidence of the distribution was changed."""
    text, _, part = encode(fed(at_step(), SLOWER)).rpartition(".")
    stored = json.loads(zlib.decompress(base64.b64decode(part)))
    change(stored["shape"])
    return decode(f"{text}.{base64.b64encode(zlib.compress(json.dumps(stored).encode())).decode()}", PLAN)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row[0].reverse(),
        lambda row: row[0].pop(),
        lambda row: row[3][0][0].__setitem__(0, 0),
        lambda row: row[3][0][0].__setitem__(0, 4),
        lambda row: row[3][0][1].pop(),
        lambda row: row[3][0].__setitem__(2, [1, 2, 3, 3]),
        lambda row: row[3][0][5][0].append(1),
        lambda row: row[4].clear(),
        lambda row: row[4].append([0, [[1, 1, 1, 1]]]),
        lambda row: row.__setitem__(2, "much"),
        lambda row: row.__delitem__(slice(3, None)),
    ],
)
def test_numbers_that_contradict_each_other_are_damage(change: Callable[[list[Any]], None]) -> None:
    assert isinstance(damaged(lambda _: None), Analysis)
    assert damaged(change) is Unusable.MALFORMED


def test_members_that_a_newer_release_adds_are_left_alone() -> None:
    assert isinstance(damaged(lambda row: row.append("newer")), Analysis)
    assert isinstance(damaged(lambda row: row[3][0].append("newer")), Analysis)


def test_a_healthy_canary_fails_no_more_often_than_alpha_says() -> None:
    rng, failed, runs = np.random.default_rng(3), 0, 40
    plan = replace(PLAN, distributions=(replace(TEST, alpha=0.2),))
    for _ in range(runs):
        analysis = at_step(plan=plan)
        for number in range(60):
            n, m = (int(count) for count in rng.poisson((10, 90)))
            # at the null's edge at one bound, below it at the others
            canary, stable = rng.binomial(n, (0.6, 0.1, 0.01)), rng.binomial(m, (0.5, 0.05, 0.01))
            tails = seen(n, map(int, canary), m, map(int, stable))
            analysis = analysis.tick(BEGIN + number * TICK, AnalysisTick({}, tails={"shape": tails}, weight=10))
            if analysis.failed:
                failed += 1
                break
    assert failed <= 0.2 * runs
