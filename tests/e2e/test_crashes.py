"""The daemon is killed in every window of a rollout and started again: the end is the same, nothing is lost but time.

The lab's API calls a hook after each commit and before its answer, so that a kill falls exactly between two writes.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.lab.application import Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import AuditRecord
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

BAKE = 30.0
WEIGHTS = [10.0, 50.0, 100.0]
SCHEDULE = {"steps": [{"weight": weight, "bake": "30s"} for weight in WEIGHTS], "slos": [AVAILABILITY]}
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
WINDOWS = ("after the status write", "after the shadow's write", "after a checkpoint", "during a rollback")


def window(record: AuditRecord) -> str | None:
    """Return the window that a commit of the daemon's opens."""
    if record.user != "daemon" or record.code >= 300:
        return None
    status = (record.body or {}).get("status", {})
    if record.resource == "canaryrollouts" and record.subresource == "status":
        if status.get("phase") == "RolledBack":
            return "during a rollback"
        return "after the status write" if "history" in status else "after a checkpoint"
    if record.resource == "ingresses":
        return "during a rollback" if record.verb == "delete" else "after the shadow's write"
    return None


class Reaper:
    """Kills the daemon after some of its commits, and has it started again."""

    def __init__(self, lab: Lab, daemon: DaemonProcess, chances: dict[str, float], seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self._daemon, self._chances, self._rng = daemon, chances, random.Random(seed)
        lab.api.on_commit.append(self._committed)

    def _committed(self, record: AuditRecord) -> None:
        where = window(record)
        if where is not None and self._daemon.running and self._rng.random() < self._chances.get(where, 0.0):
            self._daemon.kill()
            self.kills[where] += 1

    def at_random(self) -> None:
        """Kill the daemon now, wherever it is."""
        if self._daemon.running:
            self._daemon.kill()
            self.kills["at a random moment"] += 1

    async def keep_alive(self) -> None:
        """Start the daemon whenever it is dead; ends when cancelled."""
        while True:
            await self._daemon.start()
            await self._daemon.wait()


async def undead(reaper: Reaper, daemon: DaemonProcess, run: Callable[[], Any]) -> None:
    """Run a story while the daemon dies and comes back."""
    supervisor = asyncio.create_task(reaper.keep_alive())
    try:
        await run()
    finally:
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)
        await daemon.stop()


def shadow_weights(lab: Lab) -> list[list[float]]:
    """Return the weights written to each shadow in turn, from its creation to its removal."""
    lives: list[list[float]] = []
    for record in lab.api.audit:
        if record.resource != "ingresses" or record.user != "daemon" or record.code >= 300:
            continue
        value = ((record.body or {}).get("metadata", {}).get("annotations") or {}).get(WEIGHT)
        if record.verb == "create":
            lives.append([float(value)])
        elif value is not None:
            lives[-1].append(float(value))
    return lives


def judged(lab: Lab) -> int:
    """Return how many canary requests the status says were judged."""
    return int(lab.status()["slos"][0]["canary"]["total"])


def served(load: Load) -> int:
    """Return how many requests the canary's version has answered."""
    return load.tally.by_version()["v2"]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_healthy_rollout_ends_the_same_however_often_it_is_killed(
    lab: Lab, daemon: DaemonProcess, seed: int
) -> None:
    chances = {"after the status write": 1.0, "after the shadow's write": 1.0, "after a checkpoint": 0.4}
    reaper = Reaper(lab, daemon, chances, seed)
    load = lab.load(200, 300)
    traffic = asyncio.create_task(load.run())

    async def story() -> None:
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        rng = random.Random(seed)
        for weight in WEIGHTS:
            await until(lambda wanted=weight: lab.status().get("weight") == wanted, 100)
            await asyncio.sleep(rng.uniform(0.5, 2.5))
            reaper.at_random()
        await until(lambda: lab.status().get("phase") == "Promoting", 100)
        lab.set_image("checkout", "shop/checkout:v2")
        await until(lambda: lab.status().get("phase") == "Succeeded" and lab.shadow() is None, 60)

    await undead(reaper, daemon, story)
    traffic.cancel()
    entries = lab.status()["history"]
    assert [(entry["step"], entry["weight"], entry["reason"]) for entry in entries] == [
        (1, 10, "Settling"), (2, 50, "StepPassed"), (3, 100, "StepPassed"), (3, 100, "StepPassed"), (3, 0, "Promoted"),
    ]  # fmt: skip
    seconds = [_seconds(entry["at"]) for entry in entries]
    assert all(later - earlier >= BAKE for earlier, later in pairwise(seconds[:4])), "a step was shortened"
    assert shadow_weights(lab) == [[0.0, *WEIGHTS]]
    assert 0 < judged(lab) <= served(load), "evidence was counted twice"
    assert reaper.kills["after the status write"] >= 5
    assert reaper.kills["after the shadow's write"] >= 4
    assert reaper.kills["after a checkpoint"] >= 2
    assert reaper.kills.total() >= 13, "three seeds and the failing rollouts make 50"


async def test_a_failing_rollout_is_rolled_back_however_often_it_is_killed(lab: Lab, daemon: DaemonProcess) -> None:
    reaper = Reaper(lab, daemon, {"during a rollback": 1.0}, seed=4)
    lab.images["shop/checkout:v2"] = Profile("v2", error_ratio=0.6)
    load = lab.load(200, 300)
    traffic = asyncio.create_task(load.run())

    async def story() -> None:
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        for number in range(6):
            await until(lambda: lab.status().get("phase") == "RolledBack" and lab.shadow() is None, 60)
            assert lab.status()["reason"] == "SLOViolated"
            annotation = {ACTION_ANNOTATION: f"retry#{number}"}
            lab.api.store.patch("canaryrollouts", "shop", "checkout", {"metadata": {"annotations": annotation}})
            await until(lambda: lab.status().get("weight") == WEIGHTS[0], 60)
        await until(lambda: lab.status().get("phase") == "RolledBack" and lab.shadow() is None, 60)

    await undead(reaper, daemon, story)
    traffic.cancel()
    assert shadow_weights(lab) == [[0.0, WEIGHTS[0]]] * 7, "the weight rose after a fail"
    assert reaper.kills["during a rollback"] >= 12


async def test_a_rollback_that_cannot_be_stored_keeps_the_canary_off(lab: Lab, daemon: DaemonProcess) -> None:
    from ingress_canary.lab.kubeapi import Refuse, requests

    traffic = asyncio.create_task(lab.load(200, 120).run())
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("weight") == WEIGHTS[1], 60)
        matches = requests(resource="canaryrollouts", subresource="status", verb="patch")
        fault = lab.api.faults.add(matches, Refuse(500, "etcd is down"))
        lab.canary.profile = Profile("v2", error_ratio=0.6)
        await until(lambda: lab.shadow() is None, 30)
        daemon.kill()
        await daemon.wait()
        lab.canary.profile = Profile("v2")
        await daemon.start()
        await daemon.ready()
        refused = fault.hits
        await until(lambda: fault.hits > refused + 2, 30)
        assert lab.shadow() is None
        lab.api.faults.remove(fault)
        await until(lambda: lab.status().get("phase") == "Paused", 60)
        assert lab.status()["reason"] == "Intervened"
        passes = len(lab.api.audit)
        await asyncio.sleep(3)
        assert lab.shadow() is None
        created = [
            record for record in lab.api.audit[passes:] if record.resource == "ingresses" and record.verb == "create"
        ]
        assert created == []
    traffic.cancel()


def _seconds(at: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(at).timestamp()
