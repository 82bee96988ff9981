"""The daemon against a real Kubernetes API server, the judge of the lab: skipped unless E2E_KUBECONFIG names one.

CI has no such server and skips this file. An API server and its storage are enough: what controllers would do (the
status of Deployments, EndpointSlices) is written here by hand, traffic and metrics come from the lab's data plane,
which watches the real API through ``kubectl proxy``. The namespaces stay behind where nobody empties them.
"""

import asyncio
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.lab import manifests
from ingress_canary.lab.application import Application, Profile
from ingress_canary.lab.controllers import rolled_out_status
from ingress_canary.lab.dataplane import DataPlane, Kind
from ingress_canary.lab.dataplane.watch import follow
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, SCALE, WORKLOADS, until
from tests.lab.api_client import MERGE, Client, session_of
from tests.lab.kubectl import Kubectl

Json = dict[str, Any]

if "E2E_KUBECONFIG" not in os.environ:
    pytest.skip("E2E_KUBECONFIG names no real API server", allow_module_level=True)

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[2] / "config"
CRDS = CONFIG / "crd"
POLICY, ROLES = CONFIG / "admission/approve.yaml", CONFIG / "rbac/users.yaml"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
ACTION = "ingress-canary.io/action"
STEP = {"bake": "60s", "require": "NoFail", "minRequests": 0}
SCHEDULE = {"steps": [{"weight": weight, **STEP} for weight in (10, 50, 100)], "slos": [AVAILABILITY]}
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses"
SHADOW = f"{INGRESSES}/checkout-canary"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{ns}/deployments"
ROLLOUT = "/apis/ingress-canary.io/v1alpha1/namespaces/{ns}/canaryrollouts/checkout"


class Shop:
    """The shop ``checkout`` in a namespace of its own on the real server, with a daemon that serves only this."""

    def __init__(self, api: Client, kubectl: Kubectl, plane: DataPlane, daemon: DaemonProcess) -> None:
        self.api, self.kubectl, self.plane, self.daemon = api, kubectl, plane, daemon
        self.namespace = api.namespace
        self.host = f"{self.namespace}.example"
        self.stable, self.canary = Application(Profile("v1")), Application(Profile("v2"), ["127.0.0.3"])

    async def get(self, path: str) -> Json | None:
        """Return an object, None when there is none."""
        code, body = await self.api.call("GET", path)
        assert code in (200, 404), body
        return body if code == 200 else None

    async def status(self) -> Json:
        """Return the rollout's status."""
        return ((await self.get(ROLLOUT)) or {}).get("status") or {}

    async def shadow_weighs(self, weight: str | None, within: float = 60.0) -> None:
        """Wait until the shadow has a weight; None for no shadow."""

        async def so() -> bool:
            shadow = await self.get(SHADOW)
            return (shadow and shadow["metadata"]["annotations"][WEIGHT]) == weight

        await becomes(so, within)

    async def events(self) -> dict[str, str]:
        """Return the messages of the rollout's Events by reason."""
        found = await self.api.ok("GET", "/api/v1/namespaces/{ns}/events?fieldSelector=involvedObject.name=checkout")
        return {one["reason"]: one["message"] for one in found["items"]}

    async def reaches(self, phase: str, reason: str = "") -> Json:
        """Wait for a phase (and a reason) and return the status."""

        async def there() -> bool:
            status = await self.status()
            return status.get("phase") == phase and reason in ("", status["reason"])

        await becomes(there)
        return await self.status()

    async def act(self, verb: str) -> None:
        """Ask the daemon for something, as a person does."""
        action = f"{ACTION}={verb}#{uuid.uuid4().hex}"
        await self.kubectl("annotate", "-n", self.namespace, "canaryrollout/checkout", action)

    async def roll_out(self, deployment: str, image: str) -> None:
        """Apply a Deployment and say that it is rolled out, as its controller would."""
        await self.kubectl.apply(manifests.deployment(deployment, image, self.namespace))
        stored = await self.api.ok("GET", f"{DEPLOYMENTS}/{deployment}")
        patch = {"status": rolled_out_status(stored)}
        await self.api.ok("PATCH", f"{DEPLOYMENTS}/{deployment}/status", patch, kind=MERGE)

    async def populate(self) -> None:
        """Create everything but the rollout."""
        await self.kubectl("apply", "--server-side", "-f", str(CRDS))
        await self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS))
        where = self.namespace
        await self.kubectl.apply(manifests.namespace(where), manifests.ingress_class())
        await self.kubectl.apply(manifests.ingress("checkout", self.host, where))
        slices = []
        for number, (name, app) in enumerate({"checkout": self.stable, "checkout-canary": self.canary}.items()):
            await self.kubectl.apply(
                manifests.service(name, where), manifests.endpoint_slice(name, [f"10.0.0.{number + 1}"], where)
            )
            await self.roll_out(name, f"shop/checkout:{app.profile.version}")
            slices.append(app.endpoint_slice(where, name))
        # no real API server takes an endpoint on loopback: the data plane learns these by hand
        self.plane.apply(Kind.ENDPOINT_SLICE, slices)

    async def begin(self) -> None:
        """Create the rollout."""
        body = manifests.rollout("checkout", SCHEDULE, self.namespace, workload=WORKLOADS)
        assert "created" in await self.kubectl.apply(body)


