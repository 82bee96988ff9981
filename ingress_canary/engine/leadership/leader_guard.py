"""Guards of writes: a Cluster that writes only while this process holds the lease, and what little it may afterwards.

``app.py`` puts them between the engine and the API. A write is begun only while there is time left and given up when
there is none, while a renewal of the lease gives it more: an admission webhook may take ten seconds over one. What the
API server may still do with a write that was given up meets the stamps of the next leader (``takeover.py``).
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.domain.objects.resource import Resource
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.workload.release_ownership import OwnedPart
from ingress_canary.ports import Cluster, Deposed, Leadership


class LeaderGuard:
    """Implements ports.Cluster: reads pass, writes need the lease."""

    def __init__(self, cluster: Cluster, leadership: Leadership) -> None:
        self._cluster, self._leadership = cluster, leadership

    @property
    def view(self) -> ClusterView:
        """The cluster's objects as the caches hold them now."""
        return self._cluster.view

    def rollouts(self) -> Iterable[Key]:
        """Return every CanaryRollout in scope."""
        return self._cluster.rollouts()

    def owners(self) -> Iterable[Key]:
        """Return every CanaryRollout that a possible shadow names as its owner."""
        return self._cluster.owners()

    def rollout(self, key: Key) -> Json | None:
        """Return a CanaryRollout as it is."""
        return self._cluster.rollout(key)

    def schedule(self, key: Key) -> Json | None:
        """Return a CanarySchedule as it is."""
        return self._cluster.schedule(key)

    def subscribe(self, changed: Callable[[Key], None]) -> Callable[[], None]:
        """Call ``changed`` with the key of each rollout that a watch event may concern; the result unsubscribes."""
        return self._cluster.subscribe(changed)

    async def patch_status(self, rollout: Json, patch: Json) -> Json:
        """Merge ``patch`` into the rollout's status. Raises ClusterError."""
        async with self._in_office():
            return await self._cluster.patch_status(rollout, patch)

    async def clear_action(self, rollout: Json) -> Json:
        """Remove the action annotation. Raises ClusterError."""
        async with self._in_office():
            return await self._cluster.clear_action(rollout)

    async def read_shadows(self, key: Key) -> None:
        """Read the objects of this name into the caches. Raises ClusterError."""
        await self._cluster.read_shadows(key)

    async def read_workload(self, kind: str, key: Key) -> None:
        """Read a workload into the caches. Raises ClusterError."""
        await self._cluster.read_workload(kind, key)

    async def create_shadow(self, resource: Resource, manifest: Json) -> ShadowObject:
        """Create the shadow. Raises ClusterError."""
        async with self._in_office():
            return await self._cluster.create_shadow(resource, manifest)

    async def patch_shadow(self, shadow: ShadowObject, patch: Json) -> ShadowObject:
        """Merge ``patch`` into a shadow. Raises ClusterError."""
        async with self._in_office():
            return await self._cluster.patch_shadow(shadow, patch)

    async def delete_shadow(self, shadow: ShadowObject, *, even_changed: bool = True) -> ShadowObject | None:
        """Delete a shadow; return it where a finalizer holds it. Raises ClusterError."""
        async with self._in_office():
            return await self._cluster.delete_shadow(shadow, even_changed=even_changed)

    async def set_images(self, workload: Workload, images: Mapping[str, str]) -> None:
        """Give containers of a workload these images. Raises ClusterError."""
        async with self._in_office():
            await self._cluster.set_images(workload, images)

    async def stamp_workload(self, workload: Workload, leader: str) -> None:
        """Write a leader's term onto a workload. Raises ClusterError."""
        async with self._in_office():
            await self._cluster.stamp_workload(workload, leader)

    async def set_replicas(self, workload: Workload, replicas: int) -> None:
        """Scale a workload. Raises ClusterError."""
        async with self._in_office():
            await self._cluster.set_replicas(workload, replicas)

    async def release_ownership(self, owned: OwnedPart) -> None:
        """Remove the daemon's updates from a workload's managedFields. Raises ClusterError."""
        async with self._in_office():
            await self._cluster.release_ownership(owned)

    def _in_office(self) -> AbstractAsyncContextManager[None]:
        return _within(self._leadership.left)


class LapsedGuard:
    """The writes that are left to a leader whose lease has ended: of a shadow, while it has not changed."""

    def __init__(self, cluster: Cluster, leadership: Leadership) -> None:
        self._cluster, self._leadership = cluster, leadership

    async def patch_shadow(self, shadow: ShadowObject, patch: Json) -> ShadowObject:
        """Merge ``patch`` into a shadow. Raises ClusterError."""
        async with _within(self._leadership.grace):
            return await self._cluster.patch_shadow(shadow, patch)

    async def delete_shadow(self, shadow: ShadowObject) -> ShadowObject | None:
        """Delete a shadow; return it where a finalizer holds it. Raises ClusterError, Conflict where it has changed."""
        async with _within(self._leadership.grace):
            return await self._cluster.delete_shadow(shadow, even_changed=False)


@asynccontextmanager
async def _within(left: Callable[[], float]) -> AsyncIterator[None]:
    """Allow a write while there are seconds ``left``. Raises Deposed when there are none, and when they are over."""
    if left() <= 0:
        raise Deposed("not written: another process may lead by now")
    try:
        async with asyncio.timeout(None) as limit:
            with _watched(limit, left):
                yield
    except TimeoutError:
        raise Deposed("given up: another process may lead by now") from None


@contextmanager
def _watched(limit: asyncio.Timeout, left: Callable[[], float]) -> Iterator[None]:
    """End what ``limit`` bounds when no seconds are left; each renewal of the lease puts that off."""
    loop, timers = asyncio.get_running_loop(), list[asyncio.TimerHandle]()

    def look() -> None:
        seconds = left()
        if seconds <= 0:
            limit.reschedule(loop.time())
        elif math.isfinite(seconds):
            timers[:] = [loop.call_later(seconds, look)]

    look()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
