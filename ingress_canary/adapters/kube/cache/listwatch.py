"""List+watch of one resource: keeps its store current, whatever the API server does.

Written here because ``kubernetes.aio.watch`` spins on an empty 200 and on an HTML 502, and does not list again after
a 410. ``cluster.py`` and ``pods.py`` run one for each resource, and for each namespace where only some may be read.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from ingress_canary.adapters.kube.cache.retry_pace import RetryPace
from ingress_canary.adapters.kube.cache.store import CachedObject, ObjectCache, Odd, is_older, version_of
from ingress_canary.adapters.kube.client import errors
from ingress_canary.adapters.kube.client.client import KubeClient
from ingress_canary.adapters.kube.client.errors import Denied, Expired, Garbled, NotServed, Silent
from ingress_canary.api import APPLY_CRDS, GROUP
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.objects.resource import Resource
from ingress_canary.ports import ClusterError, Missing, Refused, Unavailable

T = TypeVar("T")

_PAGE = 500
_SHORT = 5.0
"""Seconds below which a watch that ended without an event has not worked."""
_PATIENCE = 3
"""Failed attempts to go on from where a watch ended before everything is listed again."""
_GRACE = 30.0
"""Seconds after its own timeoutSeconds at which a watch is ended from this side."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Settings of every watch; seconds of real time."""

    idle: float = 90.0
    """Silence after which everything is listed again. A busy API server sends a bookmark about once a minute; one
    on which nothing at all happens sends none, and neither does one that was restored from a backup to before the
    version that is watched from: it answers 200 and is silent."""
    shortest: int = 300
    """Least timeoutSeconds; the API server ends a watch after between one and two times as long, at random, so that
    the watches of all clients spread over its replicas."""
    doubted: float = 5.0
    """For how long an optional resource that could be read is shown as it was, though it is refused now: an API server
    that has restarted (kube-apiserver 1.36) refuses everybody until its authorizer has read the roles."""
    denied: float = 300.0
    """Longest wait until an optional resource that may not be read is tried again. It begins with a second and doubles:
    an API server that refuses for a moment, with its authorizer down, must not hide a resource for minutes."""
    lacking: str = "grant the daemon's service account"
    """How the remedy for a missing right begins."""


