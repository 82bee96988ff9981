"""Controller pods: their delays, their restarts, their discovery and their faults."""

import asyncio
import itertools
import re

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.lab.dataplane import Kind, MetricsFault
from ingress_canary.lab.dataplane.pod import POLL_INTERVAL, SYNC_INTERVAL, SyncPace
from ingress_canary.lab.listener import LOOPBACK, Listener
from tests.lab.dataplane_shop import HOST, canary_ingress, ingress, open_shop, path, slices, until

WEB = ingress("web", path("stable"))


@given(st.floats(1, 100), st.floats(0, 1), st.lists(st.floats(0, 20), min_size=2, max_size=20))
def test_syncs_keep_their_rate_and_are_taken_up_within_a_poll(scale: float, phase: float, gaps: list[float]) -> None:
    pace, now, syncs = SyncPace(scale, phase), 0.0, []
    for gap in gaps:
        now += gap
        synced = pace.sync(now)
        assert synced >= now
        assert -1e-9 <= pace.poll(synced) - synced <= POLL_INTERVAL / scale + 1e-9
        syncs.append(synced)
        now = synced
    assert all(later - earlier >= SYNC_INTERVAL / scale - 1e-9 for earlier, later in itertools.pairwise(syncs))


async def test_a_change_is_effective_after_the_rate_limit_and_the_poll_and_no_sooner() -> None:
    scale, clock = 20.0, asyncio.get_running_loop().time
    async with open_shop(time_scale=scale) as shop:
        began = clock()
        await shop.settle(WEB)
        shop.publish(WEB, canary_ingress())
        await until(shop.version, lambda version: version == "v2")
        # the pod's start took the token of its first sync
        assert clock() - began >= SYNC_INTERVAL / scale
        assert clock() - began < (SYNC_INTERVAL + POLL_INTERVAL) / scale + 1


async def test_changes_that_come_together_are_one_sync() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB)
        for weight in range(100):
            shop.publish(WEB, canary_ingress(canary_weight=str(weight)))
        shop.publish(WEB, canary_ingress())
        await until(shop.version, lambda version: version == "v2")
        assert re.search(r"nginx_ingress_controller_success{.*} 2\n", await shop.page())


def test_pods_apply_a_change_at_moments_of_their_own() -> None:
    first, second = (SyncPace(scale=10, phase=phase).poll(7.0) for phase in (0.2, 0.7))
    assert first - second == pytest.approx(-0.05)


async def test_each_pod_counts_its_own_requests() -> None:
    async with open_shop(replicas=2) as shop:
        await shop.settle(WEB)
        await shop.get(pod=1)
        assert "nginx_ingress_controller_requests{" not in await shop.page(0)
        assert "nginx_ingress_controller_requests{" in await shop.page(1)


async def test_a_restarted_container_counts_from_nothing_under_its_name_and_ports() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB)
        await shop.get()
        before = shop.pod.manifest()
        await shop.pod.restart()
        assert shop.pod.manifest() == before
        assert "nginx_ingress_controller_requests{" not in await shop.page()
        assert await shop.version() == "v1"


async def test_pods_come_and_go_under_new_names() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB)
        old = shop.pod
        new = await shop.plane.add_pod()
        await shop.plane.remove_pod(old)
        assert old.name != new.name
        assert shop.plane.urls == [new.url]
        assert await shop.version() == "v1"
        with pytest.raises(aiohttp.ClientConnectorError):
            await shop.client.get(old.url)


async def test_a_pod_is_found_by_label_and_by_its_port_named_metrics() -> None:
    async with open_shop() as shop:
        (pod,) = shop.plane.pod_manifests()
        assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "ingress-nginx"
        assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "controller"
        ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
        url = f"http://{pod['status']['podIP']}:{ports['metrics']}/metrics"
        async with shop.client.get(url) as response:
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("text/plain")


async def test_a_controller_that_ignores_canaries_calls_them_orphans() -> None:
    async with open_shop() as shop:
        shop.plane.ignore_canaries = True
        await shop.settle(WEB, canary_ingress())
        assert {await shop.version() for _ in range(10)} == {"v1"}
        orphan = next(line for line in (await shop.page()).splitlines() if 'ingress="web-canary"' in line)
        assert orphan.startswith("nginx_ingress_controller_orphan_ingress{")
        assert orphan.endswith(" 1")
        shop.plane.ignore_canaries = False
        await until(shop.version, lambda version: version == "v2")


async def test_metrics_pages_fail_in_each_way_and_recover_while_traffic_flows() -> None:
    async with open_shop() as shop:
        await shop.settle(WEB)
        url = shop.pod.metrics_url

        async def read(fault: MetricsFault | None) -> str:
            # only a page that hangs is given up soon: it never comes, whatever the machine does
            seconds = 0.2 if fault is MetricsFault.HANG else 5
            try:
                async with asyncio.timeout(seconds), shop.client.get(url) as response:
                    await response.read()
                    return f"{response.status} {response.content_type}"
            except (aiohttp.ClientError, TimeoutError) as error:
                return type(error).__name__

        seen = {}
        for fault in (*MetricsFault, None):
            await shop.plane.break_metrics(fault)
            seen[fault] = await read(fault)
            assert await shop.version() == "v1"
        assert seen == {
            MetricsFault.ERROR: "503 application/octet-stream",
            MetricsFault.HTML: "200 text/html",
            MetricsFault.HANG: "TimeoutError",
            MetricsFault.REFUSE: "ClientConnectorError",
            MetricsFault.SLOW: "200 text/plain",
            MetricsFault.CUT: "ClientPayloadError",
            None: "200 text/plain",
        }


async def test_requests_and_answers_pass_through_whole() -> None:
    received: list[tuple[str, str, bytes, str | None]] = []

    async def echo(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        received.append((request.method, request.raw_path, body, request.headers.get("Host")))
        headers = {"Set-Cookie": "a=1", "Content-Encoding": "identity", "X-Seen": "yes"}
        return web.Response(status=418, body=body[::-1], headers=headers)

    listener = Listener(echo)
    await listener.open()
    async with open_shop() as shop:
        shop.plane.apply(Kind.ENDPOINT_SLICE, [slices("stable", LOOPBACK, port=listener.port)])
        await shop.settle(WEB)
        async with shop.client.post(
            shop.plane.urls[0] + "/a%20b?c=d%26e", data=b"hello", headers={"Host": "shop.example"}
        ) as response:
            assert (response.status, await response.read()) == (418, b"olleh")
            assert (response.headers["X-Seen"], response.headers["Set-Cookie"]) == ("yes", "a=1")
    await listener.close()
    assert received == [("POST", "/a%20b?c=d%26e", b"hello", "shop.example")]


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("POST", False)])
async def test_a_backend_that_hangs_up_is_tried_again_unless_that_could_do_a_thing_twice(
    method: str, again: bool
) -> None:
    seen = 0

    async def hang_up(request: web.BaseRequest) -> web.Response:
        nonlocal seen
        seen += 1
        assert request.transport
        request.transport.abort()
        return web.Response()

    listener = Listener(hang_up)
    await listener.open()
    async with open_shop() as shop:
        shop.plane.apply(Kind.ENDPOINT_SLICE, [slices("stable", LOOPBACK, port=listener.port)])
        await shop.settle(WEB)
        async with shop.client.request(method, shop.plane.urls[0], headers={"Host": HOST}) as response:
            assert (response.status, seen > 1) == (502, again)
    await listener.close()
