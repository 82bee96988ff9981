"""What becomes of simulated rollouts: the numbers of judging.md, by the daemon's own decisions."""

from random import Random

import pytest

from ingress_canary.api.schedule import Require
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.whatif.expected_traffic import Ratios
from ingress_canary.whatif.simulated_rollout import Outcome, SimulatedEnding, SimulationSetup
from ingress_canary.whatif.simulated_traffic import Incident, Traffic, draw_counts
from ingress_canary.whatif.simulation_runs import WORTH_A_PROCESS, Experiment, Spread, Summary, simulate
from tests.whatif.schedules import AVAILABILITY, LATENCY, at_most, below, outcomes, same, schedule, six, summary

INCIDENT, OUTAGE = Incident(180, 0.05), Incident(180, 1.0)
TOLD = {"name": "chat", "secretRef": {"name": "chat", "key": "urls"}}
FEW, SOME, MANY = 40, 600, 2000
GATE = {"name": "tests", "when": "beforeStep", "url": "http://gate.example"}


def test_healthy_canaries_are_promoted():
    seen = summary(six(5), same(100, 0.001), FEW)
    assert at_most(seen.rolled_back, seen.runs, 0.01)
    assert at_most(seen.held, seen.runs, 0.01)
    # each step settles for two ticks and bakes for 5 minutes
    assert seen.duration_seconds.p50 == 6 * 320


def test_one_point_worse_is_never_promoted_and_caught_in_about_two_minutes():
    seen = summary(six(5), Traffic(100, Ratios(0.001, 0.011)), 300)
    assert (seen.promoted, seen.held) == (0, 0)
    assert seen.rollback_seconds.p50 == pytest.approx(130, rel=0.25)


def test_a_canary_that_only_fails_is_taken_off_at_the_first_tick_while_the_step_settles():
    seen = summary(six(20), Traffic(1000, Ratios(0.001, 1.0)), 50)
    assert seen.rolled_back == seen.runs
    assert seen.rollback_seconds == Spread(0.0, 0.0), "settling is left out of the time to rollback, and only there"
    assert seen.duration_seconds == Spread(10.0, 10.0)
    assert seen.exposed_requests == seen.failed_requests
    assert seen.exposed_requests.p50 == pytest.approx(10 * 200, rel=0.05), "settling exposes too"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_two_thousand_healthy_rollouts_at_most_one_in_a_hundred_is_rolled_back():
    seen = simulate(Experiment(six(5), same(100, 0.001)), MANY)
    assert below(seen.rolled_back, MANY, 0.01)
    assert seen.promoted >= 0.98 * MANY


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_two_thousand_that_are_one_point_worse_none_is_promoted():
    seen = simulate(Experiment(six(5), Traffic(100, Ratios(0.001, 0.011))), MANY)
    assert seen.promoted == 0
    assert seen.rollback_seconds.p50 == pytest.approx(130, rel=0.25)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_two_thousand_that_only_fail_each_is_rolled_back_at_the_first_tick():
    seen = simulate(Experiment(six(20), Traffic(1000, Ratios(0.001, 1.0))), MANY)
    assert (seen.rolled_back, seen.rollback_seconds) == (MANY, Spread(0.0, 0.0))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("rps", "weight", "trouble", "share"),
    [
        (100, 5, {"incident": INCIDENT}, 0.01),
        (1000, 20, {"incident": INCIDENT}, 0.01),
        (100, 20, {"incident": OUTAGE}, 0.01),
        (100, 5, {"burst": 5.0}, 0.03),
        (1000, 20, {"burst": 5.0}, 0.03),
    ],
)
def test_what_hits_both_sides_and_bursts_do_not_condemn_a_healthy_canary(rps, weight, trouble, share):
    seen = simulate(Experiment(six(weight), same(rps, 0.001, **trouble)), SOME)
    assert below(seen.rolled_back, seen.runs, share)


def test_an_incident_on_both_sides_does_not_condemn():
    spec = schedule([{"weight": 20, "bake": "5m"}] * 2)
    seen = summary(spec, same(100, 0.001, incident=INCIDENT), FEW)
    assert at_most(seen.rolled_back, seen.runs, 0.01)


@pytest.mark.slow
def test_an_outage_of_both_sides_does_not_condemn_and_saves_no_bad_canary():
    spec = schedule([{"weight": 20, "bake": "5m"}] * 2)
    seen = summary(spec, same(100, 0.001, incident=OUTAGE), FEW)
    assert at_most(seen.rolled_back, seen.runs, 0.01)
    worse = summary(spec, Traffic(100, Ratios(0.001, 0.05), incident=OUTAGE), 20)
    assert worse.rolled_back == 20


def test_the_history_of_stable_is_what_makes_bursts_bearable():
    spec, bursts = schedule([{"weight": 50, "bake": "10m"}]), same(100, 0.002, burst=10.0)
    learnt, blind = (summary(spec, bursts, FEW, warm_up) for warm_up in (1800, 0))
    assert at_most(learnt.rolled_back, learnt.runs, 0.03)
    assert blind.rolled_back > learnt.rolled_back


def test_a_regression_counts_from_its_onset_on():
    late = Traffic(200, Ratios(0.001, 0.2), onset=400)
    for outcome in outcomes(six(20), late, 20):
        assert outcome.ending is SimulatedEnding.ROLLED_BACK
        assert 400 < outcome.duration <= 500
        assert outcome.judged == outcome.duration - 400
        assert outcome.exposed == pytest.approx(40 * outcome.judged, rel=0.3)


