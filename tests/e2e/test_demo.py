"""The demo: every scenario ends as it must, time can be compressed, and nothing is left behind."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ingress_canary.api.rollout_status import Phase, Verdict
from ingress_canary.lab import manifests
from ingress_canary.lab.load import Visitor
from ingress_canary.lab.scenarios import SCENARIOS, SLOS, Name, promoted
from ingress_canary.lab.stage import Stage, Surprise

# a tracer costs more than the lab itself
pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

BRISK = {"steps": [{"weight": weight, "bake": "30s"} for weight in (10, 50, 100)], "slos": SLOS}
BRISK_HISTORY = [(1, 10, "Settling"), (2, 50, "StepPassed"), (3, 100, "StepPassed"), (3, 100, "StepPassed")]
TO_THE_MIDDLE = [(1, 5, "Settling"), (2, 10, "StepPassed"), (3, 25, "StepPassed")]
PROMOTED = [(5, 100, "StepPassed"), (5, 0, "Promoted")]


class End(NamedTuple):
    """How a scenario must end."""

    phase: Phase
    reason: str
    history: list[tuple[int, float, str]]


ENDS = {
    Name.HEALTHY: End(
        Phase.SUCCEEDED,
        "Promoted",
        [
            (1, 1, "Settling"),
            *((step, weight, "StepPassed") for step, weight in enumerate((3, 9, 27, 81, 100), 2)),
            (6, 100, "StepPassed"),
            (6, 0, "Promoted"),
        ],
    ),
    Name.ERRORS: End(Phase.ROLLED_BACK, "SLOViolated", [*TO_THE_MIDDLE, (3, 0, "SLOViolated")]),
    Name.SLOW: End(Phase.ROLLED_BACK, "SLOViolated", [*TO_THE_MIDDLE, (3, 0, "SLOViolated")]),
    Name.LOW_TRAFFIC: End(Phase.PROGRESSING, "InsufficientEvidence", TO_THE_MIDDLE[:1]),
    Name.METRICS_OUTAGE: End(
        Phase.SUCCEEDED, "Promoted", [*TO_THE_MIDDLE, (4, 50, "StepPassed"), (5, 100, "StepPassed"), *PROMOTED]
    ),
    Name.INERT: End(Phase.PROGRESSING, "WeightNotEffective", TO_THE_MIDDLE[:1]),
    Name.DOGFOOD: End(
        Phase.SUCCEEDED,
        "Promoted",
        [
            (1, 0, "Settling"),
            (1, 0, "AwaitingApproval"),
            (1, 0, "Approved"),
            (2, 10, "StepPassed"),
            (3, 50, "StepPassed"),
            (4, 100, "StepPassed"),
            (4, 100, "StepPassed"),
            (4, 0, "Promoted"),
        ],
    ),
}


def history(stage: Stage) -> list[tuple[int, float, str]]:
    return [(entry.step, entry.weight, entry.reason) for entry in stage.status.history]


def primary(stage: Stage) -> bytes:
    return json.dumps(stage.lab.api.store.get("ingresses", manifests.NAMESPACE, "checkout")).encode()


@pytest.mark.parametrize("name", [name for name in Name if name is not Name.ERRORS])
async def test_a_scenario_ends_as_it_must_and_leaves_the_primary_untouched(name: Name) -> None:
    scenario, end = SCENARIOS[name], ENDS[name]
    async with Stage(rate=scenario.rate, scale=20, seed=7) as stage:
        before = primary(stage)
        await stage.play(scenario.script)
        assert (stage.status.phase, stage.status.reason) == (end.phase, end.reason)
        assert history(stage) == end.history
        assert (stage.lab.shadow() is None) == (end.phase is not Phase.PROGRESSING)
        assert primary(stage) == before


async def test_half_of_all_traffic_redirected_is_nothing_against_a_healthy_canary() -> None:
    visitors = (Visitor(), Visitor(headers={"X-Forwarded-Proto": "https"}))
    seen: set[tuple[str, Verdict]] = set()

    async def play(stage: Stage) -> str:
        stage.begin(BRISK)
        return await promoted(stage)

    async with Stage(rate=300, scale=20, seed=7, visitors=visitors) as stage:
        redirect = {"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"}
        stage.lab.api.store.patch("ingresses", "shop", "checkout", {"metadata": {"annotations": redirect}})
        stage.listeners.append(lambda: seen.update((stage.status.reason, slo.verdict) for slo in stage.status.slos))
        before = primary(stage)
        await stage.play(play)
        assert history(stage) == [*BRISK_HISTORY, (3, 0, "Promoted")]
        assert primary(stage) == before
        by_status = stage.load.tally.by_status()
        assert 0.4 < by_status[308] / by_status.total() < 0.6
    assert {verdict for _, verdict in seen} == {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert "WeightNotEffective" not in {reason for reason, _ in seen}


async def test_compressed_time_changes_no_decision_and_shortens_no_bake() -> None:
    async def play(stage: Stage) -> str:
        stage.begin(BRISK)
        await stage.until(lambda status: status.phase is Phase.PROMOTING)
        return ""

    for scale in (10, 30):
        async with Stage(rate=300, scale=scale, seed=7) as stage:
            await stage.play(play)
            assert history(stage) == BRISK_HISTORY, f"at scale {scale}"
            stays = [later.at - earlier.at for earlier, later in pairwise(stage.status.history)]
            assert min(stays) >= timedelta(seconds=45), f"at scale {scale}: settling takes 15 s and the bake 30 s"


async def test_what_goes_wrong_behind_a_scenario_is_reported() -> None:
    async def meddle(stage: Stage) -> str:
        stage.lab.api.store.patch("ingresses", "shop", "checkout", {"metadata": {"labels": {"by": "nobody"}}})
        return ""

    async def crash(stage: Stage) -> str:
        stage.daemon.kill()
        await asyncio.Event().wait()
        return ""

    async with Stage(rate=10, scale=20) as stage:
        with pytest.raises(Surprise, match="the primary Ingress is not what it was"):
            await stage.play(meddle)
        with pytest.raises(Surprise, match="the daemon ended with exit code -9"):
            await stage.play(crash)


# --- the command -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def demo(room: Path, *words: str) -> AsyncIterator[Process]:
    """Run the command with its temporary files in ``room``; afterwards nothing of it may be left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingress_canary", "demo", *words, stdout=PIPE, stderr=PIPE, start_new_session=True,
        env={**os.environ, "TMPDIR": str(room)},
    )  # fmt: skip
    try:
        async with asyncio.timeout(100):
            yield process
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert left_in(room) == []


