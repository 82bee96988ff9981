"""Pods of the ingress controllers by label selector, watched: the scrape source reads their metrics pages."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from ingress_canary.adapters.kube.cache.listwatch import ListWatch, WatchSettings
from ingress_canary.adapters.kube.cache.store import ObjectCache
from ingress_canary.adapters.kube.client.client import KubeClient
from ingress_canary.adapters.kube.client.resources import PODS
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.ports import PodAddress


@dataclass(frozen=True, slots=True)
class _Pod:
    address: PodAddress
    ready: bool
    arguments: tuple[str, ...]


class KubePods:
    """The pods that a label selector matches, in one namespace or in all."""

    def __init__(
        self, client: KubeClient, selector: str, namespace: str | None = None, settings: WatchSettings | None = None
    ) -> None:
        self._store: ObjectCache[_Pod] = ObjectCache(_pod)
        self._watch = ListWatch(
            client,
            PODS,
            self._store,
            settings or WatchSettings(),
            namespace=namespace,
            selector={"labelSelector": selector},
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._task = asyncio.create_task(self._watch.run())

    async def synced(self) -> None:
        """Wait until all pods are known."""
        await self._watch.synced.wait()

    async def stop(self) -> None:
        """End the watch; the client stays open."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def problem(self) -> str | None:
        """Why the pods are not known, with the remedy; None when they are."""
        return self._watch.problem

    def ready(self) -> tuple[PodAddress, ...]:
        """Return the pods that are ready and not being deleted, by name."""
        pods = (self._store.get(key) for key in sorted(self._store.keys()))
        return tuple(pod.address for pod in pods if pod and pod.ready)

    def arguments(self) -> tuple[str, ...] | None:
        """Return the arguments of one of the ready pods, its sidecars' included; None when there is none.

        During an update of the controllers pods differ; which pod is read does not change from one call to the next.
        """
        pods = (self._store.get(key) for key in sorted(self._store.keys()))
        return next((pod.arguments for pod in pods if pod and pod.ready), None)


def _pod(body: Json) -> _Pod:
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    ports = {
        port["name"]: port["containerPort"]
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("name")
    }
    host = status.get("podIP") or ""
    conditions = {condition.get("type"): condition.get("status") for condition in status.get("conditions") or ()}
    ready = bool(host) and conditions.get("Ready") == "True" and not meta.get("deletionTimestamp")
    name = f"{meta.get('namespace') or ''}/{meta['name']}"
    arguments = tuple(
        str(word)
        for container in spec.get("containers") or ()
        for word in [*(container.get("command") or ()), *(container.get("args") or ())]
    )
    return _Pod(PodAddress(name, host, MappingProxyType(ports)), ready, arguments)
