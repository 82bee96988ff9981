"""Controller pod: its listeners, its counters, and when it acts on a change.

Held by ``plane.py``. A change reaches the traffic in two steps: the controller compiles it when its rate limit lets
it, and the workers pick it up at their next poll.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import web

from ingress_canary.lab.dataplane.controller import ControllerPanic
from ingress_canary.lab.dataplane.metrics import NAMESPACE, ControllerMetrics, MetricsFault
from ingress_canary.lab.dataplane.proxy import Proxy, new_session
from ingress_canary.lab.dataplane.routes import Routes
from ingress_canary.lab.listener import LOOPBACK, Listener

SYNC_INTERVAL = 1 / 0.3
"""Seconds between two compilations at the least: the controller's ``--sync-rate-limit`` with a burst of one."""

POLL_INTERVAL = 1.0
"""Seconds between two looks of a worker at what was compiled."""

SLOW_SECONDS = 1.0
"""Real seconds after which a metrics page comes that is slow."""


class SyncPace:
    """When a pod may act, on a clock that runs ``scale`` times faster than ingress-nginx's; all times in seconds."""

    def __init__(self, scale: float, phase: float) -> None:
        self._sync_interval = SYNC_INTERVAL / scale
        self._poll_interval = POLL_INTERVAL / scale
        self._phase = phase * self._poll_interval
        self._next_sync = 0.0

    def sync(self, now: float) -> float:
        """Return when a change that is seen ``now`` is compiled, and count that against the rate limit."""
        at = max(now, self._next_sync)
        self._next_sync = at + self._sync_interval
        return at

    def poll(self, now: float) -> float:
        """Return when the workers look next."""
        return now + (self._phase - now) % self._poll_interval


class ControllerPod:
    """One replica of the controller, with a traffic port and a metrics port on loopback."""

    def __init__(
        self, name: str, compiled: Callable[[], Routes], now: Callable[[], float], scale: float, rng: random.Random
    ) -> None:
        self.name = name
        self.stuck = False
        """Set to let it go on with the configuration that it has, whatever changes."""
        self.mangle: Callable[[str], str] | None = None
        """What becomes of the metrics page before it is sent, as by a bug of the controller; None for nothing."""
        self._compiled = compiled
        self._now = now
        self._rng = rng
        self._scale = scale
        self._changed = asyncio.Event()
        self._fault: MetricsFault | None = None
        self._traffic = Listener(self._serve)
        self._scrapes = Listener(self._expose)
        self._session: aiohttp.ClientSession | None = None
        self._worker: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where clients send their requests."""
        return f"http://{LOOPBACK}:{self._traffic.port}"

    @property
    def metrics_url(self) -> str:
        """The metrics page."""
        return f"http://{LOOPBACK}:{self._scrapes.port}/metrics"

    async def start(self) -> None:
        """Begin as a new process: empty counters, the cluster as it is now, and listeners on the ports of before."""
        self._metrics = ControllerMetrics(self.name, self._now())
        self._session = new_session()
        self._proxy = Proxy(self._session, self._metrics, self._rng)
        self._changed.clear()
        pace = SyncPace(self._scale, self._rng.random())
        pace.sync(asyncio.get_running_loop().time())
        self._configure(self._compile())
        self._worker = asyncio.create_task(self._follow(pace), name=f"controller {self.name}")
        await self._traffic.open()
        if self._fault is not MetricsFault.REFUSE:
            await self._scrapes.open()

    async def stop(self) -> None:
        """End the process. Raises what its worker died of, if it did."""
        await self._traffic.close()
        await self._scrapes.close()
        if self._worker:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        if self._session:
            await self._session.close()

    async def restart(self) -> None:
        """End the container and start it again in the same pod: counters reset, another start time."""
        await self.stop()
        await self.start()

    async def break_metrics(self, fault: MetricsFault | None) -> None:
        """Make the metrics page useless in some way, or useful again with None."""
        self._fault = fault
        if fault is MetricsFault.REFUSE:
            await self._scrapes.close()
        else:
            await self._scrapes.open()

    def changed(self) -> None:
        """Say that the cluster's objects have changed."""
        if not self.stuck:
            self._changed.set()

    def manifest(self) -> dict[str, Any]:
        """Return the Pod by which the controller is found."""
        ports = [
            {"name": "http", "containerPort": self._traffic.port, "protocol": "TCP"},
            {"name": "metrics", "containerPort": self._scrapes.port, "protocol": "TCP"},
        ]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "labels": {
                    "app.kubernetes.io/name": "ingress-nginx",
                    "app.kubernetes.io/instance": "ingress-nginx",
                    "app.kubernetes.io/component": "controller",
                },
            },
            "spec": {
                "containers": [
                    {
                        "name": "controller",
                        "image": "lab/ingress-nginx:v1.15",
                        "args": ["/nginx-ingress-controller", "--enable-metrics=true"],
                        "ports": ports,
                    }
                ]
            },
            "status": {
                "phase": "Running",
                "podIP": LOOPBACK,
                "podIPs": [{"ip": LOOPBACK}],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }

    async def _follow(self, pace: SyncPace) -> None:
        """Act on changes: compile within the rate limit, apply at the next poll."""
        while True:
            await self._changed.wait()
            await _until(pace.sync(asyncio.get_running_loop().time()))
            self._changed.clear()
            routes = self._compile()
            await _until(pace.poll(asyncio.get_running_loop().time()))
            self._configure(routes)

    def _compile(self) -> Routes | None:
        try:
            return self._compiled()
        except ControllerPanic:
            return None

    def _configure(self, routes: Routes | None) -> None:
        if routes is None:
            self._metrics.crashed()  # the configuration of before stays in force
        else:
            self._proxy.configure(routes)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._proxy.handle(request)

    async def _expose(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._fault is MetricsFault.HANG:
            await asyncio.Event().wait()
        if self._fault is MetricsFault.ERROR:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        if self._fault is MetricsFault.HTML:
            return web.Response(text="<html><title>Sign in</title></html>", content_type="text/html")
        if request.path != "/metrics":
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if self._fault is MetricsFault.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        page = self._metrics.page()
        text = self.mangle(page) if self.mangle else page
        if self._fault is MetricsFault.CUT:
            return await _cut_short(request, text)
        return web.Response(text=text, content_type="text/plain", charset="utf-8")


async def _cut_short(request: web.BaseRequest, page: str) -> web.StreamResponse:
    """Send half of a page, and break the connection."""
    whole = page.encode()
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    response.content_length = len(whole)
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()  # what was written still arrives
    return response


async def _until(at: float) -> None:
    await asyncio.sleep(at - asyncio.get_running_loop().time())
