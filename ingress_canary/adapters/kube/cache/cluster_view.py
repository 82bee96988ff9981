"""Cached view of the cluster: one store a resource, and the ``ClusterView`` that decisions read.

``cluster.py`` owns it. Every look-up is a dictionary's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from ingress_canary.adapters.kube.cache.store import ObjectCache
from ingress_canary.adapters.kube.client.resources import WORKLOADS
from ingress_canary.api import FREEZE_ANNOTATION, ROLLOUT_KIND
from ingress_canary.domain.objects.ingress import Ingress, IngressClass, ShadowObject, shadow_object
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.domain.objects.resource import INGRESSES, Resource
from ingress_canary.domain.objects.service import Endpoints, EndpointSlice, Service
from ingress_canary.domain.objects.workload import Workload


def upstream_of(service: Key) -> str:
    """Return the Service's part of a controller's upstream name; two Services may share it."""
    return f"{service.namespace}-{service.name}"


def services_of(ingress: Ingress) -> set[Key]:
    """Return the Services that an Ingress's backends name."""
    return {Key(ingress.meta.namespace, backend.service) for backend in ingress.backends() if backend.service}


def hosts_of(ingress: Ingress) -> set[str]:
    """Return the hosts of an Ingress's rules; "" for a rule without one, and for a default backend."""
    return {rule.host for rule in ingress.rules} | ({""} if ingress.default_backend else set())


def owners_of(shadow: ShadowObject) -> set[Key]:
    """Return the CanaryRollout that a possible shadow names as its controlling owner, whether or not it exists."""
    owner = shadow.meta.owner
    return {Key(shadow.meta.namespace, owner.name)} if owner and owner.kind == ROLLOUT_KIND else set()


