"""Objects of a small shop, and ways to bring them up behind a data plane. Shared by the lab's tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from ingress_canary.lab.application import Application, Profile
from ingress_canary.lab.dataplane import ControllerPod, DataPlane, Kind

Json = dict[str, Any]

HOST = "shop.example"
STARTED = 1_790_000_000.25
PREFIX = "nginx.ingress.kubernetes.io/"
CLASS: Json = {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}}


def path(service: str, at: str | None = "/", kind: str | None = "Prefix", port: int = 80) -> Json:
    body: Json = {"backend": {"service": {"name": service, "port": {"number": port}}}}
    if at is not None:
        body["path"] = at
    return body | ({"pathType": kind} if kind else {})


def ingress(
    name: str,
    *paths: Json,
    host: str | None = HOST,
    namespace: str = "shop",
    age: int = 0,
    class_name: str | None = "nginx",
    default: str | None = None,
    raw: Mapping[str, str] | None = None,
    **annotations: str,
) -> Json:
    """Return an Ingress, the greater ``age`` the older; ``canary_weight="5"`` is nginx's canary-weight."""
    spec: Json = {"rules": [({"host": host} if host else {}) | {"http": {"paths": list(paths)}}]} if paths else {}
    if class_name:
        spec["ingressClassName"] = class_name
    if default:
        spec["defaultBackend"] = {"service": {"name": default, "port": {"number": 80}}}
    own = {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": f"2026-01-01T00:{59 - age:02d}:00Z",
            "annotations": own | dict(raw or {}),
        },
        "spec": spec,
    }


def canary_ingress(*paths: Json, name: str = "web-canary", **keywords: Any) -> Json:
    return ingress(name, *(paths or (path("canary"),)), **{"canary": "true", "canary_weight": "100"} | keywords)


def service(name: str, namespace: str = "shop", **spec: Any) -> Json:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"ports": ports} | spec}


def slices(name: str, *addresses: str, namespace: str = "shop", port: int = 8080, ready: bool = True) -> Json:
    return {
        "metadata": {"name": f"{name}-1", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [one], "conditions": {"ready": ready}} for one in addresses],
    }


async def until(read: Callable[[], Awaitable[str]], wanted: Callable[[str], bool], seconds: float = 5) -> str:
    """Read again and again until what is seen is wanted."""
    async with asyncio.timeout(seconds):
        while not wanted(seen := await read()):
            pass
    return seen


@dataclass
class Shop:
    """A data plane with applications behind the Services ``stable`` and ``canary``; ``other`` is v1's, too."""

    plane: DataPlane
    stable: Application
    canary: Application
    client: aiohttp.ClientSession

    @property
    def pod(self) -> ControllerPod:
        return self.plane.pods[0]

    def publish(self, *ingresses: Json) -> None:
        self.plane.apply(Kind.INGRESS, ingresses)

    async def settle(self, *ingresses: Json) -> None:
        """Publish and have every pod take it up at once, as new processes do."""
        self.publish(*ingresses)
        for pod in self.plane.pods:
            await pod.restart()

    def endpoints(self, stable: int = 1, canary: int = 1) -> None:
        self.stable.replicas, self.canary.replicas = stable, canary
        sides = {"stable": self.stable, "canary": self.canary}
        found = [app.endpoint_slice("shop", name) for name, app in sides.items()]
        other = slices("other", "127.0.0.2", port=self.stable.port)
        self.plane.apply(Kind.ENDPOINT_SLICE, [*found, other])

    async def get(
        self,
        at: str = "/",
        *,
        host: str = HOST,
        headers: Mapping[str, str] | None = None,
        pod: int = 0,
        method: str = "GET",
    ) -> aiohttp.ClientResponse:
        sent = {"Host": host} | dict(headers or {})
        url = self.plane.urls[pod] + at
        async with self.client.request(method, url, headers=sent, allow_redirects=False) as response:
            await response.read()
            return response

    async def version(self, at: str = "/", *, host: str = HOST, headers: Mapping[str, str] | None = None) -> str:
        """Return which version answered, or the status when none did."""
        response = await self.get(at, host=host, headers=headers)
        return response.headers.get("X-Version", str(response.status))

    async def page(self, pod: int = 0) -> str:
        async with self.client.get(self.plane.pods[pod].metrics_url) as response:
            return await response.text()


@asynccontextmanager
async def open_shop(**keywords: Any) -> AsyncIterator[Shop]:
    async with (
        Application(Profile("v1"), ("127.0.0.2",), seed=1) as stable,
        Application(Profile("v2"), ("127.0.0.3",), seed=2) as canary,
        DataPlane(lambda: STARTED, **{"seed": 3, "time_scale": 20.0} | keywords) as plane,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
    ):
        plane.apply(Kind.INGRESS_CLASS, [CLASS])
        plane.apply(Kind.SERVICE, [service("stable"), service("canary"), service("other")])
        shop = Shop(plane, stable, canary, client)
        shop.endpoints()
        yield shop
