"""Print what one tick over a big controller's metrics page costs; exit 1 when it is too much. Run by `make bench`.

The page has 200,000 lines, of 1,000 Ingresses of which 50 have an active rollout; it is served by another process,
so that the numbers are the daemon's side alone: CPU of receiving, filtering and parsing, and the memory added.
"""

import argparse
import asyncio
import gzip
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from time import process_time

import aiohttp
from aiohttp import web

from ingress_canary.adapters.scrape import ControllerScrape, static_addresses
from ingress_canary.domain.metrics.samples import Target

MAX_CPU_SECONDS = 1.0
MAX_EXTRA_MIB = 50.0
INGRESSES = 1000
ACTIVE = 50
LINES = 200_000
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
HISTOGRAMS = ("request_duration_seconds", "response_duration_seconds", "header_duration_seconds", "response_size")
CONTROLLER = (
    'controller_class="k8s.io/ingress-nginx",controller_namespace="ingress-nginx",'
    'controller_pod="ingress-nginx-controller-7d9c8b7f6-abcde"'
)


def page() -> bytes:
    """Return the page: families one after the other, as client_golang writes them."""
    statuses = ("200", "308", "404", "503")
    sets = [
        f'canary="",{CONTROLLER},host="shop-{number}.example.com",ingress="shop-{number}",method="GET",'
        f'namespace="team-{number % 40}",path="/",service="shop-{number}",status="{status}"'
        for number in range(INGRESSES)
        for status in statuses
    ]
    lines = [f"nginx_ingress_controller_requests{{{labels}}} 1234" for labels in sets]
    for histogram in HISTOGRAMS:
        name = f"nginx_ingress_controller_{histogram}"
        for labels in sets:
            lines += [f'{name}_bucket{{{labels},le="{bound}"}} 1200' for bound in BOUNDS]
            lines += [f"{name}_sum{{{labels}}} 17.5", f"{name}_count{{{labels}}} 1234"]
        if len(lines) >= LINES:
            break
    del lines[LINES - 1 :]
    lines.append("process_start_time_seconds 1.68027720511e+09")
    return "\n".join(lines).encode() + b"\n"


async def serve() -> None:
    """Serve the page on a free port, printed, until standard input closes."""
    plain = page()
    packed = gzip.compress(plain, compresslevel=1)

    async def metrics(request: web.Request) -> web.Response:
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=packed, content_type="text/plain", headers={"Content-Encoding": "gzip"})
        return web.Response(body=plain, content_type="text/plain")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1], "mib": len(plain) / 2**20}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


class FixedClock:
    """A clock that stands still: the bench measures CPU, not time."""

    def now(self) -> datetime:
        """Return the epoch."""
        return datetime.fromtimestamp(0, UTC)

    def monotonic(self) -> float:
        """Return 0."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Return at once."""

    def at(self, wall: datetime) -> datetime:
        """Return the same instant."""
        return wall

    def wall(self, instant: datetime) -> datetime:
        """Return the same instant."""
        return instant


def resident_peak() -> float:
    """Return the most memory that this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(url: str, encoding: str, targets: Sequence[Target]) -> dict[str, float]:
    """Return the cost of one tick after a small one that warmed everything up."""
    async with aiohttp.ClientSession(headers={"Accept-Encoding": encoding}) as session:
        source = ControllerScrape(session, FixedClock(), lambda: static_addresses([url]), if_none="no address")
        memory, cpu = resident_peak(), process_time()
        readings = await source.read(targets)
        cpu, memory = process_time() - cpu, resident_peak() - memory
    broken = [reading.error for reading in readings.values() if reading.error]
    if broken:
        sys.exit(f"the page was not read: {broken[0]}")
    series = sum(len(reading.series) for reading in readings.values())
    return {"cpuSeconds": round(cpu, 3), "extraMiB": round(memory, 1), "series": series}


def main() -> int:
    """Measure the page plain and compressed, and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="serve the page instead (used by the bench itself)")
    if parser.parse_args().serve:
        asyncio.run(serve())
        return 0
    targets = [
        Target(f"team-{number % 40}", f"shop-{number}", f"shop-{number}", f"shop-{number}-canary", frozenset({0.5}))
        for number in range(0, INGRESSES, INGRESSES // ACTIVE)
    ]
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        url = f"http://127.0.0.1:{said['port']}/metrics"
        print(f"page: {LINES} lines, {said['mib']:.0f} MiB, {INGRESSES} Ingresses, {ACTIVE} active")
        costs = {encoding: asyncio.run(measure(url, encoding, targets)) for encoding in ("identity", "gzip")}
        server.communicate()
    for encoding, cost in costs.items():
        print(f"{encoding}: {json.dumps(cost)}")
    print(f"limits: {MAX_CPU_SECONDS} s of CPU, {MAX_EXTRA_MIB} MiB")
    kept = all(cost["cpuSeconds"] < MAX_CPU_SECONDS and cost["extraMiB"] < MAX_EXTRA_MIB for cost in costs.values())
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
