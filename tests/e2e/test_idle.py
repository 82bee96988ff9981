"""At rest nothing is polled: 500 rollouts that wait for nothing in time cost watches, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from tests.e2e.conftest import SCHEDULE, until
from tests.e2e.witness import DAEMON, requests_by_daemon
from tests.forked import ForkedDaemon

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUIET = timedelta(seconds=4)
MINUTE = 60.0
ROLLOUTS = 500


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """A lab in real time."""
    async with Lab(seed=7) as made:
        yield made


@pytest.fixture
async def page() -> AsyncIterator[tuple[str, list[str]]]:
    """A controller's metrics page, empty, that keeps the books of who asked for it."""
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="")

    app = web.Application()
    app.router.add_get("/metrics", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/metrics", asked
    await runner.cleanup()


def open_shops(lab: Lab) -> dict[str, tuple[str, str]]:
    """Create 500 rollouts that are at rest or wait for a person; return phase and reason that each must come to."""
    expected = {}
    lab.create("deployments", manifests.deployment("twin", "shop/checkout:v1"))
    same = {"canary": {"name": "twin"}, "stable": {"name": "checkout"}}
    for number in range(ROLLOUTS):
        name = f"idle-{number:03}"
        for side in (name, f"{name}-canary"):
            lab.create("services", manifests.service(side))
        lab.create("ingresses", manifests.ingress(name, host=f"{name}.example"))
        match number % 4:
            case 0:
                body, end = manifests.rollout(name, SCHEDULE, workload=same), ("Succeeded", "Promoted")
            case 1:
                body, end = manifests.rollout(name, SCHEDULE), ("Pending", "ScheduleMissing")
            case 2:
                body, end = manifests.rollout(name, SCHEDULE), ("Pending", "PreflightFailed")
            case _:
                body, end = manifests.rollout(name, SCHEDULE, revision="r1"), ("RolledBack", "SLOViolated")
        if end[1] == "ScheduleMissing":
            body["spec"]["schedule"] = {"ref": {"name": "not-there"}}
        lab.create("canaryrollouts", body)
        if end[0] == "RolledBack":
            status = {"phase": end[0], "reason": end[1], "revision": "r1", "failedRevision": "r1"}
            lab.api.store.patch("canaryrollouts", "shop", name, {"status": status}, subresource="status")
        expected[name] = end
    return expected


async def test_five_hundred_idle_rollouts_cost_watches_and_nothing_else(
    lab: Lab, page: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, asked = page
    expected = open_shops(lab)
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token=DAEMON)
    daemon = ForkedDaemon(kubeconfig, tmp_path / "daemon.log", scrape_urls=url)

    def decided() -> bool:
        return all(
            (lab.status(name).get("phase"), lab.status(name).get("reason")) == at for name, at in expected.items()
        )

    def quiet() -> bool:
        last = max((one.at for one in requests_by_daemon(lab.api.audit)), default=datetime.now(UTC))
        return datetime.now(UTC) - last > QUIET

    async with daemon:
        await daemon.ready(60)
        await until(decided, 90)
        await until(quiet, 90)
        seen, scraped = len(lab.api.audit), len(asked)
        await asyncio.sleep(MINUTE)
        made = [(one.verb, one.path) for one in requests_by_daemon(lab.api.audit[seen:])]
        assert made == []
        assert asked[scraped:] == []
        assert decided()
