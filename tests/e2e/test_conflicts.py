"""Other writers: names and Services that are taken, webhooks that say no, clients that stick, writers that fight."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.load import Visitor
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, WORKLOADS, checkout, history, until
from tests.e2e.preflight_shop import ROUTER, annotate, asking, until_awaited

pytestmark = pytest.mark.slow

SHOP = manifests.NAMESPACE
LONG: dict[str, Any] = {"steps": [{"weight": 50, "bake": "2h"}], "slos": [AVAILABILITY]}
"""One step that does not end while a test watches."""
ROUTED = {**LONG, "routing": {"header": {"name": "X-Canary"}, "cookie": "canary"}}


@asynccontextmanager
async def traffic(lab: Lab, *visitors: Visitor) -> AsyncIterator[None]:
    task = asyncio.create_task(lab.load(200, 900, visitors=visitors or (Visitor(),)).run())
    try:
        yield
    finally:
        task.cancel()


def act(lab: Lab, verb: str, name: str = "checkout") -> None:
    change = {"metadata": {"annotations": {ACTION_ANNOTATION: f"{verb}#{verb}-1"}}}
    lab.api.store.patch("canaryrollouts", SHOP, name, change)


def reads(lab: Lab, name: str = "checkout") -> Callable[..., bool]:
    """Return what tells whether a rollout's status holds these values."""
    return lambda **values: all(lab.status(name).get(key) == value for key, value in values.items())


def canary_annotations(lab: Lab) -> dict[str, str]:
    shadow = lab.shadow()
    found = shadow["metadata"]["annotations"] if shadow else {}
    return {key.partition("/")[2]: value for key, value in found.items() if key.startswith(ROUTER.prefix)}


async def cookie_of(lab: Lab, version: str) -> str:
    """Return the affinity cookie of a new client that was served by a version."""
    while True:
        async with aiohttp.request("GET", lab.plane.urls[0], headers={"Host": manifests.HOST}) as answer:
            if answer.headers.get("X-Version") == version:
                return answer.cookies["INGRESSCOOKIE"].coded_value


async def test_with_cookie_affinity_stickiness_is_no_fault_and_a_rollback_frees_every_client(
    lab: Lab, daemon: DaemonProcess
) -> None:
    annotate(lab, affinity="cookie")
    async with daemon:
        await daemon.ready()
        stable = await cookie_of(lab, "v1")
        sticky = Visitor(0.8, cookies={"INGRESSCOOKIE": stable})
        async with traffic(lab, sticky, Visitor(0.2)):
            lab.create("canaryrollouts", checkout(schedule=LONG))
            await until(lambda: lab.status().get("step", {}).get("bakedSeconds", 0) >= 60)
            canary = {"Cookie": f"INGRESSCOOKIE={await cookie_of(lab, 'v2')}"}
            async with asking(lab) as ask:
                assert {await ask(**canary) for _ in range(20)} == {"v2"}
                assert lab.status()["observedShare"] < 0.2
                assert "WeightNotEffective" not in {event["reason"] for event in lab.api.store.list("events", SHOP)}
                act(lab, "abort")
                await until(lambda: lab.shadow() is None)

                async def everybody_is_on_stable() -> bool:
                    return {await ask(**canary) for _ in range(20)} == {"v1"}

                await until_awaited(everybody_is_on_stable)
    assert history(lab)[-1][2] == "AbortedByUser"


async def test_a_shadow_name_of_somebody_else_is_refused_and_never_taken_over(lab: Lab, daemon: DaemonProcess) -> None:
    theirs = lab.create("ingresses", manifests.ingress("checkout-canary", "theirs.example", backend="checkout-theirs"))
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout())
        await until(lambda: reads(lab)(reason="PreflightFailed"))
        assert "belongs to somebody else" in lab.status()["message"]
        assert "spec.shadow.name" in lab.status()["message"]
        assert lab.shadow() == theirs
        # it goes on by itself once the name is free
        lab.api.store.delete("ingresses", SHOP, "checkout-canary")
        async with traffic(lab):
            await until(lambda: reads(lab)(weight=10))


