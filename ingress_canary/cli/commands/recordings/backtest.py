"""Command ``backtest``: a schedule over recorded traffic, decided by the daemon's own code."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.cli.inputs.amounts import days, regression
from ingress_canary.cli.inputs.amounts import ingress as ingress_of
from ingress_canary.cli.inputs.amounts import interval as interval_of
from ingress_canary.cli.inputs.forecast_options import ForcedRps, Seed, SettingsFile, WarmUp
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.cli.inputs.recording_file import read_traffic
from ingress_canary.cli.inputs.schedule_file import File, read_schedule, refused
from ingress_canary.cli.views.backtest_text import backtest_lines
from ingress_canary.cli.views.progress import progress
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.schedule.steps import StepList
from ingress_canary.settings import load, unread
from ingress_canary.whatif.backtest.backtest_runs import backtest as backtested
from ingress_canary.whatif.backtest.backtest_runs import starts
from ingress_canary.whatif.backtest.canary_regression import CanaryRegression
from ingress_canary.whatif.backtest.recorded_rollout import BacktestSetup, usable
from ingress_canary.whatif.backtest.recorded_traffic import RecordedTraffic
from ingress_canary.whatif.backtest.recording import RecordingError, utc
from ingress_canary.whatif.detection import REGRESSIONS

EVERY = 11 * 3600.0
"""Seconds between two starts unless it is said: each hour of the day has its turn."""
WARM_UP = 1800.0
MONTH = 30 * 86_400.0


def backtest(
    file: File,
    recording: Annotated[
        Path | None,
        typer.Argument(metavar="RECORDING", help="Traffic that record has written; or say --prometheus."),
    ] = None,
    every: Annotated[
        float | None, typer.Option(parser=days, metavar="SPAN", help="Between two starts of a rollout (11h).")
    ] = None,
    regressions: Annotated[
        list[CanaryRegression] | None,
        typer.Option(
            "--regression",
            parser=regression,
            metavar="SIZE",
            help="A canary that is worse by so much: 1pp, 100%, slow:1pp. May be repeated (0.5pp, 1pp, 5pp, 100%).",
        ),
    ] = None,
    warm_up: WarmUp = None,
    forced_rps: ForcedRps = 1,
    seed: Seed = 1,
    prometheus: Annotated[str | None, typer.Option(metavar="URL", help="Take the traffic from Prometheus.")] = None,
    ingress: Annotated[
        Key | None, typer.Option(parser=ingress_of, metavar="NS/NAME", help="With --prometheus: whose traffic.")
    ] = None,
    since: Annotated[
        float | None, typer.Option(parser=days, metavar="SPAN", help="With --prometheus: how much of it (30d).")
    ] = None,
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --prometheus: only requests to this Service.")
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(parser=interval_of, metavar="SPAN", help="With --prometheus: between two ticks (a scrape's)."),
    ] = None,
    settings_file: SettingsFile = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="text or json.")] = Output.TEXT,
) -> None:
    """Hold a schedule against recorded traffic: who would have been rolled back, and what would have been caught.

    From each start in the recording a healthy canary is rolled out, and one with each regression. The canary gets
    stable's own requests, each by the chance of the weight.
    """
    if (recording is None) == (prometheus is None):
        raise typer.BadParameter("name a file of record, or say --prometheus and --ingress")
    if (prometheus is None) != (ingress is None):
        raise typer.BadParameter("--prometheus and --ingress are given together")
    name, spec = read_schedule(file)
    measures = usable(SliSet.of(spec.slos, spec.analysis))
    if not measures.counted:
        raise refused(f"{name}: no SLO of it counts requests, and a recording has nothing else")
    try:
        if recording is not None:
            traffic = read_traffic(recording, measures)
        else:
            assert prometheus is not None
            assert ingress is not None
            traffic = _asked(prometheus, ingress, measures, since or MONTH, service, interval, settings_file)
    except RecordingError as error:
        raise _failed(str(error)) from None
    except OSError as error:
        assert recording is not None
        raise _failed(unread(recording, error)) from None
    setup = BacktestSetup.of(
        spec, traffic, warm_up=WARM_UP if warm_up is None else warm_up, forced_rps=forced_rps, seed=seed
    )
    wanted = tuple(dict.fromkeys(regressions or _usual(measures)))
    span = every or EVERY
    begun, _ = starts(traffic, setup.simulation.warm_up, span)
    if not begun:
        raise _failed(
            f"{recording or 'the traffic'}: {utc(traffic.times[0])} to {utc(traffic.times[-1])} is too short for a "
            "rollout after the warm-up; record for longer, or say --warm-up"
        )
    with progress("starts", len(begun)) as advance:
        summary = backtested(setup, wanted, span, advance)
    notes = list(_notes(spec, measures, traffic, forced_rps))
    if output is Output.JSON:
        print(json.dumps(_heading(name, traffic, seed, span) | summary.as_json() | {"notes": notes}, indent=2))
        return
    print(f"{name} over {'recorded traffic' if recording is None else recording}, seed {seed}")
    for line in backtest_lines(traffic, summary):
        print(line)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _usual(measures: SliSet) -> Iterator[CanaryRegression]:
    """Yield the regressions of ``plan``: errors, or slowness where nothing else is judged."""
    is_slowness = len(measures.slow) == len(measures.counted)
    for size in REGRESSIONS:
        yield CanaryRegression(size, is_slowness)


def _asked(
    url: str, key: Key, measures: SliSet, since: float, service: str | None, interval: float | None,
    settings_file: Path | None,
) -> RecordedTraffic:  # fmt: skip
    """Return the traffic of the past from Prometheus; exit 1 when it does not answer, 64 when settings are wrong."""
    from ingress_canary.cli.inputs.metrics_readings import past_interval, past_readings  # noqa: PLC0415 - a file needs none
    from ingress_canary.cli.inputs.prometheus_errors import told  # noqa: PLC0415
    from ingress_canary.whatif.backtest.recorder import TrafficRecorder  # noqa: PLC0415

    async def read() -> RecordedTraffic:
        settings = load({"prometheus_url": url}, settings_file)
        ticks = past_interval(settings, interval)
        recorder, traffic = TrafficRecorder(key, service, ticks), RecordedTraffic(measures)
        with progress("ticks", int(since // ticks) + 1) as advance:
            async for reading in past_readings(settings, key, ticks, since):
                for entry in recorder.entries(reading):
                    traffic.enter(entry)
                advance()
        traffic.check()
        return traffic

    with told():
        return asyncio.run(read())


def _heading(name: str, traffic: RecordedTraffic, seed: int, every: float) -> dict[str, object]:
    assert traffic.header is not None
    return {
        "schedule": name, "ingress": traffic.header.ingress, "service": traffic.header.service,
        "since": utc(traffic.times[0]), "until": utc(traffic.times[-1]), "intervalSeconds": traffic.interval,
        "ticks": len(traffic.times), "unknownTicks": traffic.gaps, "seed": seed, "everySeconds": every,
    }  # fmt: skip


def _notes(spec: ScheduleSpec, measures: SliSet, traffic: RecordedTraffic, forced_rps: float) -> Iterator[str]:
    """Yield what the answer takes for granted."""
    if absent := [slo.name for slo in spec.slos if slo.name not in measures.counted]:
        yield f"{', '.join(absent)}: left out, a backtest judges requests and latency thresholds"
    if traffic.beside_canary:
        share = traffic.beside_canary / len(traffic.times)
        yield f"in {share:.1%} of the ticks a canary had a part of the requests: stable's part alone is used"
    if any(step.exposure.weight == 0 and step.exposure.forced for step in StepList.of(spec).steps):
        yield f"steps of weight 0 are taken to get {forced_rps:g} requests/s by header or cookie (--forced-rps)"
    if spec.windows or spec.gates or any(step.approval for step in spec.steps):
        yield "windows are taken for open, approvals and webhook gates for given at once"


def _failed(message: str) -> typer.Exit:
    print(f"error: {message}", file=sys.stderr)
    return typer.Exit(1)
