"""What a person asks for with the command line, and with edits of the shadow, end to end."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, until
from tests.e2e.witness import INGRESSES, by_person, exposing

pytestmark = pytest.mark.slow

SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": 20, "bake": "4m", "require": "NoFail", "minRequests": 0}, {"weight": 50, "bake": "10h"}],
    "slos": [AVAILABILITY],
}
SHORT: dict[str, Any] = {
    "steps": [{"weight": 20, "bake": "10s", "require": "NoFail", "minRequests": 0}],
    "slos": [AVAILABILITY],
}


async def icanary(kubeconfig: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    """Run one command with ``-o json`` and return its exit code, its document and what it wrote to stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingress_canary", *words, "-n", "shop", "--kubeconfig", str(kubeconfig), "-o", "json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out) if out else {}, err.decode()


@pytest.fixture
def person(lab: Lab, tmp_path: Path) -> Path:
    """A person's kubeconfig."""
    return lab.api.write_kubeconfig(tmp_path / "person", token="alice")


async def test_each_verb_does_its_work_once_and_says_so(lab: Lab, daemon: DaemonProcess, person: Path) -> None:
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("weight") == 20)

        code, answer, _ = await icanary(person, "pause", "checkout")
        assert (code, answer["verb"], answer["result"], answer["phase"]) == (0, "pause", "done", "Paused")
        assert lab.status()["reason"] == "PausedByUser"
        assert lab.status()["lastAction"]["id"] == answer["id"]
        await until(lambda: not lab.rollout()["metadata"].get("annotations"))

        code, answer, _ = await icanary(person, "pause", "checkout")
        assert code == 1
        assert answer["result"].startswith("no effect")

        code, answer, _ = await icanary(person, "resume", "checkout")
        assert (code, answer["result"], answer["phase"]) == (0, "done", "Progressing")
        await until(lambda: lab.status()["weight"] == 50)

        code, answer, _ = await icanary(person, "finish", "checkout")
        assert code == 1
        assert "nothing to finish" in answer["result"]

        code, answer, _ = await icanary(person, "abort", "checkout")
        assert (code, answer["result"], answer["phase"]) == (0, "done", "RolledBack")
        await until(lambda: lab.shadow() is None)
        assert lab.status()["reason"] == "AbortedByUser"

        code, answer, _ = await icanary(person, "retry", "checkout")
        assert (code, answer["result"]) == (0, "done")
        assert answer["phase"] in ("Pending", "Progressing")
        await until(lambda: lab.status()["weight"] == 20)
        traffic.cancel()
    handled = [entry["reason"] for entry in lab.status()["history"]]
    assert handled[1:] == ["PausedByUser", "Resumed", "StepPassed", "AbortedByUser", "Retried", "Settling"]


async def test_finish_ends_a_promotion_that_a_person_has_done(lab: Lab, daemon: DaemonProcess, person: Path) -> None:
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", checkout(schedule=SHORT))
        await until(lambda: lab.status().get("phase") == "Promoting")
        code, _, err = await icanary(person, "finish", "checkout", "--revision", "another")
        assert code == 1, err
        assert lab.status()["phase"] == "Promoting"
        code, answer, _ = await icanary(person, "finish", "checkout")
        assert (code, answer["result"]) == (0, "done")
        await until(lambda: lab.status()["phase"] == "Succeeded")
        await until(lambda: lab.shadow() is None)
        traffic.cancel()


async def test_a_verb_for_a_rollout_that_is_not_there_fails_with_one(
    lab: Lab, daemon: DaemonProcess, person: Path
) -> None:
    code, _, err = await icanary(person, "abort", "nobody")
    assert code == 1
    assert "nobody" in err
    code, _, err = await icanary(person, "abort")
    assert code == 64


async def test_a_deleted_shadow_stays_away_until_resume_even_over_a_restart(
    lab: Lab, daemon: DaemonProcess, person: Path
) -> None:
    async with daemon:
        await daemon.ready()
        load = lab.load(100, 900)
        traffic = asyncio.create_task(load.run())
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("weight") == 50)
        await by_person(lab, "DELETE", f"{INGRESSES}/checkout-canary")
        deleted = len(lab.api.audit)
        await until(lambda: lab.status()["phase"] == "Paused")
        assert (lab.status()["reason"], lab.status()["weight"]) == ("Intervened", 0)
        await daemon.stop()
        await daemon.start()
        await daemon.ready()
        served = load.tally.total
        await until(lambda: load.tally.total > served + 200)
        assert lab.shadow() is None
        assert exposing(lab.api.audit[deleted:]) == []

        code, answer, _ = await icanary(person, "resume", "checkout")
        assert (code, answer["result"]) == (0, "done")
        await until(lambda: lab.status()["weight"] == 50)
        await until(lambda: lab.shadow() is not None)
        traffic.cancel()


async def test_a_shadow_deleted_while_nobody_looked_stays_away(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        traffic = asyncio.create_task(lab.load(100, 900).run())
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("weight") == 50)
        daemon.kill()
        await daemon.wait()
        await by_person(lab, "DELETE", f"{INGRESSES}/checkout-canary")
        deleted = len(lab.api.audit)
        await daemon.start()
        await daemon.ready()
        await until(lambda: lab.status()["phase"] == "Paused")
        assert lab.status()["reason"] == "Intervened"
        assert lab.shadow() is None
        assert exposing(lab.api.audit[deleted:]) == []
        traffic.cancel()
