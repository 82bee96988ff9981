"""Cache of schedules and compiled schedules: rollouts with the same content share one.

Called by ``spec_parser.py`` and ``schedule_source.py``; a schedule that no rollout uses any more is dropped.
"""

from weakref import WeakValueDictionary

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.objects.digest import sha256_ten
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule

_SPECS: WeakValueDictionary[str, ScheduleSpec] = WeakValueDictionary()
_COMPILED: WeakValueDictionary[str, CompiledSchedule] = WeakValueDictionary()


def shared_spec(spec: ScheduleSpec) -> ScheduleSpec:
    """Return the cached schedule that equals this one; this one where there is none."""
    found = _SPECS.setdefault(sha256_ten(spec.dump()), spec)
    # a digest is short enough for somebody to make two schedules that share it
    return found if found == spec else spec


def shared_schedule(spec: ScheduleSpec) -> CompiledSchedule:
    """Return the compiled schedule, compiled once for all schedules with the same content."""
    key = sha256_ten(spec.dump())
    compiled = _COMPILED.get(key)
    if compiled is None or compiled.spec != spec:
        compiled = _COMPILED[key] = CompiledSchedule.of(shared_spec(spec))
    return compiled
