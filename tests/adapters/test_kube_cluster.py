"""The cluster as the engine sees it: caches, conditional writes, and which rollouts are notified of which change."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.adapters.kube.cache.affected_rollouts import AffectedRollouts
from ingress_canary.adapters.kube.cache.watches import Scope
from ingress_canary.adapters.kube.cluster import KubeCluster
from ingress_canary.domain.objects import resource
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.ports import Conflict, Missing, Refused, Unavailable
from tests.adapters.scripted_api import (
    CLASSES,
    DEPLOYMENTS,
    INGRESSES,
    ROLLOUTS,
    SCHEDULES,
    SERVICES,
    SLICES,
    answers,
    failure,
    hangs,
    refuses,
    serving,
    until,
)

CHECKOUT = Key("shop", "checkout")
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DENIED = refuses(403, "forbidden")


def rollout(name="checkout", **spec):
    return {
        "ingresses": [name],
        "stableService": name,
        "canaryService": f"{name}-canary",
        "workload": {"canary": {"name": f"{name}-canary"}},
        "schedule": {"ref": {"name": "standard"}},
        **spec,
    }


def ingress(service="checkout", host="shop.example", **spec):
    backend = {"service": {"name": service, "port": {"number": 80}}}
    return {"rules": [{"host": host, "http": {"paths": [{"path": "/", "backend": backend}]}}], **spec}


def endpoints(service, *addresses):
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": service}},
        "endpoints": [{"addresses": [one]} for one in addresses],
    }


@asynccontextmanager
async def watching(api, session, scope=None):
    cluster = KubeCluster(session, scope or Scope(home="ingress-canary"))
    notified = []
    cluster.start()
    try:
        await asyncio.wait_for(cluster.synced(), 10)
        cluster.subscribe(notified.append)
        yield cluster, notified
    finally:
        await cluster.stop()


def last_write(api):
    """The watches go on asking meanwhile, so the last request of all may be one of theirs."""
    return next((sent for sent in reversed(api.requests) if sent.method != "GET"), None)


@pytest.fixture
async def served(tmp_path):
    async with serving(tmp_path, request_timeout=1.0) as (api, session):
        for name in ("checkout", "search"):
            api.put(ROLLOUTS, "shop", name, spec=rollout(name), status={"phase": "Pending"})
            api.put(INGRESSES, "shop", name, spec=ingress(name, f"{name}.example"))
            api.put(SERVICES, "shop", name)
            api.put(SLICES, "shop", f"{name}-1", **endpoints(name, "10.0.0.1"))
            api.put(DEPLOYMENTS, "shop", f"{name}-canary", spec={"replicas": 1})
        api.put(SCHEDULES, "ingress-canary", "standard", spec={"steps": []})
        api.put(CLASSES, "", "nginx", spec={"controller": "k8s.io/ingress-nginx"})
        async with watching(api, session) as (cluster, notified):
            yield api, cluster, notified


async def test_once_synced_everything_is_read_from_the_caches(served):
    api, cluster, _ = served
    view = cluster.view
    before = len([one for one in api.requests if "watch" not in one.query])
    assert sorted(cluster.rollouts()) == [CHECKOUT, Key("shop", "search")]
    assert cluster.rollout(CHECKOUT)["status"] == {"phase": "Pending"}
    assert cluster.schedule(Key("ingress-canary", "standard"))["spec"] == {"steps": []}
    assert view.sees_all_namespaces
    assert view.sees_classes
    assert view.ingress(CHECKOUT).rules[0].host == "checkout.example"
    assert [one.meta.key for one in view.ingresses_by_service(CHECKOUT)] == [CHECKOUT]
    assert [one.meta.key for one in view.ingresses_by_host("checkout.example")] == [CHECKOUT]
    assert view.service(CHECKOUT).meta.key == CHECKOUT
    assert view.services_by_upstream("shop-checkout") == [CHECKOUT]
    assert view.endpoints(CHECKOUT).ready == {"10.0.0.1"}
    assert view.workload("Deployment", Key("shop", "checkout-canary")).kind == "Deployment"
    assert view.workload("CronJob", CHECKOUT) is None
    assert view.ingress_class("nginx").controller == "k8s.io/ingress-nginx"
    assert view.default_class() is None
    assert cluster.ready
    assert cluster.problems == ()
    assert cluster.silence() < 10
    assert before == len([one for one in api.requests if "watch" not in one.query])


BOTH = {CHECKOUT, Key("shop", "search")}


CHANGES = [
    ((ROLLOUTS, "shop", "checkout", {"spec": rollout(paused=True)}), {CHECKOUT}),
    ((INGRESSES, "shop", "checkout", {"spec": ingress(host="new.example")}), {CHECKOUT}),
    ((INGRESSES, "shop", "checkout-canary", {"spec": ingress("x", "x")}), {CHECKOUT}),
    ((INGRESSES, "shop", "neighbour", {"spec": ingress("checkout", "x")}), {CHECKOUT}),
    ((INGRESSES, "mall", "neighbour", {"spec": ingress("x", "search.example")}), {Key("shop", "search")}),
    ((INGRESSES, "shop", "orphan", {"metadata": {"ownerReferences": [
        {"kind": "CanaryRollout", "name": "search", "uid": "x", "controller": True}]}}), {Key("shop", "search")}),
    ((SERVICES, "shop", "checkout-canary", {}), {CHECKOUT}),
    ((SLICES, "shop", "checkout-1", endpoints("checkout", "10.0.0.2")), {CHECKOUT}),
    ((DEPLOYMENTS, "shop", "checkout-canary", {"spec": {"replicas": 2}}), {CHECKOUT}),
    ((SCHEDULES, "ingress-canary", "standard", {"spec": {"steps": [1]}}), BOTH),
    ((CLASSES, "", "nginx", {"spec": {"controller": "other"}}), BOTH),
    # nobody's
    ((INGRESSES, "shop", "stranger", {"spec": ingress("x", "x")}), set()),
    ((SERVICES, "mall", "checkout", {}), set()),
    ((SLICES, "mall", "checkout-1", endpoints("checkout", "10.0.0.2")), set()),
    ((DEPLOYMENTS, "shop", "stranger", {}), set()),
    ((SCHEDULES, "shop", "standard", {"spec": {}}), set()),
    # heartbeats
    ((INGRESSES, "shop", "checkout", {"status": {"loadBalancer": {}}}), set()),
    ((SLICES, "shop", "checkout-1", endpoints("checkout", "10.0.0.1") | {"addressType": "IPv4"}), set()),
    ((DEPLOYMENTS, "shop", "checkout-canary", {"status": {"conditions": []}}), set()),
]  # fmt: skip


async def test_a_change_is_passed_to_the_rollouts_that_it_concerns_and_to_no_other(served):
    api, cluster, notified = served
    caches = cluster.view
    stores = {
        ROLLOUTS: caches.rollouts, INGRESSES: caches.ingresses, SERVICES: caches.services, SLICES: caches.slices,
        DEPLOYMENTS: caches.workloads["Deployment"], SCHEDULES: caches.schedules, CLASSES: caches.classes,
    }  # fmt: skip

    async def seen(collection, key):
        there = api.objects[collection].get(tuple(key))
        await until(lambda: version_of(stores[collection].get(key)) == version_of(there))

    for (collection, namespace, name, parts), expected in CHANGES:
        key = Key(namespace, name)
        before = api.objects[collection].get((namespace, name))
        notified.clear()
        api.put(collection, namespace, name, **parts)
        await seen(collection, key)
        assert set(notified) == expected, (collection, namespace, name, parts)
        if before:
            api.put(collection, namespace, name, **before)
        else:
            api.drop(collection, namespace, name)
        await seen(collection, key)


def version_of(held):
    if held is None:
        return None
    return held["metadata"]["resourceVersion"] if isinstance(held, dict) else held.meta.resource_version


async def test_a_deletion_is_passed_on_like_a_change(served):
    api, cluster, notified = served
    api.drop(INGRESSES, "shop", "checkout")
    api.drop(ROLLOUTS, "shop", "search")
    await until(lambda: set(notified) == BOTH)
    assert cluster.view.ingress(CHECKOUT) is None
    assert cluster.rollout(Key("shop", "search")) is None
    api.drop(SLICES, "shop", "checkout-1")
    await until(lambda: not cluster.view.endpoints(CHECKOUT).ready)


async def test_a_status_is_patched_at_its_version_only_and_held_at_once(served):
    api, cluster, notified = served
    before = cluster.rollout(CHECKOUT)
    stored = await cluster.patch_status(before, {"phase": "Progressing", "step": None})
    assert stored["status"] == {"phase": "Progressing"}
    assert cluster.rollout(CHECKOUT) is stored
    sent = last_write(api)
    assert sent.path.endswith("/namespaces/shop/canaryrollouts/checkout/status")
    assert sent.headers["Content-Type"] == "application/merge-patch+json"
    assert sent.body == {
        "metadata": {"uid": before["metadata"]["uid"], "resourceVersion": before["metadata"]["resourceVersion"]},
        "status": {"phase": "Progressing", "step": None},
    }
    with pytest.raises(Conflict, match="patch canaryrollouts/status shop/checkout: the object has been modified"):
        await cluster.patch_status(before, {"phase": "Paused"})
    assert cluster.rollout(CHECKOUT)["status"] == {"phase": "Progressing"}
    api.put(ROLLOUTS, "shop", "search", spec={})
    await until(lambda: notified)
    assert set(notified) == {Key("shop", "search")}, "its own writes are no event"


async def test_a_change_by_others_during_a_write_is_passed_on(served):
    api, cluster, notified = served
    await until(lambda: any(sent.path == ROLLOUTS and "watch" in sent.query for sent in api.requests))
    api.script[ROLLOUTS].append(hangs)
    writing = asyncio.create_task(cluster.patch_status(cluster.rollout(CHECKOUT), {"phase": "Paused"}))
    await until(lambda: last_write(api) is not None)
    api.put(ROLLOUTS, "shop", "checkout", spec=rollout(paused=True))
    await until(lambda: cluster.rollout(CHECKOUT)["spec"].get("paused"))
    assert not notified
    with pytest.raises(Unavailable):
        await writing
    assert notified == [CHECKOUT]


async def test_an_action_is_cleared_and_nothing_else(served):
    api, cluster, _ = served
    action = "ingress-canary.io/action"
    api.put(ROLLOUTS, "shop", "checkout", metadata={"annotations": {action: "abort#1", "other": "stays"}})
    await until(lambda: "annotations" in cluster.rollout(CHECKOUT)["metadata"])
    stored = await cluster.clear_action(cluster.rollout(CHECKOUT))
    assert stored["metadata"]["annotations"] == {"other": "stays"}
    (patch,) = [sent for sent in api.requests if sent.method == "PATCH"]
    assert patch.path.endswith("/canaryrollouts/checkout")


async def test_a_shadow_is_created_patched_and_deleted_under_conditions(served):
    api, cluster, _ = served
    key = Key("shop", "shadow")
    manifest = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": dict(key._asdict())}
    created = await cluster.create_shadow(resource.INGRESSES, manifest)
    assert cluster.view.ingress(key) is created
    with pytest.raises(Conflict, match='create ingresses shop: "shadow" already exists'):
        await cluster.create_shadow(resource.INGRESSES, manifest)
    patched = await cluster.patch_shadow(created, {"metadata": {"annotations": {"weight": "5"}}})
    assert cluster.view.ingress(key) is patched
    assert last_write(api).body["metadata"] == {
        "annotations": {"weight": "5"},
        "uid": created.meta.uid,
        "resourceVersion": created.meta.resource_version,
    }
    with pytest.raises(Conflict):
        await cluster.patch_shadow(created, {"metadata": {"annotations": {"weight": "6"}}})
    await cluster.delete_shadow(patched)
    assert cluster.view.ingress(key) is None
    assert last_write(api).body["preconditions"] == {
        "uid": created.meta.uid,
        "resourceVersion": patched.meta.resource_version,
    }
    await cluster.delete_shadow(patched)


async def test_a_shadow_that_another_writer_has_written_meanwhile_is_looked_at_again_and_deleted(served):
    api, cluster, _ = served
    before = cluster.view.ingress(CHECKOUT)
    api.put(INGRESSES, "shop", "checkout", metadata={"annotations": {"weight": "5"}})
    await cluster.delete_shadow(before)
    assert ("shop", "checkout") not in api.objects[INGRESSES]
    assert [one.method for one in api.requests[-3:]] == ["DELETE", "GET", "DELETE"]


async def test_a_shadow_that_is_written_all_the_time_is_left_to_the_next_pass(served):
    api, cluster, _ = served

    async def written(request):
        return api._list(request, INGRESSES, "shop") if request.method == "GET" else failure(409, "changed")

    api.always[INGRESSES] = written
    with pytest.raises(Conflict, match="another writer changes it all the time"):
        await cluster.delete_shadow(cluster.view.ingress(CHECKOUT))


async def test_what_has_taken_the_shadows_name_is_not_deleted(served):
    api, cluster, _ = served
    shadow = cluster.view.ingress(CHECKOUT)
    api.objects[INGRESSES].pop(("shop", "checkout"))
    api.put(INGRESSES, "shop", "checkout", spec=ingress())
    with pytest.raises(Missing, match="Precondition failed"):
        await cluster.delete_shadow(shadow)
    await until(lambda: cluster.view.ingress(CHECKOUT).meta.uid != shadow.meta.uid)


async def test_a_shadow_that_a_finalizer_holds_is_seen_as_being_deleted(served):
    api, cluster, _ = served
    held = cluster.view.ingress(CHECKOUT)
    meta = {"finalizers": ["x"], "deletionTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "900"}
    body = api.objects[INGRESSES]["shop", "checkout"]
    answer = {**body, "metadata": {**body["metadata"], **meta}}
    api.script[INGRESSES].append(answers(200, json.dumps(answer).encode()))
    await cluster.delete_shadow(held)
    assert cluster.view.ingress(CHECKOUT).meta.deleting


async def test_a_proxys_404_is_no_proof_of_deletion(served):
    api, cluster, _ = served
    api.script[INGRESSES].append(answers(404, b"404 page not found", "text/plain"))
    with pytest.raises(Unavailable):
        await cluster.delete_shadow(cluster.view.ingress(CHECKOUT))
    assert cluster.view.ingress(CHECKOUT)


async def test_a_refused_write_says_why(served):
    api, cluster, _ = served
    api.script[INGRESSES].append(refuses(422, "admission webhook denied the request"))
    with pytest.raises(Refused, match="patch ingresses shop/checkout: admission webhook denied the request"):
        await cluster.patch_shadow(cluster.view.ingress(CHECKOUT), {})


async def test_images_are_set_by_name_and_nothing_else_of_a_container_is_named(served):
    api, cluster, _ = served
    named = {"initContainers": ["init", "other"], "containers": ["app", "sidecar"]}
    pods = {part: [{"name": name, "image": "old", "command": ["x"]} for name in names] for part, names in named.items()}
    api.put(DEPLOYMENTS, "shop", "checkout", spec={"replicas": 1, "template": {"spec": pods}})
    await until(lambda: cluster.view.workload("Deployment", CHECKOUT))
    stable = cluster.view.workload("Deployment", CHECKOUT)
    await cluster.set_images(stable, {"app": "new", "init": "new"})
    sent = last_write(api)
    assert sent.headers["Content-Type"] == "application/strategic-merge-patch+json"
    assert sent.body == {
        "metadata": {"uid": stable.meta.uid, "resourceVersion": stable.meta.resource_version},
        "spec": {
            "template": {
                "spec": {
                    "initContainers": [{"name": "init", "image": "new"}],
                    "containers": [{"name": "app", "image": "new"}],
                }
            }
        },
    }
    with pytest.raises(Conflict):
        await cluster.set_images(stable, {"app": "newer"})
    with pytest.raises(Conflict):
        await cluster.stamp_workload(stable, "me")
    await cluster.stamp_workload(cluster.view.workload("Deployment", CHECKOUT), "me")
    assert last_write(api).body["metadata"]["annotations"] == {"ingress-canary.io/leader": "me"}
    assert "spec" not in last_write(api).body


async def test_an_installed_crd_is_found(served):
    api, cluster, _ = served
    assert await cluster.installed_crd("canaryrollouts.ingress-canary.io") is None
    api.put(CRD, "", "canaryrollouts.ingress-canary.io", spec={"group": "ingress-canary.io"})
    assert (await cluster.installed_crd("canaryrollouts.ingress-canary.io"))["spec"] == {"group": "ingress-canary.io"}


async def test_in_some_namespaces_only_those_are_read_and_the_rest_is_not_needed(tmp_path):
    async with serving(tmp_path) as (api, session):
        for namespace in ("shop", "mall", "private"):
            api.put(INGRESSES, namespace, "one", spec=ingress())
            api.put(ROLLOUTS, namespace, "one", spec=rollout("one"))
        api.everywhere |= {INGRESSES: DENIED, CLASSES: DENIED}
        scope = Scope(home="ingress-canary", namespaces=("shop", "mall"), schedules=("sre",))
        async with watching(api, session, scope) as (cluster, _):
            assert {key.namespace for key in cluster.rollouts()} == {"shop", "mall"}
            assert len(cluster.view.ingresses_by_host("shop.example")) == 2
            assert not cluster.view.sees_all_namespaces
            assert not cluster.view.sees_classes
            assert cluster.problems == ()
        asked = {sent.path for sent in api.requests}
        watched = {path.split("/namespaces/")[1].split("/")[0] for path in asked if path.endswith("canaryschedules")}
        assert watched == {"shop", "mall", "sre", "ingress-canary"}
        assert SERVICES not in asked


async def test_in_some_namespaces_the_ingresses_of_all_are_seen_where_that_is_allowed(tmp_path):
    async with serving(tmp_path) as (api, session):
        api.put(INGRESSES, "shop", "one", spec=ingress())
        api.put(INGRESSES, "mall", "one", spec=ingress())
        async with watching(api, session, Scope(home="shop", namespaces=("shop",))) as (cluster, _):
            assert cluster.view.sees_all_namespaces
            assert len(cluster.view.ingresses_by_host("shop.example")) == 2


async def test_of_several_default_classes_the_newest_is_taken(tmp_path):
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    async with serving(tmp_path) as (api, session):
        for name, created in (("old", "2024-01-01T00:00:00Z"), ("new", "2025-01-01T00:00:00Z")):
            api.put(CLASSES, "", name, metadata={"annotations": default, "creationTimestamp": created})
        async with watching(api, session) as (cluster, _):
            assert cluster.view.default_class().meta.name == "new"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = (
    "ingresses",
    "stableService",
    "canaryService",
    "shadow",
    "workload",
    "schedule",
    "ref",
    "name",
    "canary",
    "kind",
)
malformed = st.recursive(
    anything, lambda inner: st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4), max_leaves=12
)


@given(specs=st.lists(malformed, max_size=4), status=malformed)
def test_a_malformed_rollout_depends_on_what_can_be_read_and_breaks_nothing(specs, status):
    dependents = AffectedRollouts("home")
    for spec in specs:
        dependents.update(CHECKOUT, {"metadata": {}, "spec": spec, "status": status})
    dependents.update(CHECKOUT, None)
    assert dependents._rollouts == {}
    assert dependents._tokens == {}
