"""SIGKILL in every window between two writes, 50 times: the same end, nothing shortened, nothing counted twice."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.kubeapi import Refuse, requests
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.assassin import Assassin, Window, Written
from tests.e2e.conftest import AVAILABILITY, SCALE, checkout, history, until
from tests.e2e.witness import ROLLOUTS, assert_finite_and_accepted, by_person, exposing, is_status_write, shadow_weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WEIGHTS = [10.0, 25.0, 50.0, 75.0, 100.0]
BAKE = 20.0
SETTLE = 15.0
SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": weight, "bake": f"{BAKE:g}s", "require": "NoFail", "minRequests": 10} for weight in WEIGHTS],
    "slos": [AVAILABILITY],
}
FAILING = CANARY.__class__("v2", error_ratio=1.0)
W = Window


@pytest.fixture
async def traffic(lab: Lab) -> AsyncIterator[Load]:
    """Traffic that flows for as long as the test takes."""
    load = lab.load(100, 900, seed=11)
    task = asyncio.create_task(load.run())
    yield load
    task.cancel()


@pytest.fixture
async def assassin(lab: Lab, daemon: DaemonProcess, traffic: Load) -> AsyncIterator[Assassin]:
    """Somebody to kill the daemon; the last one is stopped at the end."""
    made = Assassin(lab, daemon, traffic, Random(5))
    yield made
    await daemon.stop()


async def test_a_healthy_rollout_survives_26_kills_without_a_short_step(lab: Lab, assassin: Assassin) -> None:
    primary = json.dumps(lab.api.store.get("ingresses", "shop", "checkout"), sort_keys=True)
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    for window in [W.CHECKPOINT, W.SHADOW, *[W.STATUS, W.SHADOW, W.CHECKPOINT, W.MOMENT] * len(WEIGHTS)]:
        await assassin.life(window)
    for window in (W.STATUS, W.MOMENT):
        await assassin.life(window)
    assert lab.status()["phase"] == "Promoting"
    lab.set_image("checkout", "shop/checkout:v2")
    for window in (W.STATUS, W.SHADOW):
        await assassin.life(window)
    await assassin.live()
    await until(lambda: lab.shadow() is None)

    steps = [(n, weight, "StepPassed") for n, weight in enumerate(WEIGHTS, 1)]
    assert history(lab) == [(1, 10, "Settling"), *steps[1:], (5, 100, "StepPassed"), (5, 0, "Promoted")]
    assert shadow_weights(lab.api.audit) == [0, *WEIGHTS, -1]
    assert json.dumps(lab.api.store.get("ingresses", "shop", "checkout"), sort_keys=True) == primary
    assert len(assassin.kills) == 26
    assert min(Counter(assassin.kills).values()) >= 5
    assert_no_step_was_shortened(assassin)
    assert_nothing_was_counted_twice(assassin.writes, assassin)
    assert_finite_and_accepted(lab)


async def test_six_failing_rollouts_survive_24_kills_and_the_weight_never_rises_again(
    lab: Lab, assassin: Assassin
) -> None:
    for _ in range(6):
        lab.canary.profile = CANARY
        audited, written = len(lab.api.audit), len(assassin.writes)
        answered = assassin.answered
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await assassin.live()
        await until(lambda: lab.status().get("step", {}).get("bakedSeconds", 0) > 0)
        assassin.end()
        await assassin.daemon.wait()
        assassin.kills.append(W.MOMENT)
        await assassin.life(W.CHECKPOINT)
        lab.canary.profile = FAILING
        await assassin.life(W.ROLLBACK)
        assert lab.shadow() is not None
        await assassin.life(W.SHADOW)
        assert lab.shadow() is None
        await assassin.live()
        await assassin.daemon.stop()

        audit = lab.api.audit[audited:]
        status = lab.status()
        assert (status["phase"], status["reason"], status["weight"]) == ("RolledBack", "SLOViolated", 0)
        weights = shadow_weights(audit)
        assert weights == [0, *WEIGHTS[: len(weights) - 2], -1]
        failed = next(n for n, one in enumerate(audit) if is_rollback(one))
        assert exposing(audit[failed:]) == []
        assert_nothing_was_counted_twice(assassin.writes[written:], assassin, answered)
        await by_person(lab, "DELETE", f"{ROLLOUTS}/checkout")
        await until(lambda: not lab.status())
    assert Counter(assassin.kills) == {W.MOMENT: 6, W.CHECKPOINT: 6, W.ROLLBACK: 6, W.SHADOW: 6}
    assert_finite_and_accepted(lab)


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "alive"])
async def test_a_canary_that_fails_while_no_status_can_be_stored_goes_off_and_stays_off(
    lab: Lab, daemon: DaemonProcess, traffic: Load, killed: bool
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("weight") == 50)
        no_status = lab.api.faults.add(
            requests(resource="canaryrollouts", subresource="status", verb="patch"), Refuse(500)
        )
        lab.canary.profile = FAILING
        await until(lambda: lab.shadow() is None)
        gone = len(lab.api.audit)
        if killed:
            daemon.kill()
            await daemon.wait()
            await daemon.start()
            await daemon.ready()
        # it has looked at the rollout again and again, and could store nothing
        await until(lambda: sum(map(is_status_write, lab.api.audit[gone:])) >= 3)
        assert lab.status()["phase"] == "Progressing"
        lab.canary.profile = CANARY
        lab.api.faults.remove(no_status)
        await until(lambda: lab.status()["phase"] != "Progressing")
        expected = ("Paused", "Intervened") if killed else ("RolledBack", "SLOViolated")
        assert (lab.status()["phase"], lab.status()["reason"], lab.status()["weight"]) == (*expected, 0)
        # a few ticks on nothing has come back
        served = traffic.tally.total
        await until(lambda: traffic.tally.total > served + 300)
        assert lab.shadow() is None
        assert exposing(lab.api.audit[gone:]) == []
        assert [one for one in lab.api.audit[gone:] if one.verb == "create" and one.resource == "ingresses"] == []


def is_rollback(record: Any) -> bool:
    """Whether a request stores the end of a failed rollout."""
    return is_status_write(record) and record.body["status"].get("phase") == "RolledBack"


def assert_no_step_was_shortened(assassin: Assassin) -> None:
    """Fail when a step was left before a living, settled daemon can have watched it for its bake."""
    entered = {step: next(w for w in assassin.writes if w.step == step) for step in range(1, len(WEIGHTS) + 1)}
    promoting = next(w for w in assassin.writes if w.status["phase"] == "Promoting")
    for step, (begin, end) in enumerate(pairwise([*entered.values(), promoting]), 1):
        judged = assassin.alive(begin.at, end.at, SETTLE / SCALE) * SCALE
        assert judged >= BAKE, f"step {step} was left after at most {judged:.1f} s of judged time"
    for before, after in pairwise(assassin.writes):
        if before.step != after.step or after.status["phase"] != "Progressing" or not before.step:
            continue
        baked = after.status["step"]["bakedSeconds"] - before.status["step"]["bakedSeconds"]
        passed = assassin.alive(before.at - timedelta(seconds=10 / SCALE), after.at, 0) * SCALE
        assert 0 <= baked <= passed


def assert_nothing_was_counted_twice(writes: list[Written], assassin: Assassin, begun: int = 0) -> None:
    """Fail when a status claims more canary requests than the canary has answered, in all or in one life."""
    stored, life = 0, -1
    before = 0
    for written in writes:
        if written.life != life:
            stored, life = before, written.life
        answered = assassin.answered if written.canary is None else written.canary
        assert written.total <= answered - begun
        assert written.total - stored <= answered - assassin.lives[life].canary
        before = written.total
