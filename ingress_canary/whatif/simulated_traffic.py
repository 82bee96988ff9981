"""Simulated traffic of a rollout, as the command line describes it. Used by ``simulated_rollout.py``.

Requests arrive as a Poisson process, each is drawn for a side by the weight and is bad by its side's ratio at its
moment. Errors and slowness are independent of each other, and so are the two sides.
"""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.whatif.random_counts import bad_of, poisson


class Ratios(NamedTuple):
    """Share of bad requests, by side; the canary's once its regression has begun."""

    stable: float
    canary: float


class Incident(NamedTuple):
    """A span of time in which requests of both sides fail."""

    seconds: float
    ratio: float
    """Share of requests that fail while it lasts."""


class DrawnCounts(NamedTuple):
    """The counts of one tick."""

    errors: Counts
    """Bad: answered with an error."""
    slow: Counts
    """Bad: slower than the threshold."""


NEVER = Ratios(0.0, 0.0)
NO_INCIDENT = Incident(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The traffic of one Ingress; times are seconds since the first step began."""

    rps: float
    """Requests a second of both sides."""
    errors: Ratios
    slow: Ratios = NEVER
    onset: float = 0.0
    """When the canary's regression begins: until then its ratios are stable's."""
    burst: float = 1.0
    """Bad requests that follow each other, on average."""
    incident: Incident = NO_INCIDENT
    forced_rps: float = 1.0
    """Requests a second that a header or a cookie sends to the canary at steps of weight 0."""

    @property
    def phi(self) -> float:
        """The dispersion of bad requests that come in such runs: the mean length of a run, weighted by its length."""
        return 2 * self.burst - 1

    def rates(self, exposure: Exposure) -> tuple[float, float]:
        """Return the requests a second of canary and stable."""
        if exposure.weight > 0:
            return self.rps * exposure.weight / 100, self.rps * (1 - exposure.weight / 100)
        return self.forced_rps if exposure.forced else 0.0, self.rps

    def look(self, rng: Random, exposure: Exposure, since: float, until: float, incident_at: float) -> DrawnCounts:
        """Draw the counts between two instants; ratios that change in between are weighted by time."""
        seconds = until - since
        worse = max(0.0, until - max(since, self.onset)) / seconds
        ill = self.incident
        hit = max(0.0, min(until, incident_at + ill.seconds) - max(since, incident_at)) / seconds
        canary, stable = self.rates(exposure)
        n, m = poisson(rng, canary * seconds), poisson(rng, stable * seconds)
        errors = self._bad(rng, n, m, self.errors, worse, hit)
        slow = self._bad(rng, n, m, self.slow, worse, 0.0) if any(self.slow) else Counts(n, 0, m, 0)
        return DrawnCounts(errors, slow)

    def before(self, rng: Random, seconds: float) -> DrawnCounts:
        """Draw the counts of a span before the first step: stable alone, and no incident."""
        m = poisson(rng, self.rps * seconds)
        errors, slow = (bad_of(rng, m, ratios.stable, self.burst) for ratios in (self.errors, self.slow))
        return DrawnCounts(Counts(m=m, f=errors), Counts(m=m, f=slow))

    def _bad(self, rng: Random, n: int, m: int, ratios: Ratios, worse: float, hit: float) -> Counts:
        stable, canary = ratios.stable, ratios.stable + worse * (ratios.canary - ratios.stable)
        if hit:
            stable += hit * max(0.0, self.incident.ratio - stable)
            canary += hit * max(0.0, self.incident.ratio - canary)
        return Counts(n, bad_of(rng, n, canary, self.burst), m, bad_of(rng, m, stable, self.burst))
