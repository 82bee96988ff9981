"""Whole rollouts on evidence from a real Prometheus that scrapes the lab's controllers every second."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingress_canary.api import API_VERSION, SCHEDULE_KIND
from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, LATENCY, SCALE, SCHEDULE, checkout, history, until
from tests.e2e.prometheus_server import Prometheus
from tests.e2e.test_backtest_prometheus import icanary
from tests.forked import ForkedDaemon
from tests.whatif.test_commands import SCHEDULE as PLANNED
from tests.whatif.test_past import plan

pytestmark = pytest.mark.slow

RATE = 150
SCRAPED = 'nginx_ingress_controller_requests{ingress="{{ingress}}",canary="{{canaryUpstream}}"%s}'
OWN = {
    "name": "own", "objective": 99.5,
    "sli": {"prometheus": {"bad": SCRAPED % ',status=~"5.."', "total": f"sum({SCRAPED % ''})"}},
}  # fmt: skip
LOAD = {
    "name": "load", "sli": {"prometheusThreshold": {"query": "max(up)", "min": 1, "window": "10s", "failures": 2}},
}  # fmt: skip
ALL = {**SCHEDULE, "slos": [AVAILABILITY, LATENCY, OWN, LOAD]}
STAY = {**ALL, "steps": [{"weight": 50, "bake": "10h"}]}


@pytest.fixture
async def prometheus(lab: Lab, tmp_path: Path) -> AsyncIterator[Prometheus]:
    async with Prometheus(lab, tmp_path) as server:
        yield server


def daemon_of(lab: Lab, prometheus: Prometheus, room: Path, **settings: str) -> DaemonProcess:
    kubeconfig = lab.api.write_kubeconfig(room / "kubeconfig", token="daemon")
    return ForkedDaemon(
        kubeconfig, room / "daemon.log", scale=SCALE, epoch=datetime.now(UTC), warm_up="30s", source="prometheus",
        prometheus_url=prometheus.url, prometheus_scrape_interval="1s", **settings,
    )  # fmt: skip


@pytest.fixture
def daemon(lab: Lab, tmp_path: Path, prometheus: Prometheus) -> DaemonProcess:
    return daemon_of(lab, prometheus, tmp_path)


@asynccontextmanager
async def rolling(lab: Lab, daemon: DaemonProcess, schedule: dict[str, object]) -> AsyncIterator[Load]:
    """A daemon at work and traffic on the shop, whose rollout has begun; yields the traffic."""
    load = lab.load(RATE, 900)
    async with daemon:
        traffic = asyncio.create_task(load.run())
        try:
            await daemon.ready()
            lab.create("canaryrollouts", checkout(schedule=schedule))
            yield load
        finally:
            traffic.cancel()
            await asyncio.gather(traffic, return_exceptions=True)


def served(load: Load) -> int:
    """Return how many requests the canary has answered."""
    return load.tally.summary(CANARY.version)["canary"]


def counted(lab: Lab) -> int:
    """Return the canary's requests of the whole rollout, as the availability SLO has counted them."""
    slos = lab.status().get("slos") or [{}]
    total: int = slos[0].get("canary", {}).get("total", 0)
    return total


async def test_a_healthy_canary_is_promoted(lab: Lab, daemon: DaemonProcess, prometheus: Prometheus) -> None:
    async with rolling(lab, daemon, ALL):
        await until(lambda: lab.status().get("phase") == "Promoting", 90)
        lab.set_image("checkout", "shop/checkout:v2")
        await until(lambda: lab.status().get("phase") == "Succeeded")
        await until(lambda: lab.shadow() is None)
        planned = await plan("--prometheus", prometheus.url, "--ingress", "shop/checkout", schedule=PLANNED)
        assert "shop/checkout, average of 7 days: 0.0" in planned[1], planned
        assert 'ingress_canary_source_query_seconds_count{source="prometheus"}' in await daemon.metrics()
    expected = [(1, 10, "Settling"), (2, 50, "StepPassed"), (3, 100, "StepPassed"), (3, 100, "StepPassed")]
    assert history(lab) == [*expected, (3, 0, "Promoted")]


