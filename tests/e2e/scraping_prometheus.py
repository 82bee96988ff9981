"""A small Prometheus that scrapes the lab's controllers every second, and answers users' queries as a test says."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
from aiohttp import web

from ingress_canary.lab.cluster import Lab
from tests.adapters.small_prometheus import FAMILY, STARTED, Answer, Pod, SmallPrometheus

REMEMBERED = 90
"""Samples that are kept of each series."""


class ScrapingPrometheus(SmallPrometheus):
    """Its samples are those of the lab's controllers; what is not theirs is answered by ``own``."""

    def __init__(self, lab: Lab, own: Answer) -> None:
        super().__init__()
        self._lab, self._own = lab, own
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScrapingPrometheus"]:
        """Scrape and answer for as long as the block lasts."""
        app = web.Application()
        app.router.add_post("/api/v1/query", self._answered)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        scraping = asyncio.create_task(self._scrape())
        try:
            yield self
        finally:
            scraping.cancel()
            await asyncio.gather(scraping, return_exceptions=True)
            await runner.cleanup()

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        query = str((await request.post())["query"])
        of_controllers = query.startswith((FAMILY, STARTED, f"count by (le) ({FAMILY}"))
        return await (self.handle if of_controllers else self._own)(request)

    async def _scrape(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                for pod in self._lab.plane.pods:
                    with suppress(aiohttp.ClientError):
                        async with session.get(pod.metrics_url) as page:
                            self.scrape(read(pod.name, await page.text()), time.time())
                for family in self.series.values():
                    for samples in family.values():
                        del samples[:-REMEMBERED]
                self.asked.clear()
                await asyncio.sleep(1)


def read(name: str, page: str) -> Pod:
    """Return a controller as its page shows it."""
    pod = Pod(name)
    for line in page.splitlines():
        if line.startswith("#") or not line:
            continue
        series, _, value = line.rpartition(" ")
        if series.partition("{")[0] == STARTED:
            pod.started = float(value)
        elif not re.match(rf"{FAMILY}config_last_reload_successful\b", series):
            pod.lines[series] = float(value)
    return pod
