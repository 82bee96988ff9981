"""What the adapter makes of refusals in API servers' own words: the lab's, and the real one's of E2E_KUBECONFIG."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from ingress_canary.adapters.kube.client.client import MERGE_PATCH, KubeClient
from ingress_canary.adapters.kube.client.connect import connect
from ingress_canary.adapters.kube.client.errors import NotServed
from ingress_canary.domain.objects.resource import INGRESSES, Resource
from ingress_canary.lab import manifests
from ingress_canary.lab.kubeapi import KubeApi
from ingress_canary.ports import ClusterError, Conflict, Missing, Refused, Unavailable

NAMESPACE = f"refusals-{uuid.uuid4().hex[:8]}"
SHOP = INGRESSES.path(NAMESPACE, "shop")
OTHER = str(uuid.uuid4())
SERVERS = {"lab": None, **({"real": os.environ["E2E_KUBECONFIG"]} if "E2E_KUBECONFIG" in os.environ else {})}


@pytest.fixture(params=SERVERS)
async def session(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KubeClient]:
    """Yield a session with an API server that holds the Ingress ``shop``."""
    async with KubeApi() as lab:
        config = SERVERS[request.param] or lab.write_kubeconfig(tmp_path / "config")
        session = await connect(kubeconfig=str(config))
        try:
            with suppress(Conflict):
                await session.request("POST", "/api/v1/namespaces", body=manifests.namespace(NAMESPACE))
            with suppress(Conflict):
                body = manifests.ingress("shop", where=NAMESPACE)
                await session.request("POST", INGRESSES.path(NAMESPACE), body=body)
            yield session
        finally:
            await session.close()


REFUSALS = {
    "a kind nobody serves": ("GET", Resource("no.test", "v1", "gadgets", "Gadget").path(), None, NotServed),
    "an object that is not there": ("GET", INGRESSES.path(NAMESPACE, "absent"), None, Missing),
    "a namespace that is not there": (
        "POST",
        INGRESSES.path("absent"),
        manifests.ingress("a", where="absent"),
        Missing,
    ),
    "a name that is taken": ("POST", INGRESSES.path(NAMESPACE), manifests.ingress("shop", where=NAMESPACE), Conflict),
    "a stale version": ("PATCH", SHOP, {"metadata": {"resourceVersion": "1"}}, Conflict),
    "a stale version of another object": (
        "PATCH",
        SHOP,
        {"metadata": {"resourceVersion": "1", "uid": OTHER}},
        Conflict,
    ),
    "another object's uid alone": ("PATCH", SHOP, {"metadata": {"uid": OTHER}}, Refused),
    "a version that is none": ("PATCH", SHOP, {"metadata": {"resourceVersion": "abc"}}, Unavailable),
    "an annotation that is no text": ("PATCH", SHOP, {"metadata": {"annotations": {"weight": 5}}}, Refused),
    "a spec without rules": ("PATCH", SHOP, {"spec": {"rules": None}}, Refused),
    "the deletion of another object": ("DELETE", SHOP, {"preconditions": {"uid": OTHER}}, Conflict),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusals_are_distinguished(session: KubeClient, name: str) -> None:
    method, path, body, error = REFUSALS[name]
    kind = MERGE_PATCH if method == "PATCH" else "application/json"
    with pytest.raises(ClusterError) as refusal:
        await session.request(method, path, body=body, content_type=kind)
    assert type(refusal.value) is error
