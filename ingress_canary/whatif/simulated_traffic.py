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


class ExpectedTraffic(NamedTuple):
    """What is expected of a span of time; counts are drawn from it, request by request and independent of others."""

    canary_rps: float
    """Requests a second."""
    stable_rps: float
    errors: Ratios
    slow: Ratios


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

    def expected(self, exposure: Exposure, since: float, until: float, incident_at: float) -> ExpectedTraffic:
        """Return what is expected between two instants of the rollout; ratios that change in between are averages."""
        worse = max(0.0, until - max(since, self.onset)) / (until - since)
        ill = self.incident
        hit = max(0.0, min(until, incident_at + ill.seconds) - max(since, incident_at)) / (until - since)
        errors = _while_ill(_at_onset(self.errors, worse), ill.ratio, hit)
        return ExpectedTraffic(*self.rates(exposure), errors, _at_onset(self.slow, worse))

    def expected_before(self, _since: float, _until: float) -> ExpectedTraffic:
        """Return what is expected between two instants before the first step: stable alone, and no incident."""
        return ExpectedTraffic(0.0, self.rps, self.errors, self.slow)


def draw_counts(rng: Random, expected: ExpectedTraffic, seconds: float, burst: float) -> DrawnCounts:
    """Draw the counts of a span from what is expected of it, with bad requests in runs of ``burst`` on average."""
    n, m = poisson(rng, expected.canary_rps * seconds), poisson(rng, expected.stable_rps * seconds)
    errors, slow = (
        Counts(n, bad_of(rng, n, ratios.canary, burst), m, bad_of(rng, m, ratios.stable, burst))
        for ratios in (expected.errors, expected.slow)
    )
    return DrawnCounts(errors, slow)


def _at_onset(ratios: Ratios, worse: float) -> Ratios:
    """Return the ratios of a span in which the regression has begun for a share ``worse`` of it."""
    return Ratios(ratios.stable, ratios.stable + worse * (ratios.canary - ratios.stable))


def _while_ill(ratios: Ratios, ill: float, hit: float) -> Ratios:
    """Return the ratios of a span that a share ``hit`` of an incident meets, in which a share ``ill`` is bad."""
    if not hit:
        return ratios
    return Ratios(*(ratio + hit * max(0.0, ill - ratio) for ratio in ratios))
