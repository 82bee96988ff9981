"""Which schedule a rollout walks: as it began, or as it is now while nothing has begun. ``engine/observe.py`` asks."""

from typing import Any

from pydantic import ValidationError

from ingress_canary.api.rollout import RolloutSpec, RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.objects import Key
from ingress_canary.domain.observation import Obstacle
from ingress_canary.domain.reasons import Reason
from ingress_canary.domain.session import Course
from ingress_canary.domain.support import unsupported_schedule
from ingress_canary.engine.documents import explain
from ingress_canary.engine.ledger import Entry
from ingress_canary.engine.options import Options
from ingress_canary.ports import Cluster


def shared_in(spec: RolloutSpec, status: RolloutStatus, options: Options) -> str | None:
    """Return the namespace of a shared schedule, whose Secrets it may name; None for an inline one, as begun or as is.

    Never that of a status which nobody takes schedules from: whoever edits a rollout reaches no Secret beyond his own.
    """
    if status.schedule is not None:
        stored = status.schedule.namespace
        return stored if stored in {options.namespace, *options.schedule_namespaces} else None
    ref = spec.schedule.ref
    return None if ref is None else ref.namespace or options.namespace


def course_of(
    cluster: Cluster, spec: RolloutSpec, status: RolloutStatus, entry: Entry, options: Options
) -> tuple[Course | None, list[Obstacle]]:
    """Return the schedule to walk and what is wrong with it: as begun, or as it is while nothing has begun."""
    if status.schedule is not None:
        return _course(entry, status.schedule.hash, status.schedule.content, "status.schedule.content", options)
    if spec.schedule.inline is not None:
        if not options.inline_schedules:
            why = "spec.schedule.inline: this daemon takes shared schedules only; use spec.schedule.ref"
            return None, [(Reason.INVALID_SPEC, why)]
        return _course(entry, spec.schedule.inline, None, "spec.schedule.inline", options)
    ref = spec.schedule.ref
    assert ref is not None
    where = Key(ref.namespace or options.namespace, ref.name)
    if where.namespace not in {options.namespace, *options.schedule_namespaces}:
        why = f"spec.schedule.ref.namespace: {where.namespace} is none that this daemon takes schedules from"
        return None, [(Reason.INVALID_SPEC, why)]
    body = cluster.schedule(where)
    if body is None:
        return None, [
            (Reason.SCHEDULE_MISSING, f"CanarySchedule {where} does not exist; create it or correct the name")
        ]
    version = (body.get("metadata") or {}).get("uid"), (body.get("metadata") or {}).get("generation")
    return _course(entry, (where, version), body.get("spec") or {}, f"CanarySchedule {where} spec", options)


def _course(
    entry: Entry, source: object, content: Any, where: str, options: Options
) -> tuple[Course | None, list[Obstacle]]:
    """Return the course of a schedule, made once for each version of it."""
    if entry.course is None or entry.course[0] != source:
        try:
            spec = source if isinstance(source, ScheduleSpec) else ScheduleSpec.model_validate(content, extra="ignore")
        except ValidationError as error:
            return None, [(Reason.INVALID_SPEC, explain(error, where))]
        found = unsupported_schedule(spec, where, prometheus=options.prometheus)
        entry.course = (
            source,
            Course.of(spec),
            tuple((Reason.INVALID_SPEC, f"{field}: {why}") for field, why in found),
        )
    _, course, obstacles = entry.course
    return course, list(obstacles)
