"""The array path of ``simulate`` ends each rollout as the tick-by-tick path does, on the same traffic."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.whatif.arrays.array_draws import ArrayDraws, TrafficExpectations
from ingress_canary.whatif.arrays.array_rollout import ArrayRollout, ArraySetup
from ingress_canary.whatif.arrays.batch import StepSpan, play, play_in_arrays
from ingress_canary.whatif.expected_traffic import Ratios
from ingress_canary.whatif.simulated_rollout import Outcome, SimulatedEnding, SimulatedRollout, SimulationSetup, walk
from ingress_canary.whatif.simulated_traffic import Incident, Traffic
from ingress_canary.whatif.traffic_draws import SequentialDraws
from ingress_canary.whatif.traffic_profiles.incidents import RetryStorm
from ingress_canary.whatif.traffic_profiles.registry import PROFILES
from ingress_canary.whatif.traffic_profiles.version import ColdStart, RegressionAtWeight
from tests.whatif.schedules import AVAILABILITY, LATENCY, same, schedule, six

SAMPLES = Path(__file__).resolve().parents[2] / "config/samples"
OWN = {"name": "own", "objective": 99, "maxBurn": 5, "sli": {"prometheus": {"bad": "b", "total": "t"}}}
OWN_LATENCY = {"name": "quick", "objective": 95, "maxBurn": 3, "settle": "40s", "sli": {"latency": {"threshold": "1s"}}}
STAFF = {"weight": 0, "header": {"name": "X-Canary"}, "bake": "5m", "require": "NoFail", "minRequests": 100}
RAMP = [{"ramp": {"from": 5, "to": 80, "factor": 4, "bake": "4m"}}, {"weight": 100, "bake": "5m"}]
BOTH = (AVAILABILITY, LATENCY)
RUNS = 6
ENDINGS = {
    "healthy": SimulatedEnding.PROMOTED,
    "one point worse": SimulatedEnding.ROLLED_BACK,
    "held for too long": SimulatedEnding.HELD,
}
"""A case for each ending."""


def both(
    spec: ScheduleSpec, traffic: Traffic, runs: int = RUNS, interval: float = 10.0, warm_up: float = 1800.0
) -> tuple[list[Outcome | None], list[Outcome]]:
    """Return the outcomes of some runs, by arrays alone and tick by tick."""
    shared = ArraySetup(SimulationSetup.of(spec, traffic, interval, warm_up))
    walked = [walk(shared.setup, ArrayDraws(shared.expectations, 1, run)) for run in range(runs)]
    return play_in_arrays(shared, 1, range(runs)), walked


CASES: dict[str, tuple[ScheduleSpec, Traffic, dict[str, float]]] = {
    "healthy": (six(5), same(100, 0.001), {}),
    "one point worse": (six(5), Traffic(100, Ratios(0.001, 0.011)), {}),
    "only failures": (six(20), Traffic(1000, Ratios(0.001, 1.0)), {}),
    "no errors at all": (six(20), same(50, 0.0), {}),
    "all fail on both sides": (six(20), same(50, 1.0), {}),
    "a regression during a step": (six(20), Traffic(100, Ratios(0.001, 0.05), onset=400), {}),
    "a regression in the middle of a tick": (six(20), Traffic(20, Ratios(0.001, 0.3), onset=407), {}),
    "slowness": (schedule(RAMP, BOTH), Traffic(100, Ratios(0.0005, 0.0005), Ratios(0.001, 0.05)), {}),
    "slow and faulty": (schedule(RAMP, BOTH), Traffic(100, Ratios(0.001, 0.02), Ratios(0.001, 0.04)), {}),
    "a slow start": (schedule(RAMP, (LATENCY, OWN_LATENCY)), Traffic(30, Ratios(0, 0), Ratios(0.01, 0.9)), {}),
    "counters of one side": (schedule(RAMP, (AVAILABILITY, OWN)), same(30, 0.002), {}),
    "bad counters of one side": (schedule(RAMP, (OWN,)), Traffic(30, Ratios(0.002, 0.2)), {}),
    "staff first": (schedule([STAFF, *RAMP], maxHold="15m"), same(20, 0.001), {}),
    "staff who never come": (schedule([STAFF, *RAMP], maxHold="15m"), same(20, 0.001, forced_rps=0.0), {}),
    "staff on a bad canary": (schedule([STAFF, *RAMP]), Traffic(20, Ratios(0.001, 0.5), forced_rps=0.4), {}),
    "nothing but minRequests": (
        schedule([{"weight": 5, "bake": "1m", "require": "NoFail", "minRequests": 150}] * 2), same(10, 0.001), {},
    ),
    "a proof that takes long": (schedule([{"weight": 5, "bake": "1m"}], maxHold="50m"), same(4, 0.002), {}),
    "held for too long": (schedule([{"weight": 1, "bake": "5m"}], maxHold="20m"), same(1, 0.001), {}),
    "rolled back for that": (
        schedule([{"weight": 1, "bake": "5m"}], maxHold="20m", onInconclusive="Rollback"), same(1, 0.001), {},
    ),
    "paused by a failure": (schedule(RAMP, onFailure="Pause"), Traffic(50, Ratios(0.001, 0.06)), {}),
    "bursts": (six(20), same(100, 0.002, burst=5.0), {}),
    "bursts that were not seen before": (six(20), same(100, 0.002, burst=10.0), {"warm_up": 0}),
    "bursts and a short warm-up": (six(50), same(100, 0.002, burst=10.0), {"warm_up": 120}),
    "hardly any traffic": (schedule(RAMP, maxHold="30m"), same(0.2, 0.1), {"warm_up": 120}),
    "identical and bad": (schedule([{"weight": 50, "bake": "20m"}], maxHold="1h"), same(0.2, 0.1), {}),
    "a bad stable at ninety percent": (schedule([{"weight": 90, "bake": "20m"}], maxHold="1h"), same(1, 0.05), {}),
    "a good canary beside a bad stable": (six(30), Traffic(50, Ratios(0.02, 0.001)), {}),
    "a shared incident": (six(20), same(100, 0.001, incident=Incident(180, 0.05)), {}),
    "a long incident": (schedule(RAMP), same(100, 0.001, incident=Incident(600, 0.3)), {"warm_up": 120}),
    "an outage": (six(20), same(30, 0.001, incident=Incident(60, 1.0)), {}),
    "a worse canary in an outage": (six(20), Traffic(30, Ratios(0.001, 0.02), incident=Incident(60, 0.9)), {}),
    "ticks of two seconds": (schedule(RAMP), same(50, 0.001), {"interval": 2.0, "warm_up": 600}),
    "ticks of three and a half seconds": (schedule(RAMP), Traffic(50, Ratios(0.001, 0.02)), {"interval": 3.5}),
    "ticks of a minute": (schedule(RAMP, BOTH), Traffic(20, Ratios(0.001, 0.03)), {"interval": 60.0}),
    "very much traffic": (six(20), same(1_000_000, 0.001), {}),
    "a difference too small to matter": (six(50), Traffic(1_500, Ratios(0.0010, 0.0017)), {}),
    "two profiles and a regression": (
        schedule(RAMP, BOTH),
        Traffic(50, Ratios(0.001, 0.03), onset=407, profiles=(ColdStart(share=0.4), RetryStorm(size=20))), {},
    ),
    "a regression that shows late": (
        schedule(RAMP), Traffic(50, Ratios(0.001, 0.001), profiles=(RegressionAtWeight(weight=0.8),)), {},
    ),
    **{
        name: (
            schedule([STAFF, *RAMP], BOTH, maxHold="30m", routing={"header": {"name": "X-Canary"}}),
            Traffic(50, Ratios(0.001, 0.001), Ratios(0.002, 0.002), profiles=(profile(),)), {},
        )
        for name, profile in PROFILES.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_both_paths_end_alike(case: str) -> None:
    spec, traffic, more = CASES[case]
    arrays, walked = both(spec, traffic, **more)
    # none is given up, so that it is arrays that are compared
    assert arrays == walked


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES)
def test_many_rollouts_end_alike(case: str) -> None:
    spec, traffic, more = CASES[case]
    arrays, walked = both(spec, traffic, 60, **more)
    assert arrays == walked


@pytest.mark.parametrize("sample", sorted(path.name for path in SAMPLES.glob("*.yaml")))
@pytest.mark.parametrize("worse", [0.0, 0.01])
def test_both_paths_of_a_sample_end_alike(sample: str, worse: float) -> None:
    for document in yaml.safe_load_all((SAMPLES / sample).read_text()):
        spec = document["spec"].get("schedule", {}).get("inline") or document["spec"]
        if "steps" not in spec:
            continue
        traffic = Traffic(150, Ratios(0.001, 0.001 + worse), Ratios(0.002, 0.002 + worse), incident=Incident(60, 0.2))
        arrays, walked = both(ScheduleSpec.model_validate(spec), traffic, 2)
        assert arrays == walked


def test_the_cases_end_in_every_way() -> None:
    ended = [play(SimulationSetup.of(*CASES[case][:2], 10.0, 1800.0), 1, [0])[0] for case in ENDINGS]
    assert [outcome.ending for outcome in ended] == list(ENDINGS.values())


share = st.floats(0, 0.2) | st.sampled_from([0.0, 0.001, 0.01, 0.5, 1.0])
rates = st.builds(lambda exponent: 10.0**exponent, st.floats(-1, 4))
traffics = st.builds(
    Traffic, rps=rates, errors=st.builds(Ratios, share, share), slow=st.builds(Ratios, share, share),
    onset=st.floats(0, 900), burst=st.sampled_from([1.0, 1.0, 3.0, 20.0]),
    incident=st.builds(Incident, st.floats(0, 300), share), forced_rps=st.floats(0, 5),
)  # fmt: skip
steps = st.lists(
    st.fixed_dictionaries(
        {
            "weight": st.sampled_from([1, 5, 20, 50, 90, 100]),
            "bake": st.sampled_from(["0s", "35s", "2m", "7m"]),
            "require": st.sampled_from(["Proof", "NoFail"]),
            "minRequests": st.sampled_from([0, 30, 500]),
        }
    ),
    min_size=1,
    max_size=3,
).map(lambda steps: sorted(steps, key=lambda step: step["weight"]))
settings_of_all = st.fixed_dictionaries(
    {
        "maxHold": st.sampled_from(["3m", "20m"]),
        "onInconclusive": st.sampled_from(["Pause", "Rollback"]),
        "onFailure": st.sampled_from(["Pause", "Rollback"]),
    }
)
slos = st.sampled_from([(AVAILABILITY,), (LATENCY,), (AVAILABILITY, LATENCY), (AVAILABILITY, OWN), (OWN, OWN_LATENCY)])


@settings(max_examples=40, deadline=None)
@given(steps, slos, settings_of_all, traffics, st.sampled_from([5.0, 10.0, 17.3]), st.sampled_from([0, 50, 120, 1800]))
def test_any_schedule_in_any_traffic_ends_alike(
    chosen: list[dict[str, Any]],
    judged: tuple[dict[str, Any], ...],
    more: dict[str, Any],
    traffic: Traffic,
    interval: float,
    warm_up: float,
) -> None:
    arrays, walked = both(schedule(chosen, judged, **more), traffic, 3, interval, warm_up)
    assert [seen or one for seen, one in zip(arrays, walked, strict=True)] == walked


@pytest.mark.parametrize("case", ["slow and faulty", "an outage", "bursts and a short warm-up", "staff first"])
def test_the_state_that_is_handed_over_is_that_of_each_tick(case: str) -> None:
    spec, traffic, more = CASES[case]
    shared = ArraySetup(SimulationSetup.of(spec, traffic, 10.0, more.get("warm_up", 1800)))
    array = ArrayRollout(shared, ArrayDraws(shared.expectations, 1, 1))
    walked = SimulatedRollout(shared.setup, ArrayDraws(shared.expectations, 1, 1))
    while not array.over:
        StepSpan(shared, [array]).play()
        while walked.now < array.now:
            walked.tick()
        assert array.outcome == walked.outcome
        assert exact(array.session) == exact(walked.session)
        for one, other in zip(evidence(array.session), evidence(walked.session), strict=True):
            # the ticks round down by 1e-9 each, and the arrays do not
            assert -1e-9 <= one - other <= 1e-9 * (array.place + 1)


def exact(session: Evaluation) -> object:
    """Return all of an evaluation but what is rounded."""
    tracks = tuple(
        replace(
            track,
            absolute=track.absolute._replace(bets=()),
            relative=track.relative._replace(together=track.relative.together._replace(bets=())),
        )
        for track in session.analysis.tracks
    )
    return session._replace(analysis=replace(session.analysis, tracks=tracks))


def evidence(session: Evaluation) -> list[float]:
    """Return ln E of each test."""
    tracks = session.analysis.tracks
    return [log_e for track in tracks for log_e in (track.absolute_log_e, track.relative_log_e)]


@pytest.mark.parametrize(("burst", "ratio"), [(1.0, 0.01), (5.0, 0.01), (5.0, 0.9), (1.0, 1.0)])
def test_the_draws_of_both_kinds_are_alike(burst: float, ratio: float) -> None:
    spec, traffic = six(20), same(100, ratio, burst=burst)
    setup = SimulationSetup.of(spec, traffic, 10.0, 40_000.0)
    ours = [tick.errors for tick in ArrayDraws(TrafficExpectations(setup), 1, 1).before(setup.warm_edges)]
    theirs = [tick.errors for tick in SequentialDraws(traffic, Random(1), 0.0).before(setup.warm_edges)]
    assert len(ours) == len(theirs) == 4000
    for bad in ([tick.m for tick in (*ours, *theirs)], [tick.f for tick in (*ours, *theirs)]):
        assert ks_2samp(bad[:4000], bad[4000:]).pvalue > 1e-3 or len(set(bad)) == 1


def test_a_run_has_the_same_traffic_wherever_it_is_played() -> None:
    setup = SimulationSetup.of(*CASES["one point worse"][:2], 10.0, 1800.0)
    assert play(setup, 1, range(4, 7)) == play(setup, 1, range(10))[4:7]
    assert play(setup, 1, range(4)) != play(setup, 2, range(4))


def test_what_no_float_holds_is_left_to_the_ticks() -> None:
    # a relative E-value beyond e to the 709, of a difference that does not matter
    spec, traffic = schedule([{"weight": 50, "bake": "1h"}]), Traffic(1e6, Ratios(1e-4, 5e-4))
    arrays, walked = both(spec, traffic, 2)
    assert arrays == [None, None]
    assert play(SimulationSetup.of(spec, traffic, 10.0, 1800.0), 1, range(2)) == walked
