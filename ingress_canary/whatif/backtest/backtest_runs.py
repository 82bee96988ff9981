"""Backtest runs: a rollout from each start, healthy and with each regression, and their summary.

Used by ``ingress-canary backtest``. Each rollout draws from a seed of its own, so that the answer depends neither on
how many processes share the work nor on which is faster.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from typing import Any, NamedTuple

from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.whatif.backtest.canary_regression import HEALTHY, CanaryRegression
from ingress_canary.whatif.backtest.recorded_rollout import BacktestSetup, RecordedOutcome, RecordedRollout
from ingress_canary.whatif.backtest.recorded_traffic import GAP, RecordedTraffic
from ingress_canary.whatif.backtest.recording import utc
from ingress_canary.whatif.simulated_rollout import SimulatedEnding
from ingress_canary.whatif.simulation_runs import Spread

WORTH_A_PROCESS = 4
"""Starts below which other processes take longer to begin than they save."""


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """The outcomes of one canary, healthy or with one regression."""

    canary: CanaryRegression
    outcomes: tuple[RecordedOutcome, ...]
    """In the order of their starts."""

    def ended(self, ending: SimulatedEnding | None) -> tuple[RecordedOutcome, ...]:
        """Return the outcomes with this ending; those that the recording cut off where it is None."""
        return tuple(outcome for outcome in self.outcomes if outcome.ending is ending)

    @property
    def caught_share(self) -> float | None:
        """Share of the rollouts that ended by a rollback; None where none ended."""
        ended = len(self.outcomes) - len(self.ended(None))
        return len(self.ended(SimulatedEnding.ROLLED_BACK)) / ended if ended else None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        back = self.ended(SimulatedEnding.ROLLED_BACK)
        return {
            "promoted": len(self.ended(SimulatedEnding.PROMOTED)), "rolledBack": len(back),
            "held": len(self.ended(SimulatedEnding.HELD)), "cutOff": len(self.ended(None)),
            "rollbackSeconds": Spread.of(outcome.seconds for outcome in back)._asdict(),
            "exposedRequests": Spread.of(outcome.exposed for outcome in back)._asdict(),
            "failedRequests": Spread.of(outcome.failed for outcome in back)._asdict(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class BacktestSummary:
    """The answer of a backtest."""

    starts: int
    skipped: int
    """Starts that were left out, because nothing, or too little of the warm-up, was recorded there."""
    healthy: CaseSummary
    regressions: tuple[CaseSummary, ...]

    @property
    def promotions(self) -> tuple[RecordedOutcome, ...]:
        """The healthy canaries that were promoted."""
        return self.healthy.ended(SimulatedEnding.PROMOTED)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        ended = [outcome for outcome in self.healthy.outcomes if outcome.ending is not None]
        return {
            "starts": self.starts, "skippedStarts": self.skipped,
            "healthy": self.healthy.as_json() | {
                "durationSeconds": Spread.of(outcome.seconds for outcome in self.promotions)._asdict(),
                "heldSeconds": Spread.of(outcome.held for outcome in ended)._asdict(),
                "rollbacks": [_event(outcome) for outcome in self.healthy.ended(SimulatedEnding.ROLLED_BACK)],
                "holds": [_event(outcome) for outcome in ended if outcome.held],
            },
            "regressions": [
                {"regression": case.canary.label, "caughtShare": case.caught_share} | case.as_json()
                for case in self.regressions
            ],
        }  # fmt: skip


def _event(outcome: RecordedOutcome) -> dict[str, Any]:
    return {
        "start": utc(outcome.start), "at": utc(outcome.start + outcome.seconds), "seconds": outcome.seconds,
        "ending": outcome.ending, "step": outcome.step, "message": outcome.message,
        "exposedRequests": outcome.exposed, "heldSeconds": outcome.held,
        "holds": [hold._asdict() for hold in outcome.holds],
    }  # fmt: skip


class Start(NamedTuple):
    """A start of a rollout."""

    number: int
    place: int
    """Of its tick in the recording."""


def starts(traffic: RecordedTraffic, warm_up: float, every: float) -> tuple[list[Start], int]:
    """Return a start each ``every`` seconds once the warm-up is over, and how many fall into a gap of the recording."""
    found, skipped, number = list[Start](), 0, 0
    while (at := traffic.times[0] + warm_up + number * every) < traffic.times[-1]:
        place = traffic.after(at - traffic.interval / 2)
        if traffic.times[place] - at < GAP * traffic.interval:
            found.append(Start(number, place))
        else:
            skipped += 1
        number += 1
    return found, skipped


class BacktestPart(NamedTuple):
    """The outcomes of one start, by canary; empty where too little of the warm-up is known."""

    number: int
    outcomes: tuple[RecordedOutcome, ...]


def backtest(
    setup: BacktestSetup, canaries: Sequence[CanaryRegression], every: float,
    ended: Callable[[], object] = lambda: None,
) -> BacktestSummary:  # fmt: skip
    """Return the summary of a rollout from each start, with a healthy canary and with each regression.

    Every core works; ``ended`` is called for each start that has been played.
    """
    begun, skipped = starts(setup.traffic, setup.simulation.warm_up, every)
    cases = (HEALTHY, *canaries)
    parts = list[BacktestPart]()
    for part in _played(setup, cases, begun):
        parts.append(part)
        ended()
    known = [part.outcomes for part in sorted(parts) if part.outcomes]
    healthy, *worse = (
        CaseSummary(canary, tuple(outcomes[place] for outcomes in known)) for place, canary in enumerate(cases)
    )
    return BacktestSummary(len(known), skipped + len(begun) - len(known), healthy, tuple(worse))


def _played(setup: BacktestSetup, cases: Sequence[CanaryRegression], begun: Sequence[Start]) -> Iterator[BacktestPart]:
    workers = min(os.cpu_count() or 1, len(begun))
    if workers <= 1 or len(begun) < WORTH_A_PROCESS:
        work = BacktestWork(setup, cases)
        yield from map(work.play, begun)
        return
    # spawned, not forked: a progress bar's thread may be running
    with ProcessPoolExecutor(workers, get_context("spawn"), BacktestWork.install, (setup, cases)) as pool:
        for done in as_completed([pool.submit(BacktestWork.played, start) for start in begun]):
            yield done.result()


@dataclass(frozen=True, slots=True)
class BacktestWork:
    """What a process needs to play starts; a process of a pool keeps it, so that the traffic is sent once."""

    setup: BacktestSetup
    cases: Sequence[CanaryRegression]

    @classmethod
    def install(cls, setup: BacktestSetup, cases: Sequence[CanaryRegression]) -> None:
        """Keep the work in this process."""
        _INSTALLED[:] = [cls(setup, cases)]

    @staticmethod
    def played(start: Start) -> BacktestPart:
        """Play a start by the work that this process keeps."""
        return _INSTALLED[0].play(start)

    def play(self, start: Start) -> BacktestPart:
        """Return the outcomes of a start."""
        warmed = self.setup.warmed(start.place)
        if warmed is None:
            return BacktestPart(start.number, ())
        return BacktestPart(start.number, tuple(self._outcome(start, warmed, canary) for canary in self.cases))

    def _outcome(self, start: Start, warmed: Evaluation, canary: CanaryRegression) -> RecordedOutcome:
        rng = Random(f"{self.setup.seed}:{start.number}:{canary.label}")
        return RecordedRollout(self.setup, start.place, warmed, canary, rng).run()


_INSTALLED: list[BacktestWork] = []