class ListWatch(Generic[T]):
    """One resource's list and watch, feeding a store.

    ``within`` limits the keys that this one covers, by default all of the namespace: those that it does not list
    are gone. ``selector`` is what the query asks for, by labels or by field. ``optional`` resources
    that RBAC denies are not visible, which is no problem; all others are retried and reported until they work.
    """

    def __init__(
        self,
        client: KubeClient,
        resource: Resource,
        store: ObjectCache[T],
        settings: WatchSettings,
        *,
        namespace: str | None = None,
        selector: Mapping[str, str] | None = None,
        within: Callable[[Key], bool] | None = None,
        optional: bool = False,
    ) -> None:
        self._session = client
        self._resource = resource
        self._path = resource.path(namespace)
        self._store = store
        self._settings = settings
        self._selector = selector or {}
        self._within = within or (lambda key: namespace in (None, key.namespace))
        self._optional = optional
        self._pace = RetryPace()
        self._version: str | None = None
        self._seen = ""
        self._refused: float | None = None
        """Since when it is refused, on the event loop's clock."""
        self._what = resource.title(namespace)
        self.synced = asyncio.Event()
        """Set once the store holds a complete list, or the resource is known not to be visible."""
        self.visible = False
        """Whether the store shows what the cluster has."""
        self.problem: str | None = None
        """What is wrong now, with the remedy where there is one; None while it works."""
        self.contact: float | None = None
        """When the API server was last heard of, on the event loop's clock; None before the first time."""

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                if self._version is None:
                    await self._list()
                else:
                    await self._watch(self._version)
            except ClusterError as error:
                self._failed(error)
            except Exception as error:  # a bug met in one event must not end the watch for good
                log.exception("watch_broken", resource=self._what)
                self._failed(Garbled(f"{self._what}: {type(error).__name__}: {error}"))

    async def _list(self) -> None:
        entries: list[CachedObject[T]] = []
        query = {"limit": str(_PAGE), **self._selector}
        while True:
            await self._pace.turn()
            page = await self._session.request("GET", self._path, query=query)
            meta, items = page.get("metadata"), page.get("items")
            if not isinstance(meta, dict) or not isinstance(items, list):
                raise Garbled(f"list {self._what}: the answer is no list")
            for item in items:
                try:
                    entries.append(self._store.entry(item))
                except Odd as error:
                    log.warning("object_left_out", resource=self._what, error=str(error))
            if not meta.get("continue"):
                break
            query["continue"] = meta["continue"]
        version = version_of(page)
        if is_older(version, self._seen):
            # Lists are never older than what the API server showed before, unless it was restored from a backup.
            log.warning("history_set_back", resource=self._what, before=self._seen, now=version)
            self._store.reset(self._within)
        self._store.replace(entries, version, self._within)
        self._version = self._seen = version
        self._heard()
        self.visible = True
        self.synced.set()

    async def _watch(self, version: str) -> None:
        await self._pace.turn()
        seconds = random.randint(self._settings.shortest, 2 * self._settings.shortest)  # noqa: S311 - spreads load
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            **self._selector,
        }
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with self._session.lines(
                self._path, query, idle=self._settings.idle, total=seconds + _GRACE
            ) as lines:
                self._heard()
                async for line in lines:
                    self._version = self._seen = self._take(line)
                    self._heard()
                    self._pace.worked()
        except Silent:
            # Dead, idle, or set back to before our version, which a watch never reports: a list does.
            log.debug("watch_silent", resource=self._what)
            self._version = None
            return
        finally:
            if loop.time() - begun >= _SHORT:
                self._pace.worked()
        if self._version == version and loop.time() - begun < _SHORT:
            raise Unavailable(f"watch {self._what}: the stream ended at once")

    def _take(self, line: bytes) -> str:
        """Apply one event; return its resourceVersion."""
        event = errors.parse(line, f"watch {self._what}")
        body = event.get("object")
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                return self._apply(body, self._store.put)
            case "DELETED":
                return self._apply(body, self._store.remove)
            case "BOOKMARK":
                return version_of(body)
            case "ERROR":
                raise errors.from_event(body, f"watch {self._what}")
            case kind:
                raise Garbled(f"watch {self._what}: an event of type {kind!r}")

    def _apply(self, body: object, change: Callable[[CachedObject[T]], None]) -> str:
        entry = self._store.entry(body)
        if self._within(entry.key):
            change(entry)
        return entry.version

    def _heard(self) -> None:
        self.contact = asyncio.get_running_loop().time()
        if self.problem:
            log.info("watch_recovered", resource=self._what)
        self.problem = self._refused = None

    def _failed(self, error: ClusterError) -> None:
        if isinstance(error, Expired):
            # Nothing is wrong: too much has happened since.
            self._version = None
            self._pace.failed()
            return
        absent = isinstance(error, Denied | NotServed | Missing)
        if absent or isinstance(error, Garbled | Refused) or self._pace.failures >= _PATIENCE:
            # What was missed is not known, or the API server does not know our resourceVersion: only a list shows it.
            self._version = None
        if absent and self._optional and not self._is_doubted():
            self._hide(error)
            return
        self._pace.failed()
        problem = f"{error}{self._remedy(error)}"
        if self.problem is None:
            log.warning("watch_failing", resource=self._what, error=problem)
        self.problem = problem

    def _is_doubted(self) -> bool:
        """Record a refusal, and return whether it may be one of a moment."""
        now = asyncio.get_running_loop().time()
        self._refused = now if self._refused is None else self._refused
        return self.visible and now - self._refused < self._settings.doubted

    def _hide(self, error: ClusterError) -> None:
        if self.visible or not self.synced.is_set():
            log.warning("not_visible", resource=self._what, error=str(error))
        self._store.reset(self._within)
        self.visible = False
        self.problem = None
        self.contact = asyncio.get_running_loop().time()
        self.synced.set()
        self._pace.failed(ceiling=self._settings.denied)

    def _remedy(self, error: ClusterError) -> str:
        if isinstance(error, Denied):
            return f"; {self._settings.lacking} get, list and watch on it"
        if isinstance(error, NotServed | Missing) and self._resource.group == GROUP:
            return f"; install the CRDs: {APPLY_CRDS}"
        return ""
