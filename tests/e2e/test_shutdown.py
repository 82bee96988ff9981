"""SIGTERM in mid-rollout: out within ten seconds, nothing lost, and the next process goes on from there."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import AuditRecord, Hang, requests
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, history, until
from tests.e2e.witness import by_person, is_status_write, is_transition, shadow_weights

pytestmark = pytest.mark.slow

WITHIN = 10.0
SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": 20, "bake": "6m"}, {"weight": 100, "bake": "20s"}],
    "slos": [AVAILABILITY],
}


@pytest.fixture
async def traffic(lab: Lab) -> AsyncIterator[Load]:
    """Traffic that flows for as long as the test takes."""
    load = lab.load(150, 900, seed=3)
    task = asyncio.create_task(load.run())
    yield load
    task.cancel()


@pytest.fixture(autouse=True)
async def ended(daemon: DaemonProcess) -> AsyncIterator[None]:
    """No daemon outlives its test, however that ends."""
    yield
    await daemon.stop()


async def terminate(daemon: DaemonProcess) -> tuple[int, float]:
    """Send SIGTERM and return the exit code and how many seconds the end took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    daemon.signal(signal.SIGTERM)
    async with asyncio.timeout(2 * WITHIN):
        return await daemon.wait(), loop.time() - begun


def baked(lab: Lab) -> float:
    """Return the judged time of the present step as stored."""
    return float(lab.status().get("step", {}).get("bakedSeconds", 0))


async def test_sigterm_stores_the_evidence_and_the_next_process_goes_on(
    lab: Lab, daemon: DaemonProcess, traffic: Load
) -> None:
    await daemon.start()
    await daemon.ready()
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    # the last change of a verdict is stored at once; the ticks after it are in memory only, until the next checkpoint
    await until(lambda: [slo["verdict"] for slo in lab.status().get("slos", ())] == ["pass"])
    before = lab.status()
    served = traffic.tally.total
    await until(lambda: traffic.tally.total > served + 200)
    written = len(lab.api.audit)
    code, seconds = await terminate(daemon)
    assert code == 0
    assert seconds < WITHIN
    assert any(is_status_write(one) and "analysisState" in one.body["status"] for one in lab.api.audit[written:])
    after = lab.status()
    assert baked(lab) > before["step"]["bakedSeconds"]
    assert after["slos"][0]["canary"]["total"] > before["slos"][0]["canary"]["total"]
    assert (after["phase"], after["weight"], after["step"]["index"]) == ("Progressing", 20, 1)
    assert lab.shadow() is not None

    audited, stored = len(lab.api.audit), baked(lab)
    await daemon.start()
    await daemon.ready()
    await until(lambda: lab.status()["weight"] == 100)
    steps = [one.body["status"].get("step") or {} for one in lab.api.audit[audited:] if is_status_write(one)]
    times = [one["bakedSeconds"] for one in steps if "bakedSeconds" in one and one.get("index", 1) == 1]
    assert times == sorted(times)
    assert times[0] >= stored
    await until(lambda: lab.status()["phase"] == "Promoting")
    await daemon.stop()
    assert history(lab) == [(1, 20, "Settling"), (2, 100, "StepPassed"), (2, 100, "StepPassed")]
    assert shadow_weights(lab.api.audit) == [0, 20, 100]


async def test_sigterm_between_status_and_shadow_lets_the_pass_finish(
    lab: Lab, daemon: DaemonProcess, traffic: Load
) -> None:
    def terminated(record: AuditRecord) -> None:
        if is_transition(record) and record.body["status"].get("weight"):
            daemon.signal(signal.SIGTERM)

    lab.api.on_commit.append(terminated)
    await daemon.start()
    await daemon.ready()
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    async with asyncio.timeout(60):
        assert await daemon.wait() == 0
    assert lab.status()["weight"] == 20
    assert shadow_weights(lab.api.audit) == [0, 20]


async def test_sigterm_ends_the_daemon_in_time_though_the_api_hangs(
    lab: Lab, daemon: DaemonProcess, traffic: Load
) -> None:
    await daemon.start()
    await daemon.ready()
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    await until(lambda: baked(lab) > 0)
    stored = lab.status()
    lab.api.faults.add(requests(user="daemon"), Hang())
    code, seconds = await terminate(daemon)
    lab.api.faults.clear()
    assert code == 0
    assert seconds < WITHIN
    assert lab.status()["phase"] == stored["phase"]


async def test_sigterm_before_the_caches_are_filled_ends_the_daemon_at_once(lab: Lab, daemon: DaemonProcess) -> None:
    lab.api.faults.add(requests(user="daemon", verb="list"), Hang())
    await daemon.start()
    await until(lambda: any(one.verb == "list" and one.user == "daemon" for one in lab.api.audit))
    code, seconds = await terminate(daemon)
    lab.api.faults.clear()
    assert code == 0
    assert seconds < WITHIN


async def test_an_action_that_was_asked_for_while_nobody_listened_is_carried_out_once(
    lab: Lab, daemon: DaemonProcess, traffic: Load
) -> None:
    rollout = "/apis/ingress-canary.io/v1alpha1/namespaces/shop/canaryrollouts/checkout"
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    async with daemon:
        await daemon.ready()
        await until(lambda: lab.status().get("weight") == 20)
    action = {"metadata": {"annotations": {"ingress-canary.io/action": "abort#by-night"}}}
    await by_person(lab, "PATCH", rollout, action)
    # the annotation cannot be taken away: the effect must not come twice all the same
    hold = lab.api.faults.add(
        lambda info: info.user == "daemon" and info.verb == "patch" and info.path == rollout, Hang(), times=1
    )
    await daemon.start()
    await until(lambda: hold.hits == 1)
    daemon.kill()
    await daemon.wait()
    lab.api.faults.clear()
    assert lab.status()["lastAction"] == {"id": "by-night", "verb": "abort", "result": "done", "note": ""}
    entries = len(lab.status()["history"])
    async with daemon:
        await daemon.ready()
        await until(
            lambda: "annotations" not in lab.rollout()["metadata"] or not lab.rollout()["metadata"]["annotations"]
        )
    assert len(lab.status()["history"]) == entries
    assert (lab.status()["phase"], lab.status()["reason"]) == ("RolledBack", "AbortedByUser")
