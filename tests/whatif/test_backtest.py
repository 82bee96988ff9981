"""A backtest over traffic that is known tick by tick: what must come out is computed by hand."""

from itertools import pairwise
from random import Random

from scipy.stats import binom, hypergeom

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.whatif.backtest.backtest_runs import BacktestSummary, backtest, starts
from ingress_canary.whatif.backtest.canary_regression import HEALTHY, CanaryRegression
from ingress_canary.whatif.backtest.recorded_rollout import BacktestSetup, RecordedOutcome, RecordedRollout, divided
from ingress_canary.whatif.backtest.recorded_traffic import RecordedTraffic
from ingress_canary.whatif.simulated_rollout import SimulatedEnding
from tests.whatif.schedules import AVAILABILITY, DOUBT, LATENCY, schedule
from tests.whatif.traces import BEGIN, EVERY, HOUR, Span, trace

WARM_UP = 1800
TWO_STEPS = schedule([{"weight": 50, "bake": "10m"}, {"weight": 100, "bake": "30m"}])
"""theta is 1 %, and 500 good requests a tick at least prove a canary good at once."""
STEP_1 = 2 * EVERY + 600
"""Seconds: one tick settles (15 s), the next one is the first that is judged, and then the bake begins to count."""
STEP_2 = 2 * EVERY + 1800
ALL = STEP_1 + STEP_2
EVERYTHING = CanaryRegression(1.0)
NEVER_RECORDED = {"requests": 0, "is_recorded": False}


def setup_of(spec, traffic: RecordedTraffic, seed: int = 1) -> BacktestSetup:
    return BacktestSetup.of(spec, traffic, warm_up=WARM_UP, forced_rps=1, seed=seed)


def ran(spec, traffic: RecordedTraffic, *canaries: CanaryRegression, seed: int = 1) -> BacktestSummary:
    return backtest(setup_of(spec, traffic, seed), canaries, HOUR)


def started(number: int) -> float:
    """Return when the rollout of a start begins, in seconds since the beginning."""
    return WARM_UP + number * HOUR


