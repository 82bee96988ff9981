"""A cluster made of manifests: the View that preflight's tests ask. Indexes as the caches keep them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ingress_canary.domain.objects.ingress import Ingress, IngressClass, ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.domain.objects.resource import INGRESSES, Resource
from ingress_canary.domain.objects.service import Endpoints, EndpointSlice, Service
from ingress_canary.domain.objects.workload import Workload


class ClusterView:
    """An immutable cluster."""

    def __init__(
        self, manifests: Iterable[Json], *, sees_all_namespaces: bool = True, sees_classes: bool = True
    ) -> None:
        self._all_namespaces, self._classes_seen = sees_all_namespaces, sees_classes
        self._ingresses: dict[Key, Ingress] = {}
        self._services: dict[Key, Service] = {}
        self._classes: dict[str, IngressClass] = {}
        self._workloads: dict[tuple[str, Key], Workload] = {}
        self._by_service: dict[Key, dict[Key, Ingress]] = defaultdict(dict)
        self._by_host: dict[str, dict[Key, Ingress]] = defaultdict(dict)
        self._by_upstream: dict[str, list[Key]] = defaultdict(list)
        self._slices: dict[Key, list[EndpointSlice]] = defaultdict(list)
        for manifest in manifests:
            self._add(manifest)

    freeze = None
    controller_config = None
    controller_arguments: tuple[str, ...] | None = None

    def _add(self, manifest: Json) -> None:
        match manifest["kind"]:
            case "Ingress":
                ingress = Ingress.of(manifest)
                key = ingress.meta.key
                self._ingresses[key] = ingress
                for backend in ingress.backends():
                    if backend.service:
                        self._by_service[Key(key.namespace, backend.service)][key] = ingress
                for host in [rule.host for rule in ingress.rules] + ([""] if ingress.default_backend else []):
                    self._by_host[host][key] = ingress
            case "Service":
                service = Service.of(manifest)
                key = service.meta.key
                self._services[key] = service
                self._by_upstream[f"{key.namespace}-{key.name}"].append(key)
            case "EndpointSlice":
                part = EndpointSlice.of(manifest)
                self._slices[Key(part.meta.namespace, part.service)].append(part)
            case "IngressClass":
                found = IngressClass.of(manifest)
                self._classes[found.meta.name] = found
            case kind:
                workload = Workload.of(manifest)
                self._workloads[kind, workload.meta.key] = workload

    @property
    def sees_all_namespaces(self) -> bool:
        return self._all_namespaces

    @property
    def sees_classes(self) -> bool:
        return self._classes_seen

    def ingress(self, key: Key) -> Ingress | None:
        return self._ingresses.get(key)

    def ingresses_by_service(self, service: Key) -> Sequence[Ingress]:
        return tuple(self._by_service[service].values())

    def shadow(self, resource: Resource, key: Key) -> ShadowObject | None:
        return self._ingresses.get(key) if resource == INGRESSES else None

    def shadows_named(self, key: Key) -> Sequence[ShadowObject]:
        return tuple(filter(None, [self._ingresses.get(key)]))

    def shadows_by_owner(self, rollout: Key) -> Sequence[ShadowObject]:
        return tuple(ingress for ingress in self._ingresses.values() if self._is_owned(ingress, rollout))

    @staticmethod
    def _is_owned(ingress: Ingress, rollout: Key) -> bool:
        owner, namespace = ingress.meta.owner, ingress.meta.namespace
        return owner is not None and (owner.kind, namespace, owner.name) == ("CanaryRollout", *rollout)

    def ingresses_by_host(self, host: str) -> Sequence[Ingress]:
        return tuple(self._by_host[host].values())

    def service(self, key: Key) -> Service | None:
        return self._services.get(key)

    def services_by_upstream(self, upstream: str) -> Sequence[Key]:
        return tuple(self._by_upstream[upstream])

    def endpoints(self, service: Key) -> Endpoints:
        return Endpoints.of(self._slices[service])

    def workload(self, kind: str, key: Key) -> Workload | None:
        return self._workloads.get((kind, key))

    def ingress_class(self, name: str) -> IngressClass | None:
        return self._classes.get(name) if self._classes_seen else None

    def default_class(self) -> IngressClass | None:
        found = (one for one in self._classes.values() if one.is_default)
        return next(found, None) if self._classes_seen else None
