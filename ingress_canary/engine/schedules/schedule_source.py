"""Which schedule a rollout walks: as it began, or as it is now while nothing has begun. ``engine/inputs.py`` asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ingress_canary.api.rollout import AT_REST, RolloutSpec, RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.units import AS_BEGUN
from ingress_canary.domain.decision.observation import Newer, Obstacle
from ingress_canary.domain.objects.revision import digest
from ingress_canary.domain.objects.views import Key
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.compiled_schedule import Course
from ingress_canary.domain.status.unsupported import unsupported_schedule
from ingress_canary.engine.options import Options
from ingress_canary.engine.schedules.schedule_cache import course_like
from ingress_canary.engine.spec_parser import explain
from ingress_canary.engine.state.rollout_state import Entry
from ingress_canary.ports import Cluster


@dataclass(frozen=True, slots=True)
class Source:
    """A schedule as it is written now."""

    version: object
    """What tells it from others: the key, uid and generation, or the inline schedule itself."""
    content: Any
    where: str
    """What messages call it."""


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
        stored = status.schedule
        return _course(entry, stored.hash, stored.content, "status.schedule.content", options, AS_BEGUN)
    source = _source(cluster, spec, options)
    if not isinstance(source, Source):
        return None, [source]
    return _course(entry, source.version, source.content, source.where, options)


def newer_than(
    cluster: Cluster, spec: RolloutSpec, status: RolloutStatus, entry: Entry, options: Options
) -> Newer | None:
    """Return what there is now in the place of the schedule that a rollout keeps to; None while it is the same."""
    if status.schedule is None or status.phase in AT_REST:
        return None
    source = _source(cluster, spec, options)
    if not isinstance(source, Source):
        return Newer(
            f"the rollout keeps the schedule it began with; a new one could not begin: {source[1]}", usable=False
        )
    version, began = source.version, status.schedule.hash
    if entry.present is None or (entry.present[0] is not version and entry.present[0] != version):
        entry.present = version, _hash(source.content)
    found = entry.present[1]
    # what an older release began with may lack members that this one fills in, and is no other schedule for that
    if found == began or (found is not None and found == _hash(status.schedule.content)):
        return None
    kept = f"the rollout keeps the schedule it began with ({status.schedule.hash})"
    if found is None:
        why = f"{kept}; {source.where} has changed since, and cannot be used as it is: `ingress-canary lint` says why"
        return Newer(why, usable=False)
    return Newer(f"{kept}; {source.where} has changed since ({found}), and `restart` begins anew with it", usable=True)


def _hash(content: Any) -> str | None:
    """Return what stands for the schedule as it would be stored; None when it cannot be read."""
    try:
        return digest(ScheduleSpec.model_validate(content, extra="ignore").dump())
    except ValidationError:
        return None


def _source(cluster: Cluster, spec: RolloutSpec, options: Options) -> Source | Obstacle:
    """Return the schedule that the spec means now, or why it has none."""
    if spec.schedule.inline is not None:
        if not options.inline_schedules:
            why = "spec.schedule.inline: this daemon takes shared schedules only; use spec.schedule.ref"
            return Reason.INVALID_SPEC, why
        return Source(spec.schedule.inline, spec.schedule.inline, "spec.schedule.inline")
    ref = spec.schedule.ref
    assert ref is not None
    where = Key(ref.namespace or options.namespace, ref.name)
    if where.namespace not in {options.namespace, *options.schedule_namespaces}:
        why = (
            f"spec.schedule.ref.namespace: {where.namespace} is none that this daemon takes schedules from; "
            "name another, or add it to the setting schedule_namespaces"
        )
        return Reason.INVALID_SPEC, why
    body = cluster.schedule(where)
    if body is None:
        return Reason.SCHEDULE_MISSING, f"CanarySchedule {where} does not exist; create it or correct the name"
    version = (body.get("metadata") or {}).get("uid"), (body.get("metadata") or {}).get("generation")
    return Source((where, version), body.get("spec") or {}, f"CanarySchedule {where} spec")


def _course(
    entry: Entry, source: object, content: Any, where: str, options: Options, context: Mapping[str, Any] | None = None
) -> tuple[Course | None, list[Obstacle]]:
    """Return the course of a schedule, made once for each version of it."""
    if entry.course is None or entry.course[0] != source:
        try:
            known = source if isinstance(source, ScheduleSpec) else None
            spec = known or ScheduleSpec.model_validate(content, extra="ignore", context=context)
        except ValidationError as error:
            return None, [(Reason.INVALID_SPEC, explain(error, where))]
        found = unsupported_schedule(spec, where, prometheus=options.prometheus)
        entry.course = (
            source,
            course_like(spec),
            tuple((Reason.INVALID_SPEC, f"{field}: {why}") for field, why in found),
        )
    _, course, obstacles = entry.course
    return course, list(obstacles)
