"""Watches: streams of changes, with resume, bookmarks, selectors, and the ways in which a stream can go wrong.

``verbs.py`` opens streams; ``server.py`` feeds the hub from the store and, for faults, cuts and freezes streams.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aiohttp import web

from ingress_canary.lab.kubeapi.errors import ApiError, Json, malformed_version
from ingress_canary.lab.kubeapi.kinds.resources import ServedResource
from ingress_canary.lab.kubeapi.requests import INFO, RECORD, encode, integer
from ingress_canary.lab.kubeapi.rest import tables
from ingress_canary.lab.kubeapi.storage import selectors
from ingress_canary.lab.kubeapi.storage.selectors import Selector
from ingress_canary.lab.kubeapi.storage.store import Change, ObjectStore

_INITIAL_END = "k8s.io/initial-events-end"
_SECONDS = 1800


@dataclass(eq=False, slots=True)
class Stream:
    """One open watch."""

    resource: ServedResource
    namespace: str
    selector: Selector
    render: Callable[[Json], Json]
    transport: asyncio.BaseTransport | None
    since: int
    """The resourceVersion that it goes on from; earlier changes are not shown, not even of a future one."""
    user: str
    lines: deque[bytes] = field(default_factory=deque)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    frozen: bool = False
    closed: bool = False

    def offer(self, change: Change) -> None:
        """Take a change, as this watch's selector sees it: an object that leaves the selection is deleted."""
        if change.storage != self.resource.storage or change.version <= self.since:
            return
        if self.namespace not in ("", change.last["metadata"].get("namespace", "")):
            return
        was = change.old is not None and self.selector(change.old)
        stays = change.new is not None and self.selector(change.new)
        if change.new is not None and stays:
            self.send("MODIFIED" if was else "ADDED", change.new)
        elif change.old is not None and was:
            version = {"resourceVersion": str(change.version)}
            self.send("DELETED", {**change.old, "metadata": {**change.old["metadata"], **version}})

    def send(self, kind: str, body: Json) -> None:
        """Queue an event about an object."""
        self.push(kind, self.render(self.resource.served(body)))

    def push(self, kind: str, body: Json) -> None:
        """Queue an event."""
        self.lines.append(encode({"type": kind, "object": body}) + b"\n")
        self.woken.set()

    def bookmark(self, version: int, **metadata: Json) -> None:
        """Queue a bookmark."""
        body = {"kind": self.resource.kind, "apiVersion": self.resource.api_version}
        self.push("BOOKMARK", {**body, "metadata": {"resourceVersion": str(version), **metadata}})


class Hub:
    """All open watches."""

    def __init__(self, store: ObjectStore, bookmark_seconds: float) -> None:
        self._store = store
        self._bookmark_seconds = bookmark_seconds
        self._streams: set[Stream] = set()

    def __len__(self) -> int:
        return len(self._streams)

    def __call__(self, change: Change) -> None:
        """Follow a change."""
        for stream in self._streams:
            stream.offer(change)

    def close(self) -> None:
        """End all streams cleanly."""
        for stream in self._streams:
            stream.closed = True
            stream.woken.set()

    def cut(self, resource: str = "") -> None:
        """Break the connections of all streams, or of one resource's."""
        for stream in self._of(resource):
            if isinstance(stream.transport, asyncio.WriteTransport):
                stream.transport.abort()

    def freeze(self, resource: str = "", user: str = "") -> None:
        """Let the streams that are open now stay open and silent, or those of one resource, or of one user."""
        for stream in self._of(resource):
            stream.frozen = stream.frozen or user in ("", stream.user)

    def thaw(self) -> None:
        """Let frozen streams go on, with what they have missed."""
        for stream in self._streams:
            stream.frozen = False
            stream.woken.set()

    async def serve(self, request: web.Request, resource: ServedResource) -> web.StreamResponse:
        """Answer a watch request until it times out, the client goes away or the server stops."""
        query, info = request.query, request[INFO]
        namespace, name = info.namespace if resource.namespaced else "", info.name
        chosen = selectors.parse(query.get("labelSelector", ""), query.get("fieldSelector", ""), resource.selectable)
        seconds = integer(query.get("timeoutSeconds") or "0") or _SECONDS

        def selector(body: Json) -> bool:
            return name in ("", body["metadata"]["name"]) and chosen(body)

        since = _version(query.get("resourceVersion") or "0")
        render = _renderer(request, resource)
        stream = Stream(resource, namespace, selector, render, request.transport, since, info.user)
        try:
            self._begin(stream, initial=query.get("sendInitialEvents") == "true")
            self._streams.add(stream)
        except ApiError as error:
            stream.push("ERROR", error.status)
            stream.closed = True
        try:
            return await self._stream(request, stream, seconds)
        finally:
            self._streams.discard(stream)

    def _begin(self, stream: Stream, *, initial: bool) -> None:
        """Queue what a new stream starts with; ``initial`` is how kubectl wait lists. Raises ApiError (410)."""
        if stream.since and not initial:
            for change in self._store.since(stream.since, stream.resource.storage):
                stream.offer(change)
            return
        stream.since = self._store.version
        for body in self._store.list(stream.resource, stream.namespace, selector=stream.selector):
            stream.send("ADDED", body)
        if initial:
            stream.bookmark(self._store.version, annotations={_INITIAL_END: "true"})

    async def _stream(self, request: web.Request, stream: Stream, seconds: int) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        request[RECORD].code = response.status
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        bookmarks = request.query.get("allowWatchBookmarks") == "true"
        # as in a real server, one comes shortly before the stream's time is over
        next_bookmark = min(loop.time() + self._bookmark_seconds, end - 2) if bookmarks else end
        while True:
            if stream.frozen and not stream.closed:
                await _wait(stream.woken, None)
                continue
            if stream.lines:
                batch = b"".join(stream.lines)
                stream.lines.clear()
                await response.write(batch)
                continue
            now = loop.time()
            if stream.closed or now >= end:
                return response
            if now >= next_bookmark:
                next_bookmark = min(now + self._bookmark_seconds, end - 2) if now < end - 2 else end
                if self._store.version > stream.since:  # as in a real server, never the version it began with
                    stream.bookmark(self._store.version)
            else:
                await _wait(stream.woken, min(end, next_bookmark))

    def _of(self, resource: str) -> Iterator[Stream]:
        return (stream for stream in list(self._streams) if resource in ("", stream.resource.plural))


def _version(text: str) -> int:
    if not text.isdecimal():
        raise malformed_version(text)
    return int(text)


async def _wait(event: asyncio.Event, deadline: float | None) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            await event.wait()
    except TimeoutError:
        return
    event.clear()


def _renderer(request: web.Request, resource: ServedResource) -> Callable[[Json], Json]:
    if not tables.wanted(request.headers.get("Accept", "")):
        return lambda body: body
    include, heads = request.query.get("includeObject", "Metadata"), iter([True])

    def render(body: Json) -> Json:
        meta = {"resourceVersion": body["metadata"]["resourceVersion"]}
        return tables.table(resource, [body], meta, include, headed=next(heads, False))

    return render
