"""What nginx answers before it draws a side speaks against neither: CORS preflights, and what a snippet returns."""

import asyncio
from typing import Any

import pytest

from ingress_canary.lab.application import Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.load import LoadTally, Visitor
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, deployed, until
from tests.e2e.preflight_shop import annotate

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("weight", "preflights", "bad"), [(10, 0.6, 0.0), (50, 0.45, 0.02)], ids=["few on the canary", "both sides fail"]
)
async def test_preflights_of_cors_do_not_speak_against_the_canary(
    lab: Lab, daemon: DaemonProcess, weight: int, preflights: float, bad: float
) -> None:
    annotate(lab, enable_cors="true")
    tally = await passed(lab, daemon, weight, bad, Visitor(preflights, method="OPTIONS"))
    assert tally.by_status()[204] > 0.8 * preflights * tally.total


@pytest.mark.parametrize(("weight", "bots", "bad"), [(10, 0.6, 0.0), (50, 0.45, 0.02)])
@pytest.mark.parametrize("status", [403, 204], ids=["told apart by its status", "like any other"])
async def test_what_a_snippet_returns_does_not_speak_against_the_canary(
    lab: Lab, daemon: DaemonProcess, weight: int, bots: float, bad: float, status: int
) -> None:
    annotate(lab, configuration_snippet=f"if ($http_x_bot) {{ return {status}; }}")
    tally = await passed(lab, daemon, weight, bad, Visitor(bots, {"X-Bot": "yes"}))
    assert tally.by_status()[status] > 0.8 * bots * tally.total
    warned = [
        found for found in lab.status()["conditions"] if "is not compared with stable" in found.get("message", "")
    ]
    assert bool(warned) is (status == 204)


async def passed(lab: Lab, daemon: DaemonProcess, weight: int, bad: float, others: Visitor) -> LoadTally:
    """Pass a step with both sides alike and some requests that no side answers; return the load."""
    step = {"weight": weight, "bake": "4m", "require": "NoFail", "minRequests": 500}
    schedule: dict[str, Any] = {
        "steps": [step, {"weight": 100, "bake": "10h"}], "slos": [{**AVAILABILITY, "objective": 99, "maxBurn": 1}],
    }  # fmt: skip
    load = lab.load(300, 900, visitors=[Visitor(1 - others.share), others], seed=1)
    sending = asyncio.create_task(load.run())
    try:
        async with daemon:
            await daemon.ready()
            await deployed(lab)
            lab.stable.profile = Profile("v1", error_ratio=bad)
            lab.canary.profile = Profile("v2", error_ratio=bad)
            lab.create("canaryrollouts", checkout(schedule=schedule))
            await until(lambda: lab.status().get("weight") == 100 or lab.status().get("phase") == "RolledBack")
            status = lab.status()
            assert status["weight"] == 100, status["message"]
            assert "WeightNotEffective" not in [entry["reason"] for entry in status["history"]]
    finally:
        sending.cancel()
    return load.tally
