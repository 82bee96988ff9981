"""The load generator's bounds, its counts, and the applications that it meets."""

import asyncio
import random
import time
from collections import Counter
from math import log
from typing import Any

import pytest
from aiohttp import web
from scipy import stats

from ingress_canary.lab.application import Application, Profile
from ingress_canary.lab.controllers import DeploymentController
from ingress_canary.lab.listener import LOOPBACK, Listener
from ingress_canary.lab.load import Arrivals, Load, Visitor
from tests.lab.dataplane_shop import HOST, canary_ingress, ingress, open_shop, path, until

WEB = ingress("web", path("stable"))


def within(observed: int, draws: int, probability: float) -> bool:
    interval = stats.binomtest(observed, draws).proportion_ci(0.999, method="exact")
    return bool(interval.low <= probability <= interval.high)


def test_latency_that_is_spread_is_log_normal_around_its_median() -> None:
    rng, profile = random.Random(1), Profile("v1", latency=0.02, spread=0.5)
    drawn = [profile.draw(rng)[0] for _ in range(4000)]
    assert within(sum(seconds > 0.02 for seconds in drawn), 4000, 0.5)
    assert within(sum(seconds > 0.05 for seconds in drawn), 4000, stats.norm.sf(log(2.5) / 0.5))
    assert Profile("v1", latency=0.02).draw(rng)[0] == 0.02


async def test_answers_are_counted_by_version_and_status() -> None:
    async with open_shop() as shop:
        shop.canary.profile = Profile("v2", error_ratio=0.5)
        await shop.settle(WEB, canary_ingress(canary_weight="25"))
        load = Load(shop.plane.urls, HOST, rate=1000, seconds=10, requests=600, concurrency=600, seed=4)
        tally = await load.run()
        assert (tally.total, tally.dropped) == (600, 0)
        assert tally.by_version().total() == tally.by_status().total() == 600
        summary = tally.summary("v2")
        assert within(summary["canary"], 600, 0.25)
        assert within(summary["canaryFailed"], summary["canary"], 0.5)
        assert summary["canaryFailed"] == tally.by_status()[500]


async def test_visitors_bring_their_headers_and_cookies_by_their_shares() -> None:
    async with open_shop() as shop:
        rules = {"canary_by_header": "X-Canary", "canary_by_cookie": "beta", "canary_weight": "0"}
        await shop.settle(WEB, canary_ingress(**rules))
        visitors = (
            Visitor(share=6),
            Visitor(share=1, headers={"X-Canary": "always"}),
            Visitor(share=1, cookies={"a": "b", "beta": "always"}),
        )
        load = Load(shop.plane.urls, HOST, rate=1000, seconds=10, requests=400, concurrency=400, visitors=visitors)
        assert within((await load.run()).by_version()["v2"], 400, 0.25)


async def test_it_takes_urls_and_paths_in_turn() -> None:
    async with open_shop(replicas=2) as shop:
        await shop.settle(ingress("web", path("stable", "/a"), path("canary", "/b")))
        load = Load(shop.plane.urls, HOST, rate=500, seconds=10, requests=40, concurrency=40, paths=("/a", "/b", "/c"))
        assert (await load.run()).answers == Counter({("v1", 200): 14, ("v2", 200): 13, ("", 404): 13})
        for pod in (0, 1):
            assert "nginx_ingress_controller_requests{" in await shop.page(pod)


@pytest.mark.slow
@pytest.mark.no_cover  # a tracer costs more than the proxy
async def test_400_requests_a_second_through_proxy_application_and_client_fit_into_a_core() -> None:
    async with open_shop(replicas=2) as shop:
        await shop.settle(WEB, canary_ingress(canary_weight="20"))
        load = Load(shop.plane.urls, HOST, rate=400, seconds=60, requests=2000, concurrency=2000)
        spent = time.process_time()
        tally = await load.run()
        spent = time.process_time() - spent
        assert (tally.total, tally.dropped) == (2000, 0)
        assert spent / tally.total < 0.8 / load.rate, "CPU seconds a request, whatever the machine does besides"


def fifty_in_a_quarter(application: Application) -> Load:
    """Return a load of 50 requests in a quarter of a second, one after the other or all at once."""
    url = f"http://127.0.0.2:{application.port}"
    return Load([url], HOST, rate=200, seconds=0.2525, arrivals=Arrivals.PACED, concurrency=50)


async def test_it_ends_by_itself_after_its_time() -> None:
    async with Application(Profile("v1")) as application, asyncio.timeout(5):
        load = fifty_in_a_quarter(application)
        assert (await load.run()).total == 50
        assert load.tally.dropped == 0


async def test_arrivals_that_a_late_tick_finds_due_are_made_up_for_and_none_after_the_end() -> None:
    async with Application(Profile("v1")) as application, asyncio.timeout(5):
        load = fifty_in_a_quarter(application)
        # the machine is busy with something else from before the end until long after it
        asyncio.get_running_loop().call_later(0.1, time.sleep, 0.5)
        assert (await load.run()).total == 50


