"""Plan of a schedule: how long it will take, and how fast it detects a regression, by formulas.

Pure; used by ``ingress-canary plan`` and checked against simulation. Where bad requests come in bursts, evidence is
discounted by phi, and every proof takes phi times as many requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from ingress_canary.api.schedule import Require, ScheduleSpec
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import PlannedStep
from ingress_canary.domain.slo.sequential_tests import Design
from ingress_canary.whatif.detection import LONGEST, REGRESSIONS, Rates, Regression, regression
from ingress_canary.whatif.proof import Price, Proof, price, proof
from ingress_canary.whatif.simulated_traffic import Traffic


@dataclass(frozen=True, slots=True)
class SloPlan:
    """One SLO at one step."""

    name: str
    theta: float
    """Ratio of bad requests that the canary is tested against."""
    healthy: float
    """Ratio of bad requests of a healthy canary."""
    requests: Proof | None
    """Canary requests that prove a healthy canary good, minRequests included; None when no number does."""
    seconds: Proof | None
    """The time in which they come; None when they never do."""
    regressions: tuple[Regression, ...]
    settle: float = 0.0
    """Seconds after the rise of the weight in which only the guard judges."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step of the expanded list."""

    step: PlannedStep
    canary_rps: float
    slos: tuple[SloPlan, ...]
    met: Proof | None
    """Seconds of evidence after which a healthy canary meets the requirement; None when it never does."""
    seconds: Proof | None
    """How long the step takes, bake, settling and the tick included."""
    finishes: bool
    """Whether the requirement is met within maxHold, 95 times of 100."""


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """A whole schedule."""

    steps: tuple[StepPlan, ...]
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By SLO."""
    phi: float = 1.0
    """By how much evidence is discounted."""

    @property
    def seconds(self) -> Proof | None:
        """How long the rollout takes: the sum of its steps, for p95 an upper bound; None when a step never ends."""
        known = [step.seconds for step in self.steps if step.seconds is not None]
        if len(known) < len(self.steps):
            return None
        return Proof(sum(seconds.p50 for seconds in known), sum(seconds.p95 for seconds in known))

    @property
    def finishes(self) -> bool:
        """Whether every step's requirement is met within maxHold, 95 times of 100."""
        return all(step.finishes for step in self.steps)


def plan(spec: ScheduleSpec, traffic: Traffic, interval: float = 10.0) -> SchedulePlan:
    """Return the expected duration with a healthy canary, and the detection times of worse ones.

    Of ``traffic``, the rates, stable's ratios and the bursts count; ``interval`` is the seconds between two ticks.
    """
    phi = traffic.phi
    compiled = CompiledSchedule.of(spec)
    healthy = {
        objective.name: (traffic.slow if objective.name in compiled.measures.slow else traffic.errors).stable
        for objective in compiled.plan.objectives
    }
    proofs = {
        objective.name: proof(objective.design, healthy[objective.name]) for objective in compiled.plan.objectives
    }
    return SchedulePlan(
        tuple(
            _step(compiled, step, Rates(*traffic.rates(step.exposure), interval, phi), healthy, proofs)
            for step in compiled.walk.steps
        ),
        {objective.name: price(objective.design) for objective in compiled.plan.objectives},
        phi,
    )


def _step(
    compiled: CompiledSchedule,
    step: PlannedStep,
    rates: Rates,
    healthy: Mapping[str, float],
    proofs: Mapping[str, Proof | None],
) -> StepPlan:
    slos: list[SloPlan] = []
    needed: list[Proof | None] = []
    routing = compiled.spec.analysis.settle.total_seconds()
    for objective in compiled.plan.objectives:
        name, least = objective.name, objective.min_requests if step.min_requests is None else step.min_requests
        passing = proofs[name]
        requests = Proof(max(passing.p50 * rates.phi, least), max(passing.p95 * rates.phi, least)) if passing else None
        seconds = _seconds(requests, rates.canary)
        wanted = seconds if step.require is Require.PROOF else _seconds(Proof(least, least), rates.canary)
        # its evidence begins once a cold start no longer shows
        later = objective.settle - routing
        needed.append(Proof(wanted.p50 + later, wanted.p95 + later) if wanted else None)
        compared = rates._replace(stable=0.0) if name in compiled.measures.alone else rates
        regressions = _regressions(objective.design, compared, healthy[name], objective.settle)
        theta = objective.design.theta
        slos.append(SloPlan(name, theta, healthy[name], requests, seconds, regressions, objective.settle))
    met = _slowest(needed)
    if met is None:
        return StepPlan(step, rates.canary, tuple(slos), None, None, finishes=False)
    pause = routing + rates.interval
    took = Proof(max(step.bake, met.p50) + pause, max(step.bake, met.p95) + pause)
    finishes = met.p95 <= compiled.spec.max_hold.total_seconds()
    return StepPlan(step, rates.canary, tuple(slos), met, took, finishes)


def _regressions(design: Design, rates: Rates, healthy: float, settle: float) -> tuple[Regression, ...]:
    """Return a regression of each size; those that end at the same ratio once."""
    each = [regression(design, rates, healthy, excess, settle) for excess in REGRESSIONS]
    return tuple({worsening.ratio: worsening for worsening in each}.values())


def _seconds(requests: Proof | None, rate: float) -> Proof | None:
    """Return the time in which that many requests arrive; None when they never do."""
    if requests is None or requests.p95 > rate * LONGEST:
        return None
    return Proof(requests.p50 / rate, requests.p95 / rate) if rate else Proof(0.0, 0.0)


def _slowest(times: list[Proof | None]) -> Proof | None:
    """Return the longest of these times; None when one is None."""
    p50, p95 = (max((time[level] if time else inf for time in times), default=0.0) for level in (0, 1))
    return None if inf in (p50, p95) else Proof(p50, p95)
