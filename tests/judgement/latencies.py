"""One canary whose latency is drawn here, before the real evidence and verdicts: the SLO of a distribution.

No import of ``whatif``, as in ``traffic.py``: requests fall into a controller's buckets as a law of their latency says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from ingress_canary.api.rollout_status import Verdict
from ingress_canary.domain.metrics.samples import Counts, Tails
from ingress_canary.domain.slo.analysis import Analysis, AnalysisTick
from ingress_canary.domain.slo.distribution.tails import DistributionTest
from ingress_canary.domain.slo.plan import Plan
from tests.judgement.traffic import BEGIN, MIN_REQUESTS, QUIET_WARM_UP, STEPS, TICK, Judged

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""ingress-nginx's own."""
SHAPE = "shape"
ALPHA, SETTLE = 0.01, 15.0
EACH = timedelta(seconds=TICK)
Floats = NDArray[np.float64]
Latency = Callable[[Floats], Floats]
"""The share of requests that take longer than each of some bounds, in seconds."""


def lognormal(median: float, sigma: float) -> Latency:
    """Return a law of which half is quicker than the median."""
    return lambda bounds: 0.5 * erfc(np.log(bounds / median) / (sigma * 2**0.5))


def mixed(usual: Latency, other: Latency, share: float) -> Latency:
    """Return a law of which a share is another one."""
    return lambda bounds: (1 - share) * usual(bounds) + share * other(bounds)


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


class LatencySituation(NamedTuple):
    """A rollout of one step, whose one SLO is that of a distribution."""

    rate: float
    """Requests a second of both sides."""
    stable: Latency
    canary: Latency
    weight: float
    """From 0 to 1."""
    seconds: float
    """Of the step, which a fail ends."""
    spread: float = 0.0
    """By how much latencies wander."""
    shared: bool = True
    """Whether both sides wander together."""

    @property
    def plan(self) -> Plan:
        """What it is judged by."""
        test = DistributionTest(SHAPE, ALPHA, 1, (MIN_REQUESTS,) * STEPS, SETTLE)
        return Plan((), (None,) * STEPS, distributions=(test,))


@dataclass
class LatencyTraffic:
    """The traffic of one run."""

    situation: LatencySituation
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.of_stable = Wandering(self.situation.spread)
        self.of_canary = self.of_stable if self.situation.shared else Wandering(self.situation.spread)

    def tick(self, weight: float) -> Tails:
        """Draw the requests of a tick beyond each bound."""
        situation, rng = self.situation, self.rng
        factor = self.of_stable.next(rng)
        other = factor if situation.shared else self.of_canary.next(rng)
        n, m = (int(rng.poisson(situation.rate * share * TICK)) for share in (weight, 1 - weight))
        slow, by_stable = self._beyond(n, situation.canary, other), self._beyond(m, situation.stable, factor)
        return {bound: Counts(n, e, m, f) for bound, e, f in zip(BOUNDS, slow, by_stable, strict=True)}

    def _beyond(self, requests: int, latency: Latency, factor: float) -> list[int]:
        """Draw how many of some requests take longer than each bound, all being slower by a factor."""
        beyond = latency(np.array(BOUNDS) / factor)
        buckets = -np.diff(beyond, prepend=1.0, append=0.0)
        counted = np.cumsum(self.rng.multinomial(requests, buckets))
        return (requests - counted[:-1]).tolist()


def judged(situation: LatencySituation, seed: int, run: int) -> Judged:
    """Return what a run came to."""
    traffic = LatencyTraffic(situation, np.random.default_rng([seed, run]))
    analysis, now, passed = Analysis.of(situation.plan), BEGIN, None
    for _ in np.arange(0, QUIET_WARM_UP, TICK):
        now += EACH
        analysis = analysis.warm(now, {}, tails={SHAPE: traffic.tick(0)})
    analysis = analysis.enter_step(1)
    for end in (np.arange(0, situation.seconds, TICK) + TICK).tolist():
        now += EACH
        seen = AnalysisTick({}, age=end, weight=100 * situation.weight, tails={SHAPE: traffic.tick(situation.weight)})
        analysis = analysis.tick(now, seen)
        (verdict,) = analysis.verdicts
        if verdict is Verdict.FAIL:
            return Judged(end, passed)
        if verdict is Verdict.PASS and passed is None:
            passed = end
    return Judged(None, passed)
