"""Quiet cells: how long a canary that is bad from the first request on is let live, next to what could be reached.

Next to it stand the first release, with traffic of the same law, and a bound that no test beats which fails a healthy
canary with a chance of alpha at most, not even one that expects exactly this regression.
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple, Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import rel_entr

from ingress_canary.domain.slo.sequential_tests import Design
from tests.judgement.cells import HOUR, WELL, one_step
from tests.judgement.traffic import HEALTHY, STEPS, Judged, Situation, always

FIRST_RELEASE_RUNS = 1000
"""Of the figures below."""


class QuietCell(NamedTuple):
    """A canary that is bad from the first request on."""

    rate: float
    """Requests a second of both sides."""
    weight: float
    """From 0 to 1."""
    bad: float
    """Ratio of bad requests of the canary."""
    first_release: float
    """Median of the seconds until the first release failed it, settling included."""

    @property
    def name(self) -> str:
        """What happens."""
        return f"{self.bad:.0%} bad, {self.rate:g}/s x {self.weight:.0%}"

    @property
    def situation(self) -> Situation:
        """What is played."""
        return one_step(self.rate, self.weight, always(self.bad), WELL, 8 * HOUR)

    @property
    def bound(self) -> float:
        """The seconds of traffic that any test of the same alpha needs in the mean (Wald): ln(1/alpha)/information."""
        design = Design(0.01, steps=STEPS)
        n, m = self.rate * self.weight, self.rate * (1 - self.weight)

        def of_pair(stable: float) -> float:
            """Return the information a second against a pair of ratios of which the canary's is the largest allowed."""
            allowed = max(design.rho * stable, stable + design.delta)
            return n * _divergence(self.bad, min(self.bad, allowed)) + m * _divergence(HEALTHY, stable)

        against_stable = minimize_scalar(of_pair, bounds=(HEALTHY, 1 - HEALTHY), method="bounded").fun
        information = max(n * _divergence(self.bad, design.theta), float(against_stable))
        return -log(design.alpha) / information


class QuietRow(NamedTuple):
    """What came of a cell."""

    cell: QuietCell
    p50: float
    p95: float

    @classmethod
    def of(cls, cell: QuietCell, judged: Sequence[Judged]) -> Self:
        """Take the times of some runs."""
        times = [float("inf") if run.failed is None else run.failed for run in judged]
        return cls(cell, *np.quantile(times, (0.5, 0.95), method="higher").tolist())

    def __str__(self) -> str:
        """Return what came out."""
        return f"{self.cell.name}: failed after {self.p50:g} s (p95 {self.p95:g} s)"

    @property
    def ratio(self) -> float:
        """How many times longer it takes than the first release took."""
        return self.p50 / self.cell.first_release

    @property
    def holds(self) -> bool:
        """Whether that is at most a tenth longer; looks are no finer than 10 s."""
        return self.ratio <= 1.1


QUIET = (
    QuietCell(1, 0.05, 0.05, 1960),
    QuietCell(1, 0.05, 0.2, 390),
    QuietCell(1, 0.05, 1.0, 50),
    QuietCell(10, 0.05, 0.02, 510),
    QuietCell(10, 0.05, 0.05, 170),
    QuietCell(10, 0.05, 0.2, 50),
    QuietCell(10, 0.05, 1.0, 20),
    QuietCell(100, 0.05, 0.02, 70),
    QuietCell(100, 0.05, 0.05, 30),
    QuietCell(100, 0.05, 0.2, 20),
    QuietCell(100, 0.05, 1.0, 20),
    QuietCell(100, 0.01, 0.02, 240),
    QuietCell(100, 0.01, 0.05, 80),
    QuietCell(100, 0.01, 0.2, 30),
    QuietCell(100, 0.01, 1.0, 20),
    QuietCell(1000, 0.01, 0.02, 40),
    QuietCell(1000, 0.01, 0.05, 20),
    QuietCell(1000, 0.01, 0.2, 20),
    QuietCell(1000, 0.01, 1.0, 20),
    QuietCell(10, 0.25, 0.02, 190),
    QuietCell(10, 0.25, 0.05, 70),
    QuietCell(10, 0.25, 0.2, 20),
    QuietCell(10, 0.25, 1.0, 20),
)


def _divergence(true: float, other: float) -> float:
    """Return how much a request tells, in nats, that is bad with a ratio of ``true`` and not of ``other``."""
    return float(rel_entr(true, other) + rel_entr(1 - true, 1 - other))
