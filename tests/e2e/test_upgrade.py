"""Upgrade and downgrade: an older release and this one on one cluster, the lead going to and fro between them.

Rollouts stand in every phase. Whoever leads, nothing is decided anew: no transition, no change of a shadow, no evidence
and no condemned revision lost. The older release is run as it was.
"""

import asyncio
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.api import ACTION_ANNOTATION, API_VERSION, LEADER_ANNOTATION, SCHEDULE_KIND
from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.lab import manifests
from ingress_canary.lab.application import Application, Profile
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.controllers import rolled_out_status
from ingress_canary.lab.kubeapi import AuditRecord, KubeApi
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, until
from tests.e2e.gate_server import GateServer
from tests.e2e.witness import INGRESSES, ROLLOUTS, WEIGHT, by_person, set_weight
from tests.forked import ForkedDaemon

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RELEASE = Path(__file__).parent / "releases" / "3fdf44c.tar.xz"
"""The oldest release from which an upgrade keeps everything: ``git archive 3fdf44c ingress_canary | xz -9e``.

It is kept here, because a shallow clone has no history.
"""
LEASE = "15s"
"""Long enough for a busy machine: the lead changes when the test says so, and not else."""
WITHIN = 120.0
SCALE = 10.0

LONG = {"weight": 30, "bake": "100h", "require": "NoFail", "minRequests": 10}
SHORT = {"weight": 20, "bake": "10s", "require": "NoFail", "minRequests": 0}
FAILING = Profile("v2", error_ratio=1.0)

MOVING = frozenset(
    {
        "reason",
        "message",
        "slos",
        "observedShare",
        "analysisState",
        "conditions",
        "leader",
        "alerts",
        "gates",
        "step",
        "actualWeight",
    }
)
"""Members of a status that may change without a decision."""


