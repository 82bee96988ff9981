"""Application behind the Services: a web server whose version and faults can be changed while it runs.

Used by the demo and the tests. All replicas share one port on addresses of their own, as pods of a Service do.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from math import exp
from typing import Any, Self

from aiohttp import web

from ingress_canary.lab.listener import Listener

VERSION_HEADER = "X-Version"


@dataclass(frozen=True, slots=True)
class Profile:
    """Behaviour of one version."""

    version: str
    error_ratio: float = 0.0
    """Share of requests answered with 500, drawn independently."""
    latency: float = 0.0
    """Seconds that every request takes at the least, or half of them with a ``spread``."""
    spread: float = 0.0
    """Standard deviation of the latency's logarithm: it is drawn from a log-normal distribution."""
    slow_ratio: float = 0.0
    """Share of requests that take ``slow_seconds`` more."""
    slow_seconds: float = 1.0
    broken: Mapping[str, float] = field(default_factory=dict)
    """By path, the share of requests answered with 500 where it is another one."""

    def draw(self, rng: random.Random, path: str = "/") -> tuple[float, HTTPStatus]:
        """Return how many seconds one request takes, and the status of its answer."""
        slow = self.slow_seconds if rng.random() < self.slow_ratio else 0.0
        failed = rng.random() < self.broken.get(path, self.error_ratio)
        seconds = self.latency * exp(rng.gauss(0, self.spread)) if self.spread else self.latency
        return seconds + slow, HTTPStatus.INTERNAL_SERVER_ERROR if failed else HTTPStatus.OK


class Application:
    """One version on some loopback addresses.

    ``profile``, ``ready`` and ``replicas`` may be set while it runs; the last two show in the EndpointSlice only, so
    the caller that changes them has it written to the API.
    """

    def __init__(self, profile: Profile, addresses: Sequence[str] = ("127.0.0.2",), seed: int | None = None) -> None:
        self.profile = profile
        self.ready = True
        self.replicas = len(addresses)
        """How many of the addresses take traffic."""
        self._addresses = tuple(addresses)
        self._listeners = [Listener(self._handle, address) for address in addresses]
        self._rng = random.Random(seed)

    async def __aenter__(self) -> Self:
        first, *others = self._listeners
        await first.open()
        for other in others:
            other.port = first.port
            await other.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for listener in self._listeners:
            await listener.close()

    @property
    def port(self) -> int:
        """The port of every replica."""
        return self._listeners[0].port

    def endpoint_slice(self, namespace: str, service: str, port_name: str = "http") -> dict[str, Any]:
        """Return the EndpointSlice that leads a Service's port of this name here."""
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{service}-lab",
                "namespace": namespace,
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "ports": [{"name": port_name, "port": self.port, "protocol": "TCP"}],
            "endpoints": [
                {
                    "addresses": [address],
                    "conditions": {"ready": self.ready, "serving": self.ready, "terminating": False},
                }
                for address in self._addresses[: self.replicas]
            ],
        }

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        profile = self.profile
        seconds, status = profile.draw(self._rng, request.path)
        if seconds:
            await asyncio.sleep(seconds)
        return web.Response(
            status=status,
            text=f'{{"version": "{profile.version}"}}\n',
            content_type="application/json",
            headers={VERSION_HEADER: profile.version},
        )
