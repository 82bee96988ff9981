"""Command ``plan``: how long a schedule takes at some traffic, and how fast it detects a regression."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ingress_canary.api.schedule import Require, ScheduleSpec
from ingress_canary.api.units import format_duration, format_percent, format_seconds
from ingress_canary.cli.inputs.amounts import count_of, number, ratio
from ingress_canary.cli.inputs.amounts import interval as interval_of
from ingress_canary.cli.inputs.forecast_options import ForcedRps, SettingsFile
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.cli.inputs.past_traffic import asked
from ingress_canary.cli.inputs.schedule_file import File, assumptions, read_schedule
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.whatif.advice import advice, pace
from ingress_canary.whatif.detection import Regression
from ingress_canary.whatif.expected_traffic import Ratios
from ingress_canary.whatif.plan import SchedulePlan, SloPlan, StepPlan
from ingress_canary.whatif.plan import plan as planned
from ingress_canary.whatif.proof import Proof
from ingress_canary.whatif.simulated_traffic import Traffic


def plan(
    file: File,
    rps: Annotated[
        float | None,
        typer.Option(parser=number(0.001, 1e6), metavar="N", help="Requests a second of the Ingress, both sides."),
    ] = None,
    error_ratio: Annotated[
        float | None,
        typer.Option(parser=ratio, metavar="P", help="Share of errors of a healthy version: 0.1% or 0.001."),
    ] = None,
    latency_slow_ratio: Annotated[
        float | None,
        typer.Option(parser=ratio, metavar="Q", help="Share of a healthy version's requests over the threshold."),
    ] = None,
    burst: Annotated[
        float, typer.Option(parser=number(1, 1000), metavar="N", help="Bad requests in a row, on average.")
    ] = 1,
    forced_rps: ForcedRps = 1,
    interval: Annotated[
        float | None, typer.Option(parser=interval_of, metavar="SPAN", help="Between two evaluations (10s).")
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Take amounts that are not given from the last 7 days.")
    ] = None,
    ingress: Annotated[str | None, typer.Option(metavar="NS/NAME", help="With --prometheus: whose traffic.")] = None,
    settings_file: SettingsFile = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="text or json.")] = Output.TEXT,
) -> None:
    """Work out how long each step takes with a healthy canary, and when a worse one is caught."""
    whose = _whose(prometheus, ingress)
    if whose is None and (rps is None or error_ratio is None):
        raise typer.BadParameter("say --rps and --error-ratio, or --prometheus and --ingress")
    name, spec = read_schedule(file)
    if whose is not None and prometheus is not None:
        past = asked(prometheus, whose, settings_file, spec)
        rps = past.rps if rps is None else rps
        error_ratio = past.error_ratio if error_ratio is None else error_ratio
        latency_slow_ratio = past.slow_ratio if latency_slow_ratio is None else latency_slow_ratio
    assert rps is not None
    assert error_ratio is not None
    slow = latency_slow_ratio or 0.0
    traffic = Traffic(rps, Ratios(error_ratio, error_ratio), Ratios(slow, slow), burst=burst, forced_rps=forced_rps)
    result = planned(spec, traffic, interval or 10.0)
    notes = list(assumptions(spec, latency_slow_ratio is not None, forced_rps))
    hints = list(advice(spec, result))
    if output is Output.JSON:
        traffic_json = {
            "rps": rps, "errorRatio": error_ratio, "latencySlowRatio": latency_slow_ratio, "burst": burst,
        }  # fmt: skip
        allowed = {slo.name: slo.allowance for slo in spec.slos if slo.objective is not None}
        rest = {"allowances": allowed, "traffic": traffic_json, "advice": hints, "assumptions": notes}
        print(json.dumps(as_json(result) | rest, indent=2))
        return
    print(f"{name}: {count_of(len(result.steps), 'step')} at {pace(rps)} requests/s")
    if whose is not None:
        share = "" if latency_slow_ratio is None else f", {format_percent(slow)} slow"
        print(f"{whose}, average of 7 days: {pace(rps)} requests/s, {format_percent(error_ratio)} bad{share}")
    for line in (*_text(result), *_terms(spec, result), _end(result), *(f"advice: {sentence}" for sentence in hints)):
        print(line)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _whose(prometheus: str | None, ingress: str | None) -> Key | None:
    """Return the Ingress whose past traffic is read."""
    if (prometheus is None) != (ingress is None):
        raise typer.BadParameter("--prometheus and --ingress are given together")
    if ingress is None:
        return None
    namespace, slash, name = ingress.partition("/")
    if not (namespace and slash and name):
        raise typer.BadParameter(f"--ingress is written namespace/name; got {ingress!r}")
    return Key(namespace, name)


def as_json(result: SchedulePlan) -> dict[str, Any]:
    """Return the JSON form of a plan."""
    return {
        "finishes": result.finishes,
        "durationSeconds": _spread(result.seconds),
        "phi": result.phi,
        "cleanProofRequests": {
            name: {"anyTime": price.any_time, "oneLook": price.one_look} for name, price in result.prices.items()
        },
        "steps": [_step_json(step) for step in result.steps],
    }


def _step_json(step: StepPlan) -> dict[str, Any]:
    return {
        "index": step.step.index, "name": step.step.name, "weight": step.step.exposure.weight,
        "require": step.step.require, "bakeSeconds": step.step.bake, "canaryRps": step.canary_rps,
        "finishes": step.finishes, "durationSeconds": _spread(step.seconds),
        "slos": [
            {
                "name": slo.name, "allowedRatio": round(slo.theta, 9), "healthyRatio": slo.healthy,
                "proofRequests": _spread(slo.requests), "proofSeconds": _spread(slo.seconds),
                "settleSeconds": slo.settle,
                "regressions": [_regression_json(regression) for regression in slo.regressions],
            }
            for slo in step.slos
        ],
    }  # fmt: skip


def _regression_json(regression: Regression) -> dict[str, Any]:
    def spread(member: str) -> dict[str, float] | None:
        if regression.p50 is None or regression.p95 is None:
            return None
        return {"p50": round(getattr(regression.p50, member), 3), "p95": round(getattr(regression.p95, member), 3)}

    return {
        "regression": regression.label, "ratio": regression.ratio, "caughtSeconds": spread("seconds"),
        "exposedRequests": spread("exposed"), "failedRequests": spread("failed"),
        "whileSettling": regression.settling,
    }  # fmt: skip


def _spread(span: Proof | None) -> dict[str, float] | None:
    return None if span is None else {"p50": round(span.p50, 3), "p95": round(span.p95, 3)}


def _text(result: SchedulePlan) -> Iterator[str]:
    for step in result.steps:
        bake, rate = format_seconds(step.step.bake), pace(step.canary_rps)
        requests = "request" if rate == "1" else "requests"
        yield (
            f"{step.step.title}: {rate} canary {requests}/s, bake {bake}, "
            f"require {step.step.require}; takes {_times(step.seconds)}"
        )
        for slo in step.slos:
            yield f"  {slo.name}: {_proof(step, slo)}"
            for regression in slo.regressions:
                yield f"    {regression.label:>7} {_caught(regression)}"


def _end(result: SchedulePlan) -> str:
    ends = "" if result.finishes else "; not every step is sure to end within maxHold"
    return f"the whole rollout takes {_times(result.seconds)}{ends}"


def _terms(spec: ScheduleSpec, result: SchedulePlan) -> Iterator[str]:
    """Yield what holds at every step: what the SLOs allow, what looking at any time costs, and what bursts do."""
    routing = spec.analysis.settle
    for slo in spec.slos:
        settle = slo.settles_for(routing)
        later = f", and is judged from {format_duration(settle)} after each rise of the weight on"
        if slo.objective is not None:
            yield f"{slo.name} allows {slo.allowance}{later if settle > routing else ''}"
    if result.prices:
        name, price = max(result.prices.items(), key=lambda priced: priced[1].any_time)
        yield (
            f"price of looking at any time: {price.any_time:,} requests without errors prove {name}, where one look at "
            f"a sample of fixed size would take {price.one_look:,}"
        )
    if result.phi > 1:
        yield (
            f"evidence is discounted by phi = {result.phi:g}, because bad requests come in bursts: each proof above "
            "takes so many times the requests, and alpha and beta are aims and no bounds"
        )
    for at_step in result.steps[0].slos:
        if at_step.healthy > at_step.theta:
            yield (
                f"{at_step.name}: stable is worse than is allowed, so the canary is held against an estimate of its "
                "ratio, and alpha is an aim and no bound"
            )


def _proof(step: StepPlan, slo: SloPlan) -> str:
    healthy = f"{format_percent(slo.healthy)} bad, {format_percent(slo.theta)} allowed"
    if slo.seconds is None or slo.requests is None:
        exemption = "" if step.step.require is Require.PROOF else ", which this step does not ask for"
        return f"{healthy}: never proven good{exemption}"
    return f"{healthy}: proven good after {_times(slo.seconds)}, {_counts(*slo.requests)} requests"


def _caught(regression: Regression) -> str:
    if regression.p50 is None or regression.p95 is None:
        return "is not caught: it is within what the SLO and the baseline allow, or nobody reaches the canary"
    half, most = regression.p50, regression.p95
    when = "while the step settles, after" if regression.settling else "after"
    return (
        f"is caught {when} {_times(Proof(half.seconds, most.seconds))}: {_counts(half.failed, most.failed)} failed of "
        f"{_counts(half.exposed, most.exposed)} canary requests"
    )


def _times(span: Proof | None) -> str:
    if span is None:
        return "for ever"
    half, most = (format_seconds(seconds) for seconds in span)
    return half if half == most else f"{half} (p95 {most})"


def _counts(half: float, most: float) -> str:
    low, high = (f"{max(1.0, count):,.0f}" for count in (half, most))
    return low if low == high else f"{low} (p95 {high})"
