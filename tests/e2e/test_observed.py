"""A real Prometheus scrapes the daemon through a rollout: page, alerts and dashboard hold what they promise."""

import asyncio
import copy
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import Refuse, requests
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import SCHEDULE, checkout, until
from tests.e2e.prometheus_server import Prometheus
from tests.e2e.witness import DAEMON, events
from tests.observed import RULES, alerted, drawn, faults, names, promtool, rules

pytestmark = pytest.mark.slow

STAY = {**SCHEDULE, "steps": [{"weight": 50, "bake": "10h"}]}
CRD = "canaryrollouts.ingress-canary.io"
UNUSUAL = re.compile(r"> 0$")
"""Queries that show nothing where all is well."""


@asynccontextmanager
async def baking(lab: Lab, daemon: DaemonProcess) -> AsyncIterator[None]:
    """A rollout at a step, with traffic."""
    async with daemon:
        traffic = asyncio.create_task(lab.load(100, 900).run())
        try:
            await daemon.ready()
            lab.create("canaryrollouts", checkout(schedule=STAY))
            await until(lambda: lab.status().get("reason") == "Baking", 90)
            yield
        finally:
            traffic.cancel()
            await asyncio.gather(traffic, return_exceptions=True)


async def api(prometheus: Prometheus, path: str, **query: str) -> Any:
    """Return the data of an answer of Prometheus's API, which has nothing to complain of."""
    url = f"{prometheus.url}/api/v1/{path}"
    async with aiohttp.ClientSession() as session, session.get(url, params=query) as answer:
        body = await answer.json()
    assert body["status"] == "success", (query, body)
    assert "warnings" not in body
    return body["data"]


async def shown(prometheus: Prometheus, query: str) -> list[Any]:
    """Return what a query shows now."""
    found: list[Any] = (await api(prometheus, "query", query=query))["result"]
    return found


async def seen(prometheus: Prometheus, query: str, within: float = 60) -> None:
    """Wait until a query shows something."""
    async with asyncio.timeout(within):
        while not await shown(prometheus, query):
            await asyncio.sleep(0.2)


async def test_prometheus_shows_every_panel_and_evaluates_every_alert(
    lab: Lab, daemon: DaemonProcess, tmp_path: Path
) -> None:
    async with baking(lab, daemon):
        where = f"127.0.0.1:{daemon.port}"
        async with Prometheus(lab, tmp_path, daemons=[where], rules=RULES) as prometheus:
            await seen(prometheus, "changes(ingress_canary_source_query_seconds_count[1m]) > 1")
            await seen(
                prometheus, "ingress_canary_observed_share and on (name) ingress_canary_slo_log_evalue_threshold"
            )
            for query in drawn():
                found = await shown(prometheus, query.text)
                assert found or UNUSUAL.search(query.text), query
                assert all(query.used_labels <= one["metric"].keys() for one in found), query

            page = names(await daemon.metrics())
            assert [fault for query in (*drawn(), *alerted()) for fault in faults(query, page)] == []

            lab.canary.profile = replace(lab.canary.profile, error_ratio=0.4)
            await until(lambda: lab.shadow() is None)
            await seen(prometheus, "ingress_canary_rollback_seconds_count > 0")
            await seen(prometheus, 'ALERTS{alertname="IngressCanaryRolledBack", alertstate="firing"}')
            groups = (await api(prometheus, "rules"))["groups"]
            health = {rule["name"]: (rule["health"], rule.get("lastError")) for one in groups for rule in one["rules"]}
            assert health == dict.fromkeys(rules(), ("ok", None))
            firing = await shown(prometheus, 'ALERTS{alertstate="firing"}')
            assert {one["metric"]["alertname"] for one in firing} == {"IngressCanaryRolledBack"}


