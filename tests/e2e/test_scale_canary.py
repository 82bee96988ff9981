"""scaleCanary over real HTTP, with the rights that a file of their own grants."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import AuditRecord, Refuse, requests
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, WORKLOADS, checkout, history, until
from tests.e2e.witness import DAEMON, OK
from tests.test_rights import optional_rights

pytestmark = pytest.mark.slow

SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": 50, "bake": "10s", "require": "NoFail", "minRequests": 0}],
    "slos": [AVAILABILITY],
}


def replicas(lab: Lab) -> int:
    found: int = lab.api.store.get("deployments", "shop", "checkout-canary")["spec"]["replicas"]
    return found


def writes(lab: Lab) -> list[AuditRecord]:
    """Return the daemon's accepted writes of workloads."""
    return [
        one
        for one in lab.api.audit
        if one.user == DAEMON and one.group == "apps" and one.verb == "patch" and one.code in OK
    ]


async def test_a_canary_at_zero_is_scaled_for_its_rollout_and_back_after_the_drain_across_crashes(
    lab: Lab, daemon: DaemonProcess
) -> None:
    lab.api.store.patch("deployments", "shop", "checkout-canary", {"spec": {"replicas": 0}})
    await until(lambda: lab.canary.replicas == 0)
    rollout = checkout(schedule=SCHEDULE, promotion={"strategy": "CopyImages"})
    rollout["spec"]["workload"] = {**WORKLOADS, "scaleCanary": {"to": 2, "drain": "40s"}}
    fault = lab.api.faults.add(requests(resource="deployments", verb="patch"), Refuse(500))
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", rollout)
        # what it had is stored before it is scaled, and the next daemon scales
        await until(lambda: lab.status().get("scale"))
        assert lab.status()["scale"]["before"] == replicas(lab) == 0
        daemon.kill()
        await daemon.wait()
        lab.api.faults.remove(fault)
        await daemon.start()
        await until(lambda: lab.status()["phase"] == "Progressing")
        assert replicas(lab) == 2
        await until(lambda: lab.status()["phase"] == "Succeeded" and lab.shadow() is None)
        assert replicas(lab) == 2
        daemon.kill()
        await daemon.wait()
        await daemon.start()
        await until(lambda: replicas(lab) == 0 and "scale" not in lab.status())
        traffic.cancel()
    assert history(lab)[-1] == (1, 0, "Promoted")
    done = [(one.resource, one.subresource) for one in writes(lab) if "spec" in one.body]
    assert done == [("deployments", "scale"), ("deployments", ""), ("deployments", "scale")]
    used = {("apps", f"{one.resource}/{one.subresource}".rstrip("/"), one.verb) for one in writes(lab)}
    assert used <= optional_rights()


def without_port(lab: Lab) -> None:
    ports = [{"name": "web", "port": 8080, "targetPort": "http"}]
    lab.api.store.patch("services", "shop", "checkout-canary", {"spec": {"ports": ports}})


def with_port_of_no_pod(lab: Lab) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    lab.api.store.patch("services", "shop", "checkout-canary", {"spec": {"ports": ports}})


def with_other_selector(lab: Lab) -> None:
    lab.api.store.patch("services", "shop", "checkout-canary", {"spec": {"selector": {"app": "checkout-v2"}}})


def without_selector(lab: Lab) -> None:
    lab.api.store.patch("services", "shop", "checkout-canary", {"spec": {"selector": None}})


def external(lab: Lab) -> None:
    spec = {"type": "ExternalName", "externalName": "canary.example", "selector": None}
    lab.api.store.patch("services", "shop", "checkout-canary", {"spec": spec})


def missing(lab: Lab) -> None:
    lab.api.store.delete("services", "shop", "checkout-canary")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (without_port, "has no port 80"),
        (with_port_of_no_pod, "no container of Deployment checkout-canary has a port named web"),
        (with_other_selector, "selects app=checkout-v2, which no pod of Deployment checkout-canary has"),
        (without_selector, "has no selector"),
        (external, "is an ExternalName"),
        (missing, "Service shop/checkout-canary does not exist"),
    ],
    ids=["port", "named port", "selector", "no selector", "ExternalName", "no Service"],
)
async def test_a_canary_that_no_replicas_would_cure_is_not_scaled_until_it_is_mended(
    lab: Lab, daemon: DaemonProcess, broken: Callable[[Lab], None], says: str
) -> None:
    lab.api.store.patch("deployments", "shop", "checkout-canary", {"spec": {"replicas": 0}})
    await until(lambda: lab.canary.replicas == 0)
    broken(lab)
    rollout = checkout(schedule=SCHEDULE)
    rollout["spec"]["workload"] = {**WORKLOADS, "scaleCanary": {"to": 2}}
    lab.create("canaryrollouts", rollout)
    async with daemon:
        await daemon.ready()
        await until(lambda: lab.status().get("reason"))
        assert (lab.status()["phase"], lab.status()["reason"]) == ("Pending", "PreflightFailed")
        assert says in lab.status()["message"]
        assert (replicas(lab), writes(lab)) == (0, [])
        if broken is not missing:
            missing(lab)
        lab.create("services", manifests.service("checkout-canary"))
        await until(lambda: replicas(lab) == 2 and lab.status()["reason"] != "PreflightFailed")
