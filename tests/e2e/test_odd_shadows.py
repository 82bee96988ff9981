"""A shadow in flight whose papers are not in order: its owner was removed, or its status is another version's."""

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any

import pytest

from ingress_canary.api import ROLLOUT_KIND
from ingress_canary.api.schema.crd import crd
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, until
from tests.e2e.witness import INGRESSES, WEIGHT, by_person, events, is_shadow_write, is_status_write

pytestmark = pytest.mark.slow

LONG: dict[str, Any] = {"steps": [{"weight": 50, "bake": "2h"}], "slos": [AVAILABILITY]}


@pytest.fixture
async def traffic(lab: Lab) -> AsyncIterator[Load]:
    load = lab.load(100, 900)
    task = asyncio.create_task(load.run())
    yield load
    task.cancel()


def weight(lab: Lab) -> str | None:
    """Return the weight that is on the shadow."""
    shadow = lab.shadow()
    found: str | None = shadow["metadata"]["annotations"][WEIGHT] if shadow else None
    return found


async def test_a_shadow_whose_owner_was_removed_is_still_ours_and_gets_it_back(
    lab: Lab, daemon: DaemonProcess, traffic: Load
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=LONG))
        await until(lambda: weight(lab) == "50")
        await by_person(lab, "PATCH", f"{INGRESSES}/checkout-canary", {"metadata": {"ownerReferences": None}})
        await until(lambda: (lab.shadow() or {})["metadata"].get("ownerReferences"))
        assert lab.status()["phase"] == "Progressing"
        await until(lambda: any("its owner was removed" in event["message"] for event in events(lab)))


async def test_a_status_of_another_version_holds_everything_and_never_begins_over_a_live_shadow(
    lab: Lab, daemon: DaemonProcess, traffic: Load
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=LONG))
        await until(lambda: weight(lab) == "50")
        await daemon.stop()
        newer = deepcopy(crd(ROLLOUT_KIND))
        served: Any = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
        served["phase"]["enum"].append("Rehearsing")
        lab.api.store.patch("customresourcedefinitions", "", newer["metadata"]["name"], {"spec": newer["spec"]})
        lab.api.store.patch(
            "canaryrollouts", "shop", "checkout", {"status": {"phase": "Rehearsing"}}, subresource="status"
        )
        begun, held = lab.status(), len(lab.api.audit)

        await daemon.start()
        await daemon.ready()
        await until(lambda: "status.phase" in lab.status()["message"])
        assert lab.status() == begun | {"reason": "InvalidSpec", "message": lab.status()["message"]}
        await until(lambda: any("status.phase" in event["message"] for event in events(lab)))
        served_before = traffic.tally.total
        await until(lambda: traffic.tally.total > served_before + 200)
        await daemon.stop()
        writes = lab.api.audit[held:]
        assert [one for one in writes if is_shadow_write(one)] == []
        assert len([one for one in writes if is_status_write(one)]) == 1
        assert weight(lab) == "50"

        # what it wrote itself it can read again, and goes on with
        lab.api.store.patch(
            "canaryrollouts", "shop", "checkout", {"status": {"phase": "Progressing"}}, subresource="status"
        )
        await daemon.start()
        await until(lambda: lab.status()["reason"] in ("Settling", "Baking"))
