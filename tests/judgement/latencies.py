"""One canary whose latency is drawn here, before the real evidence and verdicts: the SLO of a distribution.

No import of ``whatif``, as in ``canary.py``: requests take what a law says, and are counted into buckets as a
controller does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from ingress_canary.api.rollout import Verdict
from ingress_canary.domain.metrics.samples import Counts, Tails
from ingress_canary.domain.slo.analysis import Analysis, AnalysisTick
from ingress_canary.domain.slo.distribution.tails import DistributionTest
from ingress_canary.domain.slo.plan import Plan
from tests.judgement.canary import BEGIN, TICK, Judged

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""ingress-nginx's own."""
SHAPE = "shape"
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Latency = Callable[[np.random.Generator, int], Floats]
"""Draws how long so many requests take, in seconds."""


def lognormal(median: float, sigma: float) -> Latency:
    """Return a law of which half is quicker than the median."""
    return lambda rng, count: median * np.exp(sigma * rng.standard_normal(count))


def mixed(usual: Latency, other: Latency, share: float) -> Latency:
    """Return a law of which a share is another one."""

    def draw(rng: np.random.Generator, count: int) -> Floats:
        return np.where(rng.random(count) < share, other(rng, count), usual(rng, count))

    return draw


@dataclass
class Wandering:
    """A factor of all latencies that goes up and down around 1, tick by tick: its logarithm is an AR(1)."""

    spread: float
    """Standard deviation of the logarithm."""
    keeps: float = 0.9
    """How much of a tick's deviation the next one has."""
    now: float = 0.0

    def next(self, rng: np.random.Generator) -> float:
        """Return the factor of the next tick."""
        fresh = self.spread * (1 - self.keeps**2) ** 0.5
        self.now = self.keeps * self.now + fresh * float(rng.standard_normal())
        return float(np.exp(self.now))


@dataclass
class LatencyCanary:
    """A rollout of one step, whose one SLO is that of a distribution."""

    rng: np.random.Generator
    rate: float
    stable: Latency
    canary: Latency
    bounds: Sequence[float] = BOUNDS
    settle: float = 15.0
    alpha: float = 0.01
    wandering: tuple[Wandering, Wandering] = field(default_factory=lambda: (Wandering(0), Wandering(0)))
    """Of stable and of the canary; the same one where both wander together."""
    now: float = 0.0
    analysis: Analysis = field(init=False)

    def __post_init__(self) -> None:
        test = DistributionTest(SHAPE, self.alpha, 1, (50,) * 5, self.settle)
        self.analysis = Analysis.of(Plan((), (None,) * 5, distributions=(test,)))

    def warm_up(self, seconds: float = 1800) -> "LatencyCanary":
        """Let stable be seen alone."""
        for _ in np.arange(0, seconds, TICK):
            self.now += TICK
            instant = BEGIN + timedelta(seconds=self.now)
            self.analysis = self.analysis.warm(instant, {}, tails={SHAPE: self._drawn(0)})
        return self

    def step(self, weight: float, seconds: float) -> Judged:
        """Take a step of ``weight`` (0..1) until it fails, or for so many seconds."""
        self.analysis = self.analysis.enter_step(1)
        passed = None
        for at in np.arange(0, seconds, TICK):
            self.now += TICK
            tick = AnalysisTick({}, age=at + TICK, weight=100 * weight, tails={SHAPE: self._drawn(weight)})
            self.analysis = self.analysis.tick(BEGIN + timedelta(seconds=self.now), tick)
            (verdict,) = self.analysis.verdicts
            if verdict is Verdict.FAIL:
                return Judged(float(at + TICK), passed)
            if verdict is Verdict.PASS and passed is None:
                passed = float(at + TICK)
        return Judged(None, passed)

    def _drawn(self, weight: float) -> Tails:
        """Draw the requests of a tick beyond each bound."""
        of_stable, of_canary = self.wandering
        factor = of_stable.next(self.rng)
        other = factor if of_canary is of_stable else of_canary.next(self.rng)
        n, m = (int(self.rng.poisson(self.rate * share * TICK)) for share in (weight, 1 - weight))
        taken, by_stable = other * self.canary(self.rng, n), factor * self.stable(self.rng, m)
        return {
            bound: Counts(n, int((taken > bound).sum()), m, int((by_stable > bound).sum())) for bound in self.bounds
        }
