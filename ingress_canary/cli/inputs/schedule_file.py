"""Schedule from a file, for ``plan`` and ``simulate``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ingress_canary.api import ROLLOUT_KIND, SCHEDULE_KIND
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.units import format_seconds
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.schedule.steps import StepList
from ingress_canary.lint.check import lint_texts
from ingress_canary.lint.documents import Document, read_documents
from ingress_canary.lint.findings import LintSeverity
from ingress_canary.settings import unread

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="A CanarySchedule, or a CanaryRollout with an inline one; - is standard input."
    ),
]


def read_schedule(file: Path) -> tuple[str, ScheduleSpec]:
    """Return name and schedule of a file; exit 1 with lint's findings, or when there is not exactly one schedule."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refused(unread(file, error)) from None
    errors = [finding for finding in lint_texts([(str(file), text)]) if finding.severity is LintSeverity.ERROR]
    if errors:
        raise refused("\n".join(str(error) for error in errors))
    documents = [document for document in read_documents(str(file), text) if isinstance(document, Document)]
    schedules = [
        (item.name, spec)
        for document in documents
        for item in document.items()
        if (spec := _schedule(item)) is not None
    ]
    if not schedules:
        raise refused(f"{file}: no schedule in it; give a CanarySchedule, or a CanaryRollout with an inline one")
    if len(schedules) > 1:
        names = ", ".join(name for name, _ in schedules)
        raise refused(f"{file}: more than one schedule in it ({names}); give a file with one")
    return schedules[0]


def _schedule(document: Document) -> ScheduleSpec | None:
    """Return the schedule of a document without lint findings."""
    match document.data:
        case {"kind": kind, "spec": content} if kind == SCHEDULE_KIND:
            pass
        case {"kind": kind, "spec": {"schedule": {"inline": dict(content)}}} if kind == ROLLOUT_KIND:
            pass
        case _:
            return None
    return ScheduleSpec.model_validate_json(json.dumps(_plain_value(content)), extra="forbid")


def _plain_value(value: Any) -> Any:
    """Return a document without null fields: the API server drops them, and so does lint."""
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain_value(member) for name, member in value.items() if member is not None}
    return value


def refused(message: str) -> typer.Exit:
    """Print why a schedule is refused, and return the exit to raise."""
    print(message, file=sys.stderr)
    return typer.Exit(1)


def assumptions(spec: ScheduleSpec, slow_ratio_said: bool, forced_rps: float) -> Iterator[str]:
    """Yield the assumptions made for options that were not given."""
    measures = SliSet.of(spec.slos, spec.analysis)
    if own := [name for name, sli in measures.counted.items() if not sli.counts_requests]:
        yield f"{', '.join(own)}: one event a request, and bad ones in the share that is said of errors"
    if alone := sorted(measures.alone):
        yield f"{', '.join(alone)}: judged without stable, whose events the queries do not tell apart"
    thresholds = measures.thresholds
    if len(set(thresholds.values())) > 1 and slow_ratio_said:
        first = format_seconds(next(iter(thresholds.values())))
        names = ", ".join(thresholds)
        yield f"{names}: one share of slow requests for all thresholds (of --prometheus that of {first})"
    if measures.slow and not slow_ratio_said:
        yield f"{', '.join(measures.slow)}: no request is taken for slow; say --latency-slow-ratio"
    if any(step.exposure.weight == 0 and step.exposure.forced for step in StepList.of(spec).steps):
        yield f"steps of weight 0 are taken to get {forced_rps:g} requests/s by header or cookie (--forced-rps)"
    if measures.compared:
        yield f"{', '.join(measures.compared)}: left out, a threshold is not a count of requests"
    if measures.distributions:
        yield f"{', '.join(measures.distributions)}: left out, nothing is forecast of a whole distribution of latency"
    if spec.windows or spec.gates or any(step.approval for step in spec.steps):
        yield "windows are taken for open, approvals and webhook gates for given at once"
