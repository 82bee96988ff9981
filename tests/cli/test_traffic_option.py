"""Option ``--traffic`` of ``simulate``: names, sizes, what it refuses and what it says instead."""

import pytest
import typer

from ingress_canary.cli.inputs.traffic_option import idle, listing, option, sizes, traffic_profile
from ingress_canary.whatif.expected_traffic import BadKind
from ingress_canary.whatif.traffic_profiles.incidents import IncidentInWarmUp, RetryStorm, StormSides
from ingress_canary.whatif.traffic_profiles.load import DiurnalLoad, StaffOnAnotherMix
from ingress_canary.whatif.traffic_profiles.profile import TrafficProfile
from ingress_canary.whatif.traffic_profiles.registry import PROFILES
from ingress_canary.whatif.traffic_profiles.version import BrokenPod, ColdStart, RegressionAtWeight
from tests.whatif.schedules import AVAILABILITY, LATENCY, schedule

STAFF = {"header": {"name": "X-Canary", "value": "staff"}}


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("cold-start", ColdStart()),
        ("cold-start:", ColdStart()),
        ("cold-start:share=60%,half-life=1m30s", ColdStart(share=0.6, half_life=90.0)),
        ("cold-start:of=errors", ColdStart(of=BadKind.ERRORS)),
        ("retry-storm:size=1000,sides=one,every=1h", RetryStorm(size=1000, sides=StormSides.ONE, every=3600)),
        ("broken-pod:pods=3", BrokenPod(pods=3)),
        ("regression-at-weight:weight=50%,share=0.02", RegressionAtWeight(weight=0.5, share=0.02)),
    ],
)
def test_a_profile_is_named_with_the_sizes_that_differ(text: str, profile: TrafficProfile) -> None:
    assert traffic_profile(text) == profile


@pytest.mark.parametrize("name", list(PROFILES))
def test_what_is_reported_gives_the_same_profile_again(name: str) -> None:
    profile = PROFILES[name]()
    assert traffic_profile(option(profile)) == profile
    assert set(sizes(profile)) == {part.partition("=")[0] for part in option(profile).partition(":")[2].split(",")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("coldstart", "there is no profile 'coldstart'; there are incident-in-warm-up, quiet-hours, retry-storm"),
        ("", "there is no profile ''"),
        (
            "cold-start:shares=20%",
            "cold-start: 'shares=20%' is none of its sizes; say cold-start:share=20%,half-life=20s",
        ),
        ("cold-start:half_life=20s", "is none of its sizes"),
        ("cold-start:20%", "cold-start: '20%' is none of its sizes"),
        ("cold-start:share=20", "cold-start: share: a share lies between 0 and 1"),
        ("cold-start:share=many", "cold-start: share: a share is written 0.1% or 0.001"),
        ("cold-start:half-life=20", "cold-start: half-life: a duration is a string with a unit"),
        ("cold-start:half-life=0s", "cold-start: half-life: a duration from 1s to 720h is wanted; got '0s'"),
        ("cold-start:of=speed", "cold-start: of: one of errors, slow is wanted; got 'speed'"),
        ("broken-pod:pods=0", "broken-pod: pods: a number from 1 to"),
        ("retry-storm:lasts=20m", "retry-storm: lasts: must be shorter than every"),
        ("cold-start:share=1%,share=2%", "cold-start: share is given twice"),
    ],
)
def test_what_is_no_profile_is_answered_with_the_name_the_size_and_what_there_is(text: str, words: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        traffic_profile(text)
    assert words in refused.value.message


def test_list_shows_each_profile_in_a_line_and_how_to_size_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        traffic_profile("list")
    lines = capsys.readouterr().out.splitlines()
    assert lines == list(listing())
    assert [line.split()[0] for line in lines[::2]] == list(PROFILES)
    for line, kind in zip(lines[1::2], PROFILES.values(), strict=True):
        assert line.strip() == option(kind())


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (ColdStart(), "slow, which no SLO judges; give the schedule a latency SLO"),
        (BrokenPod(of=BadKind.SLOW), "slow, which no SLO judges"),
        (StaffOnAnotherMix(), "no step has a header or a cookie"),
    ],
)
def test_a_profile_that_changes_nothing_that_is_judged_is_idle(profile: TrafficProfile, words: str) -> None:
    steps = [{"weight": 20, "bake": "5m"}]
    assert words in (idle(profile, schedule(steps, (AVAILABILITY,)), 1800) or "")
    assert idle(profile, schedule(steps, (AVAILABILITY, LATENCY), routing=STAFF), 1800) is None


def test_errors_need_an_slo_of_them_and_an_incident_before_needs_a_warm_up() -> None:
    steps = [{"weight": 20, "bake": "5m"}]
    assert "no SLO judges" in (idle(BrokenPod(), schedule(steps, (LATENCY,)), 1800) or "")
    assert "give --warm-up more than 0s" in (idle(IncidentInWarmUp(), schedule(steps), 0) or "")
    assert idle(IncidentInWarmUp(), schedule(steps), 120) is None
    assert idle(DiurnalLoad(), schedule(steps), 1800) is None, "there are fewer requests, whatever is judged"
