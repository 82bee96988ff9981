"""What the judge makes of traffic profiles: the healthy go on, the bad are caught, and what is known to go wrong."""

from dataclasses import replace
from typing import Any

import pytest

from ingress_canary.whatif.expected_traffic import Ratios
from ingress_canary.whatif.simulated_rollout import SimulatedEnding
from ingress_canary.whatif.simulated_traffic import Traffic
from ingress_canary.whatif.traffic_profiles.incidents import (
    BimodalLatency,
    CanaryCausedIncident,
    IncidentInWarmUp,
    RetryStorm,
    StormSides,
)
from ingress_canary.whatif.traffic_profiles.load import DiurnalLoad, QuietHours, StaffOnAnotherMix
from ingress_canary.whatif.traffic_profiles.profile import TrafficProfile
from ingress_canary.whatif.traffic_profiles.version import BrokenPod, ColdStart, RegressionAtWeight, SlowGrowth
from tests.whatif.schedules import AVAILABILITY, LATENCY, outcomes, schedule, summary

STAFF = {"header": {"name": "X-Canary", "value": "staff"}}
TWO = schedule([{"weight": 20, "bake": "5m"}, {"weight": 50, "bake": "5m"}], (AVAILABILITY, LATENCY), routing=STAFF)
RUNS = 6


def traffic(*profiles: TrafficProfile, canary: float = 0.001, rps: float = 100, **more: Any) -> Traffic:
    slow = more.pop("slow", 0.002)
    return Traffic(rps, Ratios(0.001, canary), slow=Ratios(0.002, slow), profiles=profiles, **more)


HARMLESS = [
    IncidentInWarmUp(), QuietHours(after=60, lasts=120), RetryStorm(), ColdStart(), BimodalLatency(),
    DiurnalLoad(period=3600, low=0.05), StaffOnAnotherMix(),
]  # fmt: skip


@pytest.mark.parametrize("profile", HARMLESS, ids=lambda profile: profile.name)
def test_a_healthy_canary_is_promoted(profile: TrafficProfile) -> None:
    assert summary(TWO, traffic(profile), RUNS).promoted == RUNS


@pytest.mark.parametrize("profile", [*HARMLESS, CanaryCausedIncident()], ids=lambda profile: profile.name)
def test_a_bad_canary_is_caught(profile: TrafficProfile) -> None:
    assert summary(TWO, traffic(profile, canary=0.05), RUNS).rolled_back == RUNS


@pytest.mark.parametrize("of", ["errors", "slow"])
@pytest.mark.parametrize("kind", [BrokenPod, SlowGrowth, RegressionAtWeight])
def test_a_regression_that_a_profile_makes_is_caught_by_its_slo(kind: Any, of: str) -> None:
    assert summary(TWO, traffic(kind(of=of)), RUNS).rolled_back == RUNS


def test_an_incident_in_the_warm_up_makes_the_judge_no_slower() -> None:
    worse = {"canary": 0.02, "rps": 50}
    quiet = summary(TWO, traffic(**worse), 20).rollback_seconds.p50
    after = summary(TWO, traffic(IncidentInWarmUp(share=1.0), **worse), 20).rollback_seconds.p50
    assert quiet is not None
    assert after is not None
    assert after <= 1.5 * quiet


def test_a_regression_after_a_quiet_night_is_caught_at_once() -> None:
    night = QuietHours(after=30, lasts=7200, share=0.001)
    spec = schedule([{"weight": 5, "bake": "5m"}])
    for outcome in outcomes(spec, traffic(night, canary=0.2, onset=7230), 3):
        assert outcome.ending is SimulatedEnding.ROLLED_BACK
        assert 7230 < outcome.duration <= 7260


def test_storms_that_meet_one_side_condemn_the_healthy_where_the_warm_up_was_too_short_to_show_them() -> None:
    storms = traffic(RetryStorm(sides=StormSides.ONE))
    assert summary(TWO, storms, 12).rolled_back <= 1
    assert summary(TWO, storms, 12, warm_up=120).rolled_back >= 2


def test_staff_condemn_no_healthy_canary_and_do_not_hide_a_bad_one() -> None:
    light = schedule([{"weight": 1, "bake": "10m"}], routing=STAFF)
    for fails in (0.0, 0.03, 0.3):
        assert summary(light, traffic(StaffOnAnotherMix(fails=fails)), RUNS).rolled_back == 0
    worse = replace(traffic(StaffOnAnotherMix()), errors=Ratios(0.001, 0.1))
    assert summary(light, worse, RUNS).rolled_back == RUNS


def test_a_cold_start_is_no_evidence_while_latency_settles_and_would_be_without() -> None:
    hasty = schedule([{"weight": 20, "bake": "5m"}], ({**LATENCY, "settle": "15s"},))
    assert summary(hasty, traffic(ColdStart()), RUNS).rolled_back == RUNS
    assert summary(TWO, traffic(ColdStart(share=0.6, half_life=120)), RUNS).rolled_back == RUNS, "too slow a start"


def test_a_canary_that_causes_incidents_of_both_sides_is_not_promoted() -> None:
    spec = schedule([{"weight": 20, "bake": "5m"}], maxHold="20m")
    seen = summary(spec, traffic(CanaryCausedIncident()), RUNS)
    assert seen.promoted == 0


def test_a_regression_at_a_weight_is_caught_at_that_step_and_timed_from_it() -> None:
    for outcome in outcomes(TWO, traffic(RegressionAtWeight(weight=0.5)), RUNS):
        assert outcome.ending is SimulatedEnding.ROLLED_BACK
        assert 320 < outcome.duration <= 420
        assert 0 < outcome.judged <= outcome.duration - 320
        assert outcome.exposed == pytest.approx(50 * (outcome.duration - 320), rel=0.2)
        assert outcome.failed == pytest.approx(0.05 * outcome.exposed, rel=0.4)


def test_growth_is_caught_before_it_is_as_bad_as_it_gets() -> None:
    for outcome in outcomes(TWO, traffic(SlowGrowth(share=0.2, lasts=600)), RUNS):
        assert outcome.ending is SimulatedEnding.ROLLED_BACK
        assert outcome.duration < 300