async def test_the_rate_may_change_while_it_runs() -> None:
    async with Application(Profile("v1")) as application, asyncio.timeout(5):
        load = Load([f"http://127.0.0.2:{application.port}"], HOST, rate=0, seconds=60, requests=50, concurrency=50)
        running = asyncio.create_task(load.run())
        await asyncio.sleep(0)
        load.rate = 1000
        assert (await running).total == 50


async def test_arrivals_beyond_the_bound_are_dropped_and_counted() -> None:
    sent, release = 0, asyncio.Event()

    async def stall(request: web.BaseRequest) -> web.Response:
        nonlocal sent
        sent += 1
        await release.wait()
        return web.Response()

    listener = Listener(stall)
    await listener.open()
    load = Load([f"http://{LOOPBACK}:{listener.port}"], HOST, rate=2000, seconds=30, requests=100, concurrency=7)
    async with asyncio.timeout(10):
        running = asyncio.create_task(load.run())

        async def dropped() -> str:
            await asyncio.sleep(0)
            return str(load.tally.dropped)

        await until(dropped, lambda seen: seen == "93")
        release.set()
        tally = await running
    await listener.close()
    assert (sent, tally.total, tally.dropped) == (7, 7, 93)


async def test_requests_without_an_answer_are_counted_too() -> None:
    load = Load([f"http://{LOOPBACK}:1"], HOST, rate=1000, seconds=5, requests=5)
    assert (await load.run()).answers == Counter({("", 0): 5})


def test_slow_and_failed_requests_of_an_application_are_drawn_by_its_profile() -> None:
    profile, rng = Profile("v1", error_ratio=0.25, latency=0.5, slow_ratio=0.5, slow_seconds=30), random.Random(6)
    draws = Counter(profile.draw(rng) for _ in range(400))
    slow, failed = draws[30.5, 200] + draws[30.5, 500], draws[0.5, 500] + draws[30.5, 500]
    assert draws.total() == draws[0.5, 200] + draws[0.5, 500] + slow
    assert within(slow, 400, 0.5)
    assert within(failed, 400, 0.25)
    assert within(draws[30.5, 500], slow, 0.25), "independently of each other"


async def test_a_slow_request_takes_its_seconds() -> None:
    clock = asyncio.get_running_loop().time
    async with Application(Profile("v1", latency=0.02, slow_ratio=1, slow_seconds=0.03)) as application:
        began = clock()
        tally = await Load([f"http://127.0.0.2:{application.port}"], HOST, rate=1000, seconds=5, requests=1).run()
        assert (tally.total, clock() - began >= 0.05) == (1, True)


async def test_replicas_share_a_port_on_addresses_of_their_own() -> None:
    async with Application(Profile("v1"), ("127.0.0.2", "127.0.0.3", "127.0.0.4")) as application:
        urls = [f"http://127.0.0.{last}:{application.port}" for last in (2, 3, 4)]
        tally = await Load(urls, HOST, rate=500, seconds=5, requests=9).run()
        assert tally.answers == Counter({("v1", 200): 9})
        application.ready, application.replicas = False, 2
        found = application.endpoint_slice("shop", "web")
        assert [one["addresses"] for one in found["endpoints"]] == [["127.0.0.2"], ["127.0.0.3"]]
        assert {one["conditions"]["ready"] for one in found["endpoints"]} == {False}
        assert found["metadata"]["labels"] == {"kubernetes.io/service-name": "web"}


def deployment(image: str, generation: int = 1, replicas: int | None = 2, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "generation": generation},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}
        | ({} if replicas is None else {"replicas": replicas}),
        "status": status,
    }


async def test_a_new_image_becomes_a_new_behaviour_and_a_finished_status() -> None:
    application = Application(Profile("v1"), ("127.0.0.2", "127.0.0.3"))
    images = {"shop:v1": Profile("v1"), "shop:v2": Profile("v2", error_ratio=0.1)}
    controller = DeploymentController(images, {("shop", "web"): application})
    status = await controller.reconcile(deployment("shop:v2", 4, observedGeneration=3))
    assert status is not None
    assert (status["observedGeneration"], status["updatedReplicas"], status["availableReplicas"]) == (4, 2, 2)
    assert (application.profile, application.replicas) == (images["shop:v2"], 2)
    assert await controller.reconcile(deployment("shop:v2", 4, **status)) is None


async def test_an_image_that_nobody_has_never_becomes_ready_and_changes_nothing() -> None:
    application = Application(Profile("v1"))
    controller = DeploymentController({}, {("shop", "web"): application})
    status = await controller.reconcile(deployment("shop:typo", replicas=None))
    assert status is not None
    assert (status["replicas"], status["availableReplicas"], status["unavailableReplicas"]) == (1, 0, 1)
    assert application.profile == Profile("v1")


async def test_deployments_without_an_application_are_left_alone() -> None:
    assert await DeploymentController({}, {}).reconcile(deployment("shop:v1")) is None
