"""A shadow that a finalizer holds: its deletion is accepted and does not end it, and controllers go on serving it.

ingress-nginx reads deletionTimestamp in its admission checks only (v1.15), so traffic ends with what is written on
the object. Whether it is deleted by the daemon or a person, nobody may be sent to the canary by it from then on.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.application import Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, history, until
from tests.e2e.preflight_shop import annotate, asking, until_awaited
from tests.e2e.test_conflicts import act, canary_annotations, cookie_of
from tests.e2e.witness import INGRESSES, ROLLOUTS, by_person, events, is_shadow_write, set_weight

pytestmark = pytest.mark.slow

SHOP = manifests.NAMESPACE
SHADOW = f"{INGRESSES}/checkout-canary"
KEEP = "example.com/keep"
LONG: dict[str, Any] = {
    "steps": [{"weight": 50, "bake": "10h"}],
    "slos": [AVAILABILITY],
    "routing": {"header": {"name": "X-Canary"}, "cookie": "canary"},
}
ASIDE = {"canary": "true", "canary-weight": "0"}
"""The canary annotations of a shadow that sends nobody to the canary."""


@pytest.fixture(autouse=True)
async def traffic(lab: Lab) -> AsyncIterator[Load]:
    load = lab.load(100, 900, seed=3)
    task = asyncio.create_task(load.run())
    yield load
    task.cancel()


async def hold(lab: Lab, path: str = SHADOW, *finalizers: str) -> None:
    """Put finalizers on an object, as an in-house controller does on every Ingress; none takes them off."""
    await by_person(lab, "PATCH", path, {"metadata": {"finalizers": list(finalizers) or None}})


async def held_at_its_weight(lab: Lab, **spec: Any) -> None:
    """Begin a rollout, and hold its shadow once it carries the step's weight."""
    lab.create("canaryrollouts", checkout(**{"schedule": LONG, **spec}))
    await until(lambda: canary_annotations(lab).get("canary-weight") == "50")
    await hold(lab, SHADOW, KEEP)


def exposure(lab: Lab) -> dict[str, str]:
    """Return the canary annotations of the shadow."""
    return {key: value for key, value in canary_annotations(lab).items() if key.startswith("canary")}


async def aside(lab: Lab) -> None:
    """Wait until the shadow, still there, sends nobody to the canary, and nobody gets there."""
    await until(lambda: exposure(lab) == ASIDE)

    async def everybody_is_on_stable() -> bool:
        return {await ask(**headers) for headers in ({}, {"X-Canary": "always"}) for _ in range(10)} == {"v1"}

    async with asking(lab) as ask:
        await until_awaited(everybody_is_on_stable)


def removed(lab: Lab) -> tuple[str, str]:
    """Return what the condition about the shadow's removal says, and its message."""
    found = {one["type"]: one for one in lab.status().get("conditions", ())}.get("ShadowRemoved")
    return (found["status"], found["message"]) if found else ("", "")


def terminating_events(lab: Lab) -> list[str]:
    """Return the Events that report a shadow that is still there."""
    return [one["message"] for one in events(lab) if one["reason"] == "ShadowTerminating"]