async def test_of_two_rollouts_on_one_ingress_the_older_goes_on_and_the_other_waits_for_its_end(
    lab: Lab, daemon: DaemonProcess
) -> None:
    newer = manifests.rollout("newer", LONG, workload=WORKLOADS)
    newer["spec"] |= {"ingresses": ["checkout"], "stableService": "checkout", "canaryService": "checkout-canary"}
    newer["spec"]["shadow"] = {"name": "newer-canary"}
    lab.create("canaryrollouts", checkout(schedule=LONG))
    lab.create("canaryrollouts", newer)
    async with daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: reads(lab)(weight=50) and reads(lab, "newer")(reason="PreflightFailed"))
        assert "CanaryRollout shop/checkout" in lab.status("newer")["message"]
        assert "comes first" in lab.status("newer")["message"]
        assert lab.shadow("newer-canary") is None
        act(lab, "abort")
        await until(lambda: reads(lab, "newer")(weight=50))
        assert lab.shadow() is None


async def test_a_shadow_that_a_webhook_rejects_is_reported_with_its_message_and_made_once_it_may_be(
    lab: Lab, daemon: DaemonProcess
) -> None:
    def policy(verb: str, resource: str, *_: Any) -> str | None:
        return "no canaries on Fridays" if (verb, resource) == ("create", "ingresses") else None

    lab.api.admission.append(policy)
    async with daemon, traffic(lab):
        await daemon.ready()
        lab.create("canaryrollouts", checkout())
        await until(lambda: reads(lab)(reason="ShadowRejected"))
        assert "no canaries on Fridays" in lab.status()["message"]
        assert {c["type"]: c["status"] for c in lab.status()["conditions"]}["Ready"] == "False"
        lab.api.admission.clear()
        await until(lambda: reads(lab)(weight=10))


async def test_a_rollback_whose_deletion_is_refused_takes_all_exposure_off_and_goes_on_trying(
    lab: Lab, daemon: DaemonProcess
) -> None:
    def policy(verb: str, resource: str, *_: Any) -> str | None:
        return "nothing is deleted here" if (verb, resource) == ("delete", "ingresses") else None

    async with daemon, traffic(lab):
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=ROUTED))
        await until(lambda: canary_annotations(lab).get("canary-weight") == "50")
        assert {"canary-by-header", "canary-by-cookie"} <= canary_annotations(lab).keys()
        lab.api.admission.append(policy)
        act(lab, "abort")
        await until(lambda: canary_annotations(lab) == {"canary": "true", "canary-weight": "0"})
        assert lab.status()["phase"] == "RolledBack"
        # anyone who raises it again does so in vain
        change = {"metadata": {"annotations": {f"{ROUTER.prefix}/canary-weight": "30"}}}
        lab.api.store.patch("ingresses", SHOP, "checkout-canary", change)
        await until(lambda: canary_annotations(lab).get("canary-weight") == "0")
        lab.api.admission.clear()
        await until(lambda: lab.shadow() is None)


async def test_a_writer_that_keeps_raising_the_weight_is_fought_five_times_and_then_left_to_a_person(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async def raised_and_undone() -> None:
        lab.api.store.patch("ingresses", SHOP, "checkout-canary", raised)
        await until(lambda: canary_annotations(lab)["canary-weight"] == "50" or reads(lab)(phase="Paused"))

    raised = {"metadata": {"annotations": {f"{ROUTER.prefix}/canary-weight": "90"}}}
    async with daemon, traffic(lab):
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=LONG))
        await until(lambda: canary_annotations(lab).get("canary-weight") == "50")
        for _ in range(6):
            await raised_and_undone()
        await until(lambda: reads(lab)(phase="Paused", reason="DriftFight"))
        assert "keeps changing the shadow" in lab.status()["message"]
        lab.api.store.patch("ingresses", SHOP, "checkout-canary", raised)
        reported = lambda: {event["reason"] for event in lab.api.store.list("events", SHOP)}  # noqa: E731
        await until(lambda: {"Intervened", "DriftFight"} <= reported())
        assert canary_annotations(lab)["canary-weight"] == "90"
        # resume begins a new count: the weight is set right, and the rollout goes on
        act(lab, "resume")
        await until(lambda: canary_annotations(lab)["canary-weight"] == "50" and reads(lab)(phase="Progressing"))