def shown(outcomes: tuple[RecordedOutcome, ...]) -> list[tuple[int, SimulatedEnding | None, float]]:
    """Return number of the start, ending and seconds of some outcomes."""
    return [(int(one.start - BEGIN - WARM_UP) // HOUR, one.ending, one.seconds) for one in outcomes]


def test_what_an_incident_does_is_what_was_computed_by_hand() -> None:
    # start 2 stands at 100 % when everything fails, and has nobody to compare with; start 4 stands at 50 %
    at_all, at_half = started(2) + 1500, started(4) + 300
    spans = (
        Span(at_all, at_all + 300, bad=1000),
        Span(at_half, at_half + 60, bad=1000),
    )
    summary = ran(TWO_STEPS, trace(TWO_STEPS, 8.5, *spans), EVERYTHING)
    assert (summary.starts, summary.skipped) == (8, 0)
    promoted, back = SimulatedEnding.PROMOTED, SimulatedEnding.ROLLED_BACK
    assert shown(summary.healthy.outcomes) == [
        (number, *((back, 1500 + EVERY) if number == 2 else (promoted, ALL))) for number in range(8)
    ]
    (alarm,) = summary.healthy.ended(back)
    assert alarm.step == "step 2 (100 %)"
    assert alarm.message.startswith("availability: canary")
    assert alarm.failed == 1000
    assert [one.held for one in summary.healthy.outcomes] == [0] * 8
    # half of 1,000 requests fail in the first tick, while the step settles: the guard needs 17
    (everything,) = summary.regressions
    assert everything.caught_share == 1
    assert {one.seconds for one in everything.outcomes} == {EVERY}
    least, most = binom.ppf([1e-9, 1 - 1e-9], 1000, 0.5)
    assert all(least <= one.exposed == one.failed <= most for one in everything.outcomes)


def test_a_gap_is_neither_good_nor_bad_and_bake_does_not_go_on_in_it() -> None:
    gap, missing = started(1) + 300, 120
    traffic = trace(TWO_STEPS, 3, Span(gap, gap + missing * EVERY, **NEVER_RECORDED))
    assert traffic.gaps == missing
    outcomes = ran(TWO_STEPS, traffic).healthy.outcomes[:2]
    # the first tick with data is where the bake begins to count again
    assert shown(outcomes) == [
        (0, SimulatedEnding.PROMOTED, ALL),
        (1, SimulatedEnding.PROMOTED, ALL + (missing + 1) * EVERY),
    ]
    (hold,) = outcomes[1].holds
    assert (hold.step, hold.seconds) == ("step 1 (50 %)", missing * EVERY)
    assert "nothing was recorded at this time" in hold.message


class CountedRollout(RecordedRollout):
    """Counts its ticks, and passes over none of them if it is told so."""

    ticks = 0
    whole = False

    def tick(self) -> None:
        self.ticks += 1
        if self.whole:
            self._silence = 0
        super().tick()


class WholeRollout(CountedRollout):
    whole = True


def test_a_long_gap_is_passed_over_with_the_outcome_of_every_tick() -> None:
    gap = started(0) + 300
    traffic = trace(TWO_STEPS, 10, Span(gap, gap + 8 * HOUR, **NEVER_RECORDED))
    setup = setup_of(TWO_STEPS, traffic)
    warmed = setup.warmed(WARM_UP // EVERY)
    assert warmed is not None
    quick, whole = (
        kind(setup, WARM_UP // EVERY, warmed, HEALTHY, Random("1")) for kind in (CountedRollout, WholeRollout)
    )
    outcome = quick.run()
    assert outcome == whole.run()
    assert (outcome.ending, outcome.seconds) == (SimulatedEnding.PROMOTED, ALL + 8 * HOUR + EVERY)
    assert whole.ticks == outcome.seconds / EVERY
    assert quick.ticks < 400


def test_starts_without_a_warm_up_are_left_out() -> None:
    gap = started(1) - 1200
    summary = ran(TWO_STEPS, trace(TWO_STEPS, 4.5, Span(gap, gap + 1000, **NEVER_RECORDED)))
    assert (summary.starts, summary.skipped) == (3, 1)
    assert [number for number, _, _ in shown(summary.healthy.outcomes)] == [0, 2, 3]
    # and so are those that would begin where nothing is known
    summary = ran(TWO_STEPS, trace(TWO_STEPS, 4.5, Span(started(1) - 10, started(1) + 10, **NEVER_RECORDED)))
    assert (summary.starts, summary.skipped) == (3, 1)


def test_a_rollout_that_the_recording_ends_is_neither_promoted_nor_held() -> None:
    summary = ran(TWO_STEPS, trace(TWO_STEPS, 1), EVERYTHING)
    (cut,) = summary.healthy.outcomes
    assert (cut.ending, cut.seconds, cut.step) == (None, 1800, "step 2 (100 %)")
    assert summary.healthy.caught_share is None
    assert summary.regressions[0].caught_share == 1
    assert summary.as_json()["healthy"]["cutOff"] == 1


def test_a_canary_without_requests_is_held_until_max_hold() -> None:
    spec = schedule([{"weight": 50, "bake": "10m"}], maxHold="1h", onInconclusive="Pause")
    (held,) = ran(spec, trace(spec, 2.5, Span(WARM_UP, 9 * HOUR, requests=0))).healthy.outcomes[:1]
    # held by the schedule's measure since the first judged tick; shown as held once the bake is over
    assert (held.ending, held.seconds) == (SimulatedEnding.HELD, 2 * EVERY + HOUR)
    (hold,) = held.holds
    assert (hold.step, hold.seconds) == ("step 1 (50 %)", HOUR - 600)
    assert "availability: " in hold.message


def test_a_failure_that_pauses_counts_as_one_that_rolls_back() -> None:
    spec = schedule([{"weight": 50, "bake": "10m"}], onFailure="Pause")
    summary = ran(spec, trace(spec, 2.5), EVERYTHING)
    assert summary.regressions[0].caught_share == 1


def test_a_regression_is_of_errors_or_of_slowness() -> None:
    spec = schedule([{"weight": 50, "bake": "10m"}], (AVAILABILITY, LATENCY))
    traffic = trace(spec, 3.5)
    slow, errors = ran(spec, traffic, CanaryRegression(0.5, is_slowness=True), CanaryRegression(0.5)).regressions
    assert {one.message.partition(":")[0] for one in slow.outcomes} == {"latency"}
    assert {one.message.partition(":")[0] for one in errors.outcomes} == {"availability"}
    assert (slow.canary.label, errors.canary.label) == ("+50pp slow", "+50pp")
    assert all(one.failed for one in slow.outcomes)


def test_a_step_of_weight_0_gets_what_is_forced() -> None:
    spec = schedule([{"weight": 0, "header": {"name": "X-Canary"}, "bake": "10m", "require": "NoFail"}])
    outcomes = ran(spec, trace(spec, 3.5)).healthy.outcomes
    assert {one.ending for one in outcomes} == {SimulatedEnding.PROMOTED}
    exposed = sum(one.exposed for one in outcomes)
    expected = sum(one.seconds for one in outcomes)
    assert abs(exposed - expected) < 5 * expected**0.5


def test_the_same_seed_gives_the_same_answer_on_any_number_of_processes() -> None:
    traffic = trace(TWO_STEPS, 5.5, Span(0, 9 * HOUR, bad=3))
    canaries = (CanaryRegression(0.01), CanaryRegression(0.05))
    setup = setup_of(TWO_STEPS, traffic)
    summary = backtest(setup, canaries, HOUR)
    assert summary.starts == 5, "enough for processes of their own"
    alone = tuple(
        RecordedRollout(
            setup, start.place, setup.warmed(start.place), canaries[1], Random(f"1:{start.number}:+5pp")
        ).run()
        for start in starts(traffic, WARM_UP, HOUR)[0]
    )
    assert summary.regressions[1].outcomes == alone
    assert backtest(setup, canaries, HOUR) == summary
    assert backtest(setup_of(TWO_STEPS, traffic, seed=2), canaries, HOUR) != summary


def test_the_sides_are_drawn_as_each_request_by_itself() -> None:
    rng, m, f, share = Random("thin"), 40, 6, 0.3
    drawn = [divided(rng, m, f, share, 0.0) for _ in range(20_000)]
    assert all(Counts(one.n + one.m, one.e + one.f) == Counts(m, f) for one in drawn)
    for n in (9, 12, 15):
        some = [one.e for one in drawn if one.n == n]
        assert binom.sf(len(some), 20_000, binom.pmf(n, m, share)) > DOUBT
        assert binom.cdf(len(some), 20_000, binom.pmf(n, m, share)) > DOUBT
        # given the canary's requests, the bad ones among them come as from an urn
        for e in range(4):
            count, chance = some.count(e), hypergeom.pmf(e, m, f, n)
            assert min(binom.cdf(count, len(some), chance), binom.sf(count - 1, len(some), chance)) > DOUBT / 10
    worse = [divided(rng, m, f, share, 0.5) for _ in range(5_000)]
    good, turned = sum(one.n for one in drawn[:5_000]), sum(one.e for one in worse)
    assert 0.4 * good < turned < 0.7 * good


def test_starts_are_as_far_apart_as_wanted() -> None:
    traffic = trace(TWO_STEPS, 30)
    found, skipped = starts(traffic, WARM_UP, 3 * HOUR)
    assert skipped == 0
    times = [traffic.times[start.place] for start in found]
    assert times[0] == BEGIN + WARM_UP
    assert {after - before for before, after in pairwise(times)} == {3 * HOUR}
    assert len(times) == 10
