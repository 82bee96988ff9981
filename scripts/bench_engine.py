"""What active rollouts cost the daemon: CPU a tick, memory, API writes a minute, time from proof of a fail to removal.

The daemon is a process of its own; the lab's API and a metrics page of growing counters are served by this one.
Counts CPU seconds of the daemon's process, not wall time, so a busy machine changes little.
Run as ``python scripts/bench_engine.py [ROLLOUTS ...]`` (default 200).
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from rich.console import Console
from rich.table import Table

from ingress_canary.api.crd import KINDS, crd
from ingress_canary.lab import manifests
from ingress_canary.lab.dataplane.metrics import BUCKETS
from ingress_canary.lab.kubeapi import KubeApi
from ingress_canary.lab.process import DaemonProcess

SCALE = 5.0
INTERVAL = 10.0
TICKS = 12
WEIGHT = 20
REQUESTS = 400
"""Requests of each Ingress in one tick."""
SCHEDULE = {
    "steps": [{"weight": WEIGHT, "bake": "10h"}, *({"weight": weight, "bake": "1h"} for weight in range(30, 100, 10))],
    "slos": [
        {"name": "availability", "objective": 99.9, "sli": {"requests": {}}},
        {"name": "latency", "objective": 99, "sli": {"latency": {"threshold": "500ms"}}},
    ],
}


class Page:
    """A metrics page on which every Ingress has had its share of requests."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._began = time.monotonic()
        self.failing = False
        self._failed_from = 0.0

    async def serve(self, _request: web.Request) -> web.Response:
        """Answer with the counters as they are now."""
        ticks = (time.monotonic() - self._began) * SCALE / INTERVAL
        if self.failing and not self._failed_from:
            self._failed_from = ticks
        failed = ticks - self._failed_from if self._failed_from else 0.0
        lines = [f"process_start_time_seconds {time.time() - 86400:.0f}"]
        for name in self._names:
            for upstream, share in (("", 1 - WEIGHT / 100), (f"shop-{name}-canary-80", WEIGHT / 100)):
                bad = int(failed * REQUESTS * share) if upstream else 0
                lines += self._series(name, upstream, "200", int(ticks * REQUESTS * share) - bad)
                lines += self._series(name, upstream, "500", bad) if bad else []
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")

    @staticmethod
    def _series(name: str, upstream: str, status: str, count: int) -> list[str]:
        labels = (
            f'canary="{upstream}",controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",'
            f'controller_pod="controller-0",host="{name}.example",ingress="{name}",method="GET",namespace="shop",'
            f'path="/",service="{name}",status="{status}"'
        )
        family = "nginx_ingress_controller_request_duration_seconds"
        buckets = [f'{family}_bucket{{{labels},le="{bound:g}"}} {count}' for bound in (*BUCKETS, float("inf"))]
        return [
            f"nginx_ingress_controller_requests{{{labels}}} {count}",
            *buckets,
            f"{family}_count{{{labels}}} {count}",
        ]


@asynccontextmanager
async def served(page: Page) -> AsyncIterator[str]:
    """Serve the page on loopback and yield its URL."""
    app = web.Application()
    app.router.add_get("/metrics", page.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/metrics"
    finally:
        await runner.cleanup()


def populate(api: KubeApi, names: list[str]) -> None:
    """Store the objects of every shop."""
    api.store.create("namespaces", "", manifests.namespace("shop"))
    api.store.create("ingressclasses", "", manifests.ingress_class())
    for number, name in enumerate(names):
        for side, net in ((name, 1), (f"{name}-canary", 2)):
            address = f"10.{net}.{number // 250}.{number % 250 + 1}"
            api.store.create("services", "shop", manifests.service(side))
            api.store.create("endpointslices", "shop", manifests.endpoint_slice(side, [address]))
        api.store.create("ingresses", "shop", manifests.ingress(name, f"{name}.example"))
        api.store.create("canaryrollouts", "shop", manifests.rollout(name, SCHEDULE))


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def phases(api: KubeApi) -> list[str]:
    """Return every rollout's phase."""
    return [(body.get("status") or {}).get("phase", "") for body in api.store.list("canaryrollouts")]


async def until(api: KubeApi, phase: str, within: float) -> float:
    """Wait until every rollout is in a phase, and return the real seconds it took."""
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(within):
        while any(one != phase for one in phases(api)):
            await asyncio.sleep(0.1)
    return asyncio.get_running_loop().time() - began


async def measure(count: int) -> list[str]:
    """Return one row of the table."""
    names = [f"app-{number:04}" for number in range(count)]
    page = Page(names)
    async with KubeApi([crd(kind) for kind in KINDS]) as api, served(page) as url:
        populate(api, names)
        with tempfile.TemporaryDirectory() as folder:
            kubeconfig = api.write_kubeconfig(Path(folder) / "kubeconfig")
            settings = {"interval": f"{INTERVAL:g}s", "warm_up": "0s", "scrape_urls": url}
            async with DaemonProcess(
                kubeconfig,
                Path(folder) / "log",
                scale=SCALE,
                epoch=datetime.now(UTC),
                **settings,
            ) as daemon:
                await daemon.ready()
                await until(api, "Progressing", 120)
                api.audit.clear()
                before, began = cpu(daemon.pid), asyncio.get_running_loop().time()
                await asyncio.sleep(TICKS * INTERVAL / SCALE)
                ticks = (asyncio.get_running_loop().time() - began) * SCALE / INTERVAL
                spent = (cpu(daemon.pid) - before) / ticks
                writes = sum(record.verb in ("patch", "create", "delete") for record in api.audit)
                reads = sum(record.verb in ("get", "list") for record in api.audit)
                memory = resident(daemon.pid)
                page.failing = True
                gone = await until(api, "RolledBack", 300) * SCALE
                text = await daemon.metrics()
    sums = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line.startswith("ingress_canary_")}
    rolled = sums["ingress_canary_rollback_seconds_sum"] / max(sums["ingress_canary_rollback_seconds_count"], 1)
    minutes = ticks * INTERVAL / 60
    return [
        str(count), f"{spent:.3f}", f"{spent / INTERVAL:.3f}", f"{memory:.0f}", f"{writes / minutes:.0f}",
        f"{reads / minutes:.1f}", f"{rolled:.1f}", f"{gone:.0f}",
    ]  # fmt: skip


def main() -> None:
    """Print the table."""
    table = Table(title=f"daemon, 2 SLOs, 8 steps, one tick every {INTERVAL:g} s")
    for column in (
        "active rollouts", "CPU s a tick", "cores", "resident MiB", "API writes a minute", "API reads a minute",
        "proof to gone, s (mean)", "fault to all gone, s",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for count in [int(word) for word in sys.argv[1:]] or [200]:
        table.add_row(*asyncio.run(measure(count)))
    Console().print(table)


if __name__ == "__main__":
    main()
