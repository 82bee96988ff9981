"""Data plane: several controller pods over one view of the cluster. ``cluster.py`` starts it; tests feed objects."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Self

from ingress_canary.lab.dataplane.controller import compile_routes
from ingress_canary.lab.dataplane.metrics import MetricsFault
from ingress_canary.lab.dataplane.objects import ControllerView, Json, Kind
from ingress_canary.lab.dataplane.pod import ControllerPod
from ingress_canary.lab.dataplane.routes import Routes
from ingress_canary.lab.dataplane.watch import follow

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


class DataPlane:
    """Ingress controllers on loopback.

    ``now`` returns the wall clock in Unix seconds, for the start time that a process tells; ``time_scale`` divides
    ingress-nginx's delays; ``seed`` fixes every draw.
    """

    def __init__(
        self, now: Callable[[], float], *, replicas: int = 1, time_scale: float = 1.0, seed: int | None = None
    ) -> None:
        self._now = now
        self._scale = time_scale
        self._rng = random.Random(seed)
        self._objects: dict[Kind, tuple[Json, ...]] = {}
        self._routes: Routes | None = None
        self._ignore_canaries = False
        self._fault: MetricsFault | None = None
        self._watches: list[asyncio.Task[None]] = []
        self.pods: list[ControllerPod] = [self._new_pod() for _ in range(replicas)]

    async def __aenter__(self) -> Self:
        for pod in self.pods:
            await pod.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.cancel()
        for watch in self._watches:
            with suppress(asyncio.CancelledError):
                await watch
        for pod in self.pods:
            await pod.stop()

    @property
    def urls(self) -> list[str]:
        """Where clients send their requests: one URL a pod."""
        return [pod.url for pod in self.pods]

    def apply(self, kind: Kind, objects: Iterable[Json]) -> None:
        """Replace all objects of one kind; each pod acts on it in its own time, one that starts later at once."""
        self._objects[kind] = tuple(objects)
        self._change()

    def watch(self, api: str, headers: Mapping[str, str] | None = None) -> None:
        """Keep the objects as the Kubernetes API at this URL has them, with these headers on each request."""
        self._watches = [asyncio.create_task(follow(api, kind, self.apply, headers or {})) for kind in Kind]

    @property
    def ignore_canaries(self) -> bool:
        """Whether canary Ingresses are ignored and reported as orphans: a controller on which shadows are inert."""
        return self._ignore_canaries

    @ignore_canaries.setter
    def ignore_canaries(self, on: bool) -> None:
        self._ignore_canaries = on
        self._change()

    async def break_metrics(self, fault: MetricsFault | None) -> None:
        """Make every pod's metrics page useless in some way, later pods' too, or useful again with None."""
        self._fault = fault
        for pod in self.pods:
            await pod.break_metrics(fault)

    async def add_pod(self) -> ControllerPod:
        """Start another replica."""
        pod = self._new_pod()
        await pod.start()
        await pod.break_metrics(self._fault)
        self.pods.append(pod)
        pod.changed()  # what came while it started
        return pod

    async def remove_pod(self, pod: ControllerPod) -> None:
        """Stop a replica for good."""
        self.pods.remove(pod)
        await pod.stop()

    def pod_manifests(self) -> list[dict[str, Any]]:
        """Return the Pods by which the replicas are found."""
        return [pod.manifest() for pod in self.pods]

    def _change(self) -> None:
        self._routes = None
        for pod in self.pods:
            pod.changed()

    def _compiled(self) -> Routes:
        """Return the routes of the objects as they are now, the same to every pod."""
        if self._routes is None:
            self._routes = compile_routes(ControllerView(self._objects), ignore_canaries=self._ignore_canaries)
        return self._routes

    def _new_pod(self) -> ControllerPod:
        name = "ingress-nginx-controller-5b8f7c9d64-" + "".join(self._rng.choices(_SUFFIX, k=5))
        rng = random.Random(self._rng.getrandbits(64))
        return ControllerPod(name, self._compiled, self._now, self._scale, rng)
