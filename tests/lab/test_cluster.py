"""The lab as one cluster: what the demo and the whole-system tests do to it from outside."""

from ingress_canary.lab.cluster import Lab
from tests.e2e.conftest import deployed, until


async def test_endpoints_that_change_are_published() -> None:
    async with Lab(replicas=2) as lab:
        lab.canary.ready = False
        lab.publish("checkout-canary")
        body = lab.api.store.get("endpointslices", "shop", "checkout-canary-lab")
        assert [endpoint["conditions"]["ready"] for endpoint in body["endpoints"]] == [False, False]


async def test_a_generation_that_annotations_have_made_is_observed_too() -> None:
    async with Lab(scale=1000) as lab:
        await deployed(lab)
        lab.api.store.patch("deployments", "shop", "checkout", {"metadata": {"annotations": {"team": "shop"}}})

        def observed() -> bool:
            body = lab.api.store.get("deployments", "shop", "checkout")
            return bool(body["metadata"]["generation"] == 2 == body["status"]["observedGeneration"])

        await until(observed, 30)