def tree_of(release: Path, room: Path) -> Path:
    """Return a tree with the daemon of a release."""
    with tarfile.open(release) as archive:
        archive.extractall(room, filter="data")
    found = subprocess.run(
        [sys.executable, "-c", "import ingress_canary; print(ingress_canary.__file__)"],
        cwd=room, capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert Path(found.stdout.strip()).is_relative_to(room), "the older release is what runs from there"
    return room


def with_a_later_member(body: dict[str, Any]) -> dict[str, Any]:
    """Return a CRD with a member of the status that neither release knows, as a later one's CRD has them."""
    for version in body["spec"]["versions"]:
        status = version["schema"]["openAPIV3Schema"]["properties"].get("status", {}).get("properties")
        if status is not None:
            status["ofLater"] = {"type": "string", "maxLength": 64}
    return body


@dataclass
class Shops:
    """Several shops of one lab, each with a rollout, and what befell them."""

    lab: Lab
    failing: Application
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    evidence: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    """By rollout: step, seconds baked, and requests of both sides, after each accepted write of its status."""

    def open(self, name: str, *steps: dict[str, Any], fails: bool = False, **members: Any) -> None:
        """Create a shop with traffic and its rollout, whose schedule has these steps; ``spec`` adds to its spec."""
        lab, canary = self.lab, f"{name}-canary"
        for side, app, image in ((name, lab.stable, "v1"), (canary, self.failing if fails else lab.canary, "v2")):
            lab.create("services", manifests.service(side))
            lab.create("endpointslices", app.endpoint_slice(manifests.NAMESPACE, side))
            lab.create("deployments", manifests.deployment(side, f"shop/{name}:{image}"))
            self.rolled_out(side)
        lab.create("ingresses", manifests.ingress(name, host=f"{name}.example"))
        self.serve(name, 12 if fails else 4)
        spec = members.pop("spec", {})
        schedule = {"steps": list(steps), "slos": [AVAILABILITY], **members}
        workload = {"canary": {"name": canary}, "stable": {"name": name}}
        body = manifests.rollout(name, schedule, workload=workload)
        body["spec"] |= spec
        lab.create("canaryrollouts", body)

    def serve(self, name: str, rate: float) -> None:
        """Let traffic flow to a shop for as long as the test takes."""
        load = Load(self.lab.plane.urls, f"{name}.example", rate, seconds=900, seed=len(self.tasks))
        self.tasks.append(asyncio.create_task(load.run()))

    def rolled_out(self, deployment: str) -> None:
        """Let a Deployment have rolled out."""
        store = self.lab.api.store
        status = rolled_out_status(store.get("deployments", manifests.NAMESPACE, deployment))
        store.patch("deployments", manifests.NAMESPACE, deployment, {"status": status}, subresource="status")

    def promote(self, name: str) -> None:
        """Give stable the canary's pods, as a deploy would."""
        template = manifests.deployment(name, f"shop/{name}:v2")["spec"]["template"]
        self.lab.api.store.patch("deployments", manifests.NAMESPACE, name, {"spec": {"template": template}})
        self.rolled_out(name)

    async def reach(self, name: str, phase: str, step: int | None = None, reason: str | None = None) -> None:
        """Wait until a rollout stands there."""

        def there() -> bool:
            status, shadow = self.lab.status(name), self.lab.shadow(f"{name}-canary")
            at = (status.get("step") or {}).get("index")
            # the status comes first, and what it says of the shadow is done a moment later
            gone = shadow is None or "deletionTimestamp" in shadow["metadata"]
            done = "shadow" in status or gone
            return (
                done and status.get("phase") == phase and step in (None, at) and reason in (None, status.get("reason"))
            )

        try:
            await until(there, WITHIN)
        except TimeoutError:
            pytest.fail(f"{name} is not {phase} {step or ''} {reason or ''}: {self.lab.status(name)}")

    def committed(self, record: AuditRecord) -> None:
        """Keep the evidence that a write of a status has stored."""
        if record.resource != "canaryrollouts" or record.subresource != "status":
            return
        status = self.lab.status(record.name)
        if status.get("phase") not in ("Progressing", "Paused", "Promoting"):
            return
        slos, step = status.get("slos") or [{}], status.get("step") or {}
        counts = [slos[0].get(side, {}).get("total", 0) for side in ("canary", "stable")]
        stored = step.get("index", 0), step.get("bakedSeconds", 0.0), *counts
        self.evidence.setdefault(record.name, []).append(stored)

    def fallen(self) -> list[str]:
        """Return the rollouts whose stored evidence has ever become less."""
        parts = {
            name: ([one[:2] for one in kept], [one[2] for one in kept], [one[3] for one in kept])
            for name, kept in self.evidence.items()
        }
        return [name for name, each in parts.items() if any(part != sorted(part) for part in each)]

    def canary_requests(self, name: str) -> int:
        """Return how many requests of the canary the stored evidence has."""
        slos = self.lab.status(name).get("slos") or [{}]
        return int(slos[0].get("canary", {}).get("total", 0))

    def weight(self, name: str) -> str:
        """Return the weight that a shadow carries; empty without one."""
        shadow = self.lab.shadow(f"{name}-canary") or {"metadata": {"annotations": {}}}
        return str(shadow["metadata"]["annotations"].get(WEIGHT, ""))

    def settled(self, name: str) -> dict[str, Any]:
        """Return all that only a decision changes: of the status, of the shadow, and which questions were asked."""
        status, shadow = self.lab.status(name), self.lab.shadow(f"{name}-canary")
        step = status.get("step") or {}
        where = None
        if shadow is not None:
            marks = {k: v for k, v in shadow["metadata"]["annotations"].items() if k != LEADER_ANNOTATION}
            where = [shadow["metadata"]["uid"], shadow["metadata"].get("deletionTimestamp"), marks, shadow["spec"]]
        return {
            **{key: value for key, value in status.items() if key not in MOVING},
            "step": {key: step.get(key) for key in ("index", "name", "weight", "startedAt")},
            "questions": sorted((gate["name"], gate["question"]) for gate in status.get("gates", ())),
            "shadow": where,
        }


@dataclass
class Releases:
    """The older release and this one, which lead in turn."""

    lab: Lab
    daemons: dict[str, DaemonProcess]

    @property
    def leader(self) -> str:
        leases = self.lab.api.store.list("leases", "ingress-canary")
        return str(leases[0]["spec"]["holderIdentity"]) if leases else ""

    async def start(self, name: str) -> None:
        await self.daemons[name].start()
        await self.daemons[name].ready()

    async def hand_over(self, end: Callable[[DaemonProcess], Any]) -> str:
        """End the leader's process in this way, and wait until the other release leads; return which did."""
        before = self.leader
        (after,) = set(self.daemons) - {before}
        ended = end(self.daemons[before])
        if asyncio.iscoroutine(ended):
            await ended
        await self.daemons[before].wait()
        await until(lambda: self.leader == after, WITHIN)
        return before


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    made = Lab(scale=SCALE, seed=7)
    made.api = KubeApi([with_a_later_member(crd(kind)) for kind in KINDS])
    async with made:
        yield made


@pytest.fixture
async def shops(lab: Lab) -> AsyncIterator[Shops]:
    async with Application(FAILING, ["127.0.3.1", "127.0.3.2"]) as failing:
        made = Shops(lab, failing)
        lab.api.on_commit.append(made.committed)
        yield made
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)


