"""What later servers do otherwise than Debian's Prometheus: skipped unless E2E_PROMETHEUS names one (``make real``).

Prometheus 3 stores whole bucket bounds with a decimal, and classic histograms as native ones where it is told to.
VictoriaMetrics shows samples late, and NaN where a target has gone.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, LATENCY, until
from tests.e2e.prometheus_server import IS_VICTORIA, Prometheus
from tests.e2e.test_prometheus import RATE, STAY, counted, daemon, rolling

if "E2E_PROMETHEUS" not in os.environ:
    pytest.skip("E2E_PROMETHEUS names no other server than Debian's", allow_module_level=True)

pytestmark = pytest.mark.slow

__all__ = ["daemon"]

Json = dict[str, Any]

FAMILY = "nginx_ingress_controller_request_duration_seconds"
SIDE = 'ingress="{{ingress}}",canary="{{canaryUpstream}}"'
WITHIN_ONE_SECOND = {
    "name": "own", "objective": 99, "maxBurn": 5,
    "sli": {"prometheus": {"good": f'{FAMILY}_bucket{{{SIDE},le=~"1([.]0)?"}}', "total": f"{FAMILY}_count{{{SIDE}}}"}},
}  # fmt: skip
"""As lint has it written, for every version."""
NOTED = {
    "name": "noted",
    "sli": {"prometheusThreshold": {"query": "max(1 + rate(up[10s]))", "min": 1, "window": "10s", "failures": 2}},
}
"""A query that Prometheus notes something on: a rate of what may be no counter."""
IN_A_SECOND = {**LATENCY, "name": "second", "sli": {"latency": {"threshold": "1s"}}}
CONVERTED = "convert_classic_histograms_to_nhcb: true"
KEPT = "always_scrape_classic_histograms: true"


async def asked(prometheus: Prometheus, query: str) -> list[Json]:
    """Return what the server answers to a query."""
    async with aiohttp.ClientSession() as session:
        form = {"query": query, "nocache": "1"}
        async with session.post(f"{prometheus.url}/api/v1/query", data=form) as answer:
            found: list[Json] = (await answer.json())["data"]["result"]
            return found


def slos(lab: Lab) -> Mapping[str, Json]:
    """Return what is known of each SLO, by its name."""
    return {one["name"]: one for one in lab.status().get("slos", ())}


def total(lab: Lab, slo: str) -> int:
    """Return the canary's requests that an SLO has counted."""
    known: int = slos(lab).get(slo, {}).get("canary", {}).get("total", 0)
    return known


@pytest.fixture
async def prometheus(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Prometheus]:
    async with Prometheus(lab, tmp_path, options=getattr(request, "param", ())) as server:
        yield server


async def test_a_bound_of_a_whole_second_is_found_however_it_is_stored(
    lab: Lab, daemon: DaemonProcess, prometheus: Prometheus
) -> None:
    async with rolling(lab, daemon, {**STAY, "slos": [IN_A_SECOND, WITHIN_ONE_SECOND, NOTED]}):
        await until(lambda: min(total(lab, "second"), total(lab, "own")) > 200, 90)
        bounds = {one["metric"]["le"] for one in await asked(prometheus, f"count by (le) ({FAMILY}_bucket)")}
        assert {"0.5", "1" if IS_VICTORIA else "1.0"} <= bounds
        assert bool(await asked(prometheus, f'{FAMILY}_bucket{{le="1"}}')) == IS_VICTORIA
        await until(lambda: slos(lab)["noted"]["verdict"] != "no-data", 90)
        lab.canary.profile = replace(lab.canary.profile, slow_ratio=0.5, slow_seconds=1.5)
        await until(lambda: lab.status().get("phase") == "RolledBack")
    assert lab.status()["reason"] == "SLOViolated"
    assert {name for name, one in slos(lab).items() if one["verdict"] == "fail"} <= {"second", "own"}


@pytest.mark.skipif(IS_VICTORIA, reason="an option of Prometheus 3")
@pytest.mark.parametrize("prometheus", [(CONVERTED,)], indirect=True)
async def test_a_histogram_that_is_stored_as_a_native_one_alone_is_named_and_errors_are_found_all_the_same(
    lab: Lab, daemon: DaemonProcess, prometheus: Prometheus
) -> None:
    async with rolling(lab, daemon, {**STAY, "slos": [AVAILABILITY, LATENCY]}):
        await until(lambda: "convert_classic_histograms_to_nhcb" in lab.status().get("message", ""), 90)
        assert lab.status()["reason"] == "NoData"
        await until(lambda: counted(lab) > 200, 90)
        assert total(lab, "latency") == 0
        lab.canary.profile = replace(lab.canary.profile, error_ratio=0.4)
        await until(lambda: lab.status().get("phase") == "RolledBack")
    assert slos(lab)["availability"]["verdict"] == "fail"


@pytest.mark.skipif(IS_VICTORIA, reason="an option of Prometheus 3")
@pytest.mark.parametrize("prometheus", [(CONVERTED, KEPT)], indirect=True)
async def test_a_histogram_that_is_kept_beside_the_native_one_is_judged(
    lab: Lab, daemon: DaemonProcess, prometheus: Prometheus
) -> None:
    async with rolling(lab, daemon, {**STAY, "slos": [AVAILABILITY, LATENCY]}):
        await until(lambda: total(lab, "latency") > 200, 90)
    assert lab.status()["phase"] == "Progressing"


@pytest.mark.skipif(not IS_VICTORIA, reason="Prometheus shows no end of a series")
async def test_the_end_of_a_controller_is_shown_as_nan_and_holds_nobody_up(
    lab: Lab, daemon: DaemonProcess, prometheus: Prometheus
) -> None:
    added = await lab.add_controller()
    async with rolling(lab, daemon, STAY) as load:
        await until(lambda: counted(lab) > 100, 90)
        await lab.remove_controller(added)
        load.urls = lab.plane.urls
        async with asyncio.timeout(30):
            while not await has_nan(prometheus):
                await asyncio.sleep(0.2)
        before = counted(lab)
        await until(lambda: counted(lab) > before + RATE, 90)
    assert lab.status()["phase"] == "Progressing"


async def has_nan(prometheus: Prometheus) -> bool:
    """Return whether any of the controllers' last samples is NaN."""
    rows = await asked(prometheus, "nginx_ingress_controller_config_last_reload_successful[1m]")
    return any(value == "NaN" for row in rows for _, value in row["values"])
