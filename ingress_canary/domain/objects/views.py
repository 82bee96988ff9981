"""Frozen views of the cluster's objects, made from their JSON.

Only what decisions need is kept. The adapters make them once per version of an object; decisions, preflight and
the router read them. Anything absent or malformed becomes empty, never an error: an odd object of somebody else's
must not stop the daemon.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, Self

from ingress_canary.api import FIELD_MANAGER
from ingress_canary.domain.objects.field_ownership import owned_parts
from ingress_canary.domain.objects.merge_patch import merged
from ingress_canary.domain.objects.resource import INGRESSES, Resource

Json = Mapping[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SERVICE_LABEL = "kubernetes.io/service-name"


class Key(NamedTuple):
    """Namespace and name of an object."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def parse_time(value: object) -> datetime:
    """Return the instant of an RFC 3339 string; the epoch when it is absent or malformed."""
    if not isinstance(value, str):
        return EPOCH
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return EPOCH
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner that controls an object."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Meta:
    """Metadata that every object has."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    created: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: Owner | None
    manager: str
    """The field manager of another writer's newest change, "" without one: a hint, not an identity."""
    deleting: bool
    finalizers: tuple[str, ...]
    """What an object that is being deleted waits for."""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return Key(self.namespace, self.name)

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of ``body``'s metadata."""
        meta = body.get("metadata") or {}
        owners = [ref for ref in meta.get("ownerReferences") or () if ref.get("controller")]
        fields = [
            entry
            for entry in meta.get("managedFields") or ()
            if entry.get("time") and entry.get("manager") != FIELD_MANAGER and not _is_of_status(entry)
        ]
        newest: Json = max(fields, key=lambda entry: str(entry["time"]), default={})
        return cls(
            namespace=meta.get("namespace") or "",
            name=meta.get("name") or "",
            uid=meta.get("uid") or "",
            resource_version=meta.get("resourceVersion") or "",
            created=parse_time(meta.get("creationTimestamp")),
            labels=meta.get("labels") or {},
            annotations=meta.get("annotations") or {},
            owner=Owner(owners[0].get("kind", ""), owners[0].get("name", ""), owners[0].get("uid", ""))
            if owners
            else None,
            manager=newest.get("manager", ""),
            deleting=bool(meta.get("deletionTimestamp")),
            finalizers=tuple(meta.get("finalizers") or ()),
        )


def _is_of_status(entry: Json) -> bool:
    """Return whether an entry of managedFields is of a controller that writes status, as those that serve an object do.

    Annotations and replicas can be written by way of a subresource too: such a writer owns nothing of the status.
    """
    return bool(entry.get("subresource")) and "f:status" in (entry.get("fieldsV1") or {})


@dataclass(frozen=True, slots=True)
class IngressBackend:
    """The backend of a path. ``service`` is None for a resource backend."""

    service: str | None
    port: str
    """Number or name, as written."""

    @classmethod
    def of(cls, body: Json | None) -> Self | None:
        """Return the view of a backend, None when there is none."""
        if not body:
            return None
        service = body.get("service")
        if not service:
            return cls(None, "")
        port = service.get("port") or {}
        return cls(service.get("name") or "", str(port.get("name") or port.get("number") or ""))


@dataclass(frozen=True, slots=True)
class IngressPath:
    """One path of a rule."""

    path: str
    type: str
    """As written; empty when not given."""
    backend: IngressBackend


