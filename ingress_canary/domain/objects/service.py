"""Frozen views of Services and of the endpoints behind them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from ingress_canary.domain.objects.metadata import Json, Meta

SERVICE_LABEL = "kubernetes.io/service-name"


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
