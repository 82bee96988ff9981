"""Whole rollouts: the daemon as a process, the lab's API and data plane, real traffic."""

import asyncio
import json

import pytest

from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import checkout, history, until

pytestmark = pytest.mark.slow


async def test_a_healthy_canary_is_promoted_and_the_primary_is_untouched(lab: Lab, daemon: DaemonProcess) -> None:
    primary = json.dumps(lab.api.store.get("ingresses", "shop", "checkout"), sort_keys=True)
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(200, 900).run())
        lab.create("canaryrollouts", checkout())
        await until(lambda: lab.status().get("phase") == "Promoting", 80)
        lab.set_image("checkout", "shop/checkout:v2")
        await until(lambda: lab.status().get("phase") == "Succeeded")
        await until(lambda: lab.shadow() is None)
        traffic.cancel()
    expected = [(1, 10, "Settling"), (2, 50, "StepPassed"), (3, 100, "StepPassed"), (3, 100, "StepPassed")]
    assert history(lab) == [*expected, (3, 0, "Promoted")]
    assert json.dumps(lab.api.store.get("ingresses", "shop", "checkout"), sort_keys=True) == primary


async def test_a_failing_canary_is_taken_off(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(200, 900).run())
        lab.create("canaryrollouts", checkout())
        await until(lambda: lab.status().get("weight") == 50)
        lab.canary.profile = CANARY.__class__("v2", error_ratio=0.5)
        await until(lambda: lab.status().get("phase") == "RolledBack")
        await until(lambda: lab.shadow() is None)
        traffic.cancel()
    assert lab.status()["reason"] == "SLOViolated"
