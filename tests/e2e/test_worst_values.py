"""A hundred rollouts with every field at its worst, and one in their midst whose canary fails."""

import asyncio
import http.client
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp import web

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, until
from tests.e2e.scraping_prometheus import ScrapingPrometheus
from tests.forked import ForkedDaemon
from tests.worst.values import copied, worst

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCALE = 4.0
"""A look every 2.5 real seconds: a hundred passes are to be made in between."""
INTERVAL = 10.0
ROLLOUTS = 100
STAY: dict[str, Any] = {"steps": [{"weight": 50, "bake": "10h"}], "slos": [AVAILABILITY]}
MIB = 2**20
LIMIT = 512 * MIB
"""Of the chart's container."""
ALIVE_WITHIN, ON_A_BUSY_MACHINE = 1.0, 3.0
"""Real seconds in which /healthz answers 99 times of 100, and always."""
LONG_ANSWER = b'{"status":"success","data":{"resultType":"matrix","result":[' + b",".join(
    b'{"metric":{"instance":"a:1","job":"a","pod":"%d"},"values":[[1,"1"]]}' % pod for pod in range(60_000)
) + b"]}}"  # fmt: skip


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab(scale=SCALE, seed=7) as made:
        yield made


async def own(request: web.Request) -> web.StreamResponse:
    """Answer a user's query: one never, one with as many series as are taken, and one with nothing."""
    number = int(re.sub(r"\D", "", str((await request.post())["query"])[:200])[:6] or 0)
    if number % 3 == 0:
        await asyncio.sleep(3600)
    body = LONG_ANSWER if number % 3 == 1 else b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
    return web.Response(body=body, content_type="application/json")


@dataclass
class Pulse:
    """Asks for /healthz from a thread of its own, for as long as it lasts: the lab's loop may be busy."""

    port: int
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.05):
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", "/healthz")
                if connection.getresponse().read() != b"ok\n":
                    self.faults.append("another answer")
            except OSError as error:
                self.faults.append(str(error))
            finally:
                connection.close()
            self.seconds.append(time.monotonic() - began)


def populate(lab: Lab) -> Iterator[str]:
    """Create the rollouts, each with its own Services and Ingress, and yield their names."""
    cases = [*worst().values()]
    for number, one in enumerate(islice(cycle(cases), max(ROLLOUTS, len(cases)))):
        name = f"worst-{number:03}"
        names = {"ingresses": [name], "stableService": name, "canaryService": f"{name}-canary"}
        for side, app in ((name, lab.stable), (f"{name}-canary", lab.canary)):
            lab.create("services", manifests.service(side))
            lab.create("endpointslices", app.endpoint_slice(manifests.NAMESPACE, side))
        lab.create("ingresses", manifests.ingress(name, host=f"{name}.example"))
        body = manifests.rollout(name, {})
        lab.create("canaryrollouts", copied({**body, "spec": one.whole_spec(names)}))
        if one.status:
            status = copied({"status": one.status})
            lab.api.store.patch("canaryrollouts", manifests.NAMESPACE, name, status, subresource="status")
        yield name


def peak(daemon: DaemonProcess) -> int:
    """Return the most bytes that the daemon has held."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


def value(page: str, name: str) -> float:
    """Return a sample of a metrics page."""
    return float(re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)[1])  # type: ignore[index]


async def test_the_worst_that_people_may_write_harms_nobody_else(lab: Lab, tmp_path: Path) -> None:
    async with ScrapingPrometheus(lab, own).serving() as prometheus:
        kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token="daemon")
        daemon = ForkedDaemon(
            kubeconfig, tmp_path / "daemon.log", scale=SCALE, epoch=datetime.now(UTC), warm_up="10s",
            source="prometheus", prometheus_url=prometheus.url, prometheus_scrape_interval="1s",
            prometheus_timeout="1s",
        )  # fmt: skip
        loads = [lab.load(100, 900, seed=3)]
        async with daemon:
            await daemon.ready()
            traffic = asyncio.gather(*(load.run() for load in loads))
            try:
                await harmed(lab, daemon)
            finally:
                traffic.cancel()
                await asyncio.gather(traffic, return_exceptions=True)


async def harmed(lab: Lab, daemon: DaemonProcess) -> None:
    """Let the worst come, and then the victim's canary fail."""
    lab.create("canaryrollouts", checkout(schedule=STAY))
    await until(lambda: lab.status().get("reason") == "Baking")
    calm = peak(daemon)
    with Pulse(daemon.port) as pulse:
        names = [*populate(lab)]
        await until(lambda: all(lab.status(name).get("conditions") for name in names), 120)
        looks = value(await daemon.metrics(), 'ingress_canary_source_query_seconds_count{source="prometheus"}')
        began = looks

        async def looked(times: int) -> None:
            nonlocal looks
            until_then = looks + times
            while looks < until_then:
                await asyncio.sleep(0.2)
                page = await daemon.metrics()
                looks = value(page, 'ingress_canary_source_query_seconds_count{source="prometheus"}')

        await looked(6)
        assert lab.status()["phase"] == "Progressing", lab.status()["message"]
        before = asyncio.get_running_loop().time()
        lab.canary.profile = replace(CANARY, error_ratio=0.5)
        await until(lambda: lab.shadow() is None)
        taken = asyncio.get_running_loop().time() - before
        await until(lambda: lab.status().get("phase") == "RolledBack")
        assert lab.status()["reason"] == "SLOViolated"
        await looked(3)
    page = await daemon.metrics()
    passes = value(page, "ingress_canary_reconcile_seconds_count")
    long = passes - value(page, 'ingress_canary_reconcile_seconds_bucket{le="0.25"}')
    proven = value(page, "ingress_canary_rollback_seconds_sum")
    print(  # noqa: T201 - the figures, with -rP
        f"{len(names)} rollouts, {looks - began:.0f} looks, {passes:.0f} passes, {long:.0f} over 0.25 s of real time; "
        f"/healthz {len(pulse.seconds)} times, {max(pulse.seconds) * 1000:.0f} ms at the longest; "
        f"{peak(daemon) / MIB:.0f} MiB at the most, {calm / MIB:.0f} before; off {proven:.1f} s of the clock after the "
        f"proof, {taken * SCALE:.1f} s after the first failure; {value(page, 'process_cpu_seconds_total'):.1f} s of CPU"
    )
    assert pulse.faults == []
    assert max(pulse.seconds) < ON_A_BUSY_MACHINE
    assert sorted(pulse.seconds)[len(pulse.seconds) * 99 // 100] < ALIVE_WITHIN
    assert peak(daemon) < LIMIT
    assert value(page, "ingress_canary_rollback_seconds_count") == 1
    assert proven < 2 * INTERVAL
    # nothing of it is a fault of the daemon's own
    assert "a pass failed" not in daemon.log.read_text()
