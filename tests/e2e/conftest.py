"""The daemon, a process of its own, against the lab over real HTTP: what the whole-system tests share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.forked import ForkedDaemon

SCALE = 20.0
"""The lab's clock: 20 s of a schedule take one of real time."""

AVAILABILITY = {"name": "availability", "objective": 99.5, "sli": {"requests": {}}}
LATENCY = {
    "name": "latency", "objective": 99, "maxBurn": 5, "settle": "15s", "sli": {"latency": {"threshold": "250ms"}},
}  # fmt: skip
SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": 10, "bake": "30s"}, {"weight": 50, "bake": "30s"}, {"weight": 100, "bake": "30s"}],
    "slos": [AVAILABILITY],
}
WORKLOADS = {"canary": {"name": "checkout-canary"}, "stable": {"name": "checkout"}}


async def until(met: Callable[[], object], within: float = 120.0) -> None:
    """Wait until something is so. Fails after ``within`` real seconds."""
    async with asyncio.timeout(within):
        while not met():
            await asyncio.sleep(0.02)


async def deployed(lab: Lab) -> None:
    """Wait until both Deployments run: that gives their applications the profiles of their images."""

    def run() -> bool:
        both = [lab.api.store.get("deployments", manifests.NAMESPACE, name) for name in ("checkout", "checkout-canary")]
        return all(deployment.get("status") for deployment in both)

    await until(run)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """A lab of its own for each test."""
    async with Lab(scale=SCALE, seed=7) as made:
        yield made


@pytest.fixture
def daemon(lab: Lab, tmp_path: Path) -> DaemonProcess:
    """A daemon for that lab, not started: ``async with daemon`` or ``await daemon.start()``."""
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token="daemon")
    return ForkedDaemon(kubeconfig, tmp_path / "daemon.log", scale=SCALE, epoch=datetime.now(UTC), warm_up="30s")


@pytest.fixture
async def shoppers(lab: Lab) -> AsyncIterator[None]:
    """Traffic that flows for as long as a test takes."""
    task = asyncio.create_task(lab.load(100, 900, seed=3).run())
    yield
    task.cancel()


def checkout(**spec: Any) -> dict[str, Any]:
    """Return the shop's CanaryRollout."""
    return manifests.rollout("checkout", spec.pop("schedule", SCHEDULE), workload=WORKLOADS, **spec)


def history(lab: Lab, name: str = "checkout") -> list[tuple[int, float, str]]:
    """Return step, weight and reason of each entry of a rollout's history."""
    return [(e.get("step", 0), e.get("weight", 0), e["reason"]) for e in lab.status(name).get("history", ())]
