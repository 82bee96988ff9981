"""Conflicts with other Ingresses over hosts, paths and Services: rules 1, 5, 6, 7, 8, 9 and 21.

ingress-nginx knows upstreams, named ``<namespace>-<service>-<port as written>``, and locations (host, path, type).
Of those who claim a location the oldest Ingress owns it; a canary Ingress adds its upstream as an alternative to the
upstream of each location that it matches, in whatever namespace; only the first alternative is ever used.
Source: createUpstreams, getBackendServers, mergeAlternativeBackends and sortIngressSlice of ingress-nginx v1.15.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import ProblemSeverity
from ingress_canary.domain.preflight.rule import NeededVisibility, RuleFinding, rule
from ingress_canary.domain.traffic.router.ingress_classes import class_name, controller_of
from ingress_canary.domain.traffic.router.nginx.annotations import (
    CONTROLLER,
    LEGACY_CLASS,
    annotation_field,
    enabled,
    ingress_label,
)


class ServedLocation(NamedTuple):
    """Host, path and path type of requests, as the controller compares them (rule 4)."""

    host: str
    path: str
    type: str

    def __str__(self) -> str:
        return f"{self.host or '*'}{self.path} ({self.type})"


class UpstreamUse(NamedTuple):
    """One backend of an Ingress."""

    ingress: Ingress
    location: ServedLocation | None
    """None for the default backend."""
    service: str
    port: str
    field: str


def uses(ingress: Ingress) -> Iterator[UpstreamUse]:
    """Yield every backend that is a Service, the default one first."""
    default = ingress.default_backend
    if default and default.service:
        yield UpstreamUse(ingress, None, default.service, default.port, "spec.defaultBackend")
    for r, http_rule in enumerate(ingress.rules):
        for p, path in enumerate(http_rule.paths or ()):
            if path.backend.service:
                kind = "Prefix" if path.type in {"", "ImplementationSpecific"} else path.type
                location = ServedLocation(http_rule.host, path.path or "/", kind)
                field = f"spec.rules[{r}].http.paths[{p}]"
                yield UpstreamUse(ingress, location, path.backend.service, path.backend.port, field)


def stable_locations(subject: PreflightInputs) -> dict[ServedLocation, str]:
    """Return the primary's locations that lead to the stable Service, each with its field."""
    stable = subject.stable.name
    return {use.location: use.field for use in uses(subject.ingress) if use.location and use.service == stable}


def is_canary(subject: PreflightInputs, ingress: Ingress) -> bool:
    """Return whether the controller treats an Ingress as a canary."""
    return enabled(subject, ingress, "canary")


def served_together(subject: PreflightInputs, other: Ingress) -> bool:
    """Return whether the primary's controller may serve another Ingress too; True when that is not known."""
    mine = _controller(subject, subject.ingress)
    theirs = _controller(subject, other)
    return mine is None or theirs is None or mine == theirs


def upstream_uses(subject: PreflightInputs, service: Key) -> Iterator[UpstreamUse]:
    """Yield every use of a Service by the upstreams of any Ingress but the rollout's own shadow."""
    ports = subject.ports
    keys = dict.fromkeys((service, *subject.view.services_by_upstream(f"{service.namespace}-{service.name}")))
    for key in keys:
        for ingress in subject.view.ingresses_by_service(key):
            if subject.owns(ingress) or not served_together(subject, ingress):
                continue
            for use in uses(ingress):
                if use.service == key.name and use.port in ports:
                    yield use


