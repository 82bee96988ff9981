"""Simulation runs: many simulated rollouts and their summary. Used by ``ingress-canary simulate``.

Each rollout draws its traffic from a seed of its own, so that the answer depends neither on how many processes share
the work nor on which is faster.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from math import ceil
from multiprocessing import get_context
from random import Random
from typing import Any, NamedTuple, Self

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.whatif.simulated_rollout import Outcome, SimulatedEnding, SimulationSetup, walk_by
from ingress_canary.whatif.simulated_traffic import Traffic

PART = 25
"""Rollouts that a process takes at a time: about a second's work."""
WORTH_A_PROCESS = 50
"""Rollouts below which starting other processes takes longer than they save."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A schedule, its traffic, and the random seed."""

    spec: ScheduleSpec
    traffic: Traffic
    seed: int = 1
    interval: float = 10.0
    """Seconds between two ticks."""
    warm_up: float = 1800.0
    """Seconds of stable's history from which phi is taken: 30 minutes, as with Prometheus."""


class Spread(NamedTuple):
    """Median and 95th percentile; None without values."""

    p50: float | None
    p95: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Return the nearest-rank percentiles of some values."""
        ranked = sorted(values)
        return cls(_percentile(ranked, 0.5), _percentile(ranked, 0.95))


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of all rollouts' outcomes."""

    runs: int
    promoted: int
    rolled_back: int
    held: int
    rollback_seconds: Spread
    """From the regression's onset to the decision, settling left out; of those after it, as the next two are."""
    exposed_requests: Spread
    """Requests that the canary got from the onset to the rollback."""
    failed_requests: Spread
    """Those of them that were bad."""
    duration_seconds: Spread
    """From the first step to the decision that ended it, of all rollouts."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Return the summary of some outcomes."""
        count = {ending: sum(outcome.ending is ending for outcome in outcomes) for ending in SimulatedEnding}
        back = [outcome for outcome in outcomes if outcome.ending is SimulatedEnding.ROLLED_BACK]
        # a rollout that ended before the regression began says nothing about how fast that is detected
        caught = [outcome for outcome in back if outcome.exposed]
        return cls(
            len(outcomes),
            count[SimulatedEnding.PROMOTED],
            count[SimulatedEnding.ROLLED_BACK],
            count[SimulatedEnding.HELD],
            Spread.of(outcome.judged for outcome in caught),
            Spread.of(outcome.exposed for outcome in caught),
            Spread.of(outcome.failed for outcome in caught),
            Spread.of(outcome.duration for outcome in outcomes),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "runs": self.runs, "promoted": self.promoted, "rolledBack": self.rolled_back, "held": self.held,
            "rollbackSeconds": self.rollback_seconds._asdict(), "exposedRequests": self.exposed_requests._asdict(),
            "failedRequests": self.failed_requests._asdict(), "durationSeconds": self.duration_seconds._asdict(),
        }  # fmt: skip


def simulate(experiment: Experiment, runs: int, ended: Callable[[int], object] = lambda _: None) -> Summary:
    """Return the summary of that many rollouts, using every core; ``ended`` is called with how many have ended."""
    parts = [range(first, min(first + PART, runs)) for first in range(0, runs, PART)]
    outcomes: list[Outcome] = []
    workers = min(os.cpu_count() or 1, len(parts))
    if runs < WORTH_A_PROCESS or workers == 1:
        for part in parts:
            outcomes += _play(experiment, part)
            ended(len(part))
        return Summary.of(outcomes)
    # spawned, not forked: a progress bar's thread may be running
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_play, experiment, part) for part in parts]):
            outcomes += done.result()
            ended(len(done.result()))
    return Summary.of(outcomes)


def _play(experiment: Experiment, part: range) -> list[Outcome]:
    stage = SimulationSetup.of(experiment.spec, experiment.traffic, experiment.interval, experiment.warm_up)
    return [walk_by(stage, Random(f"{experiment.seed}:{run}")) for run in part]


def _percentile(ranked: Sequence[float], share: float) -> float | None:
    return ranked[ceil(share * len(ranked)) - 1] if ranked else None
