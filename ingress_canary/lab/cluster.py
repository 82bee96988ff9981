"""Cluster of the lab on one event loop: API server, controllers with a data plane, two versions of a shop, load.

``demo`` and the tests run the daemon, a process of its own, against it. Everything is on loopback and ends with it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

from aiohttp.typedefs import Middleware

from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.lab import manifests
from ingress_canary.lab.application import Application, Profile
from ingress_canary.lab.controllers import DeploymentController, selected
from ingress_canary.lab.dataplane import ControllerPod, DataPlane
from ingress_canary.lab.kubeapi import ApiError, Change, KubeApi
from ingress_canary.lab.load import Load, Visitor

Json = dict[str, Any]

DAEMON = "ingress-canary"
CONTROLLERS = "ingress-nginx"
STABLE = Profile("v1")
CANARY = Profile("v2")
IMAGES = {"shop/checkout:v1": STABLE, "shop/checkout:v2": CANARY}
ROLLOUT_SECONDS = 10.0
"""What a Deployment takes to roll out, on the lab's clock."""


class Lab:
    """A cluster with the shop ``checkout`` in namespace ``shop``: stable runs v1, the canary v2.

    ``scale`` is the lab's clock: the data plane's delays and the Deployments' roll-outs are divided by it.
    ``authorize`` says who may do what (``kubeapi/rbac.py``); everybody may do everything without.
    """

    def __init__(
        self,
        *,
        scale: float = 1.0,
        controllers: int = 1,
        seed: int | None = None,
        replicas: int = 2,
        authorize: Sequence[Middleware] = (),
    ) -> None:
        self.api = KubeApi([crd(kind) for kind in KINDS], authorize=authorize)
        self.plane = DataPlane(time.time, replicas=controllers, time_scale=scale, seed=seed)  # noqa: TID251 - the real start of its processes
        stable = [f"127.0.1.{number}" for number in range(1, replicas + 1)]
        canary = [f"127.0.2.{number}" for number in range(1, replicas + 1)]
        self.stable = Application(STABLE, stable, seed)
        self.canary = Application(CANARY, canary, seed)
        self.images = dict(IMAGES)
        """Image to behaviour; a Deployment of another image never becomes ready."""
        self._apps: dict[str, Application] = {}
        self._of_deployments: dict[tuple[str, str], Application] = {}
        self._workloads = DeploymentController(self.images, self._of_deployments, ROLLOUT_SECONDS / scale)
        self._tasks: set[asyncio.Task[None]] = set()
        self._replicas = replicas
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            for part in (self.api, self.stable, self.canary, self.plane):
                await self._stack.enter_async_context(part)
            self._populate()
            self.plane.watch(self.api.url, {"Authorization": "Bearer dataplane"})
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    def create(self, resource: str, body: Json) -> Json:
        """Store an object in its own namespace and return it. Raises ApiError."""
        return self.api.store.create(resource, body["metadata"].get("namespace", ""), body)

    def rollout(self, name: str = "checkout") -> Json:
        """Return a CanaryRollout of the shop."""
        return self.api.store.get("canaryrollouts", manifests.NAMESPACE, name)

    def status(self, name: str = "checkout") -> Json:
        """Return the status of a CanaryRollout of the shop; empty when there is none yet."""
        with suppress(ApiError):
            return self.rollout(name).get("status") or {}
        return {}

    def shadow(self, name: str = "checkout-canary") -> Json | None:
        """Return the shadow; None when there is none."""
        with suppress(ApiError):
            return self.api.store.get("ingresses", manifests.NAMESPACE, name)
        return None

    def run(self, name: str, app: Application, image: str) -> None:
        """Create a Deployment and its Service, both of this name, whose pods are those of an application."""
        self._apps[name] = self._of_deployments[manifests.NAMESPACE, name] = app
        self.create("services", manifests.service(name))
        self.create("endpointslices", app.endpoint_slice(manifests.NAMESPACE, name))
        self.create("deployments", manifests.deployment(name, image, replicas=self._replicas))

    def set_image(self, deployment: str, image: str) -> None:
        """Give a Deployment of the shop another image, as a deploy would."""
        template = manifests.deployment(deployment, image)["spec"]["template"]
        self.api.store.patch("deployments", manifests.NAMESPACE, deployment, {"spec": {"template": template}})

    def publish(self, *services: str) -> None:
        """Write the endpoints of the shop's Services as they are now: all of them, or those named."""
        for name in services or self._apps:
            body = self._apps[name].endpoint_slice(manifests.NAMESPACE, name)
            service, pods = (self.api.store.get(of, manifests.NAMESPACE, name) for of in ("services", "deployments"))
            found = selected(service["spec"], pods["spec"]["template"], body)
            self.api.store.patch("endpointslices", manifests.NAMESPACE, body["metadata"]["name"], found)

    def load(self, rate: float, seconds: float, visitors: Sequence[Visitor] = (Visitor(),), **more: Any) -> Load:
        """Return traffic for the shop, to be run."""
        return Load(self.plane.urls, manifests.HOST, rate, seconds, visitors=visitors, **more)

    async def add_controller(self) -> ControllerPod:
        """Start another controller pod and let it be found."""
        pod = await self.plane.add_pod()
        self._register(pod.manifest())
        return pod

    async def remove_controller(self, pod: ControllerPod) -> None:
        """End a controller pod."""
        self.api.store.delete("pods", CONTROLLERS, pod.name)
        await self.plane.remove_pod(pod)

    def _populate(self) -> None:
        for name in (DAEMON, CONTROLLERS, manifests.NAMESPACE):
            self.create("namespaces", manifests.namespace(name))
        self.create("ingressclasses", manifests.ingress_class())
        for pod in self.plane.pod_manifests():
            self._register(pod)
        self.api.store.listeners.append(self._deployed)
        for name, app in (("checkout", self.stable), ("checkout-canary", self.canary)):
            self.run(name, app, f"shop/checkout:{app.profile.version}")
        self.create("ingresses", manifests.ingress("checkout"))

    def _register(self, pod: Json) -> None:
        """Store a controller's Pod; its status is a write of its own, as a kubelet does it."""
        name = self.create("pods", pod)["metadata"]["name"]
        self.api.store.patch("pods", CONTROLLERS, name, {"status": pod["status"]}, subresource="status")

    def _deployed(self, change: Change) -> None:
        """Roll a Deployment out in the background when it has a new generation: a new spec, or other annotations."""
        if change.storage != "deployments.apps" or change.new is None:
            return
        if change.old is None or _generation(change.old) != _generation(change.new):
            task = asyncio.ensure_future(self._roll_out(change.new))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _roll_out(self, deployment: Json) -> None:
        status = await self._workloads.reconcile(deployment)
        metadata = deployment["metadata"]
        if status is None or metadata["name"] not in self._apps:
            return
        with suppress(ApiError):
            self.api.store.patch(
                "deployments", metadata["namespace"], metadata["name"], {"status": status}, subresource="status"
            )
            self.publish(metadata["name"])


def _generation(body: Json) -> int:
    generation: int = body["metadata"]["generation"]
    return generation