@rule(1, needs=NeededVisibility.NAMESPACES)
def canary_service_is_no_other_backend(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No non-canary Ingress uses the canary Service and port.

    If the canary is the older one, that Ingress's paths vanish; if it is the newer one, its weight stays 0.

    Remedy: point that Ingress at another Service, or give the canary a Service of its own.
    """
    for use in upstream_uses(subject, subject.canary):
        if not is_canary(subject, use.ingress):
            yield RuleFinding(
                ingress_label(use.ingress),
                f"{use.field}.backend.service" if use.location else f"{use.field}.service",
                f"it leads to the canary Service {subject.canary}: its path would vanish, or the weight stay 0",
                "point it at another Service, or give the canary a Service of its own (spec.canaryService)",
            )


@rule(5, needs=NeededVisibility.NAMESPACES)
def stable_upstream_has_no_canary(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No other canary Ingress, of any namespace, matches a location of the stable Service.

    Only the oldest is ever used, and the admission webhook accepts a second.

    Remedy: remove the other canary Ingress, or wait until its rollout has ended.
    """
    used = [use for use in upstream_uses(subject, subject.stable) if not is_canary(subject, use.ingress)]
    locations = {use.location for use in used if use.location}
    seen: set[Key] = set()
    for host in sorted({location.host for location in locations}):
        for ingress in subject.view.ingresses_by_host(host):
            if ingress.meta.key in seen or subject.owns(ingress) or not is_canary(subject, ingress):
                continue
            # a canary's default backend joins every location without a host
            joins = (use for use in uses(ingress) if use.location in locations or not (use.location or host))
            use = next(joins, None)
            if use and served_together(subject, ingress):
                seen.add(ingress.meta.key)
                yield RuleFinding(
                    ingress_label(ingress),
                    use.field,
                    f"it is a canary of {use.location or 'all paths without a host'} too; only the oldest is used",
                    "remove it, or wait until its rollout has ended",
                )


@rule(6, needs=NeededVisibility.NAMESPACES)
def canary_service_has_one_canary(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The canary Service and port are in no other canary Ingress.

    The first one's weight, headers and cookies would count for both.

    Remedy: remove the other canary Ingress, or give this canary a Service of its own.
    """
    for use in upstream_uses(subject, subject.canary):
        if is_canary(subject, use.ingress):
            yield RuleFinding(
                ingress_label(use.ingress),
                use.field,
                f"it is a canary Ingress of Service {subject.canary} too, and the first one's weight counts for both",
                "remove it, or give this canary a Service of its own (spec.canaryService)",
            )


@rule(7, needs=NeededVisibility.NAMESPACES)
def primary_owns_its_locations(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The primary owns its host, path and type.

    Among Ingresses that claim the same the oldest wins; a canary Ingress owns nothing.

    Remedy: remove the path from one of the Ingresses, or name the Ingress that owns it in spec.ingresses.
    """
    if is_canary(subject, subject.ingress):
        yield RuleFinding(
            ingress_label(subject.ingress),
            annotation_field(subject, "canary"),
            "the primary is a canary Ingress itself and owns no path",
            "name the Ingress that owns the paths in spec.ingresses",
        )
    mine = stable_locations(subject)
    for host in sorted({location.host for location in mine}):
        for ingress in subject.view.ingresses_by_host(host):
            if not _older(ingress, subject.ingress) or is_canary(subject, ingress):
                continue
            claimed = [use.location for use in uses(ingress) if use.location and use.location.host == host]
            taken = [location for location in claimed if location in mine]
            if taken and served_together(subject, ingress):
                yield RuleFinding(
                    ingress_label(subject.ingress),
                    mine[taken[0]],
                    f"{_listed(taken)} belongs to Ingress {ingress.meta.key}, which is older",
                    "remove the path from one of the two, or name the older one in spec.ingresses",
                )


@rule(8, needs=NeededVisibility.NAMESPACES, waived=lambda subject: subject.spec.shadow.share_upstream)
def stable_upstream_is_not_shared(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No other host or path uses the stable Service and port.

    It would be canaried too: a canary is an alternative of an upstream, not of a path.

    Remedy: accept it with spec.shadow.shareUpstream, or give those paths a Service of their own.
    """
    mine = stable_locations(subject)
    others: dict[Key, list[UpstreamUse]] = {}
    for use in upstream_uses(subject, subject.stable):
        if use.location not in mine and not is_canary(subject, use.ingress):
            others.setdefault(use.ingress.meta.key, []).append(use)
    for shared in others.values():
        where = _listed([use.location or "the default backend" for use in shared])
        yield RuleFinding(
            ingress_label(shared[0].ingress),
            shared[0].field,
            f"{where} leads to Service {subject.stable} too and would be canaried with the primary",
            "accept that with spec.shadow.shareUpstream: true, or give it a Service of its own",
        )


@rule(9, needs=NeededVisibility.CLASSES)
def class_is_served(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The primary's class resolves to a known controller.

    It is looked up by spec.ingressClassName, else the legacy annotation, else the default class. The controllers' own
    flags count too: --ingress-class names the annotation's value, --watch-ingress-without-class needs no class.

    Remedy: correct the class, or add its controller to those that the daemon's settings call known.
    """
    if not subject.view.sees_classes:
        return
    controller, name = _controller(subject, subject.ingress), class_name(subject.ingress)
    if controller is None:
        message = (
            f"there is no IngressClass {name}" if name is not None else "it has no class, and no class is the default"
        )
        yield RuleFinding(
            ingress_label(subject.ingress),
            "spec.ingressClassName",
            message,
            "name the IngressClass of the controller that serves it",
        )
    elif controller not in subject.controllers | {CONTROLLER}:
        yield RuleFinding(
            ingress_label(subject.ingress),
            "spec.ingressClassName",
            f"its controller is {controller or '(none given)'}, which is not known to behave like ingress-nginx",
            "if it obeys the canary annotations alike, add it to the known controllers in the daemon's settings",
        )


@rule(21, ProblemSeverity.WARNING)
def upstream_name_is_unique(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No Service of another namespace shares an upstream name: namespace a with Service b-c, and a-b with c.

    Remedy: rename one of the Services.
    """
    for key in (subject.stable, subject.canary):
        name = f"{key.namespace}-{key.name}"
        for other in subject.view.services_by_upstream(name):
            if other != key:
                yield RuleFinding(
                    f"Service {key}",
                    "metadata.name",
                    f"Service {other} has the upstream name {name}-<port> too: where the ports agree they are one",
                    "rename one of the two Services",
                )


def _listed(locations: list[ServedLocation] | list[ServedLocation | str]) -> str:
    return str(locations[0]) + (f" and {len(locations) - 1} more" if len(locations) > 1 else "")


def _older(ingress: Ingress, other: Ingress) -> bool:
    """Return whether an Ingress precedes another in the controller's order; within one second, the later name does."""
    if ingress.meta.created == other.meta.created:
        return str(ingress.meta.key) > str(other.meta.key)
    return ingress.meta.created < other.meta.created


def _controller(subject: PreflightInputs, ingress: Ingress) -> str | None:
    """Return the controller of an Ingress, None when it is not known."""
    controller = controller_of(subject.view, ingress)
    if controller is not None:
        return controller
    name, facts = class_name(ingress), subject.facts
    served = facts.without_class if name is None else name == (facts.legacy_class or LEGACY_CLASS)
    return CONTROLLER if served and ingress.class_name is None else None
