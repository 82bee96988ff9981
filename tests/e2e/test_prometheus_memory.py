"""What a real Prometheus remembers: it takes the place of a warm-up, and of what a killed daemon has missed."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, LATENCY, SCALE, checkout, until
from tests.e2e.prometheus_server import IS_VICTORIA, Prometheus
from tests.e2e.witness import is_status_write
from tests.forked import ForkedDaemon

pytestmark = pytest.mark.slow

RATE = 150
WARM_UP = 200.0
"""Seconds on the lab's clock."""
STAY = {"steps": [{"weight": 50, "bake": "10h"}], "slos": [AVAILABILITY, LATENCY]}
CANARYS = re.compile(r'nginx_ingress_controller_requests\{[^}]*canary="shop-checkout-canary-80"[^}]*\} (\d+)')
MANY = 200


@pytest.fixture
async def prometheus(lab: Lab, tmp_path: Path) -> AsyncIterator[Prometheus]:
    async with Prometheus(lab, tmp_path) as server:
        yield server


def started(lab: Lab, room: Path, prometheus: Prometheus, **settings: str) -> DaemonProcess:
    """Return a daemon that asks this Prometheus, not started."""
    kubeconfig = lab.api.write_kubeconfig(room / "kubeconfig", token="daemon")
    return ForkedDaemon(
        kubeconfig, room / "daemon.log", scale=SCALE, epoch=datetime.now(UTC), source="prometheus",
        prometheus_url=prometheus.url, prometheus_scrape_interval="1s", **settings,
    )  # fmt: skip


async def page(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def served(lab: Lab) -> int:
    """Return how many requests the controllers have sent to the canary."""
    pages = [await page(pod.metrics_url) for pod in lab.plane.pods]
    return sum(int(count) for text in pages for count in CANARYS.findall(text))


def counted(lab: Lab, slo: int = 0) -> int:
    """Return how many of them an SLO has counted, as it was stored last."""
    slos = lab.status().get("slos") or [{}, {}]
    total: int = slos[slo].get("canary", {}).get("total", 0)
    return total


async def at_rest(lab: Lab, load: Load) -> tuple[int, int]:
    """Stop the traffic and return, by SLO, what the controllers have counted and the daemon has not."""
    load.rate = 0
    before = -1
    while (now := await served(lab)) != before:
        before = now
        await asyncio.sleep(0.2)
    # a checkpoint a minute: the first may still be short of the last scrape, two that are alike are not
    seen: list[tuple[float, int]] = []

    def settled() -> bool:
        baked = lab.status()["step"]["bakedSeconds"]
        if not seen or seen[-1][0] != baked:
            seen.append((baked, counted(lab)))
        return len(seen) > 2 and seen[-1][1] == seen[-2][1]

    await until(settled, 90)
    load.rate = RATE
    return now - counted(lab, 0), now - counted(lab, 1)


async def test_history_is_the_warm_up_and_a_killed_daemon_counts_what_it_missed_to_the_last_request(
    lab: Lab, tmp_path: Path, prometheus: Prometheus
) -> None:
    daemon = started(lab, tmp_path, prometheus, warm_up=f"{WARM_UP:g}s")
    load = lab.load(RATE, 900)
    traffic = asyncio.create_task(load.run())
    try:
        # the lab's traffic is remembered for longer than the warm-up lasts
        began = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() - began > 1.3 * WARM_UP / SCALE, 90)
        async with daemon:
            await daemon.ready()
            lab.create("canaryrollouts", checkout(schedule=STAY))
            await until(lambda: lab.status().get("reason") == "Baking", 90)
            writes = [one for one in lab.api.audit if is_status_write(one)]
            assert (writes[-1].at - writes[0].at).total_seconds() < WARM_UP / SCALE

            await until(lambda: counted(lab) > 300, 90)
            missed = await at_rest(lab, load)
            await until(lambda: counted(lab) > 600, 90)
            baked, known, total = lab.status()["step"]["bakedSeconds"], counted(lab), load.tally.total
            daemon.kill()
            await daemon.wait()
            await until(lambda: load.tally.total > total + 5 * RATE)
            await daemon.start()
            await daemon.ready()
            await until(lambda: counted(lab) > known, 90)
            # no time without a daemon is bake: less than the checkpoint that showed it
            assert lab.status()["step"]["bakedSeconds"] < baked + 60
            assert await at_rest(lab, load) == missed

            # what fails while no daemon reads is found, although it has recovered since
            total = load.tally.total
            daemon.kill()
            await daemon.wait()
            lab.canary.profile = replace(lab.canary.profile, error_ratio=0.4)
            await until(lambda: load.tally.total > total + 3 * RATE)
            lab.canary.profile = CANARY
            total = load.tally.total
            await until(lambda: load.tally.total > total + 2 * RATE)
            assert lab.status()["phase"] == "Progressing"
            await daemon.start()
            await until(lambda: lab.status()["phase"] == "RolledBack", 90)
            assert lab.status()["reason"] == "SLOViolated"
    finally:
        traffic.cancel()
        await asyncio.gather(traffic, return_exceptions=True)


def number(text: str, line: str) -> int:
    """Return the sum of a family's samples on a metrics page."""
    return round(sum(float(one.rpartition(" ")[2]) for one in text.splitlines() if one.startswith(line)))


@pytest.mark.skipif(IS_VICTORIA, reason="it shows scrapes late, and a look that finds none that is fresh asks no more")
async def test_a_tick_asks_as_many_queries_for_200_rollouts_as_for_one(
    lab: Lab, tmp_path: Path, prometheus: Prometheus
) -> None:
    daemon = started(lab, tmp_path, prometheus, interval="60s", warm_up="60s")

    async def now() -> tuple[int, int]:
        """Return how many readings were taken, and how many queries Prometheus has answered, between two readings."""
        before = None
        while True:
            asked = number(
                await page(f"{prometheus.url}/metrics"),
                'prometheus_http_requests_total{code="200",handler="/api/v1/query"}',
            )
            looks = number(await daemon.metrics(), "ingress_canary_source_query_seconds_count")
            if before == (looks, asked):
                return looks, asked
            before = looks, asked
            await asyncio.sleep(0.5)

    async def queries() -> float:
        """Return how many queries a reading takes."""
        looks, asked = await now()
        while (later := await now())[0] < looks + 3:
            await asyncio.sleep(0.1)
        return (later[1] - asked) / (later[0] - looks)

    load = lab.load(20, 900)
    traffic = asyncio.create_task(load.run())
    try:
        async with daemon:
            await daemon.ready()
            lab.create("canaryrollouts", checkout(schedule=STAY))
            await until(lambda: lab.status().get("reason") == "Baking", 120)
            alone = await queries()
            names = [f"shop-{n:03}" for n in range(MANY - 1)]
            for name in names:
                for side, address in ((name, "127.0.1.1"), (f"{name}-canary", "127.0.2.1")):
                    lab.create("services", manifests.service(side))
                    lab.create("endpointslices", manifests.endpoint_slice(side, [address]))
                lab.create("ingresses", manifests.ingress(name, host=f"{name}.example"))
                lab.create("canaryrollouts", manifests.rollout(name, STAY))
            # nobody visits these: they wait, and are asked for all the same
            await until(lambda: all(lab.status(name).get("reason") == "NoData" for name in names), 200)
            assert await queries() == alone == 6
    finally:
        traffic.cancel()
        await asyncio.gather(traffic, return_exceptions=True)
