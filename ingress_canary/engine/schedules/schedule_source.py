"""Schedule that a rollout follows: as it began, or the present one before that. Called by ``engine/inputs.py``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ingress_canary.api.model import FieldFault
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import AT_REST, RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.units import AS_BEGUN
from ingress_canary.domain.decision.observation import NewerSchedule, Obstacle
from ingress_canary.domain.objects.digest import Digest, same
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.status.unsupported import unsupported_schedule
from ingress_canary.engine.options import Options
from ingress_canary.engine.schedules.schedule_cache import shared_schedule
from ingress_canary.engine.spec_parser import explain
from ingress_canary.engine.state.rollout_state import RolloutState
from ingress_canary.ports import Cluster


@dataclass(frozen=True, slots=True)
class CurrentSchedule:
    """A schedule as it is written now, or as the rollout began with it."""

    version: object
    """Identity of this version: the key, uid and generation, or the inline schedule itself."""
    content: Any
    field: str
    """Where it is written."""
    object: str = ""
    """Kind and key of the object that it is written in; empty for the rollout itself."""

    @property
    def where(self) -> str:
        """Its name in messages."""
        return f"{self.object} {self.field}" if self.object else self.field


def shared_in(spec: RolloutSpec, status: RolloutStatus, options: Options) -> str | None:
    """Return the namespace of a shared schedule, whose Secrets it may name; None for an inline schedule.

    Never a namespace that the daemon takes no schedules from, though the status may name it: an editor of a rollout
    must not reach the Secrets of another namespace by that.
    """
    if status.schedule is not None:
        stored = status.schedule.namespace
        return stored if stored in {options.namespace, *options.schedule_namespaces} else None
    ref = spec.schedule.ref
    return None if ref is None else ref.namespace or options.namespace


def compiled_schedule_of(
    cluster: Cluster, spec: RolloutSpec, status: RolloutStatus, state: RolloutState, options: Options
) -> tuple[CompiledSchedule | None, list[Obstacle]]:
    """Return the compiled schedule with its obstacles: as the rollout began, or the present one before that."""
    if status.schedule is not None:
        stored = CurrentSchedule(status.schedule.hash, status.schedule.content, "status.schedule.content")
        return _compiled_schedule(state, stored, options, AS_BEGUN)
    source = _source(cluster, spec, options)
    if not isinstance(source, CurrentSchedule):
        return None, [source]
    return _compiled_schedule(state, source, options)


def newer_than(
    cluster: Cluster, spec: RolloutSpec, status: RolloutStatus, state: RolloutState, options: Options
) -> NewerSchedule | None:
    """Return the present schedule where it differs from the one that the rollout keeps; None while it is the same."""
    if status.schedule is None or status.phase in AT_REST:
        return None
    source = _source(cluster, spec, options)
    if not isinstance(source, CurrentSchedule):
        return NewerSchedule(Message(MessageKey.SCHEDULE_GONE, why=source.message), usable=False)
    version, began = source.version, status.schedule.hash
    if state.present is None or (state.present[0] is not version and state.present[0] != version):
        state.present = version, _hash(source.content)
    found = state.present[1]
    # a schedule stored by an older release may lack fields that this release defaults: it is the same all the same
    if same(began, found) or (found is not None and found == state.memo.of(_hash, status.schedule.content)):
        return None
    if found is None:
        unusable = Message(MessageKey.SCHEDULE_UNUSABLE, kept=status.schedule.hash, where=source.where)
        return NewerSchedule(unusable, usable=False)
    changed = Message(MessageKey.SCHEDULE_CHANGED, kept=status.schedule.hash, where=source.where, found=found)
    return NewerSchedule(changed, usable=True)


def _hash(content: Any) -> Digest | None:
    """Return the digest of the schedule as it would be stored; None when it cannot be read."""
    try:
        return Digest.of(ScheduleSpec.model_validate(content, extra="ignore").dump())
    except ValidationError:
        return None


def _source(cluster: Cluster, spec: RolloutSpec, options: Options) -> CurrentSchedule | Obstacle:
    """Return the schedule that the spec names now, or why there is none."""
    if spec.schedule.inline is not None:
        if not options.inline_schedules:
            what, remedy = Message(MessageKey.NO_INLINE_SCHEDULES), Message(MessageKey.USE_SHARED_SCHEDULE)
            return Obstacle(Reason.INVALID_SPEC, what, remedy, "spec.schedule.inline")
        return CurrentSchedule(spec.schedule.inline, spec.schedule.inline, "spec.schedule.inline")
    ref = spec.schedule.ref
    assert ref is not None
    where = Key(ref.namespace or options.namespace, ref.name)
    if where.namespace not in {options.namespace, *options.schedule_namespaces}:
        return Obstacle(
            Reason.INVALID_SPEC,
            Message(MessageKey.NO_SCHEDULE_NAMESPACE, namespace=where.namespace),
            Message(MessageKey.NAME_SCHEDULE_NAMESPACE),
            "spec.schedule.ref.namespace",
        )
    body = cluster.schedule(where)
    if body is None:
        missing = Message(MessageKey.MISSING, kind="CanarySchedule", name=where)
        return Obstacle(Reason.SCHEDULE_MISSING, missing, Message(MessageKey.CORRECT_NAME))
    version = (body.get("metadata") or {}).get("uid"), (body.get("metadata") or {}).get("generation")
    return CurrentSchedule((where, version), body.get("spec") or {}, "spec", f"CanarySchedule {where}")


def _read(content: Any, field: str, context: Mapping[str, Any] | None) -> ScheduleSpec | FieldFault:
    """Return a schedule as it is written, or why it cannot be read."""
    if isinstance(content, ScheduleSpec):
        return content
    try:
        return ScheduleSpec.model_validate(content, extra="ignore", context=context)
    except ValidationError as error:
        return explain(error, field)


def _compiled_schedule(
    state: RolloutState,
    source: CurrentSchedule,
    options: Options,
    context: Mapping[str, Any] | None = None,
) -> tuple[CompiledSchedule | None, list[Obstacle]]:
    """Return the compiled schedule with its obstacles, compiled once for each version of it."""
    if state.compiled is None or state.compiled[0] != source.version:
        spec = state.memo.of(_read, source.content, source.field, context)
        if isinstance(spec, FieldFault):
            return None, [Obstacle(Reason.INVALID_SPEC, *spec, source.object)]
        found = unsupported_schedule(spec, source.field, options.sources)
        obstacles = tuple(Obstacle(Reason.INVALID_SPEC, *fault, source.object) for fault in found)
        state.compiled = source.version, shared_schedule(spec), obstacles
    _, compiled, obstacles = state.compiled
    return compiled, list(obstacles)