async def becomes(met: Callable[[], Awaitable[bool]], within: float = 60.0) -> None:
    """Wait until the real server reports it. Fails after ``within`` real seconds."""
    async with asyncio.timeout(within):
        while not await met():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def proxied(kubectl: Kubectl) -> AsyncIterator[str]:
    """Yield the API's address without TLS and credentials: ``kubectl proxy``."""
    process = await kubectl.start("proxy", "--port=0")
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        found = re.search(r"127\.0\.0\.1:\d+", line)
        assert found, line
        yield f"http://{found[0]}"
    finally:
        process.terminate()
        await process.communicate()


@asynccontextmanager
async def running(*work: Any) -> AsyncIterator[None]:
    """Run coroutines in the background."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def real_kubeconfig() -> Json:
    return yaml.safe_load(Path(os.environ["E2E_KUBECONFIG"]).read_text())


@pytest.fixture
async def shop(tmp_path: Path, real_kubeconfig: Json) -> AsyncIterator[Shop]:
    config = Path(os.environ["E2E_KUBECONFIG"])
    kubectl = Kubectl(tmp_path, config)
    namespace = f"shop-{uuid.uuid4().hex[:8]}"
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(session_of(real_kubeconfig))
        plane = await stack.enter_async_context(DataPlane(time.time, time_scale=SCALE, seed=7))
        pages = ",".join(pod.metrics_url for pod in plane.pods)
        daemon = DaemonProcess(
            config, tmp_path / "daemon.log", scale=SCALE, warm_up="30s", namespaces=namespace, scrape_urls=pages
        )
        made = Shop(Client(session, namespace), kubectl, plane, daemon)
        await stack.enter_async_context(made.stable)
        await stack.enter_async_context(made.canary)
        await made.populate()
        url = await stack.enter_async_context(proxied(kubectl))
        kinds = [kind for kind in Kind if kind is not Kind.ENDPOINT_SLICE]
        await stack.enter_async_context(running(*(follow(url, kind, plane.apply, {}) for kind in kinds)))
        load = Load(plane.urls, made.host, 60, 110)
        await stack.enter_async_context(running(load.run()))
        await stack.enter_async_context(daemon)
        await daemon.ready()
        yield made
        with suppress(AssertionError):
            await kubectl("delete", "namespace", namespace, "--wait=false")


async def test_a_rollout_runs_from_creation_to_promotion(shop: Shop) -> None:
    primary = await shop.get(f"{INGRESSES}/checkout")
    weights: list[str] = []

    async def record() -> None:
        query = "watch=1&fieldSelector=metadata.name=checkout-canary&timeoutSeconds=100"
        async with shop.api.watch(f"{INGRESSES}?{query}") as seen:
            async for kind, body in seen:
                weights.append(kind if kind == "DELETED" else body["metadata"]["annotations"][WEIGHT])

    async with running(record()):
        await shop.begin()
        await shop.shadow_weighs("10")
        shadow = await shop.get(SHADOW)
        assert shadow is not None
        assert shadow["metadata"]["ownerReferences"][0]["name"] == "checkout"
        status = await shop.reaches("Promoting")
        assert RolloutStatus.model_validate(status).weight == 100
        await shop.roll_out("checkout", "shop/checkout:v2")
        await shop.reaches("Succeeded", "Promoted")
        await until(lambda: "DELETED" in weights)
    assert list(dict.fromkeys(weights)) == ["0", "10", "50", "100", "DELETED"]
    assert await shop.get(f"{INGRESSES}/checkout") == primary
    assert {"StepPassed", "Promoted"} <= set(await shop.events())


async def test_a_raise_is_undone_and_a_deletion_is_honoured_until_resume(shop: Shop) -> None:
    await shop.begin()
    await shop.shadow_weighs("10")
    name = ("-n", shop.namespace, "ingress/checkout-canary")
    await shop.kubectl("annotate", "--overwrite", *name, f"{WEIGHT}=90")
    await shop.shadow_weighs("10", within=2)
    await shop.kubectl("delete", *name)
    status = await shop.reaches("Paused", "Intervened")
    assert (status["weight"], await shop.get(SHADOW)) == (0, None)
    await asyncio.sleep(30 / SCALE)  # three evaluations in which nothing may come back
    assert await shop.get(SHADOW) is None
    await shop.act("resume")
    await shop.shadow_weighs("10")
    annotations = (await shop.api.ok("GET", ROLLOUT))["metadata"].get("annotations") or {}
    assert ACTION not in annotations
    assert {"Intervened", "Resumed"} <= set(await shop.events())


async def test_a_failing_canary_is_taken_off(shop: Shop) -> None:
    await shop.begin()
    await shop.shadow_weighs("10")
    shop.canary.profile = Profile("v2", error_ratio=1.0)
    status = await shop.reaches("RolledBack", "SLOViolated")
    await shop.shadow_weighs(None)
    assert status["weight"] == 0
    assert {one["type"]: one["status"] for one in status["conditions"]}["Promoted"] == "False"

    async def event_has_numbers() -> bool:
        return bool(re.search(r"\d", (await shop.events()).get("SLOViolated", "")))

    await becomes(event_has_numbers)


class People:
    """Who asks for actions, as the API server knows them: by impersonation."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl, self._where = kubectl, ("-n", namespace, "canaryrollout/checkout")

    async def ask(self, user: str, action: str, *, dry: bool = False) -> str:
        """Return the API server's objection to it; empty when it was taken."""
        flags = ["--overwrite", f"--as={user}", *(["--dry-run=server"] if dry else [])]
        process = await self._kubectl.start("annotate", *flags, *self._where, action)
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        return errors.decode() if process.returncode else ""


