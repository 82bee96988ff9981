"""Watches of all resources and namespaces in scope, and their health. Used by ``cluster.py``."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingress_canary.adapters.kube.cache.cluster_view import CachedCluster
from ingress_canary.adapters.kube.cache.listwatch import ListWatch, WatchSettings
from ingress_canary.adapters.kube.cache.store import ObjectCache
from ingress_canary.adapters.kube.client.client import KubeClient
from ingress_canary.adapters.kube.client.resources import (
    CLASSES,
    CONFIGMAPS,
    NAMESPACES,
    ROLLOUTS,
    SCHEDULES,
    SERVICES,
    SLICES,
    WORKLOADS,
)
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.objects.resource import INGRESSES, Resource


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespaces that the daemon watches."""

    home: str
    """The daemon's own namespace, where schedules are looked up that are named without one."""
    namespaces: tuple[str, ...] = ()
    """Empty for all."""
    schedules: tuple[str, ...] = ()
    """Further namespaces with schedules, when not all are served."""
    controllers: Key | None = None
    """The controllers' own ConfigMap; None when it is not to be read."""
    by_person: bool = False
    """Whether a person asks with rights of their own, which need not include schedules of other namespaces."""


class Watches:
    """All list+watches of the cluster, started and stopped as one."""

    def __init__(self, client: KubeClient, caches: CachedCluster, scope: Scope, settings: WatchSettings) -> None:
        self._session = client
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []
        everywhere = ListWatch(
            client,
            INGRESSES,
            caches.ingresses,
            settings,
            within=lambda key: key.namespace not in scope.namespaces,
            optional=bool(scope.namespaces),
        )
        classes = ListWatch(client, CLASSES, caches.classes, settings, optional=True)
        home = ListWatch(client, NAMESPACES, caches.freezes, settings, selector=_named(scope.home), optional=True)
        self._schedules: dict[str | None, ListWatch[Any]] = {}
        self._all: list[ListWatch[Any]] = [everywhere, classes, home, *self._in_scope(caches, scope)]
        if scope.controllers is not None:
            namespace, name = scope.controllers
            self._all.append(
                ListWatch(
                    client,
                    CONFIGMAPS,
                    caches.configs,
                    settings,
                    namespace=namespace,
                    selector=_named(name),
                    optional=True,
                )
            )
        caches.see(lambda: everywhere.visible, lambda: classes.visible)

    def start(self) -> None:
        """Begin to watch."""
        self._tasks = [asyncio.create_task(watch.run()) for watch in self._all]

    async def synced(self) -> None:
        """Wait until every cache is complete."""
        for watch in self._all:
            await watch.synced.wait()

    async def stop(self) -> None:
        """End all watches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    @property
    def ready(self) -> bool:
        """Whether every cache has been complete once."""
        return all(watch.synced.is_set() for watch in self._all)

    @property
    def problems(self) -> tuple[str, ...]:
        """The present problems of the watches."""
        return tuple(watch.problem for watch in self._all if watch.problem)

    def sees_schedules(self, namespace: str) -> bool:
        """Return whether the schedules of a namespace may be read."""
        watch = self._schedules.get(namespace) or self._schedules.get(None)
        return watch is not None and watch.visible

    def silence(self) -> float:
        """Return the seconds since the last message of the quietest visible watch."""
        now = asyncio.get_running_loop().time()
        return max(
            (now - watch.contact for watch in self._all if watch.visible and watch.contact is not None), default=0.0
        )

    def _in_scope(self, caches: CachedCluster, scope: Scope) -> Iterator[ListWatch[Any]]:
        resources: list[tuple[Resource, ObjectCache[Any]]] = [
            (ROLLOUTS, caches.rollouts),
            (SERVICES, caches.services),
            (SLICES, caches.slices),
            *((shadow, store) for shadow, store in caches.shadows.items() if shadow != INGRESSES),
            *((workload, caches.workloads[workload.kind]) for workload in WORKLOADS),
        ]
        if scope.namespaces:
            resources.append((INGRESSES, caches.ingresses))
        for resource, store in resources:
            for namespace in scope.namespaces or (None,):
                yield ListWatch(self._session, resource, store, self._settings, namespace=namespace)
        schedules = sorted({*scope.namespaces, *scope.schedules, scope.home}) if scope.namespaces else (None,)
        for namespace in schedules:
            watch = self._schedules[namespace] = ListWatch(
                self._session, SCHEDULES, caches.schedules, self._settings, namespace=namespace,
                optional=scope.by_person,
            )  # fmt: skip
            yield watch


def _named(name: str) -> dict[str, str]:
    """Return the field selector of one object: with it RBAC can grant a list and a watch of one name."""
    return {"fieldSelector": f"metadata.name={name}"}
