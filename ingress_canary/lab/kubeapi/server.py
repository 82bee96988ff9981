"""Server of the lab's Kubernetes API: HTTP in front of the store, with faults, audit and hooks for tests.

Used by the lab's cluster, by ``demo`` and by tests. It stands in for a real API server, which judges it: two contract
suites (``test_api_contract.py`` and ``test_crd_contract.py``) run against both. RBAC is enforced where a test asks for
it (``rbac.py``). What is left out: CEL beyond our own rules (``cel.py``), admission of built-ins, aggregated discovery,
protobuf, foreground deletion, and server-side apply inside lists.
"""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ingress_canary.lab.kubeapi import clock, controllers
from ingress_canary.lab.kubeapi.errors import (
    ApiError,
    Json,
    VersionNotServed,
    expired,
    no_such_path,
    not_allowed,
    unauthorized,
)
from ingress_canary.lab.kubeapi.faults import Delay, Drop, Empty, Faults, ForeignPage, Gone, Hang, Refuse
from ingress_canary.lab.kubeapi.kinds.builtin_kinds import BUILTINS
from ingress_canary.lab.kubeapi.kinds.installation_kinds import INSTALLED
from ingress_canary.lab.kubeapi.kinds.resources import Registry, ServedResource
from ingress_canary.lab.kubeapi.requests import (
    INFO,
    RECORD,
    AuditRecord,
    RequestInfo,
    encode,
    parse,
    readable,
    token_of,
)
from ingress_canary.lab.kubeapi.rest import discovery
from ingress_canary.lab.kubeapi.rest.reads import Lister, answer, respond
from ingress_canary.lab.kubeapi.rest.watches import Hub
from ingress_canary.lab.kubeapi.rest.writes import Admission, Mutation, Writer
from ingress_canary.lab.kubeapi.storage.store import NAMESPACES, ObjectStore

OnCommit = Callable[[AuditRecord], Awaitable[None] | None]

_ANONYMOUS = "system:anonymous"
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
_LARGEST = 3 * 1024 * 1024
_TOO_OLD = "too old resource version: the lab says so"


