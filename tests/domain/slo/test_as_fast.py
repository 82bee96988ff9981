"""Whatever a rollout waits for, a failing canary is taken off as soon as it would be otherwise."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.reasons.vocabulary import Reason
from tests.domain.world import BEGIN, World, schedule, with_spec

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
FIRST = {"weight": 20, "bake": "1m"}
LATER = BEGIN + timedelta(minutes=5)
"""When every one of them waits for what it is to wait for."""


def pause(world: World) -> None:
    world.action = "pause#1"


def freeze(world: World) -> None:
    world.frozen = "incident"


def nothing(_: World) -> None:
    """Leave it as it is."""


Waits = tuple[dict[str, Any], dict[str, Any], Callable[[World], None], str]
WAITS: dict[str, Waits] = {
    "window": ({}, {"windows": {"allow": [{"days": DAYS, "from": "09:00", "to": "10:01"}]}}, nothing, "OutsideWindow"),
    "freeze": (
        {}, {"windows": {"freezes": [{"from": "2026-03-02T10:01", "to": "2026-03-03T00:00"}]}}, nothing, "Frozen",
    ),
    "everywhere": ({}, {}, freeze, "Frozen"),
    "paused": ({}, {}, pause, "PausedByUser"),
    "by spec": ({}, {}, lambda world: with_spec(world, paused=True), "PausedByUser"),
    "approval": ({"approval": {}}, {}, nothing, "AwaitingApproval"),
    "overdue": ({"approval": {"timeout": "1m"}}, {}, nothing, "ApprovalTimedOut"),
    "paused overdue": ({"approval": {"timeout": "1m", "onTimeout": "Pause"}}, {}, nothing, "ApprovalTimedOut"),
}  # fmt: skip


def took(world: World, then: Callable[[World], None], reason: str, canary: float, stable: float) -> timedelta:
    """Return how long it takes from the first failing request until the shadow is gone."""
    world.until(lambda w: w.weight == 20)
    then(world)
    world.until(lambda w: w.now >= LATER)
    assert world.status.reason == reason
    world.traffic.canary, world.traffic.stable = canary, stable
    world.until(lambda w: w.shadow is None)
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.SLO_VIOLATED)
    return world.now - LATER


@pytest.mark.parametrize("name", WAITS)
@settings(max_examples=8, derandomize=True)
@given(canary=st.floats(0.1, 1), stable=st.floats(0, 0.02))
def test_a_failing_canary_is_rolled_back_in_the_same_time_wherever_it_waits(
    name: str, canary: float, stable: float
) -> None:
    step, members, then, reason = WAITS[name]
    last = {"weight": 100, "bake": "1h"}
    # what it is compared with: at the same step, of which the bake is not over
    busy = World(schedule=schedule(steps=[{**FIRST, "bake": "1h"}, last]))
    waits = World(schedule=schedule(steps=[{**FIRST, **step}, last], **members))
    assert took(waits, then, reason, canary, stable) == took(busy, nothing, "Baking", canary, stable)
