"""What the controller pods count: ingress-nginx's families and labels, and how they appear."""

import asyncio
import math

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ingress_canary.lab.application import Profile
from ingress_canary.lab.dataplane import Kind
from ingress_canary.lab.dataplane.metrics import ControllerMetrics, CountedRequest, go_float
from ingress_canary.lab.listener import LOOPBACK, Listener
from tests.lab.dataplane_shop import HOST, STARTED, Shop, canary_ingress, ingress, open_shop, path, slices, until

PRIMARY = {"host": HOST, "ingress": "web", "method": "GET", "namespace": "shop", "path": "/", "service": "stable"}
WEB = ingress("web", path("stable"))


async def samples(shop: Shop, name: str, pod: int = 0) -> list[tuple[dict[str, str], float]]:
    families = text_string_to_metric_families(await shop.page(pod))
    # the parser calls every counter ..._total
    names = (name, f"{name}_total")
    return [(one.labels, one.value) for family in families for one in family.samples if one.name in names]


async def requests(shop: Shop, pod: int = 0) -> dict[tuple[str, str], float]:
    """Return the counts by canary label and status."""
    found = await samples(shop, "nginx_ingress_controller_requests", pod)
    return {(labels["canary"], labels["status"]): value for labels, value in found}


async def test_a_series_appears_with_its_first_request_and_describes_the_primary() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB, canary_ingress())
        assert await requests(shop) == {}
        await shop.get("/?q=1")
        controller = {
            "controller_class": "k8s.io/ingress-nginx",
            "controller_namespace": "ingress-nginx",
            "controller_pod": shop.pod.name,
        }
        labels = PRIMARY | controller | {"canary": "shop-canary-80", "status": "200"}
        assert await samples(shop, "nginx_ingress_controller_requests") == [(labels, 1.0)]
        assert await samples(shop, "nginx_ingress_controller_request_duration_seconds_count") == [(labels, 1.0)]
        shop.canary.profile = Profile("v2", error_ratio=1)
        await shop.get()
        assert await requests(shop) == {("shop-canary-80", "200"): 1, ("shop-canary-80", "500"): 1}


async def test_stable_requests_have_an_empty_canary_label_and_the_path_of_the_ingress() -> None:
    async with open_shop() as shop:
        await shop.settle(ingress("web", path("stable", "/api"), path("other", "/")))
        await shop.get("/api/users/7")
        ((labels, value),) = await samples(shop, "nginx_ingress_controller_requests")
        assert (labels["canary"], labels["path"], labels["service"], value) == ("", "/api", "stable", 1)


async def test_redirects_to_https_come_before_the_draw() -> None:
    async with open_shop() as shop:
        await shop.settle(ingress("web", path("stable"), force_ssl_redirect="true"), canary_ingress())
        response = await shop.get("/a?b=c")
        assert (response.status, response.headers["Location"]) == (308, f"https://{HOST}/a?b=c")
        assert (await shop.get(headers={"X-Forwarded-Proto": "https"})).headers["X-Version"] == "v2"
        assert await requests(shop) == {("", "308"): 1, ("shop-canary-80", "200"): 1}


async def test_preflights_of_cors_come_before_the_draw() -> None:
    async with open_shop() as shop:
        await shop.settle(ingress("web", path("stable"), enable_cors="true"), canary_ingress())
        assert (await shop.get(method="OPTIONS")).status == 204
        assert (await shop.get()).headers["X-Version"] == "v2"
        assert await requests(shop) == {("", "204"): 1, ("shop-canary-80", "200"): 1}


async def test_without_cors_options_are_drawn_like_others() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB, canary_ingress())
        assert (await shop.get(method="OPTIONS")).headers["X-Version"] == "v2"
        assert await requests(shop) == {("shop-canary-80", "200"): 1}


async def test_a_stable_side_without_endpoints_is_nobodys_503() -> None:
    async with open_shop() as shop:
        shop.endpoints(stable=0)
        await shop.settle(WEB, canary_ingress())
        await shop.get()
        assert await requests(shop) == {("", "503"): 1}


async def test_a_canary_that_refuses_connections_is_its_own_502() -> None:
    async with open_shop() as shop:
        refusing = slices("canary", "127.0.0.9", port=shop.canary.port)
        shop.plane.apply(Kind.ENDPOINT_SLICE, [shop.stable.endpoint_slice("shop", "stable"), refusing])
        await shop.settle(WEB, canary_ingress())
        await shop.get()
        assert await requests(shop) == {("shop-canary-80", "502"): 1}


