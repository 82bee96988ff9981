"""Equal schedules are one object, and only for as long as somebody uses it."""

import gc
from typing import Any

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.engine.schedules.schedule_cache import shared_schedule, shared_spec


def schedule(weight: int = 10) -> ScheduleSpec:
    content: dict[str, Any] = {
        "steps": [{"weight": weight, "bake": "5m"}],
        "slos": [{"name": "availability", "objective": 99.9, "sli": {"requests": {}}}],
    }
    return ScheduleSpec.model_validate(content)


def test_what_says_the_same_is_kept_once() -> None:
    first = schedule(31)
    assert shared_spec(first) is first
    assert shared_spec(schedule(31)) is first
    assert shared_schedule(schedule(31)).spec is first
    assert shared_schedule(schedule(31)) is shared_schedule(first)
    assert shared_schedule(schedule(32)).spec.steps[0].weight == 32


def test_what_nobody_uses_is_forgotten() -> None:
    known = id(shared_spec(schedule(33)))
    gc.collect()
    newer = [schedule(33) for _ in range(2)]
    assert shared_spec(newer[1]) is newer[1], f"{known} is kept though nobody has it"
