"""A shadow that nobody takes up: within a minute of traffic it is said, with the likely causes in order."""

import aiohttp
import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import checkout, until
from tests.e2e.preflight_shop import until_awaited
from tests.e2e.test_conflicts import LONG, SHOP, traffic

pytestmark = pytest.mark.slow


async def test_a_shadow_that_the_controllers_ignore_is_not_effective_and_the_cause_is_named(
    lab: Lab, daemon: DaemonProcess
) -> None:
    lab.plane.ignore_canaries = True
    lab.create("canaryrollouts", checkout(schedule=LONG))
    async with daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: lab.status().get("reason") == "WeightNotEffective")
        status = lab.status()
        assert status["step"].get("bakedSeconds", 0) <= 60
        _, causes = status["message"].split("; likely causes: ")
        assert causes.startswith("the controllers call the shadow an orphan")
        assert {c["type"]: c["status"] for c in status["conditions"]}["Effective"] == "False"
        await until(lambda: "WeightNotEffective" in {event["reason"] for event in lab.api.store.list("events", SHOP)})
        lab.plane.ignore_canaries = False
        await until(lambda: lab.status().get("reason") != "WeightNotEffective")
        assert lab.status()["weight"] == 50


async def serves(url: str) -> bool:
    async with aiohttp.request("GET", url, headers={"Host": manifests.HOST}) as answer:
        return answer.status == 200


async def test_a_controller_that_does_not_follow_is_named(lab: Lab, daemon: DaemonProcess) -> None:
    stuck = [await lab.add_controller() for _ in range(2)]
    for pod in stuck:
        await until_awaited(lambda url=pod.url: serves(url))
    lab.create("canaryrollouts", checkout(schedule={**LONG, "steps": [{"weight": 30, "bake": "2h"}]}))
    for pod in stuck:
        pod.stuck = True
    async with daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: lab.status().get("reason") == "WeightNotEffective")
        _, causes = lab.status()["message"].split("; likely causes: ")
        assert all(pod.name in causes for pod in stuck)
        assert lab.plane.pods[0].name not in causes
