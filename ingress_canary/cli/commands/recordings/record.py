"""Command ``record``: the traffic of an Ingress into a file, from now on or of the past, for ``backtest``."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ingress_canary.adapters.prometheus import PrometheusError
from ingress_canary.cli.inputs.amounts import count_of, days
from ingress_canary.cli.inputs.amounts import ingress as ingress_of
from ingress_canary.cli.inputs.amounts import interval as interval_of
from ingress_canary.cli.inputs.metrics_readings import page_readings, past_interval, past_readings
from ingress_canary.cli.inputs.recording_file import RecordingFile
from ingress_canary.cli.views.progress import progress
from ingress_canary.domain.metrics.samples import Reading
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.logs import configure
from ingress_canary.ports import ClusterError
from ingress_canary.settings import SettingsError, load
from ingress_canary.whatif.backtest.recorder import STARTING_POINT, TrafficRecorder
from ingress_canary.whatif.backtest.recording import RecordedTick, utc

HOUR, MONTH = 3600.0, 30 * 86_400.0
"""What is recorded unless it is said: of the future, of the past."""


def record(
    ingress: Annotated[
        Key, typer.Option(parser=ingress_of, metavar="NS/NAME", help="The Ingress whose traffic is recorded.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="A new file; with .gz it is compressed.")],
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="URL...", help="Metrics pages of all controllers; by default their pods are looked up."),
    ] = None,
    span: Annotated[
        float | None, typer.Option("--for", parser=days, metavar="SPAN", help="How long, such as 1h or 7d (1h).")
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Record the past instead, as this Prometheus has it.")
    ] = None,
    since: Annotated[
        float | None, typer.Option(parser=days, metavar="SPAN", help="With --prometheus: how much of it (30d).")
    ] = None,
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only requests to this Service; all of the Ingress by default.")
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(parser=interval_of, metavar="SPAN", help="Between two ticks (10s; at least a scrape's)."),
    ] = None,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="The daemon's own file of settings.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig to use; kubectl's by default.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
) -> None:
    """Record the traffic of an Ingress, for backtest: from controllers' metrics pages, or from Prometheus.

    Ctrl-C ends the recording; what was recorded until then is whole. Recordings of one Ingress are joined with cat.
    """
    if prometheus is not None and (urls or span):
        raise typer.BadParameter("--prometheus knows the past: say --since, without URLs and --for")
    if prometheus is None and since:
        raise typer.BadParameter("--since goes with --prometheus; metrics pages know no past: say --for")
    flags = {"prometheus_url": prometheus, "kubeconfig": kubeconfig, "context": context}
    configure("error")
    try:
        settings = load({name: value for name, value in flags.items() if value is not None}, settings_file)
        if prometheus is None:
            every, seconds = interval or settings.interval.total_seconds(), span or HOUR
            readings = page_readings(settings, ingress, urls or (), every, seconds)
        else:
            every, seconds = past_interval(settings, interval), since or MONTH
            readings = past_readings(settings, ingress, every, seconds)
        with progress("ticks", int(seconds // every) + 1) as advance, RecordingFile(out) as file:
            made = asyncio.run(_written(readings, TrafficRecorder(ingress, service, every), file, advance))
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(64) from None
    except FileExistsError:
        print(f"error: {out}: is there already; name a new file (recordings are joined with cat)", file=sys.stderr)
        raise typer.Exit(1) from None
    except (OSError, ClusterError, PrometheusError) as error:
        print(f"error: {_words(error, out)}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{out}: {count_of(made.ticks, 'tick')} of {ingress}, {made.unknown:,} of them unknown", file=sys.stderr)


class Recorded(NamedTuple):
    """What was written."""

    ticks: int = 0
    unknown: int = 0
    """Ticks of which nothing is known, or not all."""


async def _written(
    readings: AsyncIterator[Reading], recorder: TrafficRecorder, file: RecordingFile, advance: Callable[[], object]
) -> Recorded:
    """Write a line for each reading, and note on standard error where data stop and come again."""
    made, why = Recorded(), ""
    async for reading in readings:
        entries = list(recorder.entries(reading))
        file.write(entry.line() for entry in entries)
        advance()
        for tick in entries:
            if isinstance(tick, RecordedTick):
                # where counting begins is no fault
                if tick.missing != why and STARTING_POINT not in (tick.missing, why):
                    print(f"note: {utc(tick.at)}: {tick.missing or 'there are data again'}", file=sys.stderr)
                why, made = tick.missing, Recorded(made.ticks + 1, made.unknown + bool(tick.missing))
    return made


def _words(error: Exception, out: Path) -> str:
    if isinstance(error, OSError):
        return f"{out}: cannot be written: {error.strerror or error}"
    return f"Prometheus: {error}" if isinstance(error, PrometheusError) else str(error)
