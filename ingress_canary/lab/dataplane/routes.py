"""Routes that the controller compiles for the proxy: servers with their locations, and upstreams.

Built by ``controller.py``, which is the only one to change it; read by ``proxy.py`` and ``balancer.py``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ingress_canary.lab.dataplane.annotations import Policy, Redirect
from ingress_canary.lab.dataplane.objects import CATCH_ALL

DEFAULT_UPSTREAM = "upstream-default-backend"
"""The controller's own backend, which answers 404."""


@dataclass(slots=True)
class Affinity:
    """Cookie affinity of an upstream."""

    cookie: str
    locations: set[tuple[str, str]] = field(default_factory=set)
    """Hosts and paths on which the cookie is issued."""


@dataclass(slots=True)
class Upstream:
    """The endpoints behind one Service's port, and what may be drawn instead of them."""

    name: str
    endpoints: tuple[str, ...] = ()
    canary: bool = False
    """Made by a canary Ingress: no location may lead here."""
    policy: Policy = field(default_factory=Policy)
    alternatives: list[str] = field(default_factory=list)
    affinity: Affinity | None = None
    hash_by_subset: bool = False


@dataclass(frozen=True, slots=True)
class Labels:
    """How a location's requests are counted: always in the primary's name."""

    namespace: str = ""
    ingress: str = ""
    service: str = ""
    path: str = "/"


@dataclass(slots=True)
class Location:
    """One path of a server."""

    host: str
    path: str
    type: str
    backend: str
    """Name of the upstream."""
    labels: Labels
    by_default: bool = False
    """The root that each server has until an Ingress claims it."""
    redirect: Redirect | None = None
    force_ssl_redirect: bool = False
    cors: bool = False
    returns: tuple[tuple[str, int], ...] = ()
    default_backend: str = ""


@dataclass(slots=True)
class Server:
    """One host name."""

    host: str
    locations: list[Location]
    aliases: tuple[str, ...] = ()
    ssl_passthrough: bool = False


class Routes:
    """One configuration of the proxy."""

    def __init__(
        self, servers: Iterable[Server], upstreams: Iterable[Upstream], orphans: dict[tuple[str, str, str], int]
    ) -> None:
        self.upstreams = {upstream.name: upstream for upstream in upstreams}
        self.orphans = orphans
        """(namespace, Ingress, type) to 1 for an Ingress without Service or endpoints, 0 for a healthy one."""
        self.ingresses: set[tuple[str, str]] = set()
        """Namespace and name of every Ingress with a location."""
        self._servers: dict[str, _Table] = {}
        for server in servers:
            table = _Table(server)
            self.ingresses |= {(location.labels.namespace, location.labels.ingress) for location in server.locations}
            for host in (server.host, *server.aliases):
                self._servers[host] = table

    def counts(self, host: str) -> bool:
        """Return whether requests for a host are counted: only names that some Ingress spells out are."""
        return host in self._servers

    def locate(self, host: str, path: str) -> Location | None:
        """Return the location of a request; a server of a whole TLS passthrough leads to its root only."""
        wildcard = "*." + host.partition(".")[2]
        table = self._servers.get(host) or self._servers.get(wildcard) or self._servers.get(CATCH_ALL)
        return table.locate(path) if table else None

    def passes_through(self, location: Location) -> bool:
        """Return whether the location's connections go to the stable side unopened."""
        return self._servers[location.host].passthrough is location


class _Table:
    """A server's locations as the proxy matches them: exact ones, then the longest prefix."""

    def __init__(self, server: Server) -> None:
        self.exact = {location.path: location for location in server.locations if location.type == "Exact"}
        prefixes = [location for location in server.locations if location.type == "Prefix"]
        for location in prefixes:
            if location.path != "/":
                # /api takes /api and /api/..., never /apix
                self.exact.setdefault(location.path, location)
        by_length = sorted(prefixes, key=lambda location: len(location.path), reverse=True)
        self.prefixes = [
            (location.path if location.path.endswith("/") else location.path + "/", location) for location in by_length
        ]
        self.passthrough = (
            next((location for location in by_length if location.path == "/"), None) if server.ssl_passthrough else None
        )

    def locate(self, path: str) -> Location | None:
        if self.passthrough:
            return self.passthrough
        if exact := self.exact.get(path):
            return exact
        return next((location for prefix, location in self.prefixes if path.startswith(prefix)), None)
