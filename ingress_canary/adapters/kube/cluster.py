"""Cluster over the Kubernetes API (``ports.Cluster``): watches fill the caches, writes are conditional."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from ingress_canary.adapters.kube.cache.affected_rollouts import AffectedRollouts, matters
from ingress_canary.adapters.kube.cache.cluster_view import CachedCluster
from ingress_canary.adapters.kube.cache.listwatch import WatchSettings
from ingress_canary.adapters.kube.cache.store import ObjectCache, version_of
from ingress_canary.adapters.kube.cache.watches import Scope, Watches
from ingress_canary.adapters.kube.client.client import MERGE_PATCH, STRATEGIC_MERGE_PATCH, KubeClient
from ingress_canary.adapters.kube.client.errors import Garbled
from ingress_canary.adapters.kube.client.resources import CRDS, ROLLOUTS, WORKLOADS_BY_KIND
from ingress_canary.api import ACTION_ANNOTATION, LEADER_ANNOTATION
from ingress_canary.domain.objects.field_ownership import without_ours
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key, Meta
from ingress_canary.domain.objects.resource import INGRESSES, Resource
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.workload.release_ownership import OwnedPart
from ingress_canary.ports import Conflict, Missing, Refused

T = TypeVar("T")

_DELETIONS = 5
"""Attempts to delete what another writer keeps writing, before the engine decides anew."""


class KubeCluster:
    """The cluster's objects, and the few writes that the daemon does."""

    def __init__(
        self,
        client: KubeClient,
        scope: Scope,
        settings: WatchSettings | None = None,
        kinds: Sequence[Resource] = (INGRESSES,),
    ) -> None:
        """``kinds`` are those of shadows (``Routers.kinds``); Ingresses are watched in any case, as primaries."""
        self._session = client
        self._caches = CachedCluster(kinds)
        self._watches = Watches(client, self._caches, scope, settings or WatchSettings())
        self._dependents = AffectedRollouts(scope.home)
        self._subscribers: dict[Callable[[Key], None], None] = {}
        self._writing: set[Key] = set()
        self._listen()

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._watches.start()

    async def synced(self) -> None:
        """Wait until every cache is complete; while one cannot be, :attr:`problems` says why."""
        await self._watches.synced()

    async def stop(self) -> None:
        """End all watches; the client stays open."""
        await self._watches.stop()

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the caches may be incomplete or stale now, with remedies; empty when they are current."""
        return self._watches.problems

    @property
    def ready(self) -> bool:
        """Whether every cache has been complete once."""
        return self._watches.ready

    def silence(self) -> float:
        """Return the seconds since the last message of the quietest watch."""
        return self._watches.silence() if self.ready else math.inf

    @property
    def view(self) -> CachedCluster:
        """The cluster's objects as the caches hold them now."""
        return self._caches

    def rollouts(self) -> Iterable[Key]:
        """Return every CanaryRollout in scope."""
        return self._caches.rollouts.keys()

    def owners(self) -> Iterable[Key]:
        """Return every CanaryRollout that a possible shadow names as its owner, deleted ones included."""
        return self._caches.owners()

    def rollout(self, key: Key) -> Json | None:
        """Return a CanaryRollout as it is."""
        return self._caches.rollouts.get(key)

    def schedule(self, key: Key) -> Json | None:
        """Return a CanarySchedule as it is."""
        return self._caches.schedules.get(key)

    def sees_schedules(self, namespace: str) -> bool:
        """Return whether the schedules of a namespace may be read: then one that is not cached does not exist."""
        return self._watches.sees_schedules(namespace)

    def subscribe(self, changed: Callable[[Key], None]) -> Callable[[], None]:
        """Call ``changed`` with the key of each rollout that a watch event may concern; own writes are no event."""
        self._subscribers[changed] = None
        return lambda: self._subscribers.pop(changed, None)

    async def patch_status(self, rollout: Json, patch: Json) -> Json:
        """Merge ``patch`` into the rollout's status if it is still at ``rollout``'s resourceVersion."""
        return await self._patch_rollout(rollout, {"status": patch}, {}, "status")

    async def clear_action(self, rollout: Json) -> Json:
        """Remove the action annotation if the rollout is still at its resourceVersion."""
        return await self._patch_rollout(rollout, {}, {"annotations": {ACTION_ANNOTATION: None}}, None)

    async def read_shadows(self, key: Key) -> None:
        """Read the objects of this name, of all kinds of shadows, into the caches, which may be behind."""
        for resource in self._caches.shadows:
            for body in await self._named(resource.path(key.namespace), key.name):
                self._keep(resource, body)

    async def read_workload(self, kind: str, key: Key) -> None:
        """Read a workload into the caches, which may be behind."""
        for body in await self._named(WORKLOADS_BY_KIND[kind].path(key.namespace), key.name):
            _through(self._caches.workloads[kind], body)

    async def create_shadow(self, resource: Resource, manifest: Json) -> ShadowObject:
        """Create the shadow, of this kind, in one call."""
        stored = await self._session.request("POST", resource.path(Meta.of(manifest).namespace), body=manifest)
        return self._keep(resource, stored)

    async def patch_shadow(self, shadow: ShadowObject, patch: Json) -> ShadowObject:
        """Merge ``patch`` into a shadow if it is still at its uid and resourceVersion."""
        meta, resource = shadow.meta, shadow.resource
        metadata = {**patch.get("metadata", {}), "uid": meta.uid, "resourceVersion": meta.resource_version}
        stored = await self._session.request(
            "PATCH",
            resource.path(meta.namespace, meta.name),
            body={**patch, "metadata": metadata},
            content_type=MERGE_PATCH,
        )
        return self._keep(resource, stored)

    async def delete_shadow(self, shadow: ShadowObject, *, even_changed: bool = True) -> ShadowObject | None:
        """Delete a shadow if it still has its uid; return it where a finalizer holds it. An absent one is a success.

        The resourceVersion goes with it, so that a deletion of ours that comes late does nothing. It is looked up
        afresh when it was out of date: whatever another writer does, a shadow must go, unless it must be unchanged.
        """
        meta, resource, version = shadow.meta, shadow.resource, shadow.meta.resource_version
        for _ in range(_DELETIONS):
            options = {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"uid": meta.uid, "resourceVersion": version},
                "propagationPolicy": "Background",
            }
            try:
                answer = await self._session.request("DELETE", resource.path(meta.namespace, meta.name), body=options)
                break
            except Missing:
                answer = {}
                break
            except Conflict as error:
                if not even_changed:
                    raise
                version = await self._version_of(shadow, error)
        else:
            raise Conflict(f"delete {resource.plural} {meta.key}: another writer changes it all the time")
        if (answer.get("metadata") or {}).get("finalizers"):
            return self._keep(resource, answer)
        self._caches.shadows[resource].bury(meta.key, meta.uid)
        return None

    async def set_images(self, workload: Workload, images: Mapping[str, str]) -> None:
        """Give containers of a workload's pod template these images, by name, if it is still at its resourceVersion."""
        meta, pods = workload.meta, workload.template.get("spec") or {}
        # the lists are merged by name, so that nothing else of a container is touched
        spec = {
            part: [
                {"name": container["name"], "image": images[container["name"]]}
                for container in pods[part]
                if container["name"] in images
            ]
            for part in ("initContainers", "containers")
            if pods.get(part)
        }
        stored = await self._session.request(
            "PATCH",
            WORKLOADS_BY_KIND[workload.kind].path(meta.namespace, meta.name),
            body={
                "metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version},
                "spec": {"template": {"spec": spec}},
            },
            content_type=STRATEGIC_MERGE_PATCH,
        )
        _through(self._caches.workloads[workload.kind], stored)

    async def stamp_workload(self, workload: Workload, leader: str) -> None:
        """Write a leader's term onto a workload, not its pods, if it is still at its uid and resourceVersion."""
        meta = workload.meta
        marks = {"uid": meta.uid, "resourceVersion": meta.resource_version, "annotations": {LEADER_ANNOTATION: leader}}
        path = WORKLOADS_BY_KIND[workload.kind].path(meta.namespace, meta.name)
        stored = await self._session.request("PATCH", path, body={"metadata": marks}, content_type=MERGE_PATCH)
        _through(self._caches.workloads[workload.kind], stored)

    async def set_replicas(self, workload: Workload, replicas: int) -> None:
        """Scale a workload if it is still at its resourceVersion; the cache learns of it by a watch event."""
        meta = workload.meta
        await self._session.request(
            "PATCH",
            WORKLOADS_BY_KIND[workload.kind].path(meta.namespace, meta.name, "scale"),
            body={"metadata": {"resourceVersion": meta.resource_version}, "spec": {"replicas": replicas}},
            content_type=MERGE_PATCH,
        )

    async def release_ownership(self, owned: OwnedPart) -> None:
        """Remove the daemon's updates of this part from a workload's managedFields, and change nothing else.

        The workload is read anew, since its managedFields are written as a whole.
        """
        meta, kind = owned.workload.meta, owned.workload.kind
        path = WORKLOADS_BY_KIND[kind].path(meta.namespace, meta.name)
        found = await self._afresh(WORKLOADS_BY_KIND[kind].path(meta.namespace), meta)
        if found is None:
            raise Missing(f"list {kind} {meta.key}: the object is gone")
        left = without_ours(found["metadata"].get("managedFields"), owned.part)
        if left is not None:
            version = {"uid": meta.uid, "resourceVersion": version_of(found), "managedFields": left}
            found = await self._session.request("PATCH", path, body={"metadata": version}, content_type=MERGE_PATCH)
        _through(self._caches.workloads[kind], found)
        if without_ours(found["metadata"].get("managedFields"), owned.part) is not None:
            raise Refused(f"patch {kind} {meta.key}: accepted, and managedFields still names this daemon")

    def _keep(self, resource: Resource, stored: Json) -> ShadowObject:
        shadow: ShadowObject = _through(self._caches.shadows[resource], stored)
        return shadow

    async def _version_of(self, shadow: ShadowObject, conflict: Conflict) -> str:
        """Return the present resourceVersion of a shadow. Raises Missing when it is absent or has another uid."""
        found = await self._afresh(shadow.resource.path(shadow.meta.namespace), shadow.meta)
        if found is None:
            raise Missing(str(conflict)) from conflict
        return version_of(found)

    async def _afresh(self, collection: str, meta: Meta) -> Json | None:
        """Return an object as it is now, None when it is absent or has another uid."""
        return next(
            (body for body in await self._named(collection, meta.name) if body["metadata"]["uid"] == meta.uid), None
        )

    async def _named(self, collection: str, name: str) -> list[Json]:
        """Return the objects of this name as they are now, one at most.

        By a list of one, since the daemon may list and watch, but not get.
        """
        listed = await self._session.request("GET", collection, query={"fieldSelector": f"metadata.name={name}"})
        items = listed.get("items")
        if not isinstance(items, list):
            raise Garbled(f"list {collection}: the answer is no list")
        return items

    async def installed_crd(self, name: str) -> Json | None:
        """Return the installed CustomResourceDefinition, None when there is none. Raises ClusterError."""
        try:
            return await self._session.request("GET", CRDS.path(name=name))
        except Missing:
            return None

    async def _patch_rollout(self, rollout: Json, body: Json, metadata: Json, subresource: str | None) -> Json:
        meta = Meta.of(rollout)
        expected = self._held_version(meta.key)
        metadata = {**metadata, "uid": meta.uid, "resourceVersion": meta.resource_version}
        # The watch may bring our own write before the response does: its version distinguishes it from others' writes.
        self._writing.add(meta.key)
        try:
            stored = await self._session.request(
                "PATCH",
                ROLLOUTS.path(meta.namespace, meta.name, subresource),
                body={"metadata": metadata, **body},
                content_type=MERGE_PATCH,
            )
            stored = _through(self._caches.rollouts, stored)
            expected = version_of(stored)
        finally:
            self._writing.discard(meta.key)
            if self._held_version(meta.key) != expected:
                self._notify({meta.key})
        return stored

    def _held_version(self, rollout: Key) -> str | None:
        held = self._caches.rollouts.get(rollout)
        return version_of(held) if held else None

    def _listen(self) -> None:
        caches, dependents = self._caches, self._dependents
        caches.rollouts.listen(self._rollout_changed)
        self._follow(caches.schedules, lambda schedule: dependents.of_schedule(Meta.of(schedule).key))
        self._follow(caches.ingresses, lambda ingress: dependents.of_ingress(ingress, caches))
        self._follow(caches.services, lambda service: dependents.of_service(service.meta.key))
        self._follow(
            caches.slices,
            lambda endpoint_slice: dependents.of_service(Key(endpoint_slice.meta.namespace, endpoint_slice.service)),
        )
        self._follow(caches.classes, lambda _one: caches.rollouts.keys())
        self._follow(caches.freezes, lambda _one: caches.rollouts.keys())
        self._follow(caches.configs, lambda _one: caches.rollouts.keys())
        for resource, shadows in caches.shadows.items():
            if resource != INGRESSES:
                self._follow(shadows, dependents.of_shadow)
        for store in caches.workloads.values():
            self._follow(store, lambda workload: dependents.of_workload(workload.kind, workload.meta.key))

    def _follow(self, store: ObjectCache[T], concerned: Callable[[T], Iterable[Key]]) -> None:
        def changed(before: T | None, after: T | None) -> None:
            if matters(before, after):
                self._notify({key for version in (before, after) if version is not None for key in concerned(version)})

        store.listen(changed)

    def _rollout_changed(self, before: Json | None, after: Json | None) -> None:
        key = Meta.of(after or before or {}).key
        self._dependents.update(key, after)
        if key not in self._writing:
            self._notify({key})

    def _notify(self, keys: Iterable[Key]) -> None:
        for key in keys:
            for changed in tuple(self._subscribers):
                changed(key)


def _through(store: ObjectCache[T], stored: Json) -> T:
    entry = store.entry(stored)
    store.put(entry)
    return entry.value
