"""One canary before the real evidence and verdicts, with traffic drawn by numpy.

No import of ``whatif``: what the product's own simulator gets wrong must not pass here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from ingress_canary.api.rollout import Verdict
from ingress_canary.domain.metrics.samples import Counts, Strata, counts_of
from ingress_canary.domain.slo.analysis import Analysis, AnalysisTick
from ingress_canary.domain.slo.plan import Objective, Plan
from ingress_canary.domain.slo.sequential_tests import Design

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
TICK = 10.0
"""Seconds between two ticks."""
HEALTHY = 0.001
"""Ratio of bad requests of a healthy side."""
QUIET_WARM_UP = 1800.0

Ratio = Callable[[float], float]
"""The ratio of bad requests by the seconds since the step began; since the warm-up's end, negative, before."""
SLO = "availability"


def always(ratio: float) -> Ratio:
    """Return a ratio that does not change."""
    return lambda _: ratio


def between(begin: float, end: float, ratio: float, otherwise: float = HEALTHY) -> Ratio:
    """Return a ratio that is another one for a time."""
    return lambda at: ratio if begin <= at < end else otherwise


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


class Judged(NamedTuple):
    """What a step came to; in seconds since it began, settling included."""

    failed: float | None
    passed: float | None
    """The first time after the bake at which it passed."""


@dataclass
class Canary:
    """One SLO of one rollout, at whatever step it is."""

    rng: np.random.Generator
    rate: float
    """Requests a second of both sides."""
    theta: float = 0.01
    steps: int = 5
    settle: float = 15.0
    kinds: tuple[Kind, ...] = (Kind(),)
    now: float = 0.0
    analysis: Analysis = field(init=False)

    def __post_init__(self) -> None:
        objective = Objective(SLO, Design(self.theta, steps=self.steps), 50, self.settle)
        self.analysis = Analysis.of(Plan((objective,), (None,) * self.steps))

    def warm_up(self, stable: Ratio, seconds: float = QUIET_WARM_UP) -> "Canary":
        """Let stable be seen alone."""
        for at in np.arange(-seconds, 0, TICK):
            self.now += TICK
            strata = self._drawn(0.0, always(0), stable, at, staff=False)
            self.analysis = self.analysis.warm(self._instant, {SLO: counts_of(strata)}, {SLO: strata})
        return self

    def step(
        self, index: int, weight: float, canary: Ratio, stable: Ratio, seconds: float, bake: float = 0.0,
        until: Verdict | None = None,
    ) -> Judged:  # fmt: skip
        """Take a step of ``weight`` (0..1) until it fails, or ``until`` that verdict, or for so many seconds."""
        self.analysis = self.analysis.enter_step(index)
        passed = None
        for at in np.arange(0, seconds, TICK):
            self.now += TICK
            strata = self._drawn(weight, canary, stable, at)
            tick = AnalysisTick({SLO: counts_of(strata)}, age=at + TICK, weight=100 * weight, strata={SLO: strata})
            self.analysis = self.analysis.tick(self._instant, tick)
            (verdict,) = self.analysis.verdicts
            if verdict is Verdict.FAIL:
                return Judged(float(at + TICK), passed)
            if verdict is Verdict.PASS and at + TICK >= bake and passed is None:
                passed = float(at + TICK)
                if until is Verdict.PASS:
                    break
        return Judged(None, passed)

    @property
    def _instant(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now)

    def _drawn(self, weight: float, canary: Ratio, stable: Ratio, at: float, *, staff: bool = True) -> Strata:
        """Draw a tick that begins ``at`` a time of the step."""
        middle = at + TICK / 2
        return {kind.name: self._of(kind, weight, canary(middle), stable(middle), staff=staff) for kind in self.kinds}

    def _of(self, kind: Kind, weight: float, canary: float, stable: float, *, staff: bool) -> Counts:
        """Draw the requests of one kind."""
        rate = self.rate * kind.share
        n = int(self.rng.poisson((rate * weight + (kind.staff if staff else 0.0)) * TICK))
        m = int(self.rng.poisson(rate * (1 - weight) * TICK))
        e = self.rng.binomial(n, min(1.0, max(canary, kind.broken) + kind.worse))
        f = self.rng.binomial(m, min(1.0, max(stable, kind.broken)))
        return Counts(n, int(e), m, int(f))
