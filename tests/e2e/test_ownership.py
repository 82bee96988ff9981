"""Ownership of what the daemon writes to workloads, over real HTTP: others apply their manifests again afterwards.

A stock kubectl applies both ways, and Helm's own engine upgrades a release. An unrelated change may meet no conflict
and restart no pod.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from ingress_canary.api import ACTION_ANNOTATION, FIELD_MANAGER
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import AuditRecord, Refuse, requests
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, WORKLOADS, checkout, until
from tests.e2e.witness import DAEMON
from tests.lab.kubectl import Kubectl

pytestmark = pytest.mark.slow

Json = dict[str, Any]

SCHEDULE: Json = {
    "steps": [{"weight": 50, "bake": "10s", "require": "NoFail", "minRequests": 0}],
    "slos": [AVAILABILITY],
}
COPY: Json = {"schedule": SCHEDULE, "promotion": {"strategy": "CopyImages"}}
OLD, NEW = "shop/checkout:v1", "shop/checkout:v2"
AS_CHART = ("--server-side", "--field-manager=chart")


@pytest.fixture(autouse=True)
async def traffic(lab: Lab) -> AsyncIterator[None]:
    task = asyncio.create_task(lab.load(100, 900).run())
    yield
    task.cancel()


@pytest.fixture
def kubectl(lab: Lab, tmp_path: Path) -> Kubectl:
    return Kubectl(tmp_path, lab.api.write_kubeconfig(tmp_path / "person", token="alice"))


def manifest(name: str, image: str, replicas: int = 2, **labels: str) -> Json:
    """Return a Deployment of the shop, with labels of its own."""
    made = manifests.deployment(name, image, replicas=replicas)
    made["metadata"]["labels"] = labels
    return made


def deployment(lab: Lab, name: str = "checkout") -> Json:
    return lab.api.store.get("deployments", manifests.NAMESPACE, name)


def image(lab: Lab) -> str:
    found: str = deployment(lab)["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def entries_of_others(lab: Lab, name: str = "checkout") -> list[Json]:
    return [one for one in deployment(lab, name)["metadata"]["managedFields"] if one["manager"] != FIELD_MANAGER]


def is_owned(lab: Lab, name: str = "checkout") -> bool:
    return entries_of_others(lab, name) != deployment(lab, name)["metadata"]["managedFields"]


def releases(lab: Lab) -> list[AuditRecord]:
    """Return the daemon's tries to give up ownership."""
    patches = [one for one in lab.api.audit if one.user == DAEMON and one.verb == "patch"]
    return [one for one in patches if "managedFields" in (one.body.get("metadata") or {})]


def keep_owners(_verb: str, plural: str, new: Json | None, old: Json | None) -> str | None:
    """Refuse, as a policy may, what changes nothing of a Deployment but its owners."""
    if plural != "deployments" or new is None or old is None or new["spec"] != old["spec"]:
        return None
    same = len(new["metadata"]["managedFields"]) >= len(old["metadata"]["managedFields"])
    return None if same else "owners stay"


def abort(lab: Lab) -> None:
    change = {"metadata": {"annotations": {ACTION_ANNOTATION: "abort#1"}}}
    lab.api.store.patch("canaryrollouts", manifests.NAMESPACE, "checkout", change)


async def promoted(lab: Lab) -> None:
    await until(lambda: lab.status().get("phase") == "Succeeded")


async def test_after_a_promotion_manifests_are_applied_again_without_a_conflict_or_a_restart(
    lab: Lab, daemon: DaemonProcess, kubectl: Kubectl
) -> None:
    await kubectl.apply(manifest("checkout", OLD), options=(*AS_CHART, "--force-conflicts"))
    lab.api.admission.append(keep_owners)
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**COPY))
        await promoted(lab)
        await until(lambda: any(one.code == 400 for one in releases(lab)))
        assert lab.status()["ownershipReleased"] is False
        # what every apply met from the copy on, for good
        conflict = await kubectl.apply(manifest("checkout", OLD, team="basket"), options=AS_CHART, code=1)
        assert f'conflict with "{FIELD_MANAGER}" using apps/v1' in conflict
        assert '.spec.template.spec.containers[name="app"].image' in conflict
        daemon.kill()
        await daemon.wait()
        lab.api.admission.clear()
        before, others = deployment(lab), entries_of_others(lab)
        await daemon.start()
        await until(lambda: lab.status()["ownershipReleased"])
    after = deployment(lab)
    assert after["metadata"]["managedFields"] == others
    assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], before["metadata"]["generation"])
    done = releases(lab)[-1].body
    assert (done.keys(), done["metadata"].keys()) == ({"metadata"}, {"uid", "resourceVersion", "managedFields"})
    await kubectl.apply(manifest("checkout", NEW, team="basket"), options=AS_CHART)
    assert deployment(lab)["spec"] == before["spec"]
    # an old manifest brings the old image back without a word: what the how-to warns of
    await kubectl.apply(manifest("checkout", OLD, team="basket"), options=AS_CHART)
    assert image(lab) == OLD


