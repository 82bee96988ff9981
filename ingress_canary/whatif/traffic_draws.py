"""Draws of one rollout's traffic: what a simulated rollout asks for, tick by tick, and its form without numpy.

``simulated_rollout.py`` consumes it; ``arrays/array_draws.py`` is the form with numpy, which draws many ticks at once.
"""

from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Protocol

from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.whatif.expected_traffic import RolloutTimes, Strata, pooled
from ingress_canary.whatif.simulated_traffic import DrawnCounts, Traffic, draw_counts, draw_strata


class TrafficDraws(Protocol):
    """The traffic of one rollout; each count is drawn once, in order."""

    def before(self, edges: list[float]) -> Iterator[DrawnCounts]:
        """Yield the counts of the ticks of the warm-up, which lie between these instants."""
        ...

    def tick(self, step: int, exposure: Exposure, since: float, until: float) -> DrawnCounts:
        """Return the counts of the next tick, which belongs to a step with this exposure."""
        ...


class SequentialDraws:
    """Draws from Python's own random numbers, a count at a time."""

    def __init__(self, traffic: Traffic, rng: Random, times: RolloutTimes) -> None:
        self.rng = rng
        self.incident_at = rng.uniform(0, times.quickest) if traffic.incident.seconds else 0.0
        self.traffic = traffic.drawn(rng, times)
        self.exposure = Exposure()
        self.raised_at: float | None = None

    def before(self, edges: list[float]) -> Iterator[DrawnCounts]:
        """Yield the counts of the ticks of the warm-up, which lie between these instants."""
        for since, until in pairwise(edges):
            yield self._drawn(self.traffic.strata_before(since, until), until - since)

    def tick(self, step: int, exposure: Exposure, since: float, until: float) -> DrawnCounts:  # noqa: ARG002
        """Return the counts of the next tick; of which step it is makes no difference."""
        if exposure != self.exposure:
            if self.traffic.more(exposure, self.exposure):
                self.raised_at = since
            self.exposure = exposure
        strata = self.traffic.strata(exposure, since, until, self.incident_at, self.raised_at)
        return self._drawn(strata, until - since)

    def _drawn(self, strata: Strata, seconds: float) -> DrawnCounts:
        """Return the counts of a span, by kind of requests where counters tell them apart."""
        if self.traffic.told_apart:
            return draw_strata(self.rng, strata, seconds, self.traffic.burst)
        return draw_counts(self.rng, pooled(strata), seconds, self.traffic.burst)
