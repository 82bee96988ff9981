"""``ingress-canary status`` as a person runs it, while the daemon drives a rollout in the lab."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import SCHEDULE, checkout, until
from tests.e2e.preflight_shop import annotate
from tests.e2e.test_conflicts import act, traffic

pytestmark = pytest.mark.slow


async def status(lab: Lab, tmp_path: Path, *words: str) -> str:
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "person")
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingress_canary", "status", f"--kubeconfig={kubeconfig}", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await started.communicate()
    assert not started.returncode, errors.decode()
    return output.decode()


async def test_where_a_rollout_is_can_be_read_at_a_glance_and_in_full(
    lab: Lab, daemon: DaemonProcess, tmp_path: Path
) -> None:
    assert await status(lab, tmp_path, "-A") == "no CanaryRollout found\n"
    annotate(lab, backend_protocol="GRPC")
    steps = [{"name": "half", "weight": 50, "bake": "2h"}, {"weight": 100, "bake": "2h"}]
    lab.create("canaryrollouts", checkout(schedule={**SCHEDULE, "steps": steps}))
    async with daemon, traffic(lab):
        await daemon.ready()
        await until(lambda: lab.status().get("weight") == 50 and lab.status()["step"].get("bakedSeconds", 0) > 0)
        act(lab, "pause")
        await until(lambda: lab.status()["phase"] == "Paused")
    head, row = (re.split(" {3,}", line) for line in (await status(lab, tmp_path, "-n", "shop")).splitlines())
    assert head[:6] == ["NAMESPACE", "NAME", "PHASE", "REASON", "STEP", "WEIGHT"]
    assert row[:6] == ["shop", "checkout", "Paused", "PausedByUser", "1/2", "50 %"]

    full = await status(lab, tmp_path, "-n", "shop", "checkout")
    assert "Paused, PausedByUser: paused by a person at 50 %; resume to go on" in full
    assert "steps     = half   . 100 %" in full
    assert "of 5.30" in full  # ln(2S/alpha), where a fail is proven
    assert "of 3.00" in full  # ln(1/beta), where a step is proven good
    assert "preflight PreflightWarning: rule 26: Ingress shop/checkout metadata.annotations[" in full
    assert "paused    by a person; to go on: ingress-canary resume checkout -n shop" in full
    assert "action    pause (done)" in full
    assert "step 1 (half) begins" in full

    stored = json.loads(await status(lab, tmp_path, "-n", "shop", "checkout", "-o", "json"))
    assert stored["status"] == lab.status()
    listed = yaml.safe_load(await status(lab, tmp_path, "-A", "-o", "yaml"))
    assert [item["metadata"]["name"] for item in listed["items"]] == ["checkout"]
