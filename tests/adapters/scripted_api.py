"""A small Kubernetes API over HTTP that misbehaves on request: what the kube adapter's tests talk to."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import yaml
from aiohttp import web

from ingress_canary.adapters.kube.client.connect import connect

ROLLOUTS = "/apis/ingress-canary.io/v1alpha1/canaryrollouts"
INGRESSES = "/apis/networking.k8s.io/v1/ingresses"
CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
DEPLOYMENTS = "/apis/apps/v1/deployments"
SCHEDULES = "/apis/ingress-canary.io/v1alpha1/canaryschedules"
PODS = "/api/v1/pods"
SECRETS = "/api/v1/secrets"
EVENTS = "/api/v1/events"


@dataclass
class Request:
    at: float
    method: str
    path: str
    query: dict
    headers: Mapping[str, str]
    body: dict | None


Misbehaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ScriptedApi:
    url: str = ""
    version: int = 100
    objects: dict = field(default_factory=lambda: defaultdict(dict))
    events: dict = field(default_factory=lambda: defaultdict(list))
    requests: list = field(default_factory=list)
    script: dict = field(default_factory=lambda: defaultdict(deque))
    """By collection: what the next requests get instead of an answer."""
    always: dict = field(default_factory=dict)
    """By collection: what every request gets."""
    everywhere: dict = field(default_factory=dict)
    """By collection: what every request gets that is not for one namespace."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    oldest: int = 0
    """Watches from before this version get 410."""

    def put(self, collection, namespace, name, **parts):
        """Create or update an object, behind the API's back."""
        self.version += 1
        key = (namespace, name)
        held = self.objects[collection].get(key)
        uid = held["metadata"]["uid"] if held else f"uid-{self.version}"
        meta = {"name": name, "uid": uid, **parts.pop("metadata", {}), "resourceVersion": str(self.version)}
        if namespace:
            meta["namespace"] = namespace
        body = {**(held or {}), **parts, "metadata": {**(held or {}).get("metadata", {}), **meta}}
        self.objects[collection][key] = body
        self._emit(collection, "MODIFIED" if held else "ADDED", body)
        return body

    def drop(self, collection, namespace, name):
        """Delete an object, behind the API's back."""
        self.version += 1
        body = self.objects[collection].pop((namespace, name))
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self._emit(collection, "DELETED", body)

    def _emit(self, collection, kind, body):
        self.events[collection].append((int(body["metadata"]["resourceVersion"]), kind, body))
        self.changed.set()
        self.changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.requests.append(
            Request(
                asyncio.get_running_loop().time(),
                request.method,
                request.path,
                dict(request.query),
                request.headers.copy(),
                json.loads(text) if text else None,
            )
        )
        collection, namespace, name = split(request.path)
        if self.script[collection]:
            return await self.script[collection].popleft()(request)
        if collection in self.always:
            return await self.always[collection](request)
        if collection in self.everywhere and not namespace:
            return await self.everywhere[collection](request)
        if request.method == "GET" and not name:
            if request.query.get("watch"):
                return await self._watch(request, collection, namespace)
            return self._list(request, collection, namespace)
        return self._object(request, collection, namespace, name, json.loads(text) if text else {})

    def _list(self, request, collection, namespace):
        items = [body for (ns, _), body in sorted(self.objects[collection].items()) if namespace in ("", ns)]
        start, limit = int(request.query.get("continue") or 0), int(request.query.get("limit") or 500)
        meta = {"resourceVersion": str(self.version)}
        if start + limit < len(items):
            meta["continue"] = str(start + limit)
        return web.json_response({"kind": "List", "metadata": meta, "items": items[start : start + limit]})

    async def _watch(self, request, collection, namespace):
        since = int(request.query["resourceVersion"])
        if since < self.oldest:
            return failure(410, "too old resource version")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        ends = asyncio.get_running_loop().time() + int(request.query["timeoutSeconds"])
        with suppress(ConnectionResetError):
            while (left := ends - asyncio.get_running_loop().time()) > 0:
                changed = self.changed
                for version, kind, body in self.events[collection]:
                    if version > since and namespace in ("", body["metadata"].get("namespace")):
                        await response.write(json.dumps({"type": kind, "object": body}).encode() + b"\n")
                        since = version
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), left)
        return response

    def _object(self, request, collection, namespace, name, body):
        held = self.objects[collection].get((namespace, name))
        if request.method == "POST":
            name = body["metadata"]["name"]
            if (namespace, name) in self.objects[collection]:
                return failure(409, f'"{name}" already exists')
            return web.json_response(self.put(collection, namespace, name, **body), status=201)
        if held is None:
            return failure(404, f'"{name}" not found')
        if request.method == "PATCH":
            asked = body.get("metadata", {}).get("resourceVersion", held["metadata"]["resourceVersion"])
            if asked != held["metadata"]["resourceVersion"]:
                return failure(409, "the object has been modified")
            return web.json_response(self.put(collection, namespace, name, **merged(held, body)))
        if request.method == "DELETE":
            for what, asked in (body.get("preconditions") or {}).items():
                if asked != held["metadata"][what]:
                    return failure(409, f"Precondition failed: {what}")
            self.drop(collection, namespace, name)
            return web.json_response({"kind": "Status", "status": "Success"})
        return web.json_response(held)


def split(path):
    parts = path.strip("/").split("/")
    head = 2 if parts[0] == "api" else 3
    namespace, rest = "", parts[head:]
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    return "/" + "/".join([*parts[:head], rest[0]]), namespace, rest[1] if len(rest) > 1 else ""


def merged(held, patch):
    if not isinstance(patch, dict):
        return patch
    out = dict(held) if isinstance(held, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


def failure(status, message):
    return web.json_response({"kind": "Status", "status": "Failure", "code": status, "message": message}, status=status)


def answers(status=200, body=b"", content_type="application/json"):
    async def misbehave(_request):
        return web.Response(status=status, body=body, content_type=content_type)

    return misbehave


def refuses(status, message):
    async def misbehave(_request):
        return failure(status, message)

    return misbehave


def streams(*lines, then_hang=False):
    async def misbehave(request):
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for line in lines:
            await response.write(line)
        if then_hang:
            await asyncio.sleep(60)
        return response

    return misbehave


async def hangs(_request):
    await asyncio.sleep(60)
    raise AssertionError("nobody waits that long")


async def cuts(request):
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def serving(tmp_path, *, request_timeout=5.0, **options):
    """Yield the API and a session with it."""
    api = ScriptedApi()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig(api.url))
    session = await connect(kubeconfig=str(path), request_timeout=request_timeout, **options)
    try:
        yield api, session
    finally:
        await session.close()
        await runner.cleanup()


def kubeconfig(url, token="secret"):
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": url}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
    )


async def until(condition, *, seconds=10.0):
    """Wait until ``condition()`` holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)
