"""Controller: compiles the cluster's objects into routes as ingress-nginx does, with all the ways to lose a canary.

The steps and their order are those of ``getBackendServers`` in ingress-nginx v1.15: upstreams, servers, locations,
then the canary Ingresses merged into them. The order is behaviour: an older object wins, a newer one is ignored.
Used by ``plane.py``.
"""

from collections.abc import Sequence

from ingress_canary.lab.dataplane.annotations import Annotations, Policy
from ingress_canary.lab.dataplane.objects import CATCH_ALL, ControllerView, LabBackend, LabIngress, LabPath
from ingress_canary.lab.dataplane.routes import DEFAULT_UPSTREAM, Affinity, Labels, Location, Routes, Server, Upstream

NO_SERVICE = "no-service"
NO_ENDPOINT = "no-endpoint"


class ControllerPanic(Exception):
    """The controller would crash on this object: a canary Ingress has a rule without ``http``."""


def compile_routes(cluster: ControllerView, *, ignore_canaries: bool = False) -> Routes:
    """Return what the proxy is configured with. Raises ControllerPanic.

    A controller that ignores canaries calls each of them an orphan, and gives their traffic to nobody.
    """
    canaries = [ingress for ingress in cluster.ingresses if ingress.annotations.canary] if ignore_canaries else []
    compiler = _Compiler(cluster, [ingress for ingress in cluster.ingresses if ingress not in canaries])
    compiler.orphans |= {(ingress.namespace, ingress.name, NO_SERVICE): 1 for ingress in canaries}
    return compiler.routes()


