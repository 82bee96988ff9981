"""A Prometheus behind TLS whose certificate only the settings know."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from ingress_canary.settings import load
from ingress_canary.sources import prometheus_of
from tests.adapters.certificates import certificate, showing
from tests.adapters.small_prometheus import Pod, SmallPrometheus
from tests.adapters.test_prometheus import BEGIN, WEB, ManualClock


class Served(NamedTuple):
    url: str
    certificate: Path
    clock: ManualClock


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate that nobody else has signed, and its key."""
    return certificate(tmp_path)


@pytest.fixture
async def served(identity: tuple[Path, Path]) -> AsyncIterator[Served]:
    clock, prometheus, pod = ManualClock(), SmallPrometheus(), Pod(started=BEGIN - 3600)
    pod.serve(10)
    clock.seconds = 10
    prometheus.scrape(pod, BEGIN + 9)
    app = web.Application()
    app.router.add_post("/api/v1/query", prometheus.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=showing(*identity)).start()
    yield Served(f"https://127.0.0.1:{runner.addresses[0][1]}", identity[0], clock)
    await runner.cleanup()


@pytest.mark.parametrize("known", [True, False])
async def test_a_certificate_is_believed_when_its_authority_is_set(served: Served, known: bool) -> None:
    flags = {"prometheus_url": served.url} | ({"prometheus_ca_file": str(served.certificate)} if known else {})
    source, http = prometheus_of(load(dict(flags), None), served.clock)
    async with http:
        reading = (await source.read([WEB]))[WEB]
    if known:
        assert (reading.error, len(reading.series)) == (None, 3)
    else:
        assert "certificate verify failed" in str(reading.error)
        assert "--prometheus-ca-file" in str(reading.error)
