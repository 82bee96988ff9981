"""config/rbac grants what the daemon asks for, and nothing else."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingress_canary.adapters.kube.client import resources
from ingress_canary.adapters.kube.client.resources import CONFIGMAPS, CRDS, EVENTS, LEASES, PODS, SECRETS
from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.domain.objects.resource import INGRESSES, Resource
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi.requests import AuditRecord
from ingress_canary.settings import Settings
from tests.e2e.conftest import SCALE, checkout, until
from tests.forked import ForkedDaemon

RBAC = Path(__file__).resolve().parents[1] / "config/rbac/ingress-canary.yaml"
OPTIONAL = RBAC.with_name("optional") / "workloads.yaml"
DOCUMENTS = list(yaml.safe_load_all(RBAC.read_text()))

Right = tuple[str, str, str]
"""Group, resource (with its subresource behind a slash), verb."""


def rights(kind: str, namespace: str | None = None, documents: Sequence[Any] = DOCUMENTS) -> set[Right]:
    return {
        (group, resource, verb)
        for document in documents
        if document["kind"] == kind and document["metadata"].get("namespace") == namespace
        for rule in document["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def optional_rights() -> set[Right]:
    """Return the rights to write workloads."""
    return rights("ClusterRole", documents=list(yaml.safe_load_all(OPTIONAL.read_text())))


def known() -> Iterator[Resource]:
    yield INGRESSES
    for value in vars(resources).values():
        yield from [value] if isinstance(value, Resource) else value if value is resources.WORKLOADS else ()


def test_what_may_be_watched_is_what_the_daemon_watches() -> None:
    watched = {(one.group, one.plural) for one in known()} - {
        (one.group, one.plural) for one in (EVENTS, CRDS, PODS, CONFIGMAPS, LEASES, SECRETS)
    }
    for verb in ("list", "watch"):
        assert {right[:2] for right in rights("ClusterRole") if right[2] == verb} == watched
    assert rights("Role", "ingress-nginx") == {
        ("", one.plural, verb) for one in (PODS, CONFIGMAPS) for verb in ("list", "watch")
    }


def test_no_secret_may_be_read_unless_it_is_named_by_the_one_who_needs_it() -> None:
    assert SECRETS.plural not in {right[1] for kind in ("ClusterRole", "Role") for right in rights(kind)}
    for file in OPTIONAL.parent.glob("*.yaml"):
        for document in yaml.safe_load_all(file.read_text()):
            for rule in document.get("rules", ()):
                if SECRETS.plural in rule["resources"]:
                    assert (document["kind"], rule["verbs"]) == ("Role", ["get"]), file.name
                    assert rule["resourceNames"], file.name


def test_a_lease_may_be_read_and_written_by_its_name_only() -> None:
    rules = [
        rule
        for document in DOCUMENTS
        if document["kind"] == "Role"
        for rule in document["rules"]
        if LEASES.plural in rule["resources"]
    ]
    assert {verb for rule in rules if "resourceNames" not in rule for verb in rule["verbs"]} == {"create"}
    assert {name for rule in rules for name in rule.get("resourceNames", ())} == {Settings().lease_name}


def test_only_our_own_definitions_may_be_read() -> None:
    (rule,) = [
        rule
        for document in DOCUMENTS
        if document["kind"] == "ClusterRole"
        for rule in document["rules"]
        if "customresourcedefinitions" in rule["resources"]
    ]
    assert sorted(rule["resourceNames"]) == sorted(crd(kind)["metadata"]["name"] for kind in KINDS)


def test_the_bindings_name_what_is_there() -> None:
    def named(kind: str) -> Iterator[Mapping[str, Any]]:
        return (document for document in DOCUMENTS if document["kind"] == kind)

    accounts = {(one["metadata"]["name"], one["metadata"]["namespace"]) for one in named("ServiceAccount")}
    for kind, role in (("ClusterRoleBinding", "ClusterRole"), ("RoleBinding", "Role")):
        for binding, target in zip(named(kind), named(role), strict=True):
            assert binding["roleRef"]["kind"] == role
            assert binding["roleRef"]["name"] == target["metadata"]["name"]
            assert binding["metadata"].get("namespace") == target["metadata"].get("namespace")
            assert {(one["name"], one["namespace"]) for one in binding["subjects"]} <= accounts


@pytest.mark.parametrize("kind", ["ClusterRole", "ClusterRoleBinding"])
def test_the_rights_to_write_workloads_are_a_file_of_their_own(kind: str) -> None:
    assert not {right for right in rights("ClusterRole") if right[0] == "apps"} - {
        ("apps", one.plural, verb) for one in resources.WORKLOADS for verb in ("list", "watch")
    }
    (document,) = [one for one in yaml.safe_load_all(OPTIONAL.read_text()) if one["kind"] == kind]
    named = document.get("roleRef", document["metadata"])["name"]
    assert named == "ingress-canary-workloads"


def asked(record: AuditRecord) -> Right:
    return record.group, f"{record.resource}/{record.subresource}".rstrip("/"), record.verb


@pytest.mark.slow
async def test_a_rollout_needs_each_of_these_rights_and_no_other(tmp_path: Path) -> None:
    async with Lab(scale=SCALE, seed=7) as lab:
        kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token="daemon")
        now = datetime.now(UTC)
        settings = {"warm_up": "20s", "leader_election": "true"}
        async with ForkedDaemon(kubeconfig, tmp_path / "log", scale=SCALE, epoch=now, **settings) as daemon:
            await daemon.ready()
            traffic = asyncio.create_task(lab.load(50, 900).run())
            lab.create("canaryrollouts", checkout())
            await until(lambda: lab.status().get("weight") == 10)
            act = {"metadata": {"annotations": {ACTION_ANNOTATION: "abort#1"}}}
            lab.api.store.patch("canaryrollouts", "shop", "checkout", act)
            await until(lambda: lab.status().get("phase") == "RolledBack" and lab.shadow() is None)
            await until(lambda: ACTION_ANNOTATION not in lab.rollout()["metadata"].get("annotations", {}))
            traffic.cancel()
        requests = [record for record in lab.api.audit if record.token == "daemon"]
        pods = {asked(record) for record in requests if record.namespace == "ingress-nginx"}
        leases = {asked(record) for record in requests if record.namespace == "ingress-canary"}
        others = {asked(record) for record in requests if record.namespace not in ("ingress-nginx", "ingress-canary")}
    assert pods == rights("Role", "ingress-nginx")
    # only who follows watches the lease
    assert leases | {(LEASES.group, LEASES.plural, "watch")} == rights("Role", "ingress-canary")
    # an Event that repeats is patched, which nothing in this rollout does
    assert others | {("", EVENTS.plural, "patch")} == rights("ClusterRole")


def test_secrets_of_notifications_may_be_got_by_name_and_nothing_else() -> None:
    documents = list(yaml.safe_load_all(OPTIONAL.with_name("notifications.yaml").read_text()))
    assert rights("Role", "ingress-canary", documents) == {("", "secrets", "get")}
    assert rights("ClusterRole", documents=documents) == set()
    assert all(rule["resourceNames"] for one in documents for rule in one.get("rules", ()))