class CachedCluster:
    """All stores; implements ``domain.objects.cluster_view.ClusterView``."""

    def __init__(self, kinds: Iterable[Resource] = (INGRESSES,)) -> None:
        """``kinds`` are those of shadows."""
        self.rollouts: ObjectCache[Json] = ObjectCache(_lean)
        self.schedules: ObjectCache[Json] = ObjectCache(_lean)
        self.ingresses: ObjectCache[Ingress] = ObjectCache(
            Ingress.of, {"service": services_of, "host": hosts_of, "owner": owners_of}
        )
        self.shadows: dict[Resource, ObjectCache[Any]] = {
            resource: self.ingresses
            if resource == INGRESSES
            else ObjectCache(partial(shadow_object, resource), {"owner": owners_of})
            for resource in dict.fromkeys((INGRESSES, *kinds))
        }
        """By kind, the objects that are shadows or could be: Ingresses and what else the routers make."""
        self.classes: ObjectCache[IngressClass] = ObjectCache(
            IngressClass.of, {"default": lambda ingress_class: {ingress_class.is_default}}
        )
        self.services: ObjectCache[Service] = ObjectCache(
            Service.of, {"upstream": lambda service: {upstream_of(service.meta.key)}}
        )
        self.slices: ObjectCache[EndpointSlice] = ObjectCache(
            EndpointSlice.of,
            {"service": lambda endpoint_slice: {Key(endpoint_slice.meta.namespace, endpoint_slice.service)}},
        )
        self.workloads: dict[str, ObjectCache[Workload]] = {
            resource.kind: ObjectCache(_workload(resource.kind)) for resource in WORKLOADS
        }
        self.configs: ObjectCache[Mapping[str, str]] = ObjectCache(
            lambda body: MappingProxyType(body.get("data") or {})
        )
        self.freezes: ObjectCache[str | None] = ObjectCache(_freeze)
        """Of the daemon's own namespace, the only one that is watched."""
        self._arguments: Callable[[], Sequence[str] | None] = lambda: None
        self._endpoints: dict[Key, Endpoints] = {}
        self.slices.listen(self._slice_changed)
        self.see(lambda: False, lambda: False)

    def see(self, all_namespaces: Callable[[], bool], classes: Callable[[], bool]) -> None:
        """Use these watches to know which resources may be read."""
        self._sees_all_namespaces = all_namespaces
        self._sees_classes = classes

    def see_controllers(self, arguments: Callable[[], Sequence[str] | None]) -> None:
        """Use this source for the arguments of the controllers' pods."""
        self._arguments = arguments

    @property
    def freeze(self) -> str | None:
        """The reason of a freeze of the whole daemon, from the annotation of its namespace."""
        return next((self.freezes.get(key) for key in list(self.freezes.keys())), None)

    @property
    def controller_config(self) -> Mapping[str, str] | None:
        """The data of the controllers' own ConfigMap; None when it does not exist, or may not be read."""
        key = next(iter(self.configs.keys()), None)
        return self.configs.get(key) if key is not None else None

    @property
    def controller_arguments(self) -> Sequence[str] | None:
        """The arguments of a controller pod; None when no pod is known."""
        return self._arguments()

    @property
    def sees_all_namespaces(self) -> bool:
        """Whether Ingresses of every namespace may be read."""
        return self._sees_all_namespaces()

    @property
    def sees_classes(self) -> bool:
        """Whether IngressClasses may be read."""
        return self._sees_classes()

    def ingress(self, key: Key) -> Ingress | None:
        """Return an Ingress."""
        return self.ingresses.get(key)

    def ingresses_by_service(self, service: Key) -> Sequence[Ingress]:
        """Return the Ingresses of the Service's namespace with a backend on it."""
        return self.ingresses.by("service", service)

    def ingresses_by_host(self, host: str) -> Sequence[Ingress]:
        """Return the Ingresses of all readable namespaces with a rule for exactly this host ("" is a default's too)."""
        return self.ingresses.by("host", host)

    def shadow(self, resource: Resource, key: Key) -> ShadowObject | None:
        """Return the object of this name and of a kind of shadows."""
        return self.shadows[resource].get(key)

    def shadows_named(self, key: Key) -> Sequence[ShadowObject]:
        """Return the objects of this name, of all kinds of shadows."""
        return [found for store in self.shadows.values() if (found := store.get(key)) is not None]

    def shadows_by_owner(self, rollout: Key) -> Sequence[ShadowObject]:
        """Return the objects of these kinds whose controlling owner is a CanaryRollout of this name."""
        return [found for store in self.shadows.values() for found in store.by("owner", rollout)]

    def owners(self) -> list[Key]:
        """Return the CanaryRollouts that objects of these kinds name as their controlling owners."""
        found = (owner for store in self.shadows.values() for owner in store.values("owner"))
        return [owner for owner in found if isinstance(owner, Key)]

    def service(self, key: Key) -> Service | None:
        """Return a Service."""
        return self.services.get(key)

    def services_by_upstream(self, upstream: str) -> Sequence[Key]:
        """Return the Services whose ``<namespace>-<name>`` is this string."""
        return [service.meta.key for service in self.services.by("upstream", upstream)]

    def endpoints(self, service: Key) -> Endpoints:
        """Return the endpoints behind a Service, made once per change of its slices."""
        endpoints = self._endpoints.get(service)
        if endpoints is None and (slices := self.slices.by("service", service)):
            endpoints = self._endpoints[service] = Endpoints.of(slices)
        return endpoints or Endpoints()

    def workload(self, kind: str, key: Key) -> Workload | None:
        """Return a workload."""
        store = self.workloads.get(kind)
        return store.get(key) if store else None

    def ingress_class(self, name: str) -> IngressClass | None:
        """Return an IngressClass."""
        return self.classes.get(Key("", name))

    def default_class(self) -> IngressClass | None:
        """Return the cluster's default IngressClass: the newest of several, as Kubernetes' admission picks."""
        defaults = self.classes.by("default", value=True)
        return min(
            defaults,
            key=lambda ingress_class: (-ingress_class.meta.created.timestamp(), ingress_class.meta.name),
            default=None,
        )

    def _slice_changed(self, before: EndpointSlice | None, after: EndpointSlice | None) -> None:
        for endpoint_slice in (before, after):
            if endpoint_slice:
                self._endpoints.pop(Key(endpoint_slice.meta.namespace, endpoint_slice.service), None)


def _lean(body: Json) -> Json:
    """Return an object without its managedFields, which are not read and are larger than the rest of it."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    return {**body, "metadata": metadata}


def _freeze(body: Json) -> str | None:
    annotations = body["metadata"].get("annotations") or {}
    return annotations[FREEZE_ANNOTATION] or "no reason was given" if FREEZE_ANNOTATION in annotations else None


def _workload(kind: str) -> Callable[[Json], Workload]:
    """Return a parser for workloads of ``kind``, which the items of a list do not name."""
    return lambda body: Workload.of({**body, "kind": kind})
