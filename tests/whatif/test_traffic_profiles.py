"""Traffic profiles: what each expects at each moment."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.whatif.expected_traffic import BadKind, ExpectedTraffic, Ratios, RolloutTimes, Spans, pieces
from ingress_canary.whatif.simulated_traffic import Incident, Traffic
from ingress_canary.whatif.traffic_profiles.incidents import (
    BimodalLatency,
    CanaryCausedIncident,
    IncidentInWarmUp,
    RetryStorm,
    SlowSides,
    StormSides,
)
from ingress_canary.whatif.traffic_profiles.load import EVERYONE, STAFF, DiurnalLoad, QuietHours, StaffOnAnotherMix
from ingress_canary.whatif.traffic_profiles.profile import TrafficProfile
from ingress_canary.whatif.traffic_profiles.registry import PROFILES
from ingress_canary.whatif.traffic_profiles.version import BrokenPod, ColdStart, RegressionAtWeight, SlowGrowth

TIMES = RolloutTimes(1800.0, 7200.0)
GOOD, NONE = Ratios(0.001, 0.001), Ratios(0.0, 0.0)
HEADER = HeaderRoute(name="X-Canary", value="staff")


def traffic(*profiles: TrafficProfile, **more: Any) -> Traffic:
    """Return 100 requests/s of which 0.1 % fail and none is slow."""
    return Traffic(100.0, GOOD, profiles=profiles, **more)


def seen(
    profile: TrafficProfile, weight: float, since: float, until: float, raised_at: float | None = 0.0, **more: Any
) -> ExpectedTraffic:
    return traffic(profile, **more).expected(Exposure(weight), since, until, 0.0, raised_at)


def plain(weight: float) -> ExpectedTraffic:
    return traffic().expected(Exposure(weight), 0, 10, 0.0)


def turned(ratio: float, share: float) -> float:
    """Return the ratio when a share of the good requests turn bad."""
    return 1 - (1 - ratio) * (1 - share)


def same(one: ExpectedTraffic, other: ExpectedTraffic) -> bool:
    return all(value == pytest.approx(expected) for value, expected in zip(one[:4], other[:4], strict=True))


def test_a_span_is_cut_where_something_changes_and_into_short_pieces_elsewhere() -> None:
    assert list(pieces(0, 10, [])) == [(0, 10)]
    assert list(pieces(0, 10, [3, 0, 10, -5, 40, 3])) == [(0, 3), (3, 10)]
    assert list(pieces(0, 60, [30])) == [(0, 10), (10, 20), (20, 30), (30, 40), (40, 50), (50, 60)]


@pytest.mark.parametrize(
    ("spans", "on", "edges"),
    [
        (Spans(5, 2), {4.9: False, 5: True, 6.9: True, 7: False, -100: False}, {5, 7}),
        (Spans(5, 2, 10), {5: True, 7: False, 15: True, 17: False, -5: True, -2.9: False}, {5, 7}),
        (Spans(105, 2, 10), {5: True, 7: False}, {5, 7}),
        (Spans(0, 0), {-1: False, 0: False, 1: False}, set()),
    ],
)
def test_spans_come_again_and_did_so_before_the_first(
    spans: Spans, on: Mapping[float, bool], edges: set[float]
) -> None:
    assert {at: spans.on(at) for at in on} == on
    assert {edge for edge in spans.edges(1, 10) if 1 < edge < 10} == edges


def test_what_changes_within_a_tick_counts_by_the_requests_that_meet_it() -> None:
    half = seen(QuietHours(after=5.0, lasts=100.0, share=0.5), 20, 0, 10)
    assert half[:2] == pytest.approx((15, 60))
    # of 201 canary requests one fails as ever (0.2), and of the storm's ten in the last second two are the canary's
    storm = seen(RetryStorm(size=10, lasts=1, begins=9.0), 20, 0, 10)
    assert storm[:2] == pytest.approx((20.2, 80.8))
    assert storm.errors == pytest.approx(((80 * 0.001 + 0.8) / 80.8, (20 * 0.001 + 0.2) / 20.2))


@pytest.mark.parametrize("weight", [0, 20, 100])
@pytest.mark.parametrize("profile", list(PROFILES))
def test_every_profile_expects_shares_and_rates_at_every_weight(profile: str, weight: float) -> None:
    drawn = PROFILES[profile]().drawn(Random(1), TIMES)
    one = traffic(drawn, slow=GOOD, incident=Incident(600, 0.05))
    for since in range(0, 8000, 40):
        expected = one.expected(Exposure(weight, HEADER), since, since + 40, 1000.0, 10.0 * (since // 600))
        assert min(expected[:2]) >= 0
        assert all(0 <= ratio <= 1 for ratio in (*expected.errors, *expected.slow))
        if weight == 100:
            assert expected.stable_rps == 0
        before = one.expected_before(-since - 40, -since)
        assert before.canary_rps == 0
        assert before.stable_rps > 0
        assert all(0 <= ratio <= 1 for ratio in (*before.errors, *before.slow))


@pytest.mark.parametrize("profile", list(PROFILES))
def test_what_is_random_is_drawn_from_the_seed(profile: str) -> None:
    fresh = PROFILES[profile]()
    assert fresh.drawn(Random(1), TIMES) == fresh.drawn(Random(1), TIMES)
    sizes = [{name: getattr(one, name) for name in one.sizes()} for one in (fresh, fresh.drawn(Random(2), TIMES))]
    assert sizes[0] == sizes[1], "a size is what was said, in every run"


def test_an_incident_of_the_warm_up_is_over_before_the_first_step_whatever_is_drawn() -> None:
    for seed in range(50):
        incident = IncidentInWarmUp().drawn(Random(seed), TIMES)
        assert -1800 <= incident.begins <= -60
        inside = traffic(incident).expected_before(incident.begins + 10, incident.begins + 20)
        assert inside.errors.stable == 0.5
        assert same(seen(incident, 20, 0, 10), plain(20))
    whole = IncidentInWarmUp(lasts=7200).drawn(Random(1), TIMES)
    assert traffic(whole).expected_before(-10, 0).errors.stable == 0.5, "longer than the warm-up, it is all of it"
    assert same(seen(whole, 20, 0, 10), plain(20))
    border = traffic(IncidentInWarmUp(begins=-65)).expected_before(-70, -60)
    assert border.errors.stable == pytest.approx((0.001 + 0.5) / 2)


def test_a_canary_causes_incidents_only_while_it_has_requests_and_from_each_rise_anew() -> None:
    caused = CanaryCausedIncident()
    assert seen(caused, 20, 600, 610, raised_at=600).errors == pytest.approx((0.3, 0.3))
    assert same(seen(caused, 20, 660, 670, raised_at=600), plain(20))
    assert seen(caused, 20, 900, 910, raised_at=600).errors == pytest.approx((0.3, 0.3))
    assert seen(caused, 20, 655, 665, raised_at=600).errors == pytest.approx((0.1505, 0.1505))
    assert same(seen(caused, 0, 0, 10, raised_at=None), plain(0))
    assert traffic(caused).expected_before(-10, 0).errors.stable == 0.001


def test_a_storm_comes_at_its_times_in_the_warm_up_too_and_is_split_by_the_weight() -> None:
    storm = RetryStorm(begins=100)
    assert same(seen(storm, 20, 90, 100), plain(20))
    now = seen(storm, 20, 100, 110)
    assert now[:2] == pytest.approx((21, 84))
    assert now.errors == pytest.approx(((0.08 + 4) / 84, (0.02 + 1) / 21))
    assert seen(storm, 20, 700, 710) == now
    assert traffic(storm).expected_before(-500, -490).stable_rps == pytest.approx(105)
    everything = seen(storm, 100, 100, 110)
    assert everything[:2] == pytest.approx((105, 0))


def test_a_one_sided_storm_meets_the_canary_as_often_as_its_weight_says() -> None:
    storm = RetryStorm(sides=StormSides.ONE).drawn(Random(1), TIMES)
    for weight in (0, 5, 50, 100):
        hit = 0
        for number in range(1000):
            begins = storm.begins + 600 * number
            now = seen(storm, weight, begins, begins + 10)
            more = now.canary_rps - weight, now.stable_rps - (100 - weight)
            assert sorted(more) == pytest.approx([0, 5]), "the whole storm meets one side"
            hit += more[0] > 1
        assert hit == pytest.approx(10 * weight, abs=5)


def test_latency_has_slow_times_of_both_sides_at_once_or_of_each_alone() -> None:
    both = BimodalLatency(share=0.05).drawn(Random(1), TIMES)
    begins = both.stable_begins
    assert seen(both, 20, begins, begins + 10).slow == pytest.approx((0.05, 0.05))
    assert seen(both, 20, begins + 60, begins + 70).slow == NONE
    each = BimodalLatency(share=0.05, sides=SlowSides.EACH, stable_begins=0, canary_begins=300)
    assert seen(each, 20, 0, 10).slow == pytest.approx((0.05, 0))
    assert seen(each, 20, 300, 310).slow == pytest.approx((0, 0.05))
    assert seen(each, 20, 55, 65).slow == pytest.approx((0.025, 0))
    assert seen(each, 20, 0, 10).errors == pytest.approx(GOOD)


def test_it_is_quiet_for_hours_and_busy_by_the_hour() -> None:
    quiet = QuietHours()
    assert same(seen(quiet, 20, 3590, 3600), plain(20))
    assert seen(quiet, 20, 3600, 3610)[:2] == pytest.approx((0.4, 1.6))
    assert seen(quiet, 20, 3600, 3610).errors == pytest.approx(GOOD)
    assert same(seen(quiet, 20, 32_400, 32_410), plain(20))
    assert traffic(quiet).expected_before(-10, 0).stable_rps == 100
    day = DiurnalLoad()
    busy, night = seen(day, 20, -5, 5), seen(day, 20, 43_195, 43_205)
    assert busy[:2] == pytest.approx((20, 80))
    assert busy.slow == pytest.approx((0.005, 0.005))
    assert night[:2] == pytest.approx((4, 16))
    assert night.slow == pytest.approx((0, 0), abs=1e-6)
    assert seen(day, 20, 21_595, 21_605)[:2] == pytest.approx((12, 48))
    assert same(seen(day, 20, 86_400, 86_410), seen(day, 20, 0, 10))


def test_staff_send_to_one_path_what_others_send_everywhere() -> None:
    staff = traffic(StaffOnAnotherMix(rps=2, mix=0.1, fails=0.03))
    others, path = staff.strata(Exposure(1, HEADER), 0, 10, 0.0, 0.0)
    assert (others.stratum, path.stratum) == (EVERYONE, STAFF)
    assert others[:2] == pytest.approx((0.9, 89.1))
    assert others.errors == pytest.approx(GOOD)
    assert path[:2] == pytest.approx((0.1 + 2, 9.9))
    assert path.errors == pytest.approx((turned(0.001, 0.03),) * 2), "the path fails alike on both versions"
    together = staff.expected(Exposure(1, HEADER), 0, 10, 0.0, 0.0)
    assert together.stratum == ""
    assert together[:2] == pytest.approx((3, 99))
    fails = turned(0.001, 0.03)
    assert together.errors == pytest.approx(((89.1 * 0.001 + 9.9 * fails) / 99, (0.9 * 0.001 + 2.1 * fails) / 3))


def test_without_a_route_and_before_the_first_step_there_are_no_staff() -> None:
    staff = traffic(StaffOnAnotherMix(mix=0.1))
    for expected in (staff.expected(Exposure(1), 0, 10, 0.0, 0.0), staff.expected_before(-10, 0)):
        assert expected.canary_rps + expected.stable_rps == pytest.approx(100)
        assert expected.errors.stable == pytest.approx(0.001 + 0.1 * (turned(0.001, 0.03) - 0.001))
    forced = staff.expected(Exposure(0, HEADER), 0, 10, 0.0, 0.0)
    assert forced[:2] == pytest.approx((2, 100)), "one request/s of staff, and the one of --forced-rps"


def test_a_cold_canary_is_slow_after_each_rise_by_half_as_much_after_each_half_life() -> None:
    cold = ColdStart()
    first = seen(cold, 20, 600, 600.002, raised_at=600)
    assert first.slow == pytest.approx((0, 0.2), rel=1e-3)
    assert seen(cold, 20, 620, 620.002, raised_at=600).slow.canary == pytest.approx(0.1, rel=1e-3)
    assert seen(cold, 20, 620, 620.002, raised_at=620).slow.canary == pytest.approx(0.2, rel=1e-3)
    assert first.errors == pytest.approx(GOOD)
    assert same(seen(cold, 0, 0, 10, raised_at=None), plain(0))
    assert traffic(cold).expected_before(-10, 0).slow == NONE
    failing = seen(ColdStart(of=BadKind.ERRORS), 20, 0, 0.002)
    assert failing.errors == pytest.approx((0.001, turned(0.001, 0.2)), rel=1e-3)
    # a long tick is no coarser: the mean of the fading share over a minute, and not that of its middle
    assert seen(cold, 20, 0, 60).slow.canary == pytest.approx(0.2 * (1 - 2**-3) / (3 * 0.6931), rel=0.01)


def test_regressions_begin_at_the_onset_and_meet_only_the_canary() -> None:
    pod = BrokenPod(pods=4, share=0.5)
    assert seen(pod, 20, 0, 10).errors == pytest.approx((0.001, turned(0.001, 0.125)))
    assert same(seen(pod, 20, 0, 10, onset=10), plain(20))
    assert seen(pod, 20, 0, 10, onset=5).errors.canary == pytest.approx((0.001 + turned(0.001, 0.125)) / 2)
    slow = seen(BrokenPod(of=BadKind.SLOW), 20, 0, 10)
    assert (slow.slow, slow.errors) == (pytest.approx((0, 0.1)), pytest.approx(GOOD))
    growth = SlowGrowth(share=0.1, lasts=100)
    assert same(seen(growth, 20, 0, 10, onset=20), plain(20))
    assert seen(growth, 20, 65, 75, onset=20).errors == pytest.approx((0.001, turned(0.001, 0.05)))
    assert seen(growth, 20, 500, 510, onset=20).errors.canary == pytest.approx(turned(0.001, 0.1))
    at_weight = RegressionAtWeight(weight=0.07)
    assert same(seen(at_weight, 6.9, 0, 10), plain(6.9))
    assert same(seen(at_weight, 20, 0, 10, onset=60), plain(20))
    for weight in (7, 20, 100):
        assert seen(at_weight, weight, 0, 10).errors == pytest.approx((0.001, turned(0.001, 0.05)))
    for regression in (pod, growth, at_weight):
        assert traffic(regression).expected_before(-10, 0).errors.stable == 0.001


def test_profiles_add_up_in_any_order() -> None:
    two = (ColdStart(of=BadKind.ERRORS), BrokenPod())
    one, other = (traffic(*pair).expected(Exposure(20), 0, 10, 0.0, 0.0) for pair in (two, two[::-1]))
    assert same(one, other)
    assert one.errors.canary > max(seen(profile, 20, 0, 10).errors.canary for profile in two)


def test_an_incident_of_the_rollout_and_a_profile_meet_the_same_requests() -> None:
    ill = traffic(ColdStart(of=BadKind.ERRORS), incident=Incident(60, 0.3))
    now = ill.expected(Exposure(20), 100, 100.002, 100.0, 100.0)
    assert now.errors == pytest.approx((0.3, turned(0.3, 0.2)), rel=1e-3)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        (RetryStorm, {"lasts": 600}),
        (CanaryCausedIncident, {"every": 60}),
        (BimodalLatency, {"lasts": 700}),
    ],
)
def test_what_comes_again_before_it_is_over_is_refused(kind: type[TrafficProfile], sizes: Mapping[str, float]) -> None:
    with pytest.raises(ValueError, match="lasts: must be shorter than every"):
        kind(**sizes)


def test_what_the_canary_is_worse_at_is_the_larger_regression() -> None:
    slow = Ratios(0.002, 0.05)
    assert traffic().regression is BadKind.ERRORS
    assert traffic(slow=slow).regression is BadKind.SLOW
    assert traffic(BrokenPod(), slow=slow).regression is BadKind.ERRORS
    assert traffic(SlowGrowth(of=BadKind.SLOW)).regression is BadKind.SLOW
    assert traffic(ColdStart()).regression is BadKind.ERRORS, "a cold start is no regression"


def test_a_regression_shows_at_its_weight_unless_the_canary_is_worse_anyway() -> None:
    at_weight = RegressionAtWeight(weight=0.2)
    assert [traffic(at_weight).shown_at(Exposure(weight)) for weight in (0, 19.9, 20, 100)] == [
        False,
        False,
        True,
        True,
    ]
    assert traffic(at_weight, slow=Ratios(0.002, 0.01)).shown_at(Exposure(5))
    assert traffic(at_weight, BrokenPod()).shown_at(Exposure(5))
    assert traffic(ColdStart()).shown_at(Exposure(5)), "healthy, its times count from the onset all the same"
