"""CopyImages over real HTTP: stable gets the canary's images, and its own back after a fail, across crashes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.kubeapi import AuditRecord, Refuse, requests
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, history, until
from tests.e2e.preflight_shop import asking
from tests.e2e.witness import DAEMON, OK, events

pytestmark = pytest.mark.slow

ROLLOUT: dict[str, Any] = {
    "schedule": {
        "steps": [{"weight": 100, "bake": "10s", "require": "NoFail", "minRequests": 0}],
        "slos": [AVAILABILITY],
    },
    "promotion": {"strategy": "CopyImages"},
}
PLANE = 2.0
"""Real seconds in which the controllers have certainly applied what was written."""


@pytest.fixture(autouse=True)
async def traffic(lab: Lab) -> AsyncIterator[None]:
    task = asyncio.create_task(lab.load(100, 900).run())
    yield
    task.cancel()


def scale_stable(lab: Lab, replicas: int) -> None:
    """Do what an autoscaler does."""
    lab.api.store.patch("deployments", "shop", "checkout", {"spec": {"replicas": replicas}})


def image(lab: Lab) -> str:
    body = lab.api.store.get("deployments", "shop", "checkout")
    found: str = body["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def rolled_out(lab: Lab, tag: str) -> bool:
    body = lab.api.store.get("deployments", "shop", "checkout")
    done = body.get("status", {}).get("observedGeneration") == body["metadata"]["generation"]
    return bool(image(lab) == f"shop/checkout:{tag}" and done)


def patches(lab: Lab) -> list[AuditRecord]:
    """Return the daemon's accepted writes of what workloads are to be."""
    by_daemon = [one for one in lab.api.audit if one.user == DAEMON and one.verb == "patch" and one.code in OK]
    return [one for one in by_daemon if one.resource == "deployments" and "spec" in one.body]


@asynccontextmanager
async def answers(lab: Lab) -> AsyncIterator[list[tuple[float, str]]]:
    """Ask all the time, and yield the growing list of when who answered."""
    found: list[tuple[float, str]] = []
    now = asyncio.get_running_loop().time

    async def go_on() -> None:
        async with asking(lab) as ask:
            while True:
                asked = now()
                found.append((asked, await ask()))

    task = asyncio.create_task(go_on())
    try:
        yield found
    finally:
        task.cancel()


async def test_stable_shrunk_by_an_autoscaler_keeps_the_shadow_until_it_has_its_endpoints_back(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**ROLLOUT))
        await until(lambda: lab.status().get("weight") == 100)
        scale_stable(lab, 1)
        await until(lambda: lab.status()["reason"] == "StableNotReady" and "1 of 2" in lab.status()["message"])
        await until(lambda: rolled_out(lab, "v2"))
        shadow = lab.shadow()
        assert shadow is not None
        assert shadow["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] == "100"
        scale_stable(lab, 2)
        await until(lambda: lab.status()["phase"] == "Succeeded" and lab.shadow() is None)
    assert history(lab)[-1] == (1, 0, "Promoted")
    assert len(patches(lab)) == 1
    assert patches(lab)[0].body["spec"] == {
        "template": {"spec": {"containers": [{"name": "app", "image": "shop/checkout:v2"}]}}
    }


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed"])
async def test_a_fail_after_the_copy_began_puts_stable_back_and_ready_before_the_shadow_goes(
    lab: Lab, daemon: DaemonProcess, killed: bool
) -> None:
    now = asyncio.get_running_loop().time
    async with daemon, answers(lab) as answered:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**ROLLOUT))
        await until(lambda: lab.status().get("weight") == 100)
        scale_stable(lab, 1)
        await until(lambda: rolled_out(lab, "v2"))
        # bad on both sides by now, as a version is that fails after an hour
        lab.canary.profile = lab.stable.profile = CANARY.__class__("v2", error_ratio=1)
        await until(lambda: lab.status()["reason"] == "RestoringStable")
        if killed:
            daemon.kill()
            await daemon.wait()
            await daemon.start()
            await daemon.ready()
        await until(lambda: rolled_out(lab, "v1"))
        assert lab.shadow() is not None
        assert lab.status()["phase"] == "Promoting"
        scale_stable(lab, 2)
        await until(lambda: rolled_out(lab, "v1") and lab.stable.replicas == 2)
        ready = now()
        await until(lambda: lab.status()["phase"] == "RolledBack" and lab.shadow() is None)
        await until(lambda: answered[-1][0] > ready + PLANE + 1)
    assert {version for at, version in answered if at > ready + PLANE} == {"v1"}
    assert lab.status()["reason"] == "SLOViolated"
    assert history(lab)[-2:] == [(1, 100, "RestoringStable"), (1, 0, "SLOViolated")]
    assert len(patches(lab)) == 2


async def test_a_copy_that_was_stored_and_not_made_is_made_by_the_next_daemon(lab: Lab, daemon: DaemonProcess) -> None:
    fault = lab.api.faults.add(requests(resource="deployments", verb="patch"), Refuse(500))
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**ROLLOUT))
        await until(lambda: lab.status().get("copying"))
        daemon.kill()
        await daemon.wait()
        assert image(lab) == "shop/checkout:v1"
        lab.api.faults.remove(fault)
        await daemon.start()
        await until(lambda: lab.status()["phase"] == "Succeeded" and lab.shadow() is None)
    assert rolled_out(lab, "v2")
    assert len(patches(lab)) == 1


async def test_images_that_gitops_takes_back_are_reported_and_not_fought(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**ROLLOUT))
        await until(lambda: lab.status().get("weight") == 100)
        # held at the end, so that however late the other writer comes the promotion has not ended without it
        scale_stable(lab, 1)
        await until(lambda: lab.status()["reason"] == "StableNotReady")
        assert image(lab) == "shop/checkout:v2"
        lab.set_image("checkout", "shop/checkout:v1")
        await until(lambda: "another writer" in lab.status()["message"])
        assert (lab.status()["phase"], lab.status()["reason"]) == ("Promoting", "AwaitingStable")
        await until(lambda: any(one["reason"] == "AwaitingStable" for one in events(lab)))
        await until(lambda: rolled_out(lab, "v1"))
        assert len(patches(lab)) == 1
        # once the source says the new version too, the promotion ends by itself
        lab.set_image("checkout", "shop/checkout:v2")
        scale_stable(lab, 2)
        await until(lambda: lab.status()["phase"] == "Succeeded" and lab.shadow() is None)
    assert len(patches(lab)) == 1


async def test_without_the_right_to_patch_it_says_so_and_goes_on_once_it_has_it(
    lab: Lab, daemon: DaemonProcess
) -> None:
    fault = lab.api.faults.add(requests(resource="deployments", verb="patch"), Refuse(403))
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**ROLLOUT))
        await until(lambda: "was refused" in lab.status().get("message", ""))
        assert lab.status()["reason"] == "AwaitingStable"
        lab.api.faults.remove(fault)
        await until(lambda: lab.status()["phase"] == "Succeeded")
