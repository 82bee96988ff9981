"""Command ``simulate``: many rollouts of a schedule in virtual time, decided by the daemon's own code."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingress_canary.api.units import format_seconds
from ingress_canary.cli.inputs.amounts import count_of, number, pair, ratio, seconds
from ingress_canary.cli.inputs.amounts import incident as incident_of
from ingress_canary.cli.inputs.amounts import interval as interval_of
from ingress_canary.cli.inputs.forecast_options import ForcedRps, Seed, WarmUp
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.cli.inputs.schedule_file import File, assumptions, read_schedule, refused
from ingress_canary.cli.inputs.traffic_option import idle, option, sizes, traffic_profile
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.whatif.advice import pace
from ingress_canary.whatif.expected_traffic import Ratios
from ingress_canary.whatif.simulated_traffic import NEVER, NO_INCIDENT, Incident, Traffic
from ingress_canary.whatif.simulation_runs import HAS_NUMPY, Experiment, Spread, Summary
from ingress_canary.whatif.simulation_runs import simulate as simulated
from ingress_canary.whatif.traffic_profiles.profile import TrafficProfile

PROMETHEUS = 1800.0
"""Seconds of stable's history that a rollout begins with where Prometheus has it."""

MANY = 200
"""Rollouts that take a while."""
SLOW = "each tick was decided one by one; pip install 'ingress-canary[simulate]' makes this about ten times faster"


def simulate(
    file: File,
    rps: Annotated[
        float,
        typer.Option(parser=number(0.001, 1e6), metavar="N", help="Requests a second of the Ingress, both sides."),
    ],
    baseline: Annotated[
        float, typer.Option(parser=ratio, metavar="P", help="Stable's share of errors: 0.1% or 0.001.")
    ],
    canary: Annotated[float, typer.Option(parser=ratio, metavar="Q", help="The canary's share of errors.")],
    runs: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many rollouts.")],
    latency_slow_ratio: Annotated[
        Ratios | None,
        typer.Option(parser=pair, metavar="A:B", help="Share of requests over the threshold: stable's, the canary's."),
    ] = None,
    onset: Annotated[
        float | None,
        typer.Option(
            parser=seconds, metavar="SPAN", help="When the canary becomes worse, from the first step on (0s)."
        ),
    ] = None,
    burst: Annotated[
        float, typer.Option(parser=number(1, 1000), metavar="N", help="Bad requests in a row, on average.")
    ] = 1,
    incident: Annotated[
        Incident | None,
        typer.Option(parser=incident_of, metavar="SPAN:SHARE", help="Both sides fail, at a random time: 3m:5%."),
    ] = None,
    traffic: Annotated[
        list[TrafficProfile] | None,
        typer.Option(
            parser=traffic_profile,
            is_eager=True,
            metavar="NAME[:SIZE=VALUE,...]",
            help="A situation that the rollouts meet, such as cold-start:share=20%; several add up. "
            "--traffic list shows all of them.",
        ),
    ] = None,
    warm_up: WarmUp = None,
    forced_rps: ForcedRps = 1,
    interval: Annotated[
        float | None, typer.Option(parser=interval_of, metavar="SPAN", help="Between two evaluations (10s).")
    ] = None,
    seed: Seed = 1,
    output: Annotated[Output, typer.Option("--output", "-o", help="text or json.")] = Output.TEXT,
) -> None:
    """Roll a schedule out many times in random traffic, and count what becomes of it."""
    name, spec = read_schedule(file)
    if not SliSet.of(spec.slos, spec.analysis).counted:
        raise refused(f"{name}: no SLO of it counts events, and for others no traffic can be drawn; use plan")
    profiles, watched = tuple(traffic or ()), PROMETHEUS if warm_up is None else warm_up
    for profile in profiles:
        if why := idle(profile, spec, watched):
            raise refused(f"{name}: --traffic {profile.name} changes nothing: {why}")
    expected = Traffic(
        rps=rps, errors=Ratios(baseline, canary), slow=latency_slow_ratio or NEVER, onset=onset or 0.0, burst=burst,
        incident=incident or NO_INCIDENT, forced_rps=forced_rps, profiles=profiles,
    )  # fmt: skip
    experiment = Experiment(spec, expected, seed, interval or 10.0, watched)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with bar:
        task = bar.add_task("rollouts", total=runs)
        summary = simulated(experiment, runs, lambda ended: bar.advance(task, ended))
    if output is Output.JSON:
        used = [{"profile": profile.name, "sizes": sizes(profile)} for profile in profiles]
        print(json.dumps({"traffic": used, **summary.as_json()}, indent=2))
    else:
        print(f"{name}: {count_of(runs, 'rollout')} at {pace(rps)} requests/s, seed {seed}")
        for profile in profiles:
            print(f"traffic: {option(profile)}")
        for line in _text(summary):
            print(line)
    if runs >= MANY and not HAS_NUMPY:
        print(f"note: {SLOW}", file=sys.stderr)
    slow_ratio_said = latency_slow_ratio is not None or any(profile.slows for profile in profiles)
    for note in assumptions(spec, slow_ratio_said, forced_rps):
        print(f"note: {note}", file=sys.stderr)


def _text(summary: Summary) -> Iterator[str]:
    for label, count in (
        ("promoted", summary.promoted), ("rolled back", summary.rolled_back), ("held", summary.held),
    ):  # fmt: skip
        yield f"{label:>12}  {count:>9,}  {count / summary.runs:7.2%}"
    if summary.rollback_seconds.p50 is not None:
        yield f"time to rollback, from the onset and without settling: {_span(summary.rollback_seconds)}"
        exposed, failed = _count(summary.exposed_requests), _count(summary.failed_requests)
        yield f"canary requests from the onset to the rollback: {exposed}; bad ones of them: {failed}"
    yield f"duration of a rollout: {_span(summary.duration_seconds)}"
    if summary.discounted:
        phi = " (p95 ".join(f"{value or 1:.3g}" for value in summary.phi) + ")"
        yield (
            f"evidence was discounted in {summary.discounted / summary.runs:.2%} of the rollouts, because stable's bad "
            f"requests came in bursts: phi {phi}"
        )


def _span(spread: Spread) -> str:
    return " (p95 ".join(format_seconds(value or 0.0) for value in spread) + ")"


def _count(spread: Spread) -> str:
    return " (p95 ".join(f"{value or 0:,.0f}" for value in spread) + ")"