async def test_a_watch_that_is_refused_after_the_start_is_named_while_it_lasts(lab: Lab, daemon: DaemonProcess) -> None:
    async def ready(wanted: Callable[[str], bool]) -> str:
        async with asyncio.timeout(60), aiohttp.ClientSession(f"http://127.0.0.1:{daemon.port}") as http:
            while True:
                async with http.get("/readyz") as answer:
                    if wanted(answered := await answer.text()):
                        assert answer.status == 200
                        return answered
                await asyncio.sleep(0.1)

    async with baking(lab, daemon):
        assert await ready(bool) == "ok\n"
        fault = lab.api.faults.add(
            requests(user=DAEMON, resource="canaryrollouts", verb=("list", "watch")), Refuse(403)
        )
        lab.api.cut_watches("canaryrollouts")
        # that the stream broke is reported first
        answered = await ready(lambda text: "grant" in text)
        assert answered.startswith("ok\ntrouble: ")
        assert "canaryrollouts" in answered
        assert answered.rstrip().endswith("grant the daemon's service account get, list and watch on it")
        lab.api.faults.remove(fault)
        await ready(lambda text: text == "ok\n")


async def test_promtool_has_nothing_to_say_of_the_page(lab: Lab, daemon: DaemonProcess) -> None:
    async with baking(lab, daemon):
        page = await daemon.metrics()
    check = partial(subprocess.run, [promtool(), "check", "metrics"], input=page, capture_output=True, text=True)
    done = await asyncio.to_thread(check)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


async def until_page_has(daemon: DaemonProcess, line: str, *, not_any_more: bool = False) -> None:
    """Wait until the daemon's page has a line that begins so, or none."""
    async with asyncio.timeout(60):
        while (f"\n{line}" in await daemon.metrics()) is not_any_more:
            await asyncio.sleep(0.1)


async def test_a_rollback_whose_deletion_is_refused_at_first_is_sent_and_timed_to_the_end(
    lab: Lab, daemon: DaemonProcess
) -> None:
    async with baking(lab, daemon):
        lab.api.faults.add(requests(user=DAEMON, verb="delete", resource="ingresses"), Refuse(500), times=3)
        lab.canary.profile = replace(lab.canary.profile, error_ratio=0.4)
        await until(lambda: lab.shadow() is None)
        await until_page_has(daemon, "ingress_canary_rollback_seconds_count 1.0")
        await until_page_has(daemon, 'ingress_canary_transitions_total{reason="SLOViolated"} 1.0')
        assert float(re.findall(r"\ningress_canary_reconcile_errors_total (\S+)", await daemon.metrics())[0]) >= 3
        await until(lambda: [one["type"] for one in events(lab) if one["reason"] == "SLOViolated"] == ["Warning"])


async def test_a_spec_that_cannot_be_read_is_shown_after_a_restart_too_until_its_rollout_is_deleted(
    lab: Lab, daemon: DaemonProcess
) -> None:
    falling = {**STAY, "steps": [{"weight": 50, "bake": "1m"}, {"weight": 10, "bake": "1m"}]}
    line = 'ingress_canary_rollout_info{name="checkout",namespace="shop",phase="Pending",reason="InvalidSpec"'
    lab.create("canaryrollouts", checkout(schedule=falling))
    for _ in range(2):
        async with daemon:
            await daemon.ready()
            await until_page_has(daemon, line)
    async with daemon:
        await daemon.ready()
        await until_page_has(daemon, line)
        lab.api.store.delete("canaryrollouts", manifests.NAMESPACE, "checkout")
        await until_page_has(daemon, line, not_any_more=True)
        assert 'name="checkout"' not in await daemon.metrics()


async def test_a_status_that_cannot_be_read_is_shown_with_what_of_it_can(lab: Lab, daemon: DaemonProcess) -> None:
    later = copy.deepcopy(lab.api.store.get("customresourcedefinitions", "", CRD))
    status = later["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    status["slos"]["items"]["properties"]["verdict"]["enum"].append("doubtful")
    lab.api.store.update("customresourcedefinitions", "", CRD, later)
    lab.create("canaryrollouts", checkout(schedule=STAY))
    slos = [{"name": "availability", "verdict": "doubtful"}]
    foreign = {"status": {"phase": "Progressing", "weight": 50, "slos": slos}}
    lab.api.store.patch("canaryrollouts", manifests.NAMESPACE, "checkout", foreign, subresource="status")
    async with daemon:
        await daemon.ready()
        where = 'name="checkout",namespace="shop"'
        await until_page_has(daemon, f'ingress_canary_rollout_info{{{where},phase="Progressing",reason="InvalidSpec"')
        await until_page_has(daemon, f"ingress_canary_weight{{{where}}} 50.0")