def left_in(room: Path) -> list[str]:
    """Return the files in a directory, and the processes that were given it."""
    files = [str(path) for path in room.iterdir()]
    return files + [command for command in commands() if str(room) in command]


def commands() -> Iterator[str]:
    """Yield the command line of every process."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it may have ended meanwhile
            yield entry.read_text()


async def test_errors_are_rolled_back_before_two_percent_of_all_requests_failed(tmp_path: Path) -> None:
    async with demo(tmp_path, "--scenario", "errors", "--until-done", "-o", "json", "--seed", "7") as process:
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    report = json.loads(out)
    end = ENDS[Name.ERRORS]
    assert (report["scenario"], report["phase"], report["reason"]) == ("errors", end.phase, end.reason)
    assert [(one["step"], one["weight"], one["reason"]) for one in report["transitions"]] == end.history
    assert [one["at"] for one in report["transitions"]] == sorted(one["at"] for one in report["transitions"])
    requests = report["requests"]
    assert 0 < requests["canaryFailed"] <= 0.02 * requests["total"]
    assert requests["canaryFailed"] < requests["canary"] < requests["total"]
    assert 0 < report["rollbackSeconds"] <= 20
    first, *lines, last = errors.decode().splitlines()
    assert first.startswith("errors: The canary begins to fail")
    assert last.startswith("errors ended as it must: rolled back")
    words = [line[7:43] for line in lines]
    assert all(earlier != later for earlier, later in pairwise(words)), "a line for each change, and no more"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, code: int) -> None:
    async with demo(tmp_path, "-o", "json") as process:
        assert process.stderr is not None
        assert process.stdout is not None
        while line := await process.stderr.readline():
            if b"WarmingUp" in line:
                break
        assert left_in(tmp_path), "the daemon runs"
        process.send_signal(number)
        report: dict[str, Any] = json.loads(await process.stdout.read())
        await process.stderr.read()
    assert process.returncode == code
    assert (report["phase"], report["rollbackSeconds"]) == (Phase.PENDING, None)


async def test_a_scenario_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    async with demo(tmp_path, "--scenario", "earthquake") as process:
        _, errors = await process.communicate()
    assert process.returncode == 64
    assert b"healthy" in errors
