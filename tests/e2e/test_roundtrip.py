"""What the daemon stores: finite numbers only, and nothing of an object that is not its own is ever lost."""

import asyncio
import copy
import math
from typing import Any

import pytest

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, history, until
from tests.e2e.witness import ROLLOUTS, assert_finite_and_accepted, by_person

pytestmark = pytest.mark.slow

SHORT: dict[str, Any] = {
    "steps": [{"weight": 20, "bake": "20s"}, {"weight": 100, "bake": "20s"}],
    "slos": [AVAILABILITY],
}
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD = "canaryrollouts.ingress-canary.io"


def numbers(value: Any) -> list[float]:
    """Return every number in a document."""
    match value:
        case dict():
            return [number for member in value.values() for number in numbers(member)]
        case list():
            return [number for member in value for number in numbers(member)]
        case bool():
            return []
        case int() | float():
            return [float(value)]
        case _:
            return []


def add_future_fields(lab: Lab) -> None:
    """Install the CRD of a later release: one more member in the spec, and in the status on two levels."""
    crd = copy.deepcopy(lab.api.store.get("customresourcedefinitions", "", CRD))
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    properties["spec"]["properties"]["future"] = OPEN
    properties["status"]["properties"]["future"] = OPEN
    properties["status"]["properties"]["shadow"]["properties"]["future"] = {"type": "string"}
    lab.api.store.update("customresourcedefinitions", "", CRD, crd)


async def test_thousands_of_failures_are_finite_logarithms(lab: Lab, daemon: DaemonProcess) -> None:
    schedule = {**SHORT, "onFailure": "Pause", "steps": [{"weight": 90, "bake": "10h"}]}
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(250, 900).run())
        lab.create("canaryrollouts", checkout(schedule=schedule))
        await until(lambda: lab.status().get("weight") == 90)
        lab.canary.profile = lab.canary.profile.__class__("v2", error_ratio=1.0)
        await until(lambda: lab.status()["phase"] == "Paused")
        await until(lambda: lab.status()["slos"][0]["canary"]["bad"] > 3000)
        traffic.cancel()
    status = lab.status()
    assert status["reason"] == "SLOViolated"
    assert status["slos"][0]["logE"]["absolute"] > 1000
    assert all(math.isfinite(number) for number in numbers(status))
    assert all(math.isfinite(number) for one in lab.api.audit for number in numbers(one.body))
    assert_finite_and_accepted(lab)


async def test_no_failure_in_thousands_of_requests_is_finite_too(lab: Lab, daemon: DaemonProcess) -> None:
    schedule = {**SHORT, "steps": [{"weight": 90, "bake": "10h"}]}
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(250, 900).run())
        lab.create("canaryrollouts", checkout(schedule=schedule))
        await until(lambda: lab.status().get("slos") and lab.status()["slos"][0]["canary"]["total"] > 3000)
        traffic.cancel()
    assert lab.status()["slos"][0]["logE"]["passing"] > 100
    assert all(math.isfinite(number) for number in numbers(lab.status()))
    assert_finite_and_accepted(lab)


async def test_fields_of_a_later_release_survive_a_whole_rollout(lab: Lab, daemon: DaemonProcess) -> None:
    add_future_fields(lab)
    body = checkout(schedule=SHORT)
    body["spec"]["future"] = {"answer": 42, "list": [1, {"deep": "x"}]}
    body["metadata"]["annotations"] = {"team": "shop"}
    body["metadata"]["labels"] = {"app": "checkout"}
    stored = await by_person(lab, "POST", ROLLOUTS, body)
    assert stored["spec"]["future"] == body["spec"]["future"]
    future = {"status": {"future": {"by": "a later daemon"}}}
    await by_person(lab, "PATCH", f"{ROLLOUTS}/checkout/status", future)
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(150, 900).run())
        await until(lambda: lab.status().get("weight") == 20)
        await by_person(lab, "PATCH", f"{ROLLOUTS}/checkout/status", {"status": {"shadow": {"future": "kept"}}})
        await until(lambda: lab.status().get("weight") == 100)
        assert lab.status()["shadow"]["future"] == "kept"
        await until(lambda: lab.status()["phase"] == "Promoting")
        lab.set_image("checkout", "shop/checkout:v2")
        await until(lambda: lab.status()["phase"] == "Succeeded")
        traffic.cancel()
    after = lab.rollout()
    assert after["spec"] == stored["spec"]
    assert after["metadata"]["annotations"] == {"team": "shop"}
    assert after["metadata"]["labels"] == {"app": "checkout"}
    assert after["metadata"]["generation"] == stored["metadata"]["generation"]
    assert after["status"]["future"] == {"by": "a later daemon"}
    assert history(lab)[-1][2] == "Promoted"


async def test_what_the_api_server_fills_in_is_not_taken_for_a_wish(lab: Lab, daemon: DaemonProcess) -> None:
    stored = await by_person(lab, "POST", ROLLOUTS, checkout(schedule=SHORT))
    assert stored["spec"]["promotion"] == {"strategy": "Manual"}
    filled = stored["spec"]["schedule"]["inline"]["slos"][0]
    assert "minRequests" not in filled, "nothing is filled in inside of lists"
    assert "maxBurn" not in filled, "it depends on the SLI"
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(150, 900).run())
        await until(lambda: lab.status().get("weight") == 20)
        traffic.cancel()
    assert lab.rollout()["spec"] == stored["spec"]