async def test_another_endpoint_is_tried_when_one_refuses() -> None:
    async with open_shop() as shop:
        half = slices("canary", "127.0.0.9", "127.0.0.3", port=shop.canary.port)
        shop.plane.apply(Kind.ENDPOINT_SLICE, [shop.stable.endpoint_slice("shop", "stable"), half])
        await shop.settle(WEB, canary_ingress())
        assert {await shop.version() for _ in range(20)} == {"v2"}


async def test_a_client_that_gives_up_is_a_499_of_the_side_it_was_drawn_for() -> None:
    arrived = asyncio.Event()

    async def hang(request: web.BaseRequest) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this")

    listener = Listener(hang)
    await listener.open()
    async with open_shop() as shop:
        hanging = slices("canary", LOOPBACK, port=listener.port)
        shop.plane.apply(Kind.ENDPOINT_SLICE, [shop.stable.endpoint_slice("shop", "stable"), hanging])
        await shop.settle(WEB, canary_ingress())
        asking = asyncio.create_task(shop.get())
        async with asyncio.timeout(5):
            await arrived.wait()
        asking.cancel()
        await until(shop.page, lambda page: 'status="499"' in page)
        assert await requests(shop) == {("shop-canary-80", "499"): 1}
    await listener.close()


async def test_hosts_that_no_ingress_names_are_not_counted() -> None:
    async with open_shop() as shop:
        await shop.settle(ingress("any", path("stable"), host=None), ingress("wild", path("other"), host="*.example"))
        assert [await shop.version(host=host) for host in ("a.example", "elsewhere.test")] == ["v1", "v1"]
        assert await requests(shop) == {}


async def test_durations_fall_into_cumulative_buckets_in_real_seconds() -> None:
    async with open_shop() as shop:
        shop.stable.profile = Profile("v1", slow_ratio=1, slow_seconds=0.06)
        await shop.settle(WEB)
        await shop.get()
        found = await samples(shop, "nginx_ingress_controller_request_duration_seconds_bucket")
        buckets = {labels["le"]: value for labels, value in found}
        assert list(buckets) == ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]
        ((_, seconds),) = await samples(shop, "nginx_ingress_controller_request_duration_seconds_sum")
        assert seconds >= 0.06, "it may be more: the machine may be busy"
        assert buckets == {le: seconds <= float(le) for le in buckets}


async def test_orphans_are_ingresses_without_service_or_endpoints() -> None:
    async with open_shop() as shop:
        shop.endpoints(canary=0)
        await shop.settle(WEB, canary_ingress(), ingress("lost", path("nothing"), host="lost.example"))
        found = await samples(shop, "nginx_ingress_controller_orphan_ingress")
        ones = {(labels["ingress"], labels["type"]) for labels, value in found if value == 1}
        assert ones == {("web-canary", "no-endpoint"), ("lost", "no-service")}


async def test_the_series_of_a_canary_outlive_it_and_end_with_the_primary() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB, canary_ingress())
        await shop.get()
        shop.publish(WEB)
        await until(shop.version, lambda version: version == "v1")
        assert ("shop-canary-80", "200") in await requests(shop)
        shop.publish(ingress("web", path("stable"), namespace="elsewhere"))
        await until(shop.page, lambda page: "shop-canary-80" not in page)


async def test_a_process_reports_its_start_as_go_writes_it() -> None:
    async with open_shop() as shop:
        assert "process_start_time_seconds 1.79000000025e+09\n" in await shop.page()
        assert [value for _, value in await samples(shop, "process_start_time_seconds")] == [STARTED]


@pytest.mark.parametrize(
    ("value", "text"),
    {0: "0", 1: "1", 2.5: "2.5", 999_999: "999999", 1_000_000: "1e+06", 1_234_567: "1.234567e+06", 1e-5: "1e-05",
     0.0001: "0.0001", math.inf: "+Inf", 1e21: "1e+21"}.items(),
)  # fmt: skip
def test_numbers_are_written_as_go_writes_them(value: float, text: str) -> None:
    assert go_float(value) == text


@given(st.floats(allow_nan=False) | st.integers(min_value=0, max_value=2**53))
def test_numbers_are_read_back_unchanged(value: float) -> None:
    assert float(go_float(value)) == value


@given(host=st.text(st.sampled_from('ab"\\n\n{},=')), path=st.text(st.sampled_from('/"\\\n ü')))
def test_any_label_value_survives_the_exposition(host: str, path: str) -> None:
    metrics = ControllerMetrics("pod", 1.0)
    metrics.count(CountedRequest("", host, "web", "GET", "shop", path, "stable", "200"), 0.1, None)
    families = {one.name: one for one in text_string_to_metric_families(metrics.page())}
    (sample,) = families["nginx_ingress_controller_requests"].samples
    assert (sample.labels["host"], sample.labels["path"], sample.value) == (host, path, 1)