class _Compiler:
    def __init__(self, cluster: ControllerView, ingresses: Sequence[LabIngress]) -> None:
        self.cluster = cluster
        self.ingresses = ingresses
        self.upstreams = {DEFAULT_UPSTREAM: Upstream(DEFAULT_UPSTREAM)}
        self.servers: dict[str, Server] = {}
        self.orphans: dict[tuple[str, str, str], int] = {}

    def routes(self) -> Routes:
        plain = [ingress for ingress in self.ingresses if not ingress.annotations.canary]
        for ingress in self.ingresses:
            self._add_upstreams(ingress)
        self._add_servers(plain)
        for ingress in self.ingresses:
            self._add_locations(ingress)
        if plain:
            for ingress in self.ingresses:
                if ingress.annotations.canary:
                    self._merge(ingress)
        self._replace_empty_upstreams()
        return Routes(self.servers.values(), self.upstreams.values(), self.orphans)

    def _add_upstreams(self, ingress: LabIngress) -> None:
        if ingress.default_backend:
            # made anew, even when another Ingress has made it already: this is how a default backend wipes a side
            name = ingress.default_backend.upstream(ingress.namespace)
            self.upstreams[name] = self._upstream(name, ingress, ingress.default_backend)
        for rule in ingress.rules:
            for path in rule.paths or ():
                if path.backend and (name := path.backend.upstream(ingress.namespace)) not in self.upstreams:
                    self.upstreams[name] = self._upstream(name, ingress, path.backend)
                    self._note_orphan(ingress, path.backend, self.upstreams[name])

    def _upstream(self, name: str, ingress: LabIngress, backend: LabBackend) -> Upstream:
        anns = ingress.annotations
        return Upstream(
            name,
            endpoints=self.cluster.endpoints(ingress.namespace, backend),
            canary=anns.canary is not None,
            policy=anns.canary or Policy(),
            hash_by_subset=anns.hash_by_subset,
        )

    def _note_orphan(self, ingress: LabIngress, backend: LabBackend, upstream: Upstream) -> None:
        exists = self.cluster.has_service(ingress.namespace, backend.service)
        self.orphans[ingress.namespace, ingress.name, NO_SERVICE] = int(not exists)
        if exists:
            self.orphans[ingress.namespace, ingress.name, NO_ENDPOINT] = int(not upstream.endpoints)

    def _add_servers(self, plain: list[LabIngress]) -> None:
        root = Location(CATCH_ALL, "/", "Prefix", DEFAULT_UPSTREAM, Labels(), by_default=True)
        self.servers[CATCH_ALL] = Server(CATCH_ALL, [root])
        for ingress in plain:
            backend = DEFAULT_UPSTREAM
            if ingress.default_backend:
                backend = ingress.default_backend.upstream(ingress.namespace)
                if root.by_default and not ingress.rules:
                    root.by_default, root.backend, root.labels = False, backend, _labels(ingress, CATCH_ALL, "/")
            for rule in ingress.rules:
                if rule.host not in self.servers:
                    location = Location(
                        rule.host, "/", "Prefix", backend, _labels(ingress, rule.host, "/"), by_default=True
                    )
                    _annotate(location, ingress.annotations)
                    self.servers[rule.host] = Server(rule.host, [location])
        for ingress in plain:
            for rule in ingress.rules:
                server = self.servers[rule.host]
                server.ssl_passthrough = server.ssl_passthrough or ingress.annotations.ssl_passthrough
                server.aliases = server.aliases or tuple(
                    alias for alias in ingress.annotations.aliases if alias not in self.servers
                )

    def _add_locations(self, ingress: LabIngress) -> None:
        for rule in ingress.rules:
            server = self.servers.get(rule.host) or self.servers[CATCH_ALL]
            for path in rule.paths or ():
                upstream = path.backend and self.upstreams[path.backend.upstream(ingress.namespace)]
                # a path that leads to a canary's upstream vanishes, whichever Ingress claims it
                if not upstream or upstream.canary:
                    continue
                self._claim(server, path, upstream, ingress)
                self._make_sticky(upstream, server, path, ingress.annotations)

    def _claim(self, server: Server, path: LabPath, upstream: Upstream, ingress: LabIngress) -> None:
        taken = next((location for location in server.locations if location.path == path.path), None)
        labels = _labels(ingress, server.host, path.path)
        if taken is None or taken.type != path.type:
            location = Location(server.host, path.path, path.type, upstream.name, labels)
            server.locations.append(location)
        elif taken.by_default:
            location = taken
            location.backend, location.by_default, location.labels = upstream.name, False, labels
        else:
            return  # an older Ingress owns it
        _annotate(location, ingress.annotations)

    def _make_sticky(self, upstream: Upstream, server: Server, path: LabPath, anns: Annotations) -> None:
        if anns.affinity_cookie is None:
            return
        upstream.affinity = upstream.affinity or Affinity(anns.affinity_cookie)
        upstream.affinity.cookie = anns.affinity_cookie
        upstream.affinity.locations.add((server.host, path.path))

    def _merge(self, canary: LabIngress) -> None:
        if canary.default_backend:
            self._merge_backend(canary, canary.default_backend, self.servers[CATCH_ALL], None)
        for rule in canary.rules:
            if rule.paths is None:
                raise ControllerPanic(f"{canary.namespace}/{canary.name} has a rule without http")
            for path in rule.paths:
                server = self.servers.get(rule.host)
                if path.backend and server:
                    self._merge_backend(canary, path.backend, server, path)

    def _merge_backend(self, ingress: LabIngress, backend: LabBackend, server: Server, path: LabPath | None) -> None:
        """Make a canary's upstream an alternative of the upstreams behind the same path, or drop it altogether."""
        canary = self.upstreams.get(backend.upstream(ingress.namespace))
        if canary is None:
            return  # another path of it found no match
        merged = False
        for location in server.locations:
            primary = self.upstreams.get(location.backend)
            if primary is None:
                continue
            if primary is canary:
                return  # it is somebody's primary: left alone, in nobody's favour
            same = path is None or (location.path, location.type) == (path.path, path.type)
            if same and primary.name != DEFAULT_UPSTREAM and not primary.canary:
                self._add_alternative(primary, canary, ingress.annotations)
                merged = True
        if not merged:
            del self.upstreams[canary.name]

    def _add_alternative(self, primary: Upstream, canary: Upstream, anns: Annotations) -> None:
        if canary.name in primary.alternatives:
            return
        if not anns.affinity_legacy and primary.affinity:
            canary.affinity = Affinity(primary.affinity.cookie, set(primary.affinity.locations))
        primary.alternatives.append(canary.name)

    def _replace_empty_upstreams(self) -> None:
        """Let the Service of a default-backend annotation stand in for an upstream without endpoints."""
        for server in self.servers.values():
            for location in server.locations:
                upstream = self.upstreams.get(location.backend)
                if not location.default_backend or not upstream or upstream.endpoints:
                    continue
                namespace, service = location.labels.namespace, location.default_backend
                port = self.cluster.first_port(namespace, service)
                if endpoints := self.cluster.endpoints(namespace, LabBackend(service, port)):
                    name = f"custom-default-backend-{namespace}-{service}"
                    self.upstreams[name] = Upstream(
                        name, endpoints, alternatives=upstream.alternatives, affinity=upstream.affinity
                    )
                    location.backend = name


def _annotate(location: Location, anns: Annotations) -> None:
    location.redirect = anns.redirect
    location.force_ssl_redirect = anns.force_ssl_redirect
    location.cors = anns.cors
    location.returns = anns.returns
    location.default_backend = anns.default_backend


def _labels(ingress: LabIngress, host: str, path: str) -> Labels:
    """Return the names that a location's requests are counted under: the Service of the first path that is equal."""
    service = ingress.default_backend.service if ingress.default_backend else ""
    for rule in ingress.rules:
        for rule_path in rule.paths or ():
            if rule.host == host and rule_path.path == path and rule_path.backend:
                return Labels(ingress.namespace, ingress.name, rule_path.backend.service, path)
    return Labels(ingress.namespace, ingress.name, service, path)
