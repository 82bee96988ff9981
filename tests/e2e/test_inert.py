"""A shadow that nobody takes up: within a minute of traffic it is reported, with the likely causes in order."""

import asyncio
from typing import Any

import aiohttp
import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import checkout, until
from tests.e2e.preflight_shop import annotate, until_awaited
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


def likely_causes(lab: Lab) -> str:
    return lab.status()["message"].partition("; likely causes: ")[2]


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
        # the share is proven wrong before each controller has had enough requests to be blamed: the list grows
        await until(lambda: all(pod.name in likely_causes(lab) for pod in stuck))
        assert lab.plane.pods[0].name not in likely_causes(lab)


DOGFOOD: dict[str, Any] = {
    **LONG,
    "routing": {"header": {"name": "X-Canary", "value": "staff"}},
    "steps": [{"weight": 0, "bake": "3m", "require": "NoFail", "minRequests": 0}, {"weight": 50, "bake": "2h"}],
}


async def test_a_probe_shows_without_any_traffic_whether_staff_would_reach_the_canary(
    lab: Lab, daemon: DaemonProcess
) -> None:
    lab.plane.ignore_canaries = True
    probe = {"url": lab.plane.urls[0], "host": manifests.HOST, "header": "X-Version", "value": "v2"}
    lab.create("canaryrollouts", checkout(schedule=DOGFOOD, probe=probe))
    async with daemon:
        await daemon.ready()
        await until(lambda: lab.status().get("reason") == "WeightNotEffective")
        assert "the probe was not answered by the canary" in lab.status()["message"]
        assert "said X-Version: v1 where the canary says v2" in lab.status()["message"]
        lab.plane.ignore_canaries = False
        await until(lambda: (lab.status().get("step") or {}).get("index") == 2)
        conditions = {c["type"]: c for c in lab.status()["conditions"]}
        await until(lambda: "answered by the canary" in effective(lab)["message"])
        assert conditions["Effective"]["status"] in ("True", "Unknown")


async def test_a_sticky_primary_keeps_no_probe_on_stable(lab: Lab, daemon: DaemonProcess) -> None:
    annotate(lab, affinity="cookie")
    lab.plane.ignore_canaries = True
    # by name, as in a cluster: a cookie jar may keep nothing of a bare address
    url = lab.plane.urls[0].replace("127.0.0.1", "localhost")
    probe = {"url": url, "host": manifests.HOST, "header": "X-Version", "value": "v2"}
    lab.create("canaryrollouts", checkout(schedule=DOGFOOD, probe=probe))
    async with daemon:
        await daemon.ready()
        await until(lambda: "said X-Version: v1" in lab.status().get("message", ""))
        lab.plane.ignore_canaries = False
        await until(lambda: (lab.status().get("step") or {}).get("index") == 2)


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def effective(lab: Lab) -> dict[str, Any]:
    return next(c for c in lab.status()["conditions"] if c["type"] == "Effective")


async def test_a_probe_that_hangs_holds_nothing_up(lab: Lab, daemon: DaemonProcess) -> None:
    server = await asyncio.start_server(swallow, "127.0.0.1")
    probe = {
        "url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", "header": "X-Version", "value": "v2",
        "timeout": "1s",
    }  # fmt: skip
    lab.create("canaryrollouts", checkout(schedule=DOGFOOD, probe=probe))
    async with server, daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: "no answer within 1 s" in effective(lab)["message"] if lab.status().get("step") else False)
        assert effective(lab)["status"] == "Unknown"
        await until(lambda: (lab.status().get("step") or {}).get("index") == 2)