def bound(role: str, user: str, namespace: str) -> Json:
    """Return what gives a user a ClusterRole in a namespace."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": {"name": user, "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }  # fmt: skip


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    """``lead`` has the approver's role in a namespace with a rollout, ``oncall`` the operator's; the policy is on."""
    kubectl = Kubectl(tmp_path, Path(os.environ["E2E_KUBECONFIG"]))
    namespace = f"shop-{uuid.uuid4().hex[:8]}"
    await kubectl("apply", "--server-side", "-f", str(CRDS))
    await kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS))
    await kubectl("apply", "-f", str(ROLES))
    await kubectl.apply(
        manifests.namespace(namespace),
        manifests.rollout("checkout", SCHEDULE, namespace, workload=WORKLOADS),
        bound("ingress-canary-operate", "oncall", namespace),
        bound("ingress-canary-approver", "lead", namespace),
    )
    await kubectl("apply", "-f", str(POLICY))
    try:
        yield People(kubectl, namespace)
    finally:
        await kubectl("delete", "-f", str(POLICY))
        await kubectl("delete", "namespace", namespace, "--wait=false")


async def test_the_admission_policy_lets_only_approvers_approve_skip_and_promote(people: People) -> None:
    async def in_force() -> bool:
        return "need the verb approve" in await people.ask("oncall", f"{ACTION}=approve:v2/1#0", dry=True)

    await becomes(in_force)
    for verb in ("approve:v2/1", "skip:v2/1", "promote:v2", "Approve", " approve", "pauses", ""):
        refusal = await people.ask("oncall", f"{ACTION}={verb}#1")
        assert "ingress-canary-approve" in refusal, verb
        assert "Forbidden" in refusal, verb
        assert "need the verb approve on canaryrollouts.ingress-canary.io" in refusal, verb
    for verb in ("pause", "resume", "abort:v2", "retry", "finish:v2", "restart"):
        assert await people.ask("oncall", f"{ACTION}={verb}#2") == "", verb
    for verb in ("skip:v2/1", "promote:v2", "approve:v2/1"):
        assert await people.ask("lead", f"{ACTION}={verb}#3") == "", verb
    # what stands there already hinders nobody, and may be taken away, as the daemon does
    assert await people.ask("oncall", "team=web") == ""
    assert "need the verb approve" in await people.ask("oncall", f"{ACTION}=approve:v2/2#4")
    assert await people.ask("oncall", f"{ACTION}-") == ""