@pytest.fixture
async def releases(lab: Lab, tmp_path: Path) -> AsyncIterator[Releases]:
    (tmp_path / "tree").mkdir()
    trees, epoch = {"old": tree_of(RELEASE, tmp_path / "tree"), "new": None}, datetime.now(UTC)
    async with AsyncExitStack() as stack:
        made = Releases(lab, {})
        for name, tree in trees.items():
            kubeconfig = lab.api.write_kubeconfig(tmp_path / name, token=name)
            made.daemons[name] = ForkedDaemon(
                kubeconfig, tmp_path / f"{name}.log", scale=SCALE, epoch=epoch, tree=tree, warm_up="30s",
                identity=name, leader_election="true", lease_duration=LEASE,
            )  # fmt: skip
            stack.push_async_callback(made.daemons[name].stop)
        yield made


FOREVER = {"freezes": [{"from": "2020-01-01T00:00", "to": "2099-01-01T00:00", "reason": "stocktaking"}]}
STANDARD = {
    "apiVersion": API_VERSION, "kind": SCHEDULE_KIND,
    "metadata": {"name": "standard", "namespace": "ingress-canary"}, "spec": {"steps": [LONG], "slos": [AVAILABILITY]},
}  # fmt: skip


async def act(lab: Lab, name: str, action: str) -> None:
    """Write a person's one-shot action."""
    await by_person(lab, "PATCH", f"{ROLLOUTS}/{name}", {"metadata": {"annotations": {ACTION_ANNOTATION: action}}})


async def begin(shops: Shops, gates: GateServer) -> list[str]:
    """Bring rollouts to every phase, and to places where much is remembered; return their names."""
    lab = shops.lab
    gates.codes["deaf"] = 503
    lab.create("canaryschedules", STANDARD)
    shops.open("frozen", LONG, windows=FOREVER)
    shops.open("asked", {**LONG, "approval": {"when": "Before"}})
    shops.open("baking", LONG)
    shops.open("second", SHORT, {**LONG, "weight": 50})
    shops.open("named", LONG, spec={"revision": "v2.0"})
    shops.open("sharing", LONG, spec={"schedule": {"ref": {"name": "standard"}}})
    shops.open("consent", {**SHORT, "approval": {"when": "After"}}, LONG)
    shops.open("gated", SHORT, LONG, gates=[gates.gate("deaf", "beforeStep", steps=["2"])])
    shops.open("paused", LONG)
    shops.open("deleted", LONG)
    shops.open("lowered", LONG)
    shops.open("promoting", {**SHORT, "weight": 100})
    shops.open("succeeded", {**SHORT, "weight": 100})
    shops.open("condemned", LONG, fails=True)
    shops.open("held", LONG)

    await shops.reach("frozen", "Pending", reason="Frozen")
    await shops.reach("asked", "Pending", reason="AwaitingApproval")
    for name in ("baking", "named", "sharing", "paused", "deleted", "lowered", "held"):
        await shops.reach(name, "Progressing", 1)
        await until(lambda name=name: shops.canary_requests(name) > 0, WITHIN)
    await shops.reach("second", "Progressing", 2)
    await shops.reach("consent", "Progressing", 1, "AwaitingApproval")
    await shops.reach("gated", "Progressing", 1, "AwaitingGate")
    await shops.reach("condemned", "RolledBack", reason="SLOViolated")
    await shops.reach("promoting", "Promoting")
    await shops.reach("succeeded", "Promoting")

    lab.api.store.patch("canaryschedules", "ingress-canary", "standard", {"spec": {"steps": [LONG, LONG]}})
    await act(lab, "paused", "pause#1")
    await by_person(lab, "DELETE", f"{INGRESSES}/deleted-canary")
    await by_person(lab, "PATCH", f"{INGRESSES}/lowered-canary", set_weight("3"))
    shops.promote("succeeded")
    await by_person(lab, "PATCH", f"{INGRESSES}/held-canary", {"metadata": {"finalizers": ["example.com/keep"]}})
    await act(lab, "held", "abort#1")
    await shops.reach("paused", "Paused")
    await shops.reach("deleted", "Paused", reason="Intervened")
    await shops.reach("lowered", "Paused", reason="Intervened")
    await shops.reach("succeeded", "Succeeded")
    await shops.reach("held", "RolledBack")
    names = [one["metadata"]["name"] for one in lab.api.store.list("canaryrollouts", manifests.NAMESPACE)]
    for name in names:
        later = {"status": {"ofLater": "kept"}}
        lab.api.store.patch("canaryrollouts", manifests.NAMESPACE, name, later, subresource="status")
    return names


