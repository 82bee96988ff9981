"""Detection time of a regression: the formulas of docs/judging.md, "How long will it take?". Used by ``plan.py``."""

from dataclasses import dataclass
from math import inf, log, log1p, sqrt
from statistics import NormalDist
from typing import NamedTuple

from ingress_canary.api.units import format_points
from ingress_canary.domain.slo.sequential_tests import Design, logit
from ingress_canary.domain.slo.wealth import GUARD, GUARD_NULL

REGRESSIONS = (0.005, 0.01, 0.05, 1.0)
"""By how much the canary's ratio of bad requests is higher, up to all of them."""
Z_P50, Z_P95 = 0.0, NormalDist().inv_cdf(0.95)
ALMOST_NONE, ALMOST_ALL = 1e-6, 1 - 1e-6
"""Stand for ratios of 0 and 1, whose log odds are infinite."""
GUARD_SPREAD = 1.2
"""ln of how much less the guard's account holds than if all of it lay on the best alternative."""
SMALLEST_SHIFT = 1e-3
"""Difference of log odds that stands for none: no traffic would show it."""
LONGEST = 10 * 365 * 86_400.0
"""Seconds beyond which something is reported as never happening."""


class Rates(NamedTuple):
    """The traffic of one step."""

    canary: float
    """Requests a second."""
    stable: float
    interval: float
    """Seconds between two ticks."""
    phi: float = 1.0
    """By how much evidence is discounted, because bad requests come in bursts."""


class Caught(NamedTuple):
    """When a regression is detected that began with the step."""

    seconds: float
    """Of evidence; since the rise of the weight where it is the guard that detects it."""
    exposed: float
    """Canary requests until then."""
    failed: float
    """Bad ones of them."""


@dataclass(frozen=True, slots=True)
class Regression:
    """One size of regression, of one SLO at one step."""

    label: str
    """``+1pp``, or ``100%``."""
    ratio: float
    """The canary's ratio of bad requests."""
    p50: Caught | None
    """None where it is never caught: the SLO and the baseline allow it, or nobody reaches the canary."""
    p95: Caught | None
    settling: bool = False
    """Whether the guard detects it, while the step settles."""


def regression(design: Design, rates: Rates, healthy: float, excess: float, settle: float = 0.0) -> Regression:
    """Return when a canary is detected whose ratio of bad requests exceeds a ``healthy`` one by ``excess``.

    Without stable requests among the ``rates`` the canary is judged alone. For ``settle`` seconds after the rise of the
    weight only the guard judges.
    """
    ratio = min(healthy + excess, 1.0)
    label = "100%" if ratio == 1 else f"+{format_points(excess)}"
    guarded = [_guarded(design, rates, healthy, ratio, z) for z in (Z_P50, Z_P95)]
    if max(guarded) < settle:
        soon, late = (_caught_after(seconds, rates, ratio) for seconds in guarded)
        return Regression(label, ratio, soon, late, settling=True)
    p50, p95 = (_caught(design, rates, healthy, ratio, z) for z in (Z_P50, Z_P95))
    return Regression(label, ratio, p50, p95)


def _caught(design: Design, rates: Rates, healthy: float, ratio: float, z: float) -> Caught | None:
    evidence = min(_absolute(design, rates, healthy, ratio, z), _relative(design, rates, healthy, ratio, z))
    if evidence > LONGEST:
        return None
    return _caught_after(_evaluated(evidence, rates), rates, ratio)


def _caught_after(seconds: float, rates: Rates, ratio: float) -> Caught:
    return Caught(seconds, rates.canary * seconds, rates.canary * seconds * ratio)


def _evaluated(evidence: float, rates: Rates) -> float:
    """Return when evidence of so many seconds is seen: the first evaluation comes at the end of a tick."""
    return max(rates.interval, evidence + rates.interval / 2)


def _guarded(design: Design, rates: Rates, healthy: float, ratio: float, z: float) -> float:
    """Return the seconds since the rise of the weight after which the guard fails; infinite when it never does."""
    null = design.null(healthy if rates.stable else 0.0)
    if null is None or null >= GUARD_NULL or not rates.canary:
        return inf
    # its share of the stakes waits for each step
    threshold = design.log_fail + log(design.steps / GUARD) + GUARD_SPREAD
    return _evaluated(_until(threshold, rates.canary / rates.phi, min(ratio, ALMOST_ALL), GUARD_NULL, z), rates)


def _absolute(design: Design, rates: Rates, healthy: float, ratio: float, z: float) -> float:
    """Return the seconds of evidence that the absolute test needs; infinite when it never fails."""
    null = design.null(healthy if rates.stable else 0.0)
    if null is None or not rates.canary:
        return inf
    return _until(_threshold(design), rates.canary / rates.phi, min(ratio, ALMOST_ALL), null, z)


def _relative(design: Design, rates: Rates, healthy: float, ratio: float, z: float) -> float:
    """Return the seconds of evidence that the relative test needs, which learns from bad requests only."""
    if ratio - healthy < design.delta or not rates.canary:
        return inf
    null = rates.canary * design.rho / (rates.canary * design.rho + rates.stable)
    # one side has next to all the traffic: there is nothing to compare
    if not ALMOST_NONE < null < ALMOST_ALL:
        return inf
    bad = rates.canary * ratio
    every = bad + rates.stable * healthy
    return _until(_threshold(design), every / rates.phi, min(bad / every, ALMOST_ALL), null, z)


def _threshold(design: Design) -> float:
    """Return ln E that the best alternative needs: the stakes lie on others as well."""
    return design.log_fail + log(2) + 1.5


def _until(threshold: float, rate: float, ratio: float, null: float, z: float) -> float:
    """Return the seconds until events at ``rate``, a share ``ratio`` of them bad, prove more than a share ``null``.

    The evidence is taken for a Brownian motion with drift; z is the normal quantile of the power wanted.
    """
    shift = logit(ratio) - logit(null)
    if shift < SMALLEST_SHIFT:
        return inf
    drift, variance = divergence(ratio, null), ratio * (1 - ratio) * shift**2
    mu, sigma = rate * drift, sqrt(rate * (variance + drift**2))
    return ((z * sigma + sqrt(z * z * sigma * sigma + 4 * mu * threshold)) / (2 * mu)) ** 2


def divergence(p: float, q: float) -> float:
    """Return kl(p, q), the evidence of one request for a ratio p against q on average; both between 0 and 1."""
    return p * log(p / q) + (1 - p) * (log1p(-p) - log1p(-q))
