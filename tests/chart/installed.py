"""The chart, installed into the lab with its RBAC enforced, and the daemon as its Deployment runs it."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.lab import manifests as shop
from ingress_canary.lab.application import Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi.rbac import Rbac, account
from ingress_canary.lab.process import DaemonProcess
from tests.chart.charts import HOME, Json, container, manifests, one, settings
from tests.e2e.conftest import AVAILABILITY, SCALE, WORKLOADS, checkout, until
from tests.e2e.gate_server import KEY, GateServer
from tests.forked import ForkedDaemon
from tests.lab.kubectl import Kubectl
from tests.webhook import webhook

LONG = 120.0
"""Real seconds, on a busy machine."""
OPERATOR = "monitoring.coreos.com"
STEPS: Json = {
    "steps": [{"weight": 50, "bake": "10s", "require": "NoFail", "minRequests": 0}],
    "slos": [AVAILABILITY],
}
BAD = "shop/checkout:bad"


def operator_crds() -> list[Json]:
    """Return the Prometheus operator's kinds, as far as the chart uses them, without their schemas."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind.lower()}s.{OPERATOR}"},
            "spec": {
                "group": OPERATOR,
                "scope": "Namespaced",
                "names": {"plural": f"{kind.lower()}s", "kind": kind},
                "versions": [version],
            },
        }
        for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule")
    ]


@dataclass
class Installation:
    """The chart's objects in a lab, and who its pods are."""

    lab: Lab
    rbac: Rbac
    room: Path
    documents: list[Json]
    epoch: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def user(self) -> str:
        return account(HOME, one(self.documents, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"])

    def pod(self, name: str) -> DaemonProcess:
        """Return a daemon with the Deployment's arguments and settings, on the lab's clock, not started."""
        box = container(self.documents)
        command, words = box["args"][0], box["args"][1:]
        assert command == "run"
        (mounted,) = [word.partition("=")[2] for word in words]
        assert str(Path(mounted).parent) in [mount["mountPath"] for mount in box["volumeMounts"]]
        file = self.room / "settings.yaml"
        file.write_text(yaml.safe_dump(settings(self.documents)))
        assert [one["name"] for one in box["env"]][:1] == ["INGRESS_CANARY_IDENTITY"]
        kubeconfig = self.lab.api.write_kubeconfig(self.room / name, token=self.user)
        return ForkedDaemon(
            kubeconfig, self.room / f"{name}.log", scale=SCALE, epoch=self.epoch,
            settings=str(file), identity=name, leader_election="true", warm_up="20s", lease_duration="4s",
        )  # fmt: skip

    @property
    def reads_secrets(self) -> bool:
        """Whether the chart was configured to grant any."""
        return any(right.resource == "secrets" for right in self.rbac.rights(self.user))

    def refused(self) -> set[tuple[str, str, str, str]]:
        """Return what RBAC refused: verb, resource, namespace, name."""
        return {
            (each.verb, f"{each.resource}/{each.subresource}".rstrip("/"), each.namespace, each.name)
            for each in self.rbac.refused
        }


@asynccontextmanager
async def installed(values: Json, room: Path) -> AsyncIterator[Installation]:
    """Apply the chart's objects with kubectl, as a person with all rights would."""
    documents = manifests(values)
    user = account(HOME, one(documents, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"])
    rbac = Rbac(documents, [user])
    async with Lab(scale=SCALE, seed=7, authorize=[rbac.middleware]) as lab:
        for name in {each["metadata"].get("namespace", HOME) for each in documents}:
            if not [one for one in lab.api.store.list("namespaces") if one["metadata"]["name"] == name]:
                lab.create("namespaces", shop.namespace(name))  # those of the teams, which are there before
        for definition in operator_crds():
            lab.create("customresourcedefinitions", definition)
        kubectl = Kubectl(room, lab.api.write_kubeconfig(room / "admin"))
        await kubectl.apply(*documents)
        yield Installation(lab, rbac, room, documents)


async def whole_life(found: Installation) -> None:
    """Play what a daemon does: promote with CopyImages and scaleCanary, roll back, retry, hand over, follow."""
    lab = found.lab
    lab.images[BAD] = Profile("bad", error_ratio=0.6)
    first, second = found.pod("first"), found.pod("second")
    async with first:
        await first.ready(LONG)
        await until(lambda: lab.api.store.list("leases", HOME), LONG)
        async with second:
            await second.ready(LONG)
            traffic = asyncio.create_task(lab.load(100, 900).run())
            try:
                if found.reads_secrets:
                    await _with_a_gate_and_messages(lab, first)
                else:
                    await _promoted_and_rolled_back(lab, first, STEPS)
            finally:
                traffic.cancel()


async def _with_a_gate_and_messages(lab: Lab, leader: DaemonProcess) -> None:
    """Play it with a schedule that names two Secrets, and see that they have been read."""
    titles: list[str] = []

    async def take(request: web.Request) -> web.Response:
        titles.append((await request.json())["title"])
        return web.Response()

    async with GateServer() as gates, webhook(take) as address:
        for name, text in (("canary-gates", KEY), ("chat", address)):
            lab.create("secrets", {
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "shop"},
                "data": {"value": b64encode(text.encode()).decode()},
            })  # fmt: skip
        gate = gates.gate("schema", "beforeStart", secretRef={"name": "canary-gates", "key": "value"})
        message = {"name": "chat", "secretRef": {"name": "chat", "key": "value"}}
        await _promoted_and_rolled_back(lab, leader, {**STEPS, "gates": [gate], "notifications": [message]})
        await until(lambda: titles, LONG)
    assert gates.of("schema")
    assert not gates.unsigned


async def _promoted_and_rolled_back(lab: Lab, leader: DaemonProcess, schedule: Json) -> None:
    lab.api.store.patch("deployments", "shop", "checkout-canary", {"spec": {"replicas": 1}})
    await until(lambda: lab.canary.replicas == 1, LONG)
    rollout: dict[str, Any] = checkout(schedule=schedule, promotion={"strategy": "CopyImages"})
    rollout["spec"]["workload"] = {**WORKLOADS, "scaleCanary": {"to": 2, "drain": "20s"}}
    lab.create("canaryrollouts", rollout)
    await until(lambda: lab.status().get("phase") == "Succeeded" and lab.shadow() is None, LONG)
    await until(lambda: "scale" not in lab.status(), LONG)
    lab.set_image("checkout-canary", BAD)
    await until(lambda: lab.status().get("phase") == "RolledBack" and lab.shadow() is None, LONG)
    await leader.stop()
    act(lab, "retry#1")
    await until(lambda: lab.status().get("phase") == "Progressing", LONG)
    act(lab, "abort#2")
    await until(lambda: lab.status().get("phase") == "RolledBack" and lab.shadow() is None, LONG)
    await until(lambda: ACTION_ANNOTATION not in lab.rollout()["metadata"].get("annotations", {}), LONG)
    await until(lambda: lab.api.store.list("events", "shop"), LONG)


def act(lab: Lab, words: str) -> None:
    """Ask for an action, as a person who may patch rollouts does."""
    lab.api.store.patch("canaryrollouts", "shop", "checkout", {"metadata": {"annotations": {ACTION_ANNOTATION: words}}})
