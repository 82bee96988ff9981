"""Schedules and bounds that the tests of whatif share."""

from typing import Any

from scipy.stats import beta, binom

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.whatif.arrays.batch import play
from ingress_canary.whatif.expected_traffic import Ratios
from ingress_canary.whatif.simulated_rollout import Outcome, SimulationSetup
from ingress_canary.whatif.simulated_traffic import Traffic
from ingress_canary.whatif.simulation_runs import Summary

AVAILABILITY = {"name": "availability", "objective": 99.9, "maxBurn": 10, "sli": {"requests": {}}}
LATENCY = {"name": "latency", "objective": 99, "maxBurn": 2, "sli": {"latency": {"threshold": "500ms"}}}
DOUBT = 1e-3
"""Chance that a test with another seed would refuse what is right."""


def schedule(steps: list[dict[str, Any]], slos: tuple[dict[str, Any], ...] = (AVAILABILITY,), **more: Any):
    return ScheduleSpec.model_validate({"steps": steps, "slos": list(slos), **more}, extra="forbid")


def six(weight: float) -> ScheduleSpec:
    """Return the schedule of judging.md's table: six steps of 5 minutes at one weight."""
    return schedule([{"weight": weight, "bake": "5m"}] * 6)


def same(rps: float, ratio: float, **more: Any) -> Traffic:
    """Return the traffic of a healthy canary."""
    return Traffic(rps, Ratios(ratio, ratio), **more)


def outcomes(spec: ScheduleSpec, traffic: Traffic, runs: int, warm_up: float = 1800) -> list[Outcome]:
    return play(SimulationSetup.of(spec, traffic, 10.0, warm_up), 1, range(runs))


def summary(spec: ScheduleSpec, traffic: Traffic, runs: int, warm_up: float = 1800) -> Summary:
    return Summary.of(outcomes(spec, traffic, runs, warm_up))


def at_most(count: int, runs: int, share: float) -> bool:
    """Return whether so many of some runs can be, if the chance of each is at most ``share``."""
    return binom.sf(count - 1, runs, share) > DOUBT


def below(count: int, runs: int, share: float) -> bool:
    """Return whether so many of some runs show, by the 95 % upper confidence bound, a chance of at most ``share``."""
    return beta.ppf(0.95, count + 1, runs - count) <= share