COUNTED = ("baking", "second", "named", "sharing", "paused", "lowered", "promoting")
"""Rollouts whose canary has traffic, so that their evidence grows under every leader."""


def moved(shops: Shops, before: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what only a decision changes and is not as it was, by rollout: before and now."""
    found: dict[str, Any] = {}
    for name, known in before.items():
        now = shops.settled(name)
        keys = [key for key in known.keys() | now.keys() if known.get(key) != now.get(key)]
        found |= {name: {key: (known.get(key), now.get(key)) for key in keys}} if keys else {}
    return found


async def led_on(shops: Shops, leader: str, before: dict[str, dict[str, Any]]) -> None:
    """Wait until a leader has taken over what is in flight and evidence has grown under it; nothing else may change."""
    counted = {name: shops.canary_requests(name) for name in COUNTED}

    def idle() -> list[str]:
        taken = {name: str(shops.lab.status(name).get("leader", "")).startswith(f"{leader} since") for name in COUNTED}
        return [name for name in COUNTED if not taken[name] or shops.canary_requests(name) <= counted[name]]

    with suppress(TimeoutError):
        await until(lambda: not idle(), WITHIN)
    assert moved(shops, before) == {}
    assert shops.fallen() == []
    assert idle() == []


async def test_nothing_is_decided_anew_while_two_releases_lead_in_turn(
    lab: Lab, shops: Shops, releases: Releases
) -> None:
    async with GateServer() as gates:
        await releases.start("old")
        names = await begin(shops, gates)
        await releases.start("new")
        # the older release leaves a shadow on that a finalizer holds; this one takes it off, which is no decision
        assert shops.weight("held") == "30"
        before = {name: shops.settled(name) for name in names if name != "held"}
        condemned = lab.status("condemned")["failedRevision"]

        kill, stop = DaemonProcess.kill, DaemonProcess.stop
        # up, down by a crash, up by a crash, and at last down for good
        for turn, end in enumerate((stop, kill, kill, stop)):
            ended = await releases.hand_over(end)
            await led_on(shops, releases.leader, before)
            if turn == 0:
                await until(lambda: shops.weight("held") == "0", WITHIN)
                # what this release begins, the older one has to go on with
                shops.open("begun", LONG)
                shops.open("worse", LONG, fails=True)
                await shops.reach("begun", "Progressing", 1)
                await shops.reach("worse", "RolledBack", reason="SLOViolated")
                await until(lambda: shops.canary_requests("begun") > 0, WITHIN)
                before |= {name: shops.settled(name) for name in ("held", "begun", "worse")}
            if turn < 3:
                await releases.start(ended)
        assert releases.leader == "old"
        await until(lambda: str(lab.status("begun").get("leader", "")).startswith("old since"), WITHIN)

        assert moved(shops, before) == {}
        assert lab.status("condemned")["failedRevision"] == condemned
        assert {lab.status(name).get("ofLater") for name in names} == {"kept"}
        assert shops.fallen() == []
