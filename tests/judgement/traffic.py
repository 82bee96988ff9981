"""Situations that a canary is judged in, and their traffic, drawn by numpy.

No import of ``whatif``: what the product's own simulator gets wrong must not pass here. Every run of a situation has a
generator of its own, so that all who judge it, ``walked.py``, ``in_arrays.py`` and ``peers.py``, see the same traffic.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingress_canary.api.rollout_status import Verdict
from ingress_canary.domain.slo.plan import Objective, Plan
from ingress_canary.domain.slo.sequential_tests import Design

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""When the first step begins."""
TICK = 10.0
"""Seconds between two ticks."""
HEALTHY = 0.001
"""Ratio of bad requests of a healthy side."""
QUIET_WARM_UP = 1800.0
SLO = "availability"
STEPS = 5
"""That alpha is divided over."""
MIN_REQUESTS = 50

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Ratio = Callable[[float], float]
"""The ratio of bad requests by the seconds since the step began; since the warm-up's end, negative, before."""
Drawn = Mapping[str, Ints]
"""By kind of requests: n, e, m and f of each tick, (4, ticks)."""


def always(ratio: float) -> Ratio:
    """Return a ratio that does not change."""
    return lambda _: ratio


def between(begin: float, end: float, ratio: float, otherwise: float = HEALTHY) -> Ratio:
    """Return a ratio that is another one for a time."""
    return lambda at: ratio if begin <= at < end else otherwise


NOTHING = always(0.0)


class Kind(NamedTuple):
    """A kind of requests that the counters tell apart."""

    name: str = ""
    share: float = 1.0
    """Of all users' requests."""
    staff: float = 0.0
    """Requests a second that a header or a cookie sends to the canary besides."""
    broken: float = 0.0
    """Ratio of bad requests that both versions have at least."""
    worse: float = 0.0
    """By how much the canary's ratio is higher."""


class Step(NamedTuple):
    """A step, which lasts until it fails, or ``until`` that verdict, or for so many seconds."""

    weight: float
    """From 0 to 1."""
    canary: Ratio
    stable: Ratio
    seconds: float
    bake: float = 0.0
    until: Verdict | None = None

    @property
    def ends(self) -> Floats:
        """When its ticks end, in seconds since it began."""
        return np.arange(0, self.seconds, TICK) + TICK


class Judged(NamedTuple):
    """What a step came to; in seconds since it began, settling included."""

    failed: float | None
    passed: float | None
    """The first time after the bake at which it passed."""


class Situation(NamedTuple):
    """One SLO of one rollout: a warm-up, then steps, of which the last one is asked about."""

    rate: float
    """Requests a second of both sides."""
    warm_up: Ratio
    """Of stable."""
    steps: tuple[Step, ...]
    warm_seconds: float = QUIET_WARM_UP
    theta: float = 0.01
    settle: float = 15.0
    kinds: tuple[Kind, ...] = (Kind(),)

    @property
    def told_apart(self) -> bool:
        """Whether there is more than one kind of requests."""
        return len(self.kinds) > 1

    @property
    def warm_edges(self) -> list[float]:
        """When the warm-up begins and its ticks end, in seconds since the first step began."""
        return [*np.arange(-self.warm_seconds, 0, TICK).tolist(), 0.0]

    @property
    def plan(self) -> Plan:
        """What it is judged by."""
        objective = Objective(SLO, Design(self.theta, steps=STEPS), MIN_REQUESTS, self.settle)
        return Plan((objective,), (None,) * STEPS)


class Traffic:
    """The traffic of one run."""

    def __init__(self, situation: Situation, seed: int, run: int) -> None:
        self.situation = situation
        self.rng = np.random.default_rng([seed, run])

    def warm_up(self) -> Drawn:
        """Draw stable's requests of the warm-up."""
        situation = self.situation
        alone = Step(0.0, NOTHING, situation.warm_up, situation.warm_seconds)
        return {kind.name: self._of(kind, alone, -situation.warm_seconds, staff=False) for kind in situation.kinds}

    def step(self, step: Step) -> Drawn:
        """Draw the requests of a step, after those of the step before."""
        return {kind.name: self._of(kind, step, 0.0, staff=True) for kind in self.situation.kinds}

    def _of(self, kind: Kind, step: Step, begin: float, *, staff: bool) -> Ints:
        """Draw the requests of one kind: of each tick by the ratios in its middle."""
        ticks = len(step.ends)
        canary = np.maximum(_ratios(step.canary, begin, ticks), kind.broken) + kind.worse
        stable = np.maximum(_ratios(step.stable, begin, ticks), kind.broken)
        rate, forced = self.situation.rate * kind.share, kind.staff if staff else 0.0
        n = self.rng.poisson((rate * step.weight + forced) * TICK, ticks)
        m = self.rng.poisson(rate * (1 - step.weight) * TICK, ticks)
        e, f = self.rng.binomial(n, np.minimum(canary, 1.0)), self.rng.binomial(m, np.minimum(stable, 1.0))
        return np.stack([n, e, m, f])


@lru_cache(maxsize=64)
def _ratios(ratio: Ratio, begin: float, ticks: int) -> Floats:
    """Return a ratio in the middle of each tick, which is the same in all runs."""
    return np.array([ratio(begin + (tick + 0.5) * TICK) for tick in range(ticks)])
