"""Parser of specs and statuses from the cluster: lenient, each problem with its field.

An object with a field newer than this daemon is served; one that cannot be read never takes a running canary from its
watch. ``engine/loop.py`` and ``engine/cluster_preflight.py`` use it before they observe.
"""

from contextlib import suppress

from pydantic import ValidationError

from ingress_canary.api.model import FieldFault
from ingress_canary.api.rollout import RolloutSpec, ScheduleSource
from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.api.units import AS_BEGUN
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.engine.schedules.schedule_cache import shared_spec
from ingress_canary.engine.state.rollout_state import RolloutState


class UnreadableStatus(Exception):
    """The stored status cannot be parsed by this version: the rollout's state is unknown, so nothing is done."""

    def __init__(self, fault: FieldFault) -> None:
        self.fault = fault
        super().__init__(str(fault))


def read_status(body: Json) -> RolloutStatus:
    """Return the parsed status. Raises UnreadableStatus, mostly for a status of a newer version."""
    try:
        return RolloutStatus.model_validate(body.get("status") or {}, extra="ignore")
    except ValidationError as error:
        what = f"the status is not this version's, and nothing is done: {explain(error, 'status')}"
        remedy = "run the version that wrote it, or delete the shadow and then the status"
        raise UnreadableStatus(FieldFault(what, remedy)) from None


def legible(body: Json) -> RolloutStatus:
    """Return the readable fields of a stored status that cannot be parsed as a whole, to show them."""
    stored = body.get("status") or {}
    readable: dict[str, object] = {}
    for name in ("phase", "weight", "revision"):
        with suppress(ValidationError, KeyError):
            RolloutStatus.model_validate({name: stored[name]})
            readable[name] = stored[name]
    return RolloutStatus.model_validate(readable)


def read_spec(body: Json, state: RolloutState) -> None:
    """Parse the spec into the state once per generation; an invalid spec leaves the last valid one, if known."""
    generation = (body.get("metadata") or {}).get("generation") or 0
    if generation == state.generation:
        return
    state.generation = generation
    try:
        state.spec = _lean(RolloutSpec.model_validate(body.get("spec") or {}, extra="ignore"))
        state.spec_problem = None
    except ValidationError as error:
        state.spec_problem = explain(error)
        state.spec = state.spec or _as_begun(body)


def _lean(spec: RolloutSpec) -> RolloutSpec:
    """Return the spec with its inline schedule shared with equal ones."""
    if spec.schedule.inline is None:
        return spec
    return spec.updated(schedule=ScheduleSource(inline=shared_spec(spec.schedule.inline)))


def _as_begun(body: Json) -> RolloutSpec | None:
    """Return an invalid spec with the schedule and shadow that its rollout began with, if that makes it valid.

    A daemon that has not seen the spec while it was good must watch a canary that has traffic all the same.
    """
    spec = body.get("spec") or {}
    try:
        status = read_status(body)
    except UnreadableStatus:
        return None
    if status.schedule is None or status.shadow is None:
        return None
    shadow = {**(spec.get("shadow") or {}), "name": status.shadow.name}
    try:
        begun = {**spec, "schedule": {"inline": status.schedule.content}, "shadow": shadow}
        return RolloutSpec.model_validate(begun, extra="ignore", context=AS_BEGUN)
    except ValidationError:
        return None


def explain(error: ValidationError, prefix: str = "spec") -> FieldFault:
    """Return the problems of a document as one: the first field's, and then the others, each with its own."""
    faults = []
    for detail in error.errors(include_url=False, include_input=False)[:5]:
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
        # a validator's own words, or pydantic's
        what = detail["ctx"]["error"] if detail["type"] == "value_error" else detail["msg"]
        faults.append(FieldFault(str(what), field=f"{prefix}{field}" if prefix else field[1:]))
    more = error.error_count() - len(faults)
    first, *others = faults
    also = [*map(str, others), *([f"and {more} more"] if more > 0 else [])]
    return FieldFault("; ".join((first.what, *also)), field=first.field)
