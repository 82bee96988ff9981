"""Objects as one controller sees them: Ingresses of its class in order of age, and the endpoints behind Services.

Made from raw Kubernetes JSON, read by ``controller.py``. Malformed objects are somebody else's test; the API refuses
them before they come here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ingress_canary.lab.dataplane.annotations import Annotations

Json = Mapping[str, Any]

CONTROLLER = "k8s.io/ingress-nginx"
LEGACY_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
LEGACY_CLASS = "nginx"
SERVICE_LABEL = "kubernetes.io/service-name"
CATCH_ALL = "_"
"""The server of requests whose host no rule names, and of rules without a host."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Kind(StrEnum):
    """What the data plane watches: resource names and where the API serves them."""

    INGRESS = "/apis/networking.k8s.io/v1/ingresses"
    INGRESS_CLASS = "/apis/networking.k8s.io/v1/ingressclasses"
    SERVICE = "/api/v1/services"
    ENDPOINT_SLICE = "/apis/discovery.k8s.io/v1/endpointslices"


@dataclass(frozen=True, slots=True)
class LabBackend:
    """A Service and its port as a path names them; the port is "" when neither name nor number is given."""

    service: str
    port: str

    @classmethod
    def of(cls, body: Json | None) -> "LabBackend | None":
        """Return a service backend, None for a resource backend or none at all."""
        service = (body or {}).get("service")
        if not service:
            return None
        port = service.get("port") or {}
        return cls(service["name"], str(port.get("number") or port.get("name") or ""))

    def upstream(self, namespace: str) -> str:
        """Return the upstream's name, ``<namespace>-<service>-<port>``."""
        return f"{namespace}-{self.service}-{self.port}" if self.port else f"{namespace}-INVALID"


@dataclass(frozen=True, slots=True)
class LabPath:
    """One path of a rule; the type is Exact or Prefix, as the controller maps the others."""

    path: str
    type: str
    backend: LabBackend | None

    @classmethod
    def of(cls, body: Json) -> "LabPath":
        """Return the view of a path."""
        kind = "Exact" if body.get("pathType") == "Exact" else "Prefix"
        return cls(body.get("path") or "/", kind, LabBackend.of(body.get("backend")))


@dataclass(frozen=True, slots=True)
class LabRule:
    """Paths of one host; None for a rule without ``http``."""

    host: str
    paths: tuple[LabPath, ...] | None

    @classmethod
    def of(cls, body: Json) -> "LabRule":
        """Return the view of a rule."""
        http = body.get("http")
        paths = None if http is None else tuple(LabPath.of(path) for path in http.get("paths") or ())
        return cls((body.get("host") or CATCH_ALL).lower(), paths)


@dataclass(frozen=True, slots=True)
class LabIngress:
    """An Ingress with its annotations parsed."""

    namespace: str
    name: str
    annotations: Annotations
    default_backend: LabBackend | None
    rules: tuple[LabRule, ...]

    @classmethod
    def of(cls, body: Json) -> "LabIngress":
        """Return the view of an Ingress."""
        meta, spec = body["metadata"], body.get("spec") or {}
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            annotations=Annotations.of(meta.get("annotations") or {}),
            default_backend=LabBackend.of(spec.get("defaultBackend")),
            rules=tuple(LabRule.of(rule) for rule in spec.get("rules") or ()),
        )

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


class ControllerView:
    """One version of all objects."""

    def __init__(self, objects: Mapping[Kind, Iterable[Json]]) -> None:
        classes = {
            ingress_class["metadata"]["name"]
            for ingress_class in objects.get(Kind.INGRESS_CLASS, ())
            if (ingress_class.get("spec") or {}).get("controller") == CONTROLLER
        }
        mine = [ingress for ingress in objects.get(Kind.INGRESS, ()) if _is_mine(ingress, classes)]
        # the oldest first; of the same second, the greater name first
        mine.sort(key=lambda ingress: f"{ingress['metadata']['namespace']}/{ingress['metadata']['name']}", reverse=True)
        mine.sort(key=_created)
        self.ingresses: Sequence[LabIngress] = [LabIngress.of(ingress) for ingress in mine]
        self._services = {_key(service["metadata"]): service for service in objects.get(Kind.SERVICE, ())}
        self._slices: dict[tuple[str, str], list[Json]] = {}
        for endpoint_slice in objects.get(Kind.ENDPOINT_SLICE, ()):
            meta = endpoint_slice["metadata"]
            self._slices.setdefault((meta["namespace"], (meta.get("labels") or {}).get(SERVICE_LABEL, "")), []).append(
                endpoint_slice
            )

    def has_service(self, namespace: str, name: str) -> bool:
        """Return whether the Service exists."""
        return (namespace, name) in self._services

    def first_port(self, namespace: str, name: str) -> str:
        """Return the number of a Service's first port, "" when there is none."""
        ports = (self._services.get((namespace, name), {}).get("spec") or {}).get("ports") or [{}]
        return str(ports[0].get("port", ""))

    def endpoints(self, namespace: str, backend: LabBackend) -> tuple[str, ...]:
        """Return ``address:port`` of every ready endpoint behind a Service's port, in order, without repetition.

        An ExternalName has none here: the lab has no DNS, which the controller treats in the same way.
        """
        spec = self._services.get((namespace, backend.service), {}).get("spec") or {}
        if spec.get("type") == "ExternalName":
            return ()
        for port in spec.get("ports") or ():
            target = port.get("targetPort", port["port"])
            if backend.port in (str(port["port"]), str(target), port.get("name")):
                slices = self._slices.get((namespace, backend.service), ())
                addresses = [
                    address
                    for endpoint_slice in slices
                    for address in _ready(endpoint_slice, port.get("name") or "", target)
                ]
                return tuple(dict.fromkeys(addresses))
        return ()


def _ready(slice_: Json, name: str, target: int | str) -> Iterable[str]:
    ports = [
        number
        for port in slice_.get("ports") or ()
        if port.get("protocol", "TCP") == "TCP" and (number := _number(port, name, target))
    ]
    if not slice_.get("ports") and isinstance(target, int):
        ports = [target]
    for endpoint in slice_.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready") is not False:
            yield from (f"{address}:{port}" for port in ports for address in endpoint["addresses"])


def _number(port: Json, name: str, target: int | str) -> int:
    """Return a slice's port for a Service's port: by name, all of them for a nameless one, else the target's number."""
    if name in ("", port.get("name")):
        return int(port["port"])
    return target if isinstance(target, int) else 0


def _is_mine(ingress: Json, classes: set[str]) -> bool:
    """Return whether the controller serves this Ingress; the field wins over the legacy annotation."""
    name = (ingress.get("spec") or {}).get("ingressClassName")
    if name is not None:
        return name in classes
    return (ingress["metadata"].get("annotations") or {}).get(LEGACY_CLASS_ANNOTATION) == LEGACY_CLASS


def _created(ingress: Json) -> datetime:
    stamp = ingress["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(stamp) if stamp else _LONG_AGO


def _key(meta: Json) -> tuple[str, str]:
    return meta["namespace"], meta["name"]
