"""What active rollouts cost the daemon: CPU, memory, requests and queries a tick, time from a fail's proof to removal.

The daemon is a process of its own; the lab's API and a metrics page of growing counters are served by this one.
CPU seconds are those of the daemon's process, so a busy machine changes little; the times to removal are real ones, and
a busy machine lengthens them. Run as ``python scripts/bench_engine.py [ROLLOUTS ...]`` (default 100 200 300 1000).
"""

import asyncio
import math
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

from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.lab import manifests
from ingress_canary.lab.dataplane.metrics import BUCKETS
from ingress_canary.lab.kubeapi import AuditRecord, KubeApi
from ingress_canary.lab.process import DaemonProcess

SCALE = 1.0
INTERVAL = 10.0
TICKS = 6
FAILING, ERRORS = 0.02, 0.1
"""Part of the canaries that begins to fail in each of some ticks, and of its requests that each answers with 500."""
FAILING_TICKS = 3
AT_ONCE = 0.05
"""Part of the canaries that then begins to fail in one tick, with every request."""
TARGETS = ("target at 1000", "1.500", "250", "0", "-", "constant", "1.00", "1.00")
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
        self._failed_from: dict[str, tuple[float, float]] = {}
        self.served: list[float] = []
        """When it was read."""

    @property
    def ticks(self) -> float:
        """How many intervals have passed."""
        return (time.monotonic() - self._began) * SCALE / INTERVAL

    def fail(self, name: str, part: float) -> None:
        """Let a part of the requests to a canary fail from now on."""
        self._failed_from[name] = (self.ticks, part)

    async def serve(self, _request: web.Request) -> web.Response:
        """Answer with the counters as they are now."""
        ticks = self.ticks
        lines = [f"process_start_time_seconds {time.time() - 86400:.0f}"]
        for name in self._names:
            since, part = self._failed_from.get(name, (ticks, 0.0))
            for upstream, share in (("", 1 - WEIGHT / 100), (f"shop-{name}-canary-80", WEIGHT / 100)):
                failed = (ticks - since) * part if upstream else 0.0
                bad = int(failed * REQUESTS * share)
                lines += self._series(name, upstream, "200", int((ticks - failed) * REQUESTS * share))
                lines += self._series(name, upstream, "500", bad) if bad else []
        text = "\n".join(lines) + "\n"
        self.served.append(time.monotonic())
        return web.Response(text=text, content_type="text/plain")

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


async def until(api: KubeApi, phase: str, count: int, within: float) -> None:
    """Wait until so many rollouts are in a phase."""
    async with asyncio.timeout(within):
        while phases(api).count(phase) < count:
            await asyncio.sleep(0.2)


def counting() -> float:
    """Return the CPU seconds of a plain loop, by which figures of different machines compare."""
    began = time.process_time()
    for _ in range(10_000_000):
        pass
    return time.process_time() - began


def quantile(values: list[float], part: float) -> float:
    """Return the least value that so large a part of the values does not exceed."""
    return sorted(values)[math.ceil(part * len(values)) - 1]


async def fail(api: KubeApi, page: Page, waves: list[list[str]], part: float) -> list[float]:
    """Let canaries fail, a wave in each tick; return the real seconds from the tick that proves it to each removal."""
    took: list[float] = []

    def removed(record: AuditRecord) -> None:
        if record.resource == "ingresses" and record.verb == "delete":
            took.append(time.monotonic() - page.served[-1])

    api.on_commit.append(removed)
    before = phases(api).count("RolledBack")
    for wave in waves:
        for name in wave:
            page.fail(name, part)
        read = len(page.served)
        while len(page.served) == read:
            await asyncio.sleep(0.05)
    await until(api, "RolledBack", before + sum(map(len, waves)), 120)
    api.on_commit.remove(removed)
    return took


async def measure(count: int) -> list[str]:
    """Return one row of the table."""
    names = [f"app-{number:04}" for number in range(count)]
    page = Page(names)
    async with KubeApi([crd(kind) for kind in KINDS]) as api, served(page) as url:
        populate(api, names)
        with tempfile.TemporaryDirectory() as folder:
            kubeconfig = api.write_kubeconfig(Path(folder) / "kubeconfig")
            settings = {"interval": f"{INTERVAL:g}s", "warm_up": "0s", "scrape_urls": url}
            now = datetime.now(UTC)
            async with DaemonProcess(kubeconfig, Path(folder) / "log", scale=SCALE, epoch=now, **settings) as daemon:
                await daemon.ready()
                await until(api, "Progressing", count, 300)
                await asyncio.sleep(2 * INTERVAL / SCALE)
                api.audit.clear()
                before, began, read = cpu(daemon.pid), page.ticks, len(page.served)
                await asyncio.sleep(TICKS * INTERVAL / SCALE)
                ticks = page.ticks - began
                spent = (cpu(daemon.pid) - before) / ticks
                queries = (len(page.served) - read) / ticks
                reads = sum(record.verb in ("get", "list") for record in api.audit) / ticks
                writes = sum(record.verb in ("patch", "create", "delete") for record in api.audit) / ticks
                each = max(1, round(FAILING * count))
                slowly = [names[wave * each : (wave + 1) * each] for wave in range(FAILING_TICKS)]
                one_by_one = await fail(api, page, slowly, ERRORS)
                together = await fail(api, page, [names[-max(1, round(AT_ONCE * count)) :]], 1.0)
                memory = resident(daemon.pid)
    return [
        str(count), f"{spent:.3f}", f"{memory:.0f}", f"{reads:.1f}", f"{writes * 60 / INTERVAL:.0f}", f"{queries:.1f}",
        times(one_by_one), times(together),
    ]  # fmt: skip


def times(took: list[float]) -> str:
    """Return the median and the 99th percentile, and of how many."""
    return f"{quantile(took, 0.5):.2f} {quantile(took, 0.99):.2f} ({len(took)})"


def main() -> None:
    """Print the table."""
    title = f"2 SLOs, 8 steps, a tick every {INTERVAL:g} s, the lab in another process"
    said = (
        f"slowly: {FAILING:.0%} of the canaries begin to answer {ERRORS:.0%} with errors in each of {FAILING_TICKS} "
        f"ticks; at once: {AT_ONCE:.0%} of them all requests in one tick. 200 are to take less than 5 s of CPU a tick. "
        f"This machine counts to ten million in {counting():.2f} s of CPU"
    )
    table = Table(title=title, caption=said)
    for column in (
        "active rollouts", "CPU s a tick", "resident MiB", "API reads a tick", "API writes a minute",
        "source queries a tick", "slowly: proof to gone, s (p50 p99)", "at once: (p50 p99)",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for count in [int(word) for word in sys.argv[1:]] or [100, 200, 300, 1000]:
        table.add_row(*asyncio.run(measure(count)))
    table.add_section()
    table.add_row(*TARGETS)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