@pytest.mark.parametrize(
    ("change", "slos"),
    [
        ({"error_ratio": 0.4}, {"availability", "own"}),
        ({"slow_ratio": 0.5, "slow_seconds": 0.6}, {"latency"}),
    ],
    ids=["failing", "slow"],
)
async def test_a_bad_canary_is_taken_off(
    lab: Lab, daemon: DaemonProcess, change: dict[str, float], slos: set[str]
) -> None:
    async with rolling(lab, daemon, STAY):
        await until(lambda: lab.status().get("reason") == "Baking", 90)
        lab.canary.profile = replace(lab.canary.profile, **change)  # type: ignore[arg-type]
        await until(lambda: lab.status().get("phase") == "RolledBack")
        await until(lambda: lab.shadow() is None)
    assert lab.status()["reason"] == "SLOViolated"
    failed = {one["name"] for one in lab.status()["slos"] if one["verdict"] == "fail"}
    assert failed
    assert failed <= slos


async def test_a_reading_whose_time_is_no_whole_number_of_seconds_is_answered(
    lab: Lab, prometheus: Prometheus, tmp_path: Path
) -> None:
    daemon = daemon_of(lab, prometheus, tmp_path, interval="6s")
    async with rolling(lab, daemon, STAY):
        await until(lambda: lab.status().get("reason") == "Baking" and counted(lab) > 0, 90)


async def test_while_prometheus_is_stopped_nothing_moves_and_a_fail_of_that_time_is_found_afterwards(
    lab: Lab, daemon: DaemonProcess, prometheus: Prometheus
) -> None:
    async with rolling(lab, daemon, STAY) as load:
        await until(lambda: lab.status().get("reason") == "Baking", 90)
        await prometheus.stop()
        await until(lambda: lab.status().get("reason") == "NoData")
        assert "Prometheus: connection refused at" in lab.status()["message"]
        moved = len(history(lab))
        lab.canary.profile = replace(lab.canary.profile, error_ratio=0.4)
        before = served(load)
        await until(lambda: served(load) > before + 3 * RATE / 2)  # a minute of the schedule
        assert (lab.status()["phase"], len(history(lab))) == ("Progressing", moved)
        lab.canary.profile = CANARY
        await prometheus.start()
        await until(lambda: lab.status().get("phase") == "RolledBack")
    assert lab.status()["reason"] == "SLOViolated"


async def test_controllers_that_restart_come_and_go_are_counted_once(lab: Lab, daemon: DaemonProcess) -> None:
    async with rolling(lab, daemon, STAY) as load:
        await until(lambda: counted(lab) > 100, 90)
        before = counted(lab)
        await lab.plane.pods[0].restart()
        await until(lambda: counted(lab) > before + 100)
        added = await lab.add_controller()
        load.urls, before = lab.plane.urls, counted(lab)
        await until(lambda: counted(lab) > before + 200)
        load.urls, before = lab.plane.urls[:1], counted(lab)
        await lab.remove_controller(added)
        await until(lambda: counted(lab) > before + 100)
        assert counted(lab) <= served(load) + load.concurrency
    assert lab.status()["phase"] == "Progressing"


async def test_lint_asks_the_server_whether_it_takes_a_query(prometheus: Prometheus) -> None:
    # a regular expression of this kind is left to the server
    slo = {"name": "load", "sli": {"prometheusThreshold": {"query": 'max(load{pod=~"\\\\d("})', "max": 1}}}
    spec = {"steps": [{"weight": 10, "bake": "5m"}], "slos": [slo]}
    head = {"apiVersion": API_VERSION, "kind": SCHEDULE_KIND, "metadata": {"name": "own"}}
    text = json.dumps({**head, "spec": spec})
    code, output, _ = await icanary("lint", "-", stdin=text)
    assert code == 0, output
    code, output, _ = await icanary("lint", "--prometheus", prometheus.url, "-", stdin=text)
    assert code == 1
    assert "spec.slos[0].sli.prometheusThreshold.query: the server does not take it: " in output