@dataclass(frozen=True, slots=True)
class IngressRule:
    """One rule. ``paths`` is None for a rule without ``http``."""

    host: str
    paths: tuple[IngressPath, ...] | None

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of one rule."""
        http = body.get("http")
        if http is None:
            return cls(body.get("host") or "", None)
        paths = (
            IngressPath(
                path.get("path") or "",
                path.get("pathType") or "",
                IngressBackend.of(path.get("backend")) or IngressBackend(None, ""),
            )
            for path in http.get("paths") or ()
        )
        return cls(body.get("host") or "", tuple(paths))


@dataclass(frozen=True, slots=True)
class ShadowObject:
    """An object of a kind that a router makes shadows of: the daemon reads its metadata, that router the rest."""

    meta: Meta
    spec: Json = field(repr=False)
    resource: Resource = field(kw_only=True)

    def patched(self, patch: Json) -> Self:
        """Return the object after a merge patch of its annotations and its spec."""
        annotations = merged(self.meta.annotations, (patch.get("metadata") or {}).get("annotations") or {})
        return self._with(replace(self.meta, annotations=annotations), merged(self.spec, patch.get("spec") or {}))

    def _with(self, meta: Meta, spec: Json) -> Self:
        return replace(self, meta=meta, spec=spec)


@dataclass(frozen=True, slots=True)
class Ingress(ShadowObject):
    """An Ingress: the primary, the shadow, or somebody else's."""

    spec: Json = field(repr=False, compare=False)
    """The whole spec, for comparisons with what was applied."""
    resource: Resource = field(default=INGRESSES, repr=False, compare=False, kw_only=True)
    class_name: str | None
    default_backend: IngressBackend | None
    rules: tuple[IngressRule, ...]

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of an Ingress."""
        return cls._made(Meta.of(body), body.get("spec") or {})

    def _with(self, meta: Meta, spec: Json) -> Self:
        return self._made(meta, spec)

    @classmethod
    def _made(cls, meta: Meta, spec: Json) -> Self:
        return cls(
            meta=meta,
            class_name=spec.get("ingressClassName"),
            default_backend=IngressBackend.of(spec.get("defaultBackend")),
            rules=tuple(IngressRule.of(rule) for rule in spec.get("rules") or ()),
            spec=spec,
        )

    def backends(self) -> Iterable[IngressBackend]:
        """Yield every backend, the default one included."""
        if self.default_backend:
            yield self.default_backend
        for rule in self.rules:
            for path in rule.paths or ():
                yield path.backend


def shadow_object(resource: Resource, body: Json) -> ShadowObject:
    """Return the view of a shadow of this kind, which the items of a list do not name."""
    if resource == INGRESSES:
        return Ingress.of(body)
    return ShadowObject(Meta.of(body), body.get("spec") or {}, resource=resource)


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Service."""

    name: str
    number: int
    target: str = ""
    """Its targetPort, number or name; ingress-nginx takes it for a backend's port too."""

    @property
    def is_target_named(self) -> bool:
        """Whether the targetPort is a name, to be found among the ports of each pod."""
        return bool(self.target) and not self.target.isdecimal()


@dataclass(frozen=True, slots=True)
class Service:
    """A Service."""

    meta: Meta
    type: str
    ports: tuple[ServicePort, ...]
    selector: Mapping[str, str]
    traffic_distribution: str = ""

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of a Service."""
        spec = body.get("spec") or {}
        ports = tuple(
            ServicePort(port.get("name") or "", port.get("port") or 0, str(port.get("targetPort") or ""))
            for port in spec.get("ports") or ()
        )
        return cls(
            Meta.of(body),
            spec.get("type") or "ClusterIP",
            ports,
            spec.get("selector") or {},
            spec.get("trafficDistribution") or "",
        )

    def port_of(self, backend: str) -> ServicePort | None:
        """Return the port that a backend's port means, by name, number or target (serviceEndpoints); None without."""
        means = (port for port in self.ports if backend in (port.name, str(port.number), port.target))
        return next(means, None) if backend else None

    def has_port(self, port: str) -> bool:
        """Return whether a backend's port is one of this Service's."""
        return self.port_of(port) is not None


@dataclass(frozen=True, slots=True)
class EndpointSlice:
    """Part of the endpoints behind a Service."""

    meta: Meta
    service: str
    ready: frozenset[str]
    """Addresses that take traffic."""
    unready: frozenset[str]
    ports: tuple[str, ...]
    """Names of the ports."""

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of an EndpointSlice; an endpoint without conditions is ready, as Kubernetes says."""
        meta = Meta.of(body)
        ready: set[str] = set()
        unready: set[str] = set()
        for endpoint in body.get("endpoints") or ():
            is_ready = (endpoint.get("conditions") or {}).get("ready") is not False
            (ready if is_ready else unready).update(endpoint.get("addresses") or ())
        ports = tuple(port.get("name") or "" for port in body.get("ports") or ())
        return cls(meta, meta.labels.get(SERVICE_LABEL, ""), frozenset(ready), frozenset(unready), ports)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All endpoints behind one Service."""

    ready: frozenset[str] = frozenset()
    unready: frozenset[str] = frozenset()
    ports: frozenset[str] = frozenset()
    """Names of the Service's ports that the ready ones have."""

    @classmethod
    def of(cls, slices: Iterable[EndpointSlice]) -> Self:
        """Return the union of ``slices``."""
        ready: set[str] = set()
        unready: set[str] = set()
        ports: set[str] = set()
        for part in slices:
            ready |= part.ready
            unready |= part.unready
            if part.ready:
                ports.update(part.ports)
        return cls(frozenset(ready), frozenset(unready - ready), frozenset(ports))

    def has_port(self, port: ServicePort) -> bool:
        """Return whether a ready endpoint has the port that a named targetPort means.

        A pod without a port of that name is ready all the same, in a slice without the port. The only port of a Service
        may go without a name, and means any (ingress-nginx 1.15, controller/endpointslices.go).
        """
        return port.name in self.ports or bool(self.ports and not port.name)


