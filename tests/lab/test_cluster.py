"""The lab as one cluster: what the demo and the whole-system tests do to it from outside."""

from ingress_canary.lab.cluster import Lab


async def test_endpoints_that_change_are_published() -> None:
    async with Lab(replicas=2) as lab:
        lab.canary.ready = False
        lab.publish("checkout-canary")
        body = lab.api.store.get("endpointslices", "shop", "checkout-canary-lab")
        assert [endpoint["conditions"]["ready"] for endpoint in body["endpoints"]] == [False, False]