async def test_a_failing_canary_is_off_and_status_says_that_its_shadow_is_still_there_until_it_is_gone(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        lab.canary.profile = Profile("v2", error_ratio=0.8)
        await until(lambda: lab.status().get("phase") == "RolledBack")
        await aside(lab)
        await until(lambda: removed(lab)[0] == "False")
        assert lab.status()["reason"] == "SLOViolated"
        assert lab.status()["weight"] == 0
        for text in (removed(lab)[1], lab.status()["message"], *terminating_events(lab)):
            assert "checkout-canary" in text
            assert KEEP in text
        await until(lambda: len(terminating_events(lab)) == 1)

        # it stays so: a raise by anyone is undone, by one write, and nothing else is written
        written = len([one for one in lab.api.audit if is_shadow_write(one)])
        await by_person(lab, "PATCH", SHADOW, set_weight("40"))
        await aside(lab)
        assert [one.verb for one in lab.api.audit if is_shadow_write(one)][written:] == ["patch"]
        assert len(terminating_events(lab)) == 1

        await hold(lab)
        await until(lambda: lab.shadow() is None)
        await until(lambda: removed(lab)[0] == "True")
        assert KEEP not in lab.status()["message"]
        assert history(lab)[-1] == (1, 0, "SLOViolated")


async def test_an_abort_takes_weight_and_routes_off(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        act(lab, "abort")
        await until(lambda: lab.status().get("phase") == "RolledBack")
        await aside(lab)
        assert lab.status()["reason"] == "AbortedByUser"


async def test_clients_with_an_affinity_cookie_are_taken_off_too(lab: Lab, daemon: DaemonProcess) -> None:
    annotate(lab, affinity="cookie")
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        canary = {"Cookie": f"INGRESSCOOKIE={await cookie_of(lab, 'v2')}"}
        async with asking(lab) as ask:
            assert {await ask(**canary) for _ in range(10)} == {"v2"}
            act(lab, "abort")

            async def everybody_is_on_stable() -> bool:
                return {await ask(**canary) for _ in range(10)} == {"v1"}

            await until_awaited(everybody_is_on_stable)
    shadow = lab.shadow()
    assert shadow is not None
    assert shadow["metadata"]["deletionTimestamp"]


async def test_a_policy_that_refuses_the_class_keeps_no_weight_on_and_status_names_who_still_gets_there(
    lab: Lab, daemon: DaemonProcess
) -> None:
    def policy(verb: str, plural: str, new: dict[str, Any] | None, _old: dict[str, Any] | None) -> str | None:
        other = plural == "ingresses" and new is not None and new["spec"].get("ingressClassName") != "nginx"
        return "only class nginx is allowed here" if other else None

    annotate(lab, affinity="cookie")
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        lab.api.admission.append(policy)
        act(lab, "abort")
        await aside(lab)
        await until(lambda: "clients with an affinity cookie" in removed(lab)[1])
        lab.api.admission.clear()
        await until(lambda: "sends nobody" in removed(lab)[1])


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_the_end_of_its_rollout_takes_the_canary_off(lab: Lab, daemon: DaemonProcess, policy: str) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        await by_person(lab, "DELETE", f"{ROLLOUTS}/checkout?propagationPolicy={policy}")
        await aside(lab)
        await until(lambda: terminating_events(lab))
        assert KEEP in terminating_events(lab)[0]


async def test_a_rollout_that_ended_while_no_daemon_ran_is_taken_off_by_the_next_one(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        await daemon.stop()
        await by_person(lab, "DELETE", f"{ROLLOUTS}/checkout")
        assert canary_annotations(lab)["canary-weight"] == "50"
        await daemon.start()
        await aside(lab)


async def test_a_rollout_that_is_held_itself_while_it_is_deleted_has_no_canary(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        await hold(lab, f"{ROLLOUTS}/checkout", KEEP)
        await by_person(lab, "DELETE", f"{ROLLOUTS}/checkout")
        await aside(lab)
        # the next one of this name does not use what the last one left
        await hold(lab, f"{ROLLOUTS}/checkout")
        lab.create("canaryrollouts", checkout(schedule=LONG))
        await until(lambda: lab.status().get("reason") == "ShadowTerminating")
        assert KEEP in lab.status()["message"]
        await hold(lab)
        await until(lambda: canary_annotations(lab).get("canary-weight") == "50")


async def test_who_deletes_it_is_honoured_and_nothing_is_raised(lab: Lab, daemon: DaemonProcess) -> None:
    steps = [{"weight": 10, "bake": "2m"}, {"weight": 50, "bake": "10h"}]
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule={**LONG, "steps": steps}))
        await until(lambda: canary_annotations(lab).get("canary-weight") == "10")
        await hold(lab, SHADOW, KEEP)
        await by_person(lab, "DELETE", SHADOW)
        await aside(lab)
        assert lab.status()["phase"] == "Paused"
        assert lab.status()["reason"] == "Intervened"
        await until(lambda: removed(lab)[0] == "False")
        act(lab, "resume")
        # what is put back is a new shadow, once the old one is gone
        await until(lambda: lab.status()["reason"] == "ShadowTerminating")
        assert exposure(lab) == ASIDE
        await hold(lab)
        await until(lambda: canary_annotations(lab).get("canary-weight") == "10")
        assert removed(lab)[0] == "True"


async def test_the_next_revision_waits_until_it_is_gone(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        first = (lab.shadow() or {})["metadata"]["uid"]
        act(lab, "abort")
        await aside(lab)
        lab.images["shop/checkout:v3"] = Profile("v3")
        lab.set_image("checkout-canary", "shop/checkout:v3")
        await until(lambda: lab.status().get("reason") == "ShadowTerminating")
        assert lab.status()["phase"] == "Pending"
        assert KEEP in lab.status()["message"]
        assert exposure(lab) == ASIDE
        await hold(lab)
        await until(lambda: canary_annotations(lab).get("canary-weight") == "50")
        assert (lab.shadow() or {})["metadata"]["uid"] != first
