"""Data that no number or time can hold, in the midst of two rollouts: one has no data and says why, one is judged."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, SCALE, checkout, until
from tests.e2e.prometheus_server import Prometheus
from tests.e2e.witness import events
from tests.forked import ForkedDaemon

pytestmark = pytest.mark.slow

STAY: dict[str, Any] = {"steps": [{"weight": 50, "bake": "10h"}], "slos": [AVAILABILITY]}
MINE = re.compile(r'^(nginx_ingress_controller_requests\{[^\n]*ingress="checkout".*)$', re.MULTILINE)
DIGITS = "9" * 400


@asynccontextmanager
async def two_rollouts(lab: Lab, daemon: DaemonProcess) -> AsyncIterator[None]:
    """Have a second shop beside the first, both with traffic and a rollout that bakes."""
    for name, app in (("other", lab.stable), ("other-canary", lab.canary)):
        lab.create("services", manifests.service(name))
        lab.create("endpointslices", app.endpoint_slice(manifests.NAMESPACE, name))
    lab.create("ingresses", manifests.ingress("other", host="other.example"))
    loads = [lab.load(60, 900, seed=3), replace(lab.load(60, 900, seed=4), host="other.example")]
    tasks = [asyncio.create_task(load.run()) for load in loads]
    try:
        async with daemon:
            await daemon.ready()
            lab.create("canaryrollouts", checkout(schedule=STAY))
            lab.create("canaryrollouts", manifests.rollout("other", STAY))
            await until(lambda: {lab.status(name).get("reason") for name in ("checkout", "other")} == {"Baking"}, 90)
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def one_is_blind_and_one_is_judged(lab: Lab, daemon: DaemonProcess, begin: Callable[[], None], why: str) -> None:
    """Let the data of one go bad, then both canaries: what is known is acted upon, and what is not is reported."""
    begin()
    await until(lambda: lab.status().get("reason") == "NoData")
    assert why in lab.status()["message"]
    await until(lambda: any(one["reason"] == "NoData" and why in one["message"] for one in events(lab)))
    lab.canary.profile = replace(lab.canary.profile, error_ratio=0.5)
    await until(lambda: lab.status("other").get("phase") == "RolledBack")
    assert lab.status("other")["reason"] == "SLOViolated"
    # a busy machine may leave it without a fresh scrape for a moment, which is another reason
    assert not [one for one in events(lab, "other") if one["reason"] == "NoData" and why in one["message"]]
    assert (lab.status()["phase"], lab.status()["reason"], lab.status()["weight"]) == ("Progressing", "NoData", 50)
    page = await daemon.metrics()
    assert re.search(r'ingress_canary_rollout_info\{[^}]*name="checkout"[^}]*reason="NoData"', page)


async def test_a_page_whose_timestamps_no_number_holds(lab: Lab, daemon: DaemonProcess) -> None:
    def begin() -> None:
        for pod in lab.plane.pods:
            pod.mangle = lambda page: MINE.sub(rf"\1 {DIGITS}", page)

    async with two_rollouts(lab, daemon):
        await one_is_blind_and_one_is_judged(lab, daemon, begin, "has a timestamp that is no time")
        for pod in lab.plane.pods:
            pod.mangle = None
        await until(lambda: lab.status().get("phase") == "RolledBack")


@dataclass
class Front:
    """What stands before Prometheus and may mangle the samples of an Ingress in its answers."""

    upstream: str
    hostile: bool = False
    url: str = ""
    session: aiohttp.ClientSession = field(default_factory=aiohttp.ClientSession)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = dict(await request.post())
        async with self.session.post(f"{self.upstream}{request.path}", data=form) as answer:
            document = await answer.json()
        for row in document["data"]["result"] if self.hostile else ():
            if row["metric"].get("ingress") == "checkout" and "values" in row:
                row["values"][-1][0] = int(DIGITS)
        return web.Response(text=json.dumps(document), content_type="application/json")


@pytest.fixture
async def front(lab: Lab, tmp_path: Path) -> AsyncIterator[Front]:
    async with Prometheus(lab, tmp_path) as prometheus:
        front = Front(prometheus.url)
        app = web.Application()
        app.router.add_post("/api/v1/query", front.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield front
        await runner.cleanup()
        await front.session.close()


async def test_an_answer_whose_times_no_number_holds(lab: Lab, tmp_path: Path, front: Front) -> None:
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token="daemon")
    daemon = ForkedDaemon(
        kubeconfig, tmp_path / "daemon.log", scale=SCALE, epoch=datetime.now(UTC), warm_up="30s", source="prometheus",
        prometheus_url=front.url, prometheus_scrape_interval="1s",
    )  # fmt: skip

    def begin() -> None:
        front.hostile = True

    async with two_rollouts(lab, daemon):
        why = "answered is neither vector, matrix nor scalar"
        await one_is_blind_and_one_is_judged(lab, daemon, begin, why)
        front.hostile = False
        await until(lambda: lab.status().get("phase") == "RolledBack")
