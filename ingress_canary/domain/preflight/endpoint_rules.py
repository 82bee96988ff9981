"""Endpoint rules: the two Services and the endpoints behind them, for every controller."""

from collections.abc import Iterator

from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.objects.service import Service, ServicePort
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.preflight.existence_rules import EXTERNAL_NAME
from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import ProblemSeverity, RuleFlag
from ingress_canary.domain.preflight.rule import RuleFinding, rule

TOPOLOGY_ANNOTATION = "service.kubernetes.io/topology-mode"
MOST_NAMED = 3
"""Addresses that a message names."""


@rule(14)
def canary_port_resolves(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The canary Service has the ports that the primary uses for stable, and its pods have those that it targets.

    Remedy: add the port to the canary Service; target a port that a container of the canary workload has.
    """
    service = subject.view.service(subject.canary)
    if service is None or service.type == EXTERNAL_NAME:
        return
    for port in subject.ports:
        found = service.port_of(port)
        if found is None:
            yield RuleFinding(
                f"Service {subject.canary}",
                "spec.ports",
                f"it has no port {port}, by which the primary reaches stable and the shadow will reach the canary",
                f"add the port {port} to it",
            )
        elif found.is_target_named and (pods := _without_target(subject, found)):
            workload = _canary_workload(subject)
            names = workload.port_names if workload is not None else frozenset()
            yield RuleFinding(
                f"Service {subject.canary}",
                "spec.ports",
                f"{pods} has a port named {found.target}, which its port {port} targets: the shadow would reach none",
                f"target {'one of ' + ', '.join(sorted(names)) + ', or ' if names else ''}a number",
            )


def _without_target(subject: PreflightInputs, port: ServicePort) -> str:
    """Return of which pods none has the port that a targetPort names; empty where one has it, or may have it."""
    endpoints = subject.view.endpoints(subject.canary)
    if endpoints.ready:
        return "" if endpoints.has_port(port) else "no ready pod behind it"
    workload = _canary_workload(subject)
    if workload is None or not workload.port_names or port.target in workload.port_names:
        return ""
    return f"no container of {workload.title}"


@rule(14)
def canary_service_selects_workload(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """While no endpoint is ready, the canary Service selects the pods that the canary workload would start.

    Remedy: correct the selector of the canary Service; without a selector, do without scaleCanary.
    """
    service, workload = subject.view.service(subject.canary), _without_ready_endpoint(subject)
    if service is None or workload is None:
        return
    if service.type == EXTERNAL_NAME:
        if subject.spec.workload.scale_canary is not None:
            yield RuleFinding(
                f"Service {subject.canary}",
                "spec.type",
                f"it is an ExternalName, so that no replica of {workload.title} would be behind it",
                "use a Service with a selector for the canary, or remove spec.workload.scaleCanary",
            )
    elif not service.selector:
        yield RuleFinding(
            f"Service {subject.canary}",
            "spec.selector",
            f"it has no selector, so that no pod of {workload.title} would be behind it",
            "select the labels of its pod template",
        )
    elif not service.selector.items() <= workload.labels.items():
        selected = ",".join(f"{label}={value}" for label, value in sorted(service.selector.items()))
        yield RuleFinding(
            f"Service {subject.canary}",
            "spec.selector",
            f"it selects {selected}, which no pod of {workload.title} has",
            "select the labels of its pod template",
        )


def _canary_workload(subject: PreflightInputs) -> Workload | None:
    """Return the canary workload; None where it is not known."""
    ref = subject.spec.workload.canary
    return subject.view.workload(ref.kind, Key(subject.key.namespace, ref.name)) if ref is not None else None


def _without_ready_endpoint(subject: PreflightInputs) -> Workload | None:
    """Return the canary workload while none of its pods is a ready endpoint; None where it is not known."""
    return None if subject.view.endpoints(subject.canary).ready else _canary_workload(subject)


@rule(14, flags=RuleFlag.CURED_BY_SCALING)
def canary_has_endpoints(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """An endpoint of the canary Service is ready: else everything, `always` included, goes to stable.

    Remedy: start the canary workload.
    """
    service = subject.view.service(subject.canary)
    if service is None or service.type == EXTERNAL_NAME:
        return
    if not subject.view.endpoints(subject.canary).ready:
        yield RuleFinding(
            f"Service {subject.canary}",
            "spec.selector",
            "it has no ready endpoint, so every request would go to stable",
            f"start the canary workload and wait until it is ready: kubectl -n {subject.canary.namespace} get "
            f"endpointslices -l kubernetes.io/service-name={subject.canary.name}",
        )


@rule(19, ProblemSeverity.WARNING)
def canary_is_in_the_cluster(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The canary Service is no ExternalName: a DNS failure, or a controller that disables them, falls back to stable.

    Remedy: give the canary a Service with a selector.
    """
    service = subject.view.service(subject.canary)
    if service is not None and service.type == EXTERNAL_NAME:
        yield RuleFinding(
            f"Service {subject.canary}",
            "spec.type",
            "it is an ExternalName: when its name does not resolve, all requests go to stable in silence",
            "use a Service with a selector for the canary",
        )


@rule(22, ProblemSeverity.WARNING)
def routing_ignores_zones(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """Neither Service asks for topology-aware routing: in a zone without a canary endpoint all requests go to stable.

    Remedy: take the annotation or trafficDistribution off for the rollout, or run a canary pod in every zone.
    """
    if subject.facts.topology is False:
        return
    for key in (subject.stable, subject.canary):
        service = subject.view.service(key)
        if service is not None and (field := _zoned(service)):
            yield RuleFinding(
                f"Service {key}",
                field,
                "topology-aware routing falls back to stable in each zone without a ready canary endpoint",
                "remove it while the rollout runs, or run canary pods in every zone of the controllers",
            )


def _zoned(service: Service) -> str | None:
    # the two that ingress-nginx v1.15 reads (getIngressPodZone)
    if service.meta.annotations.get(TOPOLOGY_ANNOTATION, "").lower() == "auto":
        return f"metadata.annotations[{TOPOLOGY_ANNOTATION}]"
    return "spec.trafficDistribution" if service.traffic_distribution == "PreferClose" else None


@rule(24)
def sides_are_disjoint(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No endpoint is behind both Services: a stable selector that also matches the canary's pods voids every number.

    Remedy: add a label to the selectors that tells the two workloads apart.
    """
    stable, canary = subject.view.endpoints(subject.stable), subject.view.endpoints(subject.canary)
    both = sorted((stable.ready | stable.unready) & (canary.ready | canary.unready))
    if both:
        named = ", ".join(both[:MOST_NAMED]) + (f" and {len(both) - MOST_NAMED} more" if len(both) > MOST_NAMED else "")
        yield RuleFinding(
            f"Service {subject.stable}",
            "spec.selector",
            f"{named} also stand behind Service {subject.canary}",
            "give stable and canary pods a label of their own and select by it in both Services",
        )


@rule(25, ProblemSeverity.WARNING)
def canary_can_carry_its_share(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The canary has at least half of the ready endpoints that its weight's share of all of them asks for.

    Remedy: scale the canary workload up before the step.
    """
    if not subject.next_weight:
        return
    stable = len(subject.view.endpoints(subject.stable).ready)
    canary = len(subject.view.endpoints(subject.canary).ready)
    wanted = subject.next_weight / 100 * (stable + canary)
    if 0 < canary < wanted / 2:
        yield RuleFinding(
            f"Service {subject.canary}",
            "spec.selector",
            f"{canary} of {stable + canary} ready endpoints are to carry {subject.next_weight:g} % of the requests",
            f"scale the canary workload to about {round(wanted)} pods",
        )
