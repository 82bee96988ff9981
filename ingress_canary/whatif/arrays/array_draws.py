"""Array draws: the traffic of one rollout drawn with numpy, many ticks at once, for both paths of ``simulate``.

Each step of each run has a generator of its own, from which chunks of ticks are drawn from the step's beginning on.
What is left of a chunk when the step ends is dropped. So a rollout that is walked tick by tick and one that is judged
in arrays have the same traffic, whatever else is drawn, in whichever process.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from random import Random
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.whatif.expected_traffic import ExpectedTraffic
from ingress_canary.whatif.random_counts import NEVER
from ingress_canary.whatif.simulated_rollout import SimulationSetup
from ingress_canary.whatif.simulated_traffic import DrawnCounts, Traffic

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CHUNK = 64
"""Ticks that are drawn at once."""
N, M, ERRORS_E, ERRORS_F, SLOW_E, SLOW_F = range(6)
"""Rows of drawn counts: requests of canary and stable, then the bad ones of each, by kind."""
ROWS = 6


class Chunk(NamedTuple):
    """What is expected of each tick of a chunk."""

    expected: Floats
    """In the order of drawn counts: requests a second, then ratios."""
    seconds: Floats
    until: float
    """When the last tick ends, in seconds since the first step began."""

    @classmethod
    def of(cls, edges: Sequence[float], expected: Iterable[ExpectedTraffic]) -> Self:
        """Return the chunk of the ticks between some instants."""
        rows = [
            (tick.canary_rps, tick.stable_rps, tick.errors.canary, tick.errors.stable, tick.slow.canary,
             tick.slow.stable)
            for tick in expected
        ]  # fmt: skip
        columns = np.array(rows, np.float64).reshape(len(rows), ROWS).T
        # a sum of shares may exceed 1 by its rounding
        columns[M + 1 :] = np.minimum(columns[M + 1 :], 1.0)
        return cls(columns, np.diff(np.array(edges)), edges[-1])


class TrafficExpectations:
    """What is expected of chunks of ticks, kept where it is the same for all runs of a simulation."""

    def __init__(self, setup: SimulationSetup) -> None:
        self.setup = setup
        self.before = lru_cache(maxsize=1)(self._before)
        self.of_chunk = lru_cache(maxsize=1024)(self._of_chunk)

    def _before(self, traffic: Traffic) -> Chunk:
        """Return what is expected of each tick of the warm-up."""
        edges = self.setup.warm_edges or [0.0]
        return Chunk.of(edges, [traffic.expected_before(*span) for span in pairwise(edges)])

    def _of_chunk(
        self, traffic: Traffic, step: int, since: float, incident_at: float, raised_at: float | None
    ) -> Chunk:
        """Return what is expected of each tick of a chunk that begins at an instant."""
        setup, exposure = self.setup, self.setup.compiled.walk.at(step).exposure
        # added up as the tick-by-tick path adds them up
        edges = list(accumulate([since, *[setup.interval] * CHUNK]))
        return Chunk.of(edges, [traffic.expected(exposure, *span, incident_at, raised_at) for span in pairwise(edges)])


class ArrayDraws:
    """The draws of one run."""

    def __init__(self, expectations: TrafficExpectations, seed: int, run: int) -> None:
        self.expectations, self.setup = expectations, expectations.setup
        self.name = f"{seed}:{run}"
        ill = self.setup.traffic.incident.seconds
        self.incident_at = self._generator("incident").uniform(0, self.setup.quickest) if ill else 0.0
        self.traffic = self.setup.traffic.drawn(Random(f"{self.name}:profiles"), self.setup.times)
        self.step = 0
        self.raised_at: float | None = None
        self.begin(0, 0.0)

    def warm_up(self) -> Ints:
        """Return the counts of the ticks of the warm-up."""
        return _drawn(self._generator("warm-up"), self.expectations.before(self.traffic), self.traffic.burst)

    def before(self, edges: list[float]) -> Iterator[DrawnCounts]:  # noqa: ARG002
        """Yield the counts of the ticks of the warm-up."""
        return map(_counts, self.warm_up().T.tolist())

    def begin(self, step: int, since: float) -> None:
        """Go to the beginning of a step, at an instant."""
        if self.traffic.more(self._exposure(step), self._exposure(self.step)):
            self.raised_at = since
        self.step, self.place, self.until = step, 0, since
        self.generator: np.random.Generator | None = None
        self.drawn: Ints = np.zeros((ROWS, 0), np.int64)

    def ahead(self, ticks: int) -> Ints:
        """Return the counts of so many ticks of the present step from the next one on, which stays the next one."""
        while self.drawn.shape[1] < self.place + ticks:
            self._extend()
        return self.drawn[:, self.place : self.place + ticks]

    def skip(self, ticks: int) -> None:
        """Go on by so many ticks."""
        self.place += ticks

    def tick(self, step: int, exposure: Exposure, since: float, until: float) -> DrawnCounts:  # noqa: ARG002
        """Return the counts of the next tick."""
        if step != self.step:
            self.begin(step, since)
        if self.drawn.shape[1] <= self.place:
            self._extend()
        at, self.place = self.place, self.place + 1
        return _counts(self.drawn[:, at].tolist())

    def _extend(self) -> None:
        """Draw the next chunk."""
        if self.generator is None:
            self.generator = self._generator(str(self.step))
        # without profiles a chunk is expected alike whenever the weight rose
        raised_at = self.raised_at if self.traffic.profiles else None
        chunk = self.expectations.of_chunk(self.traffic, self.step, self.until, self.incident_at, raised_at)
        counts = _drawn(self.generator, chunk, self.traffic.burst)
        self.drawn = np.concatenate([self.drawn, counts], axis=1) if self.drawn.size else counts
        self.until = chunk.until

    def _exposure(self, step: int) -> Exposure:
        """Return the exposure of a step; none before the first."""
        return self.setup.compiled.walk.at(step).exposure if step else Exposure()

    def _generator(self, purpose: str) -> np.random.Generator:
        name = f"{self.name}:{purpose}"
        return np.random.Generator(np.random.SFC64(int.from_bytes(name.encode())))


def _counts(row: Sequence[int]) -> DrawnCounts:
    n, m, errors_e, errors_f, slow_e, slow_f = row
    return DrawnCounts(Counts(n, errors_e, m, errors_f), Counts(n, slow_e, m, slow_f))


def _drawn(generator: np.random.Generator, chunk: Chunk, burst: float) -> Ints:
    """Draw the counts of the ticks of a chunk."""
    requests = generator.poisson(chunk.expected[:2] * chunk.seconds)
    return np.concatenate([requests, _bad_of(generator, requests[[N, M, N, M]], chunk.expected[2:], burst)])


def _bad_of(generator: np.random.Generator, n: Ints, ratio: Floats, burst: float) -> Ints:
    """Return how many of ``n`` requests are bad: ``bad_of`` of ``random_counts.py`` for many ticks."""
    if burst <= 1:
        return generator.binomial(n, ratio)
    clustered = (n * ratio >= NEVER) & (ratio * (burst + 1) < burst)
    count = generator.binomial(np.where(clustered, 0, n), ratio)
    share, left = ratio[clustered], n[clustered]
    bad, inside = generator.random(share.shape) < share, np.zeros(share.shape, np.int64)
    begins = share / (burst * (1 - share))
    while left.any():
        run = np.minimum(left, generator.geometric(np.where(bad, 1 / burst, begins)))
        inside += np.where(bad, run, 0)
        left = left - run
        bad = ~bad
    count[clustered] = inside
    return count
