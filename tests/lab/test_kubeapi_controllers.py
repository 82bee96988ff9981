"""What the lab's cluster does by itself, as a real cluster's controllers would."""

from collections.abc import AsyncIterator

import pytest

from ingress_canary.lab.kubeapi import KubeApi
from tests.lab.api_client import CRD, WIDGETS, Client, Json, config_map, session_of, until, widget

MAPS = "/api/v1/namespaces/{ns}/configmaps"


@pytest.fixture
async def lab() -> AsyncIterator[KubeApi]:
    async with KubeApi([CRD]) as lab:
        yield lab


@pytest.fixture
async def api(lab: KubeApi) -> AsyncIterator[Client]:
    async with session_of(lab.kubeconfig()) as session:
        yield Client(session, "default")


def owned_by(*owners: Json) -> Json:
    body = config_map("dependent")
    body["metadata"]["ownerReferences"] = [
        {
            "apiVersion": one["apiVersion"],
            "kind": one["kind"],
            "name": one["metadata"]["name"],
            "uid": one["metadata"]["uid"],
        }
        for one in owners
    ]
    return body


async def test_what_has_lost_all_its_owners_is_collected(lab: KubeApi, api: Client) -> None:
    first, second = [await api.ok("POST", WIDGETS, widget(name)) for name in "ab"]
    await api.ok("POST", MAPS, owned_by(first, second))
    await api.ok("DELETE", f"{WIDGETS}/a")
    await api.ok("GET", f"{MAPS}/dependent")
    await api.ok("DELETE", f"{WIDGETS}/b")
    await until(lambda: not lab.store.list("configmaps"))


async def test_what_is_born_without_a_living_owner_is_collected(lab: KubeApi, api: Client) -> None:
    owner = await api.ok("POST", WIDGETS, widget("a"))
    await api.ok("DELETE", f"{WIDGETS}/a")
    await api.ok("POST", MAPS, owned_by(owner))
    await until(lambda: not lab.store.list("configmaps"))


async def test_orphans_stay(lab: KubeApi, api: Client) -> None:
    owner = await api.ok("POST", WIDGETS, widget("a"))
    await api.ok("POST", MAPS, owned_by(owner))
    await api.ok("DELETE", f"{WIDGETS}/a", {"propagationPolicy": "Orphan"})
    left = await api.ok("GET", f"{MAPS}/dependent")
    assert "ownerReferences" not in left["metadata"]


async def test_a_namespace_goes_with_its_content_and_takes_nothing_new(lab: KubeApi, api: Client) -> None:
    await api.ok("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    api.namespace = "shop"
    held = widget("held")
    held["metadata"]["finalizers"] = ["example.test/hold"]
    await api.ok("POST", WIDGETS, held)
    await api.ok("POST", MAPS, config_map("a"))
    going = await api.ok("DELETE", "/api/v1/namespaces/shop")
    assert going["status"]["phase"] == "Terminating"
    await until(lambda: not lab.store.list("configmaps", "shop"))
    assert await api.refused("POST", MAPS, config_map("b")) == (403, "Forbidden")
    await api.ok("GET", "/api/v1/namespaces/shop")
    lab.store.patch("widgets", "shop", "held", {"metadata": {"finalizers": None}})
    await until(lambda: "shop" not in {one["metadata"]["name"] for one in lab.store.list("namespaces")})


async def test_a_definition_serves_its_kind_while_it_is_there(lab: KubeApi, api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"))
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    crd = await api.ok("GET", f"{crds}/{CRD['metadata']['name']}")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["size"]["maximum"] = 2
    await api.ok("PUT", f"{crds}/{CRD['metadata']['name']}", crd)
    assert await api.causes("POST", WIDGETS, widget("b")) == {"spec.size"}
    await api.ok("DELETE", f"{crds}/{CRD['metadata']['name']}")
    assert not await api.serves(WIDGETS.format(ns=api.namespace))
    assert await api.refused("POST", crds, CRD | {"metadata": {"name": "gadgets.example.test"}}) == (422, "Invalid")
