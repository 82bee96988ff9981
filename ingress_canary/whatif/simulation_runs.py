"""Simulation runs: many simulated rollouts and their summary. Used by ``ingress-canary simulate``.

Each rollout draws its traffic from a seed of its own, so that the answer depends neither on how many processes share
the work nor on which is faster. Where numpy is installed, spans of ticks are judged in arrays (``arrays/``); without it
each rollout is walked tick by tick, on other traffic of the same kind.
"""

import gc
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from multiprocessing import get_context
from random import Random
from typing import Any, NamedTuple, Self

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.whatif.simulated_rollout import Outcome, SimulatedEnding, SimulationSetup, walk_by
from ingress_canary.whatif.simulated_traffic import Traffic

HAS_NUMPY = find_spec("numpy") is not None
"""Whether the extra ``simulate`` is installed."""
PART = 100 if HAS_NUMPY else 25
"""Rollouts that a process takes at a time at most: about a second's work."""
WORTH_A_PROCESS = 200 if HAS_NUMPY else 50
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
    phi: Spread
    """By how much evidence was discounted, of all rollouts."""
    discounted: int
    """Rollouts in which it was at all."""

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
            Spread.of(outcome.phi for outcome in outcomes),
            sum(outcome.phi > 1 for outcome in outcomes),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "runs": self.runs, "promoted": self.promoted, "rolledBack": self.rolled_back, "held": self.held,
            "rollbackSeconds": self.rollback_seconds._asdict(), "exposedRequests": self.exposed_requests._asdict(),
            "failedRequests": self.failed_requests._asdict(), "durationSeconds": self.duration_seconds._asdict(),
            "phi": self.phi._asdict(), "discounted": self.discounted,
        }  # fmt: skip


def simulate(experiment: Experiment, runs: int, ended: Callable[[int], object] = lambda _: None) -> Summary:
    """Return the summary of that many rollouts, using every core; ``ended`` is called with how many have ended."""
    workers, outcomes = min(os.cpu_count() or 1, ceil(runs / PART)), list[Outcome]()
    if runs < WORTH_A_PROCESS or workers == 1:
        for part in _parts(runs, 1):
            outcomes += _play(experiment, part)
            ended(len(part))
        return Summary.of(outcomes)
    # spawned, not forked: a progress bar's thread may be running; they look for garbage as seldom as the command does
    context, threshold = get_context("spawn"), gc.get_threshold()
    with ProcessPoolExecutor(workers, context, initializer=gc.set_threshold, initargs=threshold) as pool:
        for done in as_completed([pool.submit(_play, experiment, part) for part in _parts(runs, workers)]):
            outcomes += done.result()
            ended(len(done.result()))
    return Summary.of(outcomes)


def _parts(runs: int, workers: int) -> list[range]:
    """Return the rollouts in parts, of which each worker gets several: the last ones end together."""
    size = max(min(PART, runs // (4 * workers)), 1)
    return [range(first, min(first + size, runs)) for first in range(0, runs, size)]


def _play(experiment: Experiment, part: range) -> list[Outcome]:
    setup = SimulationSetup.of(experiment.spec, experiment.traffic, experiment.interval, experiment.warm_up)
    if HAS_NUMPY:
        from ingress_canary.whatif.arrays.batch import play  # noqa: PLC0415 - an extra

        return play(setup, experiment.seed, part)
    return [walk_by(setup, Random(f"{experiment.seed}:{run}")) for run in part]


def _percentile(ranked: Sequence[float], share: float) -> float | None:
    return ranked[ceil(share * len(ranked)) - 1] if ranked else None
