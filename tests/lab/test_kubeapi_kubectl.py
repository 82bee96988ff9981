"""A stock kubectl works against the lab's API: what a person would try first."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.lab.kubeapi import KubeApi
from tests.lab.api_client import CRD, ingress, until, widget
from tests.lab.kubectl import Kubectl

SAMPLES = sorted((Path(__file__).parents[2] / "config/samples").glob("*.yaml"))
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shop"},
    "spec": {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 90}]},
}


@pytest.fixture
async def lab() -> AsyncIterator[KubeApi]:
    async with KubeApi() as lab:
        yield lab


@pytest.fixture
def kubectl(lab: KubeApi, tmp_path: Path) -> Kubectl:
    return Kubectl(tmp_path, lab.write_kubeconfig(tmp_path / "config"))


async def test_kubectl_applies_gets_annotates_and_deletes(lab: KubeApi, kubectl: Kubectl) -> None:
    assert "created" in await kubectl.apply(CRD)
    await kubectl("wait", "--for=condition=Established", "crd", CRD["metadata"]["name"], "--timeout=10s")
    assert (await kubectl.apply(widget("a"), ingress("shop"), SERVICE)).count("created") == 3
    assert (await kubectl.apply(widget("a"), ingress("shop"), SERVICE)).count("unchanged") == 3

    lab.store.patch("widgets", "default", "a", {"status": {"phase": "Ok"}}, subresource="status")
    head, row = (await kubectl("get", "wd")).splitlines()
    assert head.split() == ["NAME", "SIZE", "PHASE", "READY", "AGE"]
    assert row.split()[:3] == ["a", "3", "Ok"]
    head, row = (await kubectl("get", "ing")).splitlines()
    assert head.split() == ["NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"]
    assert row.split()[:4] == ["shop", "<none>", "shop.test", "80"]

    changed = json.loads(json.dumps(SERVICE))
    changed["spec"]["ports"][1]["targetPort"] = 8090
    assert (await kubectl.apply(widget("a", size=4), changed)).count("configured") == 2
    service = json.loads(await kubectl("get", "service", "shop", "-o", "json"))
    assert [port["targetPort"] for port in service["spec"]["ports"]] == [80, 8090]
    assert json.loads(await kubectl("get", "wd", "a", "-o", "json"))["spec"]["size"] == 4

    await kubectl("annotate", "wd", "a", "example.test/action=pause#1")
    await kubectl("annotate", "ing", "shop", "example.test/action=pause#2")
    found = [lab.store.get(kind, "default", name) for kind, name in (("widgets", "a"), ("ingresses", "shop"))]
    assert [one["metadata"]["annotations"]["example.test/action"] for one in found] == ["pause#1", "pause#2"]
    assert {entry["manager"] for entry in found[0]["metadata"]["managedFields"]} >= {"kubectl-annotate"}

    await kubectl("delete", "wd/a", "ing/shop", "svc/shop")
    assert [lab.store.list(kind, "default") for kind in ("widgets", "ingresses", "services")] == [[], [], []]


async def test_kubectl_shows_why_an_object_is_refused(lab: KubeApi, kubectl: Kubectl) -> None:
    lab.store.create("customresourcedefinitions", "", CRD)
    assert 'unknown field "spec.colour"' in await kubectl.apply(widget("a", colour="red"), code=1)
    assert "spec.size in body should be less than or equal to 9" in await kubectl.apply(widget("a", size=10), code=1)
    assert 'widgets.contract.example.test "a" not found' in await kubectl("get", "wd", "a", code=1)


async def test_kubectl_watches(lab: KubeApi, kubectl: Kubectl) -> None:
    lab.store.create("customresourcedefinitions", "", CRD)
    lab.store.create("widgets", "default", widget("a"))
    process = await kubectl.start("get", "wd", "-w")
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 30)).decode().split() for _ in range(2)]
    await until(lambda: lab.open_watches == 1)
    lab.store.patch("widgets", "default", "a", {"status": {"phase": "Ok"}}, subresource="status")
    lines.append((await asyncio.wait_for(process.stdout.readline(), 30)).decode().split())
    process.terminate()
    await process.communicate()
    # an empty phase prints as nothing: the age stands in its place, whatever it is by then
    head, before, after = lines
    assert [head[:3], before[:2], len(before), after[:3]] == [
        ["NAME", "SIZE", "PHASE"],
        ["a", "3"],
        3,
        ["a", "3", "Ok"],
    ]


@pytest.mark.parametrize("sample", [path.read_text() for path in SAMPLES], ids=[path.stem for path in SAMPLES])
async def test_a_sample_that_is_applied_again_is_unchanged(kubectl: Kubectl, sample: str) -> None:
    await kubectl.apply(*map(crd, KINDS))
    manifests = [manifest for manifest in yaml.safe_load_all(sample) if manifest]
    for manifest in manifests:
        manifest["metadata"].pop("namespace", None)
    made, again = await kubectl.apply(*manifests), await kubectl.apply(*manifests)
    assert again.splitlines() == [line.replace("created", "unchanged") for line in made.splitlines()]
