"""A pass over a rollout whose fields are at their worst takes the event loop some milliseconds."""

import asyncio
import gc
from typing import Any

import pytest

from ingress_canary.api.schedule import ScheduleSpec
from tests.worst.small_engine import SmallEngine
from tests.worst.values import Worst, worst

NAMES = {"ingresses": ["checkout"], "stableService": "checkout", "canaryService": "checkout-canary"}
MOST = 0.05
"""Seconds of CPU that a pass takes at most on a machine that does nothing else."""
MARGIN = 4
"""A busy machine's caches are cold."""
TICK = 0.015
"""The same of a pass that has seen all that is written."""
BEFORE_THE_BOUND = 0.15
"""The same of the first pass over a rollout that began with more queries than a schedule may have now."""
WORST = worst()


async def first_pass() -> None:
    """Have all that a first pass imports and compiles."""
    engine = SmallEngine(Worst(), NAMES)
    for _ in range(3):
        await engine.tick()
    await ended()


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    asyncio.run(first_pass())


async def ended() -> None:
    """End what passes have left to wait for an answer."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)


async def costs(engine: SmallEngine) -> tuple[float, float, float]:
    """Return what the first passes, the later ones, and those of another term cost."""
    first = max([await engine.pass_() for _ in range(4)])
    later = [await engine.tick() for _ in range(6)]
    engine.new_term()
    again = max([await engine.pass_() for _ in range(3)])
    await ended()
    # the first ticks decide, store and render
    return first, min(later[2:]), again


@pytest.mark.parametrize("title", WORST)
async def test_a_pass_takes_the_loop_some_milliseconds(title: str) -> None:
    one = WORST[title]
    gc.collect()
    engine = SmallEngine(one, NAMES)
    first, later, again = await costs(engine)
    figures = f"first {first * 1e3:.1f} ms, at each tick {later * 1e3:.1f} ms, in another term {again * 1e3:.1f} ms"
    print(f"{title}: {figures}")  # noqa: T201 - the table of figures, with -rP
    most = BEFORE_THE_BOUND if "queries" in title else MOST
    assert first < MARGIN * most, figures
    assert later < MARGIN * TICK, figures
    assert again < MARGIN * MOST, figures
    refused = engine.cluster.body["status"]["reason"] == "InvalidSpec"
    assert refused is not one.served, engine.cluster.body["status"]["message"]


async def test_a_rollout_at_a_step_that_its_schedule_does_not_have_is_at_its_last_one() -> None:
    engine = SmallEngine(WORST["step of a status"], NAMES)
    for _ in range(3):
        await engine.tick()
    status = engine.cluster.body["status"]
    assert (status["phase"], status["step"]["index"]) == ("Progressing", 1)
    await ended()


@pytest.mark.parametrize("title", ["schedule of a status", "queries of a status, nested", "no schedule of a status"])
async def test_a_schedule_that_is_stored_is_read_once(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = SmallEngine(WORST[title], NAMES)
    for _ in range(3):
        await engine.tick()
    reads: list[object] = []
    read = ScheduleSpec.model_validate

    def noted(*args: Any, **kwargs: Any) -> ScheduleSpec:
        reads.append(args)
        return read(*args, **kwargs)

    monkeypatch.setattr(ScheduleSpec, "model_validate", noted)
    for _ in range(3):
        await engine.tick()
    assert reads == []
    await ended()