def _overdue(status: Json) -> str:
    """Return what a Deployment's controller says of a progress deadline that was exceeded; empty where none was."""
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "ProgressDeadlineExceeded" and condition.get("status") == "False":
            return str(condition.get("message") or condition["reason"])
    return ""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet."""

    meta: Meta
    kind: str
    template: Json = field(repr=False)
    """The whole pod template."""
    replicas: int
    rolled_out: bool
    """Every wanted replica is of the newest template and available, by the controller's own word."""
    owned_parts: frozenset[str] = frozenset()
    """The subresources through which the daemon's updates own fields, "" among them for the object itself."""
    paused: bool = False
    """Its controller rolls nothing out until a person resumes it."""
    overdue: str = ""
    """The controller's words when the progress deadline was exceeded."""

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of a workload."""
        kind = body.get("kind") or ""
        spec, status = body.get("spec") or {}, body.get("status") or {}
        if kind == "DaemonSet":
            wanted, updated = status.get("desiredNumberScheduled") or 0, status.get("updatedNumberScheduled") or 0
            available, existing = status.get("numberAvailable") or 0, status.get("currentNumberScheduled") or 0
        else:
            wanted = 1 if spec.get("replicas") is None else spec["replicas"]
            updated, available = status.get("updatedReplicas") or 0, status.get("availableReplicas") or 0
            existing = status.get("replicas") or 0
        observed = (status.get("observedGeneration") or 0) >= ((body.get("metadata") or {}).get("generation") or 0)
        rolled_out = observed and updated >= wanted and available >= wanted and existing <= max(updated, wanted)
        owned = owned_parts((body.get("metadata") or {}).get("managedFields"))
        paused = spec.get("paused") is True
        return cls(
            Meta.of(body), kind, spec.get("template") or {}, wanted, rolled_out, owned, paused, _overdue(status)
        )  # fmt: skip

    @property
    def title(self) -> str:
        """Kind and name, for messages."""
        return f"{self.kind} {self.meta.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the pods that it starts."""
        return (self.template.get("metadata") or {}).get("labels") or {}

    @property
    def port_names(self) -> frozenset[str]:
        """Names of the ports of the pods that it starts; empty when the template names none."""
        spec = self.template.get("spec") or {}
        containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
        named = (port.get("name") for container in containers for port in container.get("ports") or ())
        return frozenset(name for name in named if name)


@dataclass(frozen=True, slots=True)
class IngressClass:
    """An IngressClass."""

    meta: Meta
    controller: str
    is_default: bool

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of an IngressClass."""
        meta = Meta.of(body)
        default = meta.annotations.get("ingressclass.kubernetes.io/is-default-class") == "true"
        return cls(meta, (body.get("spec") or {}).get("controller") or "", default)


class ClusterView(Protocol):
    """Read access to the cluster's objects as the caches hold them: every look-up is a dictionary's, so it is cheap."""

    @property
    def sees_all_namespaces(self) -> bool:
        """Whether Ingresses of every namespace may be read."""

    @property
    def sees_classes(self) -> bool:
        """Whether IngressClasses may be read."""

    @property
    def freeze(self) -> str | None:
        """The reason of a freeze of the whole daemon, from the annotation of its namespace; None without a freeze."""

    @property
    def controller_config(self) -> Mapping[str, str] | None:
        """The data of the controllers' own ConfigMap; None when it does not exist, or may not be read."""

    @property
    def controller_arguments(self) -> Sequence[str] | None:
        """The arguments of a controller pod; None when no pod is known."""

    def ingress(self, key: Key) -> Ingress | None:
        """Return an Ingress."""

    def ingresses_by_service(self, service: Key) -> Sequence[Ingress]:
        """Return the Ingresses of the Service's namespace with a backend on it."""

    def shadow(self, resource: Resource, key: Key) -> ShadowObject | None:
        """Return the object of this name and of a kind of shadows, whoever owns it."""

    def shadows_named(self, key: Key) -> Sequence[ShadowObject]:
        """Return the objects of this name, of all kinds of shadows, whoever owns them."""

    def shadows_by_owner(self, rollout: Key) -> Sequence[ShadowObject]:
        """Return the objects of these kinds whose controlling owner is a CanaryRollout of this name.

        One that is gone included.
        """

    def ingresses_by_host(self, host: str) -> Sequence[Ingress]:
        """Return the Ingresses of all readable namespaces with a rule for exactly this host.

        "" stands for no host: rules without one, and Ingresses with a default backend, which serves the same requests.
        """

    def service(self, key: Key) -> Service | None:
        """Return a Service."""

    def services_by_upstream(self, upstream: str) -> Sequence[Key]:
        """Return the Services whose ``<namespace>-<name>`` is this string; two share it in rule 21."""

    def endpoints(self, service: Key) -> Endpoints:
        """Return the endpoints behind a Service; empty when there are none."""

    def workload(self, kind: str, key: Key) -> Workload | None:
        """Return a workload."""

    def ingress_class(self, name: str) -> IngressClass | None:
        """Return an IngressClass."""

    def default_class(self) -> IngressClass | None:
        """Return the cluster's default IngressClass."""
