"""A canary that is slower below every threshold is found by its whole distribution, over real HTTP."""

from typing import Any

import pytest

from ingress_canary.lab.application import Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, LATENCY, SCHEDULE, checkout, deployed, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shoppers")]

MEDIAN, SPREAD = 0.03, 0.4
"""Of stable's latency: one request in ten takes more than 50 ms, none in practice the 250 ms of the latency SLO."""


def shaped(**slo: Any) -> dict[str, Any]:
    shape = {"name": "shape", "settle": "15s", "sli": {"latencyDistribution": {}}, **slo}
    # long enough for a proof before all requests are the canary's, when there is nothing left to compare with
    steps = [{"weight": 50, "bake": "5m"}, {"weight": 100, "bake": "30s"}]
    return checkout(schedule={**SCHEDULE, "steps": steps, "slos": [AVAILABILITY, LATENCY, shape]})


async def half_of_them_take(lab: Lab, stable: float, canary: float) -> None:
    await deployed(lab)
    lab.stable.profile = Profile("v1", latency=stable, spread=SPREAD)
    lab.canary.profile = Profile("v2", latency=canary, spread=SPREAD)


@pytest.mark.parametrize(("slo", "phase"), [({}, "Paused"), ({"onFailure": "Rollback"}, "RolledBack")])
async def test_a_canary_that_takes_twice_as_long_below_the_threshold_is_found(
    lab: Lab, daemon: DaemonProcess, slo: dict[str, str], phase: str
) -> None:
    async with daemon:
        await daemon.ready()
        await half_of_them_take(lab, MEDIAN, 2 * MEDIAN)
        lab.create("canaryrollouts", shaped(**slo))
        await until(lambda: lab.status().get("phase") in ("Paused", "RolledBack", "Promoting"))
        status = lab.status()
        assert (status["phase"], status["reason"]) == (phase, "SLOViolated"), status["message"]
        assert status["message"].startswith("shape: slower than 0.")
        verdicts = {slo["name"]: slo["verdict"] for slo in status["slos"]}
        assert (verdicts["shape"], verdicts["latency"] != "fail") == ("fail", True)


async def test_one_that_takes_as_long_as_stable_is_promoted(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        await half_of_them_take(lab, MEDIAN, MEDIAN)
        lab.create("canaryrollouts", shaped())
        await until(lambda: lab.status().get("phase") in ("Paused", "RolledBack", "Promoting"))
        assert lab.status()["phase"] == "Promoting", lab.status()["message"]
