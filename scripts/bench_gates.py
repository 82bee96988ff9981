"""Print what judging and deciding costs at a tick of 1,000 rollouts; exit 1 when it is too much.

Each rollout has 2 SLOs and is at the second of 8 steps, with drawn counts: the tests, the verdicts and the decision,
without reading or counting series and without putting anything into words (`make bench` has those). Then the cost of a
whole rollout that is simulated tick by tick (`make bench-simulate` has that of many).
Run by `make bench-gates`.
"""

import sys
from random import Random
from time import process_time

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.whatif.expected_traffic import Ratios
from ingress_canary.whatif.simulated_rollout import SimulatedRollout, SimulationSetup, walk_by
from ingress_canary.whatif.simulated_traffic import Traffic
from ingress_canary.whatif.traffic_draws import SequentialDraws

MAX_CPU_SECONDS = 0.5
ROLLOUTS = 1000
TICKS_BEFORE = 40
TICKS = 5
SIMULATED = 50

AVAILABILITY = {"name": "availability", "objective": 99.9, "sli": {"requests": {}}}
LATENCY = {"name": "latency", "objective": 99, "maxBurn": 2, "sli": {"latency": {"threshold": "500ms"}}}


def stage(steps: int, slos: list[dict[str, object]]) -> SimulationSetup:
    """Return steps of 5 minutes at 5 %, with 100 requests a second of which a thousandth is bad."""
    spec = ScheduleSpec.model_validate({"steps": [{"weight": 5, "bake": "5m"}] * steps, "slos": slos})
    ratios = Ratios(0.001, 0.001)
    return SimulationSetup.of(spec, Traffic(100, ratios, ratios), interval=10, warm_up=1800)


def tick_cost() -> float:
    """Return the CPU seconds of the cheapest of some ticks of all rollouts: the others were disturbed."""
    many = stage(8, [AVAILABILITY, LATENCY])
    plays = [
        SimulatedRollout(many, SequentialDraws(many.traffic, Random(number), many.times)) for number in range(ROLLOUTS)
    ]
    for play in plays:
        for _ in range(TICKS_BEFORE):
            play.tick()
    costs = []
    for _ in range(TICKS):
        began = process_time()
        for play in plays:
            play.tick()
        costs.append(process_time() - began)
    return min(costs)


def simulation_cost() -> float:
    """Return the CPU seconds of one rollout of 30 minutes with one SLO."""
    half_hour = stage(6, [AVAILABILITY])
    began = process_time()
    for number in range(SIMULATED):
        walk_by(half_hour, Random(number))
    return (process_time() - began) / SIMULATED


def main() -> int:
    """Measure and print both."""
    cost, simulated = tick_cost(), simulation_cost()
    print(f"one tick of {ROLLOUTS} rollouts, 2 SLOs, 8 steps: {cost:.3f} s of CPU (limit {MAX_CPU_SECONDS})")
    print(f"one rollout of 30 minutes, simulated tick by tick: {simulated * 1000:.1f} ms of CPU")
    return 0 if cost <= MAX_CPU_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
