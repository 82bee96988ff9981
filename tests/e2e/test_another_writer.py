"""Another writer of the shadow: what raises exposure is undone within a second, what lowers it is honoured."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, until
from tests.e2e.witness import DAEMON, INGRESSES, WEIGHT, by_person, events, set_weight
from tests.forked import ForkedDaemon

pytestmark = pytest.mark.slow

SHOPS = [f"shop-{number:02}" for number in range(20)]
EDITS = 5
LONG: dict[str, Any] = {"steps": [{"weight": 10, "bake": "10h"}], "slos": [AVAILABILITY]}
RAISED = "90"


@pytest.fixture
def daemon(lab: Lab, tmp_path: Path) -> DaemonProcess:
    """A daemon in real time that begins at once."""
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token=DAEMON)
    return ForkedDaemon(kubeconfig, tmp_path / "daemon.log", warm_up="0s")


def weight(lab: Lab, name: str = "checkout-canary") -> str | None:
    """Return the weight that a shadow carries; None without a shadow."""
    shadow = lab.shadow(name)
    return shadow["metadata"]["annotations"].get(WEIGHT) if shadow else None


def open_shops(lab: Lab) -> None:
    """Create twenty shops with a rollout each."""
    for number, name in enumerate(SHOPS, 1):
        for side, part in ((name, 3), (f"{name}-canary", 4)):
            lab.create("services", manifests.service(side))
            lab.create("endpointslices", manifests.endpoint_slice(side, [f"127.0.{part}.{number}"]))
        lab.create("ingresses", manifests.ingress(name, host=f"{name}.example"))
        lab.create("canaryrollouts", manifests.rollout(name, LONG))


async def restored(lab: Lab, name: str) -> float:
    """Raise a shadow's weight by hand and return how many seconds it stays raised."""
    loop = asyncio.get_running_loop()
    await by_person(lab, "PATCH", f"{INGRESSES}/{name}", set_weight(RAISED))
    begun = loop.time()
    async with asyncio.timeout(10):
        while weight(lab, name) == RAISED:
            await asyncio.sleep(0.005)
    return loop.time() - begun


async def test_a_hundred_raises_by_hand_are_each_undone_within_a_second(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        open_shops(lab)
        shadows = [f"{name}-canary" for name in SHOPS]
        await until(lambda: all(weight(lab, name) == "10" for name in shadows))
        times = [await restored(lab, name) for _ in range(EDITS) for name in shadows]
        assert all(weight(lab, name) == "10" for name in shadows)
    assert len(times) == 100
    assert sorted(times)[98] < 1, sorted(times)[-5:]
    assert {lab.status(name)["phase"] for name in SHOPS} == {"Progressing"}
    intervened = [one for one in events(lab, SHOPS[0]) if one["reason"] == "Intervened"]
    assert intervened
    assert "weight 90 % instead of 10 %" in intervened[0]["message"]


async def test_who_keeps_raising_the_weight_stops_the_rollout_as_a_drift_fight(lab: Lab, daemon: DaemonProcess) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=LONG))
        await until(lambda: weight(lab) == "10")
        for _ in range(6):
            await restored(lab, "checkout-canary")
        await by_person(lab, "PATCH", f"{INGRESSES}/checkout-canary", set_weight(RAISED))
        await until(lambda: lab.status()["phase"] == "Paused")
        assert lab.status()["reason"] == "DriftFight"
        # the field manager is the client's: the lab takes it from the User-Agent, as the API server does
        assert "another writer (Python)" in lab.status()["message"]


@pytest.mark.parametrize(
    ("patch", "left"),
    [
        pytest.param(set_weight("4"), {"weight": "4"}, id="the weight is lowered"),
        pytest.param(
            {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary-by-header": None}}},
            {"weight": "10", "header": None},
            id="the header route is removed",
        ),
    ],
)
async def test_what_lowers_exposure_is_honoured(
    lab: Lab, daemon: DaemonProcess, patch: dict[str, Any], left: dict[str, Any]
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule={**LONG, "routing": {"header": {"name": "X-Canary"}}}))
        await until(lambda: weight(lab) == "10")
        await by_person(lab, "PATCH", f"{INGRESSES}/checkout-canary", patch)
        await until(lambda: lab.status()["phase"] == "Paused")
        await until(lambda: lab.status()["weight"] == float(left["weight"]))
        assert lab.status()["reason"] == "Intervened"
        shadow = lab.shadow()
        assert shadow is not None
        assert weight(lab) == left["weight"]
        annotations = shadow["metadata"]["annotations"]
        assert annotations.get("nginx.ingress.kubernetes.io/canary-by-header") == left.get("header", "X-Canary")


async def test_a_header_route_added_by_hand_is_undone(lab: Lab, daemon: DaemonProcess) -> None:
    key = "nginx.ingress.kubernetes.io/canary-by-header"
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=LONG))
        await until(lambda: weight(lab) == "10")
        await by_person(lab, "PATCH", f"{INGRESSES}/checkout-canary", {"metadata": {"annotations": {key: "X-Me"}}})
        await until(lambda: key not in (lab.shadow() or {})["metadata"]["annotations"], 5)
        await by_person(
            lab,
            "PATCH",
            f"{INGRESSES}/checkout-canary",
            {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary": None}}},
        )
        await until(
            lambda: (lab.shadow() or {})["metadata"]["annotations"].get("nginx.ingress.kubernetes.io/canary") == "true",
            5,
        )
    assert lab.status()["phase"] == "Progressing"
    assert weight(lab) == "10"