@pytest.mark.parametrize(("baseline", "rolled_back"), [({}, 0), ({"minDelta": "0.1pp"}, 5)])
def test_a_difference_within_half_of_what_the_objective_leaves_over_rolls_nobody_back(baseline, rolled_back):
    """0.35 % against 0.2 % slow, where 1 % is promised and 2 % are allowed."""
    steps, more = [{"weight": 20, "bake": "10m"}] * 2, {"maxHold": "10m", "analysis": {"baseline": baseline}}
    spec = schedule(steps, (AVAILABILITY, {**LATENCY, "settle": "15s"}), **more)
    traffic = Traffic(1000, Ratios(0.001, 0.001), slow=Ratios(0.002, 0.0035))
    seen = summary(spec, traffic, 5, warm_up=120)
    assert (seen.rolled_back, seen.promoted) == (rolled_back, 0)


def test_slowness_is_judged_by_the_latency_objective_and_errors_are_not():
    spec = schedule([{"weight": 20, "bake": "5m"}], (AVAILABILITY, LATENCY))
    slow = Traffic(100, Ratios(0.0005, 0.0005), slow=Ratios(0.001, 0.2))
    quick = Traffic(100, Ratios(0.0005, 0.0005), slow=Ratios(0.001, 0.001))
    seen = summary(spec, slow, 20)
    assert seen.rolled_back == 20
    assert seen.failed_requests.p50 == pytest.approx(0.2 * seen.exposed_requests.p50, rel=0.4), "slow ones are the bad"
    assert summary(spec, quick, 20).promoted == 20


def test_too_little_traffic_holds_a_proof_and_nothing_but_a_proof():
    light = [{"weight": 1, "bake": "5m"}]
    proof = schedule(light, maxHold="20m")
    nofail = schedule([{**light[0], "require": "NoFail", "minRequests": 0}], maxHold="20m")
    assert summary(proof, same(1, 0.001), 10).held == 10
    assert summary(nofail, same(1, 0.001), 10).promoted == 10
    rollback = schedule(light, maxHold="20m", onInconclusive="Rollback")
    assert summary(rollback, same(1, 0.001), 10).rolled_back == 10


def test_a_step_of_weight_0_gets_what_is_forced():
    spec = schedule(
        [{"weight": 0, "header": {"name": "X-Canary"}, "bake": "5m", "require": "NoFail", "minRequests": 100}],
        maxHold="15m",
    )
    assert spec.steps[0].require is Require.NO_FAIL
    assert summary(spec, same(10, 0.001, forced_rps=1.0), 10).promoted == 10
    assert summary(spec, same(10, 0.001, forced_rps=0.0), 10).held == 10


def test_nothing_waits_for_people_or_other_systems():
    step = {"weight": 50, "bake": "1m", "approval": {"when": "After"}}
    windows = {"allow": [{"days": ["Sun"], "from": "03:00", "to": "03:01"}]}
    spec = schedule([step], windows=windows, gates=[GATE], notifications=[TOLD])
    left = SimulationSetup.of(spec, same(1, 0.001), 10.0, 0.0).compiled.spec
    assert (left.windows, left.gates, left.notifications, left.steps[0].approval) == (None, [], [], None)
    assert summary(spec, same(100, 0.001), 5).promoted == 5


def test_one_seed_has_one_answer_however_many_processes_share_the_work():
    spec, traffic, runs = six(5), Traffic(100, Ratios(0.001, 0.02)), WORTH_A_PROCESS
    shared: list[int] = []
    seen = simulate(Experiment(spec, traffic, seed=1), runs, shared.append)
    assert seen == summary(spec, traffic, runs)
    assert sum(shared) == runs
    assert len(shared) > 1
    assert simulate(Experiment(spec, traffic, seed=2), 40) != simulate(Experiment(spec, traffic, seed=1), 40)


def test_percentiles_are_nearest_ranks_and_none_of_nothing():
    assert Spread.of([]) == (None, None)
    assert Spread.of([3]) == (3, 3)
    assert Spread.of(range(1, 101)) == (50, 95)
    assert Summary.of([]).as_json()["rollbackSeconds"] == {"p50": None, "p95": None}


def test_how_far_evidence_was_discounted_is_summed_up():
    promoted = Outcome(SimulatedEnding.PROMOTED, 600.0, 570.0, 3000, 3)
    seen = Summary.of([promoted, promoted._replace(phi=3.0), promoted._replace(phi=2.0)])
    assert (seen.phi, seen.discounted) == ((2.0, 3.0), 2)
    assert (seen.as_json()["phi"], seen.as_json()["discounted"]) == ({"p50": 2.0, "p95": 3.0}, 2)


def test_a_rollback_before_the_onset_is_not_one_of_the_regression():
    early, late = (
        Outcome(SimulatedEnding.ROLLED_BACK, 60.0, 0.0, 0, 0),
        Outcome(SimulatedEnding.ROLLED_BACK, 500.0, 90.0, 900, 40),
    )
    seen = Summary.of([early, early, late])
    assert (seen.rolled_back, seen.rollback_seconds, seen.exposed_requests) == (3, (90.0, 90.0), (900, 900))
    assert Summary.of([early]).rollback_seconds == (None, None)


def test_ratios_that_change_within_a_tick_count_by_their_share_of_it():
    traffic = Traffic(10_000, Ratios(0.0, 1.0), onset=15, incident=Incident(2.0, 0.5))
    expected = traffic.expected(Exposure(50), 10.0, 20.0, incident_at=11.0)
    assert (expected.canary_rps, expected.stable_rps) == (5_000, 5_000)
    assert expected.errors == pytest.approx((0.1, 0.5))
    look = draw_counts(Random(1), expected, 10.0, 1.0)
    assert look.errors.e / look.errors.n == pytest.approx(0.5, rel=0.05)
    assert look.errors.f / look.errors.m == pytest.approx(0.1, rel=0.05)
