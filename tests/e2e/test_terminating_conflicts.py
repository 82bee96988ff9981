"""Other writers, policies and refused writes at a shadow that a finalizer holds."""

import asyncio
from typing import Any

import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import checkout, until
from tests.e2e.preflight_shop import annotate
from tests.e2e.test_conflicts import act
from tests.e2e.test_terminating_shadows import (
    ASIDE,
    KEEP,
    LONG,
    SHADOW,
    SHOP,
    aside,
    exposure,
    held_at_its_weight,
    removed,
    terminating_events,
    traffic,
)
from tests.e2e.witness import INGRESSES, ROLLOUTS, by_person, is_shadow_write, set_weight

__all__ = ["traffic"]
pytestmark = pytest.mark.slow


def puts_back(**spec: str) -> Any:
    """Return a mutating policy that puts members of every Ingress's spec back, with every writer."""

    def policy(_verb: str, plural: str, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "spec": {**body["spec"], **spec}} if plural == "ingresses" else body

    return policy


async def test_a_policy_that_puts_the_class_back_is_not_fought_in_a_hot_loop(
    lab: Lab, daemon: DaemonProcess, traffic: Load
) -> None:
    annotate(lab, affinity="cookie")
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        lab.api.mutation.append(puts_back(ingressClassName="nginx"))
        act(lab, "abort")
        await aside(lab)
        before, answered = len(lab.api.audit), traffic.tally.total
        await until(lambda: traffic.tally.total > answered + 500)
        assert len([one for one in lab.api.audit[before:] if is_shadow_write(one)]) <= 25
        assert "clients with an affinity cookie" in removed(lab)[1]


async def test_a_deletion_by_a_person_is_not_forgotten_though_no_status_could_be_stored(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        lab.api.admission.append(
            lambda _verb, plural, _new, _old: "no status now" if plural == "canaryrollouts" else None
        )
        await by_person(lab, "DELETE", SHADOW)
        await until(lambda: exposure(lab) == ASIDE)
        await by_person(lab, "PATCH", SHADOW, set_weight("40"))
        await until(lambda: exposure(lab) == ASIDE, 10)
        lab.api.admission.clear()
        await until(lambda: lab.status()["reason"] == "Intervened", 15)
        assert lab.status()["phase"] == "Paused"
        assert lab.status()["weight"] == 0
        assert "deleted by another writer" in lab.status()["message"]


async def test_one_that_is_deleted_before_its_step_begins_is_reported_and_never_raised(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=LONG))
        while lab.shadow() is None:
            await asyncio.sleep(0)
        lab.api.store.patch("ingresses", SHOP, "checkout-canary", {"metadata": {"finalizers": [KEEP]}})
        lab.api.store.delete("ingresses", SHOP, "checkout-canary")
        await until(lambda: removed(lab)[0] == "False")
        await by_person(lab, "PATCH", SHADOW, set_weight("60"))
        await until(lambda: exposure(lab) == ASIDE, 10)
        await until(lambda: terminating_events(lab), 10)


async def test_one_whose_owner_is_removed_is_not_called_removed_and_not_raised(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        act(lab, "abort")
        await aside(lab)
        await until(lambda: removed(lab)[0] == "False")
        await by_person(lab, "PATCH", SHADOW, {"metadata": {"ownerReferences": None}})
        await by_person(lab, "PATCH", SHADOW, set_weight("60"))
        await until(lambda: exposure(lab) == ASIDE, 10)
        assert removed(lab)[0] == "False"


async def test_raising_it_again_and_again_is_reported_once_after_its_rollout_is_gone(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        await by_person(lab, "DELETE", f"{ROLLOUTS}/checkout?propagationPolicy=Background")
        await aside(lab)
        await until(lambda: terminating_events(lab))
        before = len(lab.api.audit)
        for weight in range(30, 40):
            await by_person(lab, "PATCH", SHADOW, set_weight(str(weight)))
            await until(lambda: exposure(lab) == ASIDE)
        writes = [one for one in lab.api.audit[before:] if one.user == "daemon" and one.resource == "events"]
        assert len(writes) <= 1


async def test_an_owned_ingress_that_was_never_a_shadow_is_not_made_a_canary(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        await held_at_its_weight(lab)
        plain = manifests.ingress("plain", host="plain.example")
        plain["metadata"] |= {
            "finalizers": [KEEP],
            "ownerReferences": (lab.shadow() or {})["metadata"]["ownerReferences"],
        }
        lab.create("ingresses", plain)
        await by_person(lab, "DELETE", f"{INGRESSES}/plain")
        act(lab, "abort")
        await aside(lab)
        left = lab.api.store.get("ingresses", SHOP, "plain")["metadata"]
        assert "nginx.ingress.kubernetes.io/canary" not in (left.get("annotations") or {})
