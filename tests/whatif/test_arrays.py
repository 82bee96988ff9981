"""The array path of ``simulate`` ends each rollout as the tick-by-tick path does, on the same traffic."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.whatif.arrays.array_draws import ArrayDraws, TrafficExpectations
from ingress_canary.whatif.arrays.batch import play
from ingress_canary.whatif.simulated_rollout import Outcome, SimulatedEnding, SimulationSetup, walk
from ingress_canary.whatif.simulated_traffic import Incident, Ratios, Traffic
from tests.whatif.schedules import AVAILABILITY, LATENCY, same, schedule, six

SAMPLES = Path(__file__).resolve().parents[2] / "config/samples"
OWN = {"name": "own", "objective": 99, "maxBurn": 5, "sli": {"prometheus": {"bad": "b", "total": "t"}}}
OWN_LATENCY = {"name": "quick", "objective": 95, "maxBurn": 3, "settle": "40s", "sli": {"latency": {"threshold": "1s"}}}
STAFF = {"weight": 0, "header": {"name": "X-Canary"}, "bake": "5m", "require": "NoFail", "minRequests": 100}
RAMP = [{"ramp": {"from": 5, "to": 80, "factor": 4, "bake": "4m"}}, {"weight": 100, "bake": "5m"}]
BOTH = (AVAILABILITY, LATENCY)
RUNS = 6


def both(spec: ScheduleSpec, traffic: Traffic, runs: int, interval: float = 10.0, warm_up: float = 1800.0, seed: int = 1):
    """Return the outcomes of some runs, by arrays and tick by tick."""
    setup = SimulationSetup.of(spec, traffic, interval, warm_up)
    expectations = TrafficExpectations(setup)
    walked = [walk(setup, ArrayDraws(expectations, seed, run)) for run in range(runs)]
    return play(setup, seed, range(runs)), walked


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
    "a difference too small to matter": (six(50), Traffic(100_000, Ratios(0.0010, 0.0015)), {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_both_paths_end_alike(case: str) -> None:
    spec, traffic, more = CASES[case]
    arrays, walked = both(spec, traffic, RUNS, **more)
    assert arrays == walked


def test_the_cases_end_in_every_way() -> None:
    endings = set()
    for case in ("healthy", "one point worse", "held for too long"):
        spec, traffic, more = CASES[case]
        endings |= {outcome.ending for outcome in both(spec, traffic, 1, **more)[0]}
    assert endings == set(SimulatedEnding)
