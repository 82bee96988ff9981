"""Advice on a schedule that is slow, or that proves nothing: what to change. Used by ``ingress-canary plan``."""

from collections.abc import Iterator
from math import ceil

from ingress_canary.api.schedule import Require, ScheduleSpec
from ingress_canary.api.units import format_percent, format_seconds
from ingress_canary.whatif.plan import SchedulePlan, SloPlan, StepPlan

ENOUGH = 5
"""theta over the healthy ratio from which on a proof is quick (judging.md)."""
SLACK = 1.1
"""Proof over bake up to which the bake is long enough: the step just lasts a little longer."""
LARGEST_THETA = 0.5
"""What the contract allows."""
HEAVIER = "raise the weight, the bake or maxBurn, or say require: NoFail"


def advice(spec: ScheduleSpec, plan: SchedulePlan) -> Iterator[str]:
    """Yield a sentence for each thing worth changing, objectives first."""
    for slo in plan.steps[0].slos:
        yield from _too_tight(spec, slo)
    for step in plan.steps:
        yield from _too_light(spec, step)


def pace(rate: float) -> str:
    """Return a number of requests per second as text."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _too_tight(spec: ScheduleSpec, slo: SloPlan) -> Iterator[str]:
    if slo.theta >= ENOUGH * slo.healthy:
        return
    spec_slo = next(candidate for candidate in spec.slos if candidate.name == slo.name)
    burn = ceil(ENOUGH * slo.healthy / (1 - (spec_slo.objective or 0) / 100) * 10 - 1e-6) / 10
    remedy = f"raise maxBurn to {burn:g}, or lower the objective"
    if ENOUGH * slo.healthy > LARGEST_THETA:
        remedy = "choose an SLI of which a healthy version has fewer bad requests"
    effect = "it can never be proven good" if slo.requests is None else "it takes long to prove it good"
    yield (
        f"{slo.name}: the objective is tight: a healthy canary has {format_percent(slo.healthy)} bad requests and "
        f"{format_percent(slo.theta)} are allowed, less than {ENOUGH} times that, so that {effect}; {remedy}"
    )


def _too_light(spec: ScheduleSpec, step: StepPlan) -> Iterator[str]:
    hold = spec.max_hold.total_seconds()
    title, rate = step.step.title, f"{pace(step.canary_rps)} canary requests/s"
    # NoFail asks for minRequests only
    if step.step.require is Require.NO_FAIL:
        if not step.finishes:
            yield f"{title}: {rate} do not bring minRequests within maxHold; lower the step's minRequests"
        return
    # an objective that cannot be proven has its own advice
    if step.met is None:
        if any(slo.requests is not None and slo.seconds is None for slo in step.slos):
            yield f"{title}: {rate} prove nothing in years; {HEAVIER}"
        return
    # SLOs of thresholds alone prove nothing that is counted
    if not step.slos:
        return
    worst = max(step.slos, key=lambda slo: slo.seconds.p95 if slo.seconds else 0.0)
    assert worst.requests is not None
    needs = f"{worst.name} needs {worst.requests.p50:,.0f} canary requests (p95 {worst.requests.p95:,.0f})"
    times = f"{format_seconds(step.met.p50)} (p95 {format_seconds(step.met.p95)}) at {rate}"
    if step.met.p95 > hold:
        yield f"{title}: too light for its SLO: {needs}, {times}, and maxHold is {format_seconds(hold)}; {HEAVIER}"
    elif step.met.p50 > SLACK * step.step.bake:
        yield f"{title}: its bake proves nothing yet: {needs}, {times}; {HEAVIER}"