async def test_a_client_side_apply_of_the_old_manifest_brings_the_old_image_back(
    lab: Lab, daemon: DaemonProcess, kubectl: Kubectl
) -> None:
    await kubectl.apply(manifest("checkout", OLD))
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**COPY))
        await promoted(lab)
        await until(lambda: lab.status()["ownershipReleased"])
        assert image(lab) == NEW
        spec = deployment(lab)["spec"]
        await kubectl.apply(manifest("checkout", NEW, team="basket"))
        assert deployment(lab)["spec"] == spec
        await kubectl.apply(manifest("checkout", OLD))
        assert image(lab) == OLD


async def test_helm_upgrades_and_rolls_back_after_a_promotion(lab: Lab, daemon: DaemonProcess, tmp_path: Path) -> None:
    chart = tmp_path / "shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "shop", "version": "1.0.0"}))
    template = manifest("checkout", "{{ .Values.image }}", team="{{ .Values.team }}")
    (chart / "templates" / "checkout.yaml").write_text(yaml.safe_dump(template))
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "helm", token="alice")
    lab.api.store.delete("deployments", manifests.NAMESPACE, "checkout")
    # its Secrets of releases are protobuf, which the lab does not speak
    where: Json = {"kubeconfig_path": kubeconfig, "namespace": manifests.NAMESPACE, "storage_driver": "memory"}
    with helm_python.Config(**where) as helm:
        await asyncio.to_thread(helm.install, chart, "shop", {"image": OLD, "team": "a"})
        lab.api.admission.append(keep_owners)
        async with daemon:
            await daemon.ready()
            lab.create("canaryrollouts", checkout(**COPY))
            await promoted(lab)
            await until(lambda: releases(lab))
            with pytest.raises(helm_python.HelmReleaseError, match=f'conflict with "{FIELD_MANAGER}" using apps/v1'):
                await asyncio.to_thread(helm.upgrade, chart, "shop", {"image": OLD, "team": "b"})
            lab.api.admission.clear()
            await until(lambda: lab.status()["ownershipReleased"])
        spec = deployment(lab)["spec"]
        await asyncio.to_thread(helm.upgrade, chart, "shop", {"image": NEW, "team": "b"})
        assert (deployment(lab)["spec"], deployment(lab)["metadata"]["labels"]["team"]) == (spec, "b")
        await asyncio.to_thread(helm.rollback, "shop", version=1)
        assert (image(lab), deployment(lab)["metadata"]["labels"]["team"]) == (OLD, "a")


async def test_a_release_that_meets_another_writer_reads_anew_and_is_tried_again(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**COPY))
        await until(lambda: image(lab) == NEW)
        lab.api.faults.add(requests(resource="deployments", verb="patch"), Refuse(409), times=2)
        await until(lambda: lab.status().get("ownershipReleased"))
    assert [one.code for one in releases(lab)] == [409, 409, 200]
    assert not is_owned(lab)


async def test_images_that_were_put_back_have_no_owner(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(**COPY))
        await until(lambda: image(lab) == NEW)
        abort(lab)
        await until(lambda: lab.status()["phase"] == "RolledBack" and lab.status()["ownershipReleased"])
    assert (image(lab), is_owned(lab)) == (OLD, False)


async def test_a_canary_that_was_scaled_back_has_no_owner_and_an_apply_starts_it_again(
    lab: Lab, daemon: DaemonProcess, kubectl: Kubectl
) -> None:
    lab.api.store.patch("deployments", "shop", "checkout-canary", {"spec": {"replicas": 0}})
    await until(lambda: lab.canary.replicas == 0)
    rollout = checkout(schedule=SCHEDULE)
    rollout["spec"]["workload"] = {**WORKLOADS, "scaleCanary": {"to": 2, "drain": "0s"}}
    await kubectl.apply(manifest("checkout-canary", NEW, 0), options=(*AS_CHART, "--force-conflicts"))
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", rollout)
        await until(lambda: lab.status().get("phase") == "Progressing")
        # while it is scaled up, an apply of its manifest does not take it down
        conflict = await kubectl.apply(manifest("checkout-canary", NEW, 0), options=AS_CHART, code=1)
        assert f'"{FIELD_MANAGER}" with subresource "scale" using apps/v1: .spec.replicas' in conflict
        assert lab.status()["ownershipReleased"] is False
        abort(lab)
        await until(lambda: lab.status().get("ownershipReleased") and "scale" not in lab.status())
    assert deployment(lab, "checkout-canary")["spec"]["replicas"] == 0
    assert not is_owned(lab, "checkout-canary")
    await kubectl.apply(manifest("checkout-canary", NEW, 2), options=AS_CHART)
    assert deployment(lab, "checkout-canary")["spec"]["replicas"] == 2
