"""Schedule that a rollout follows: as it began, or the present one before that. Called by ``engine/inputs.py``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ingress_canary.api.rollout import AT_REST, RolloutSpec, RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.units import AS_BEGUN
from ingress_canary.domain.decision.observation import NewerSchedule, Obstacle
from ingress_canary.domain.objects.digest import Digest, same
from ingress_canary.domain.objects.views import Key
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
        return NewerSchedule(
            f"the rollout keeps the schedule it began with; a new one could not begin: {source}", usable=False
        )
    version, began = source.version, status.schedule.hash
    if state.present is None or (state.present[0] is not version and state.present[0] != version):
        state.present = version, _hash(source.content)
    found = state.present[1]
    # a schedule stored by an older release may lack fields that this release defaults: it is the same all the same
    if same(began, found) or (found is not None and found == _hash(status.schedule.content)):
        return None
    kept = f"the rollout keeps the schedule it began with ({status.schedule.hash})"
    if found is None:
        why = f"{kept}; {source.where} has changed since, and cannot be used as it is: `ingress-canary lint` says why"
        return NewerSchedule(why, usable=False)
    return NewerSchedule(
        f"{kept}; {source.where} has changed since ({found}), and `restart` begins anew with it", usable=True
    )


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
            what, remedy = "this daemon takes shared schedules only", "use spec.schedule.ref"
            return Obstacle(Reason.INVALID_SPEC, what, remedy, "spec.schedule.inline")
        return CurrentSchedule(spec.schedule.inline, spec.schedule.inline, "spec.schedule.inline")
    ref = spec.schedule.ref
    assert ref is not None
    where = Key(ref.namespace or options.namespace, ref.name)
    if where.namespace not in {options.namespace, *options.schedule_namespaces}:
        return Obstacle(
            Reason.INVALID_SPEC,
            f"{where.namespace} is none that this daemon takes schedules from",
            "name another, or add it to the setting schedule_namespaces",
            "spec.schedule.ref.namespace",
        )
    body = cluster.schedule(where)
    if body is None:
        missing = f"CanarySchedule {where} does not exist"
        return Obstacle(Reason.SCHEDULE_MISSING, missing, "create it or correct the name")
    version = (body.get("metadata") or {}).get("uid"), (body.get("metadata") or {}).get("generation")
    return CurrentSchedule((where, version), body.get("spec") or {}, "spec", f"CanarySchedule {where}")


def _compiled_schedule(
    state: RolloutState,
    source: CurrentSchedule,
    options: Options,
    context: Mapping[str, Any] | None = None,
) -> tuple[CompiledSchedule | None, list[Obstacle]]:
    """Return the compiled schedule with its obstacles, compiled once for each version of it."""
    if state.compiled is None or state.compiled[0] != source.version:
        try:
            known = source.version if isinstance(source.version, ScheduleSpec) else None
            spec = known or ScheduleSpec.model_validate(source.content, extra="ignore", context=context)
        except ValidationError as error:
            return None, [Obstacle(Reason.INVALID_SPEC, *explain(error, source.field), source.object)]
        found = unsupported_schedule(spec, source.field, options.sources)
        obstacles = tuple(Obstacle(Reason.INVALID_SPEC, *fault, source.object) for fault in found)
        state.compiled = source.version, shared_schedule(spec), obstacles
    _, compiled, obstacles = state.compiled
    return compiled, list(obstacles)