class KubeApi:
    """The server, as an async context manager. It may be stopped and started again, and keeps port and objects.

    ``tokens`` maps bearer tokens to user names, and refuses others; without it a token is its user's name.
    ``authorize`` are aiohttp middlewares that run on every request after it was parsed, audited and authenticated:
    ``request[INFO]`` is its :class:`RequestInfo`, an :class:`ApiError` raised there is the answer.
    """

    def __init__(
        self,
        crds: Sequence[Json] = (),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        bookmark_seconds: float = 60.0,
        history: int = 1000,
        tokens: Mapping[str, str] | None = None,
        authorize: Sequence[Middleware] = (),
    ) -> None:
        self.store = ObjectStore(Registry((*BUILTINS, *INSTALLED)), history)
        self.audit: list[AuditRecord] = []
        """Every request, in order of arrival."""
        self.faults = Faults()
        self.on_commit: list[OnCommit] = []
        """Called with the record of a write after its commit and before its answer."""
        self.admission: list[Admission] = []
        self.mutation: list[Mutation] = []
        """What policies make of an object before it is admitted."""
        self._host, self._port = host, port
        self._tokens = tokens
        self._authorize = tuple(authorize)
        self._crds = tuple(crds)
        self._runner: web.AppRunner | None = None
        collector = controllers.Collector(self.store)
        self._hub = Hub(self.store, bookmark_seconds)
        self._lister = Lister(self.store)
        self._writer = Writer(self.store, collector, self.admission, self.mutation)
        definitions, namespaces = controllers.Definitions(self.store), controllers.Namespaces(self.store)
        self.store.listeners += [self._hub, definitions, collector, namespaces]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"http://{self._host}:{self._port}"

    @property
    def open_watches(self) -> int:
        """How many watches are open now."""
        return len(self._hub)

    async def start(self) -> None:
        """Listen. The first start makes the usual namespaces and the CRDs."""
        if not self.store.list(NAMESPACES):
            self._populate()
        middlewares = [self._frame, self._fail, *self._authorize]
        app = web.Application(middlewares=middlewares, client_max_size=_LARGEST)
        app.router.add_route("*", "/{path:.*}", self._route)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End all watches cleanly and stop listening."""
        if self._runner is None:
            return
        self._hub.close()
        await self._runner.cleanup()
        self._runner = None

    def kubeconfig(self, token: str | None = None) -> Json:
        """Return a kubeconfig for this server."""
        context = {"cluster": "lab", "user": "lab", "namespace": "default"}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": {"server": self.url}}],
            "users": [{"name": "lab", "user": {"token": token or "lab"}}],
            "contexts": [{"name": "lab", "context": context}],
            "current-context": "lab",
        }

    def write_kubeconfig(self, path: str | Path, token: str | None = None) -> Path:
        """Write the kubeconfig to a file that only its owner reads, and return its path."""
        target = Path(path)
        target.touch(mode=0o600)
        target.write_text(json.dumps(self.kubeconfig(token), indent=2))
        return target

    def cut_watches(self, resource: str = "") -> None:
        """Break the connections of the watches that are open now, of one resource if named."""
        self._hub.cut(resource)

    def freeze_watches(self, resource: str = "", user: str = "") -> None:
        """Let the watches that are open now, of one resource or user if named, hang: silent until cut or thawed."""
        self._hub.freeze(resource, user)

    def thaw_watches(self) -> None:
        """Let frozen watches go on, with what they have missed."""
        self._hub.thaw()

    def compact(self) -> None:
        """Forget history and pages: resuming from before now is answered by 410."""
        self.store.compact()
        self._lister.forget()

    def _populate(self) -> None:
        for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self.store.create(NAMESPACES, "", body)
        for crd in self._crds:
            self.store.create("customresourcedefinitions", "", crd)

    @web.middleware
    async def _frame(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Parse, record and authenticate the request; turn refusals into Status answers."""
        raw = await request.read()
        token = token_of(request.headers)
        user = token or _ANONYMOUS if self._tokens is None else self._tokens.get(token, "")
        body = readable(raw)
        info = parse(request.method, request.path, request.query, request.headers, user or _ANONYMOUS)
        if info.verb == "create":
            info = _named(info, body)
        record = AuditRecord.of(info, clock.now(), body if info.verb in _WRITES else None)
        self.audit.append(record)
        request[INFO], request[RECORD] = info, record
        try:
            if not user:
                raise unauthorized()
            response = await handler(request)
        except VersionNotServed as error:
            response = web.Response(status=error.code, text=error.text)
        except ApiError as error:
            response = respond(error.status, error.code)
        record.code = response.status
        return response

    @web.middleware
    async def _fail(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let the first fault that matches have its effect."""
        fault = self.faults.hit(request[INFO])
        if fault is None:
            return await handler(request)
        match fault.effect:
            case Refuse() as refusal:
                await asyncio.sleep(refusal.after)
                raise ApiError(refusal.code, refusal.reason, refusal.message)
            case ForeignPage(code, text):
                return web.Response(status=code, text=text, content_type="text/html")
            case Empty():
                return web.Response(content_type="application/json")
            case Drop():
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=500)
            case Gone(in_stream=True):
                return web.Response(body=_gone_event(), content_type="application/json")
            case Gone():
                raise expired(_TOO_OLD)
            case Hang():
                await fault.released.wait()
            case Delay(seconds):
                await asyncio.sleep(seconds)
        return await handler(request)

    async def _route(self, request: web.Request) -> web.StreamResponse:
        """Serve a request: about objects, or a document about the server."""
        info = request[INFO]
        if not info.resource:
            return self._document(request)
        resource = self.store.registry.find(info.group, info.version, info.resource)
        offered = {"status": resource.has_status, "scale": resource.scales}
        if info.subresource and not (offered.get(info.subresource, False) and info.name):
            raise no_such_path()
        misplaced = info.namespace and not resource.namespaced and info.resource != NAMESPACES
        if misplaced or (resource.namespaced and info.name and not info.namespace and info.verb != "create"):
            raise no_such_path()
        match info.verb:
            case "get" | "patch" if info.subresource == "scale":
                return await self._writer.scale(request, resource)
            case "get":
                scope = info.namespace if resource.namespaced else ""
                return answer(request, resource, self.store.get(resource, scope, info.name))
            case "list":
                return self._lister(request, resource)
            case "watch":
                return await self._hub.serve(request, resource)
            case _:
                return await self._write(request, resource)

    async def _write(self, request: web.Request, resource: ServedResource) -> web.StreamResponse:
        """Serve a request that changes objects, and tell the hooks once it is committed."""
        info, record = request[INFO], request[RECORD]
        match info.verb:
            case "create" if info.path.endswith(f"/{info.resource}"):
                response = await self._writer.create(request, resource)
            case "update":
                response = await self._writer.update(request, resource)
            case "patch":
                response = await self._writer.patch(request, resource)
            case "delete" if not info.subresource:
                response = await self._writer.delete(request, resource)
            case "deletecollection":
                response = await self._writer.delete_collection(request, resource)
            case _:
                raise not_allowed()
        record.code = response.status
        if request.query.get("dryRun") != "All":
            # at once: whoever sees what is stored sees what the hooks made of it
            waiting = [made for hook in list(self.on_commit) if inspect.isawaitable(made := hook(record))]
            # a client that is killed in a hook must not take the hook with it
            await asyncio.shield(asyncio.ensure_future(_in_turn(waiting)))
        return response

    def _document(self, request: web.Request) -> web.Response:
        if request.method != "GET":
            raise not_allowed()
        if request.path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        document = discovery.document(self.store.registry, request.path)
        if document is None:
            parts = request.path.split("/")
            raise self.store.registry.unknown(parts[2]) if parts[1] == "apis" and len(parts) > 2 else VersionNotServed()
        return respond(document)


async def _in_turn(waiting: Iterable[Awaitable[None]]) -> None:
    for one in waiting:
        await one


def _named(info: RequestInfo, body: object) -> RequestInfo:
    """Return the info of a creation with the name that the body gives."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return replace(info, name=info.name or str(name or ""))


def _gone_event() -> bytes:
    return encode({"type": "ERROR", "object": expired(_TOO_OLD).status}) + b"\n"
