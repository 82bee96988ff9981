"""Table of ``status``: one line a rollout, and what the details of one (``status_text.py``) are made of too."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.units import AS_BEGUN, format_percent
from ingress_canary.domain.objects.metadata import Json, Meta
from ingress_canary.domain.reasons.printable import printable
from ingress_canary.domain.schedule.steps import StepList

COLUMNS = ("NAMESPACE", "NAME", "PHASE", "REASON", "STEP", "WEIGHT", "SHARE", "REVISION", "AGE")


def render_table(bodies: Sequence[Json], now: datetime, namespace: str | None = None) -> str:
    """Return one line per rollout, by namespace and name; ``namespace`` is the requested one, None for all."""
    if not bodies:
        return f"no CanaryRollout in namespace {namespace}" if namespace else "no CanaryRollout found"
    rows = sorted(_row(body, now) for body in bodies)
    return aligned([COLUMNS, *rows])


def age(since: datetime | None, now: datetime) -> str:
    """Return the age of an instant in its largest unit, as kubectl shows it."""
    if since is None:
        return "-"
    seconds = max((now - since).total_seconds(), 0)
    for unit, span in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * span:
            return f"{seconds // span:.0f}{unit}"
    return f"{seconds:.0f}s"


def _row(body: Json, now: datetime) -> tuple[str, ...]:
    meta, status = Meta.of(body), status_of(body)
    schedule = schedule_of(status)
    of = f"/{len(StepList.of(schedule))}" if schedule else ""
    step = f"{status.step.index}{of}" if status.step else "-"
    share = "-" if status.observed_share is None else format_percent(status.observed_share)
    return (meta.namespace, meta.name, status.phase, status.reason or "-", step, weight_text(status), share,
            status.revision or "-", age(meta.created, now))  # fmt: skip


def weight_text(status: RolloutStatus) -> str:
    """Return the weight on the shadow, with the wanted one where that is another."""
    shown = f"{status.shown_weight:g} %"
    return shown if status.shown_weight == status.weight else f"{shown} (wanted {status.weight:g} %)"


def status_of(body: Json) -> RolloutStatus:
    """Return the status of a rollout; one that says so where this version cannot read it."""
    try:
        return RolloutStatus.model_validate(body.get("status") or {}, extra="ignore")
    except ValidationError:
        return RolloutStatus(message="the stored status cannot be read by this version")


def schedule_of(status: RolloutStatus) -> ScheduleSpec | None:
    """Return the schedule that a rollout began with; None where there is none, or none that can be read."""
    if status.schedule is None:
        return None
    try:
        return ScheduleSpec.model_validate(status.schedule.content, extra="ignore", context=AS_BEGUN)
    except ValidationError:
        return None


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table, each column as wide as its widest cell."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("   ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
