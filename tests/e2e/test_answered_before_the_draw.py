"""What nginx answers before it draws a side is neither side's: CORS preflights, which it counts as stable's."""

import asyncio
from typing import Any

import pytest

from ingress_canary.lab.application import Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.load import Visitor
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
    step = {"weight": weight, "bake": "4m", "require": "NoFail", "minRequests": 500}
    schedule: dict[str, Any] = {
        "steps": [step, {"weight": 100, "bake": "10h"}], "slos": [{**AVAILABILITY, "objective": 99, "maxBurn": 1}],
    }  # fmt: skip
    load = lab.load(300, 900, visitors=[Visitor(1 - preflights), Visitor(preflights, method="OPTIONS")], seed=1)
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
    assert load.tally.by_status()[204] > 0.8 * preflights * load.tally.total
