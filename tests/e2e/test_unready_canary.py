"""A canary that breaks down under traffic: nobody reaches it, or those who do get errors."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, WORKLOADS, checkout, history, until
from tests.e2e.witness import events

pytestmark = pytest.mark.slow

LONG: dict[str, Any] = {"steps": [{"weight": 50, "bake": "2h"}], "slos": [AVAILABILITY]}


@pytest.fixture(autouse=True)
async def traffic(lab: Lab) -> AsyncIterator[None]:
    task = asyncio.create_task(lab.load(100, 900).run())
    yield
    task.cancel()


async def test_a_canary_without_endpoints_is_held_and_rolled_back_in_time_over_a_restart(
    lab: Lab, daemon: DaemonProcess
) -> None:
    rollout = checkout(schedule=LONG)
    rollout["spec"]["workload"] = {**WORKLOADS, "notReadyTimeout": "3m"}
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", rollout)
        await until(lambda: lab.status().get("weight") == 50)
        lab.canary.ready = False
        lab.publish("checkout-canary")
        await until(lambda: lab.status()["reason"] == "CanaryNotReady")
        since = lab.status()["notReadySince"]
        await until(lambda: any(one["reason"] == "CanaryNotReady" for one in events(lab)))
        daemon.kill()
        await daemon.wait()
        await daemon.start()
        await daemon.ready()
        assert lab.status().get("notReadySince") in (since, None)
        await until(lambda: lab.status()["phase"] == "RolledBack" and lab.shadow() is None)
    assert history(lab)[-1] == (1, 0, "CanaryNotReady")
    assert "had no ready endpoint for" in lab.status()["message"]


async def test_a_canary_that_crashes_while_it_counts_as_ready_is_condemned_by_what_it_fails(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=LONG))
        await until(lambda: lab.status().get("weight") == 50)
        # nobody listens there: the controllers answer 502
        dead = {"ports": [{"name": "http", "port": 1, "protocol": "TCP"}]}
        lab.api.store.patch("endpointslices", "shop", "checkout-canary-lab", dead)
        await until(lambda: lab.status()["phase"] == "RolledBack" and lab.shadow() is None)
    assert history(lab)[-1] == (1, 0, "SLOViolated")
