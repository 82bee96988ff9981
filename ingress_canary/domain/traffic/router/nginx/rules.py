"""The rules of ingress-nginx in order: every known way in which a canary Ingress does nothing, or does harm.

Here are those that read the primary's annotations and the controllers' configuration (10-13, 15, 16, 20, 23, 26);
``RULES`` is what the engine and ``lint --live`` ask. The numbers are those of docs/reference/ingress-nginx.md.
"""

from collections.abc import Iterator

from ingress_canary.domain.preflight import endpoint_rules, existence_rules
from ingress_canary.domain.preflight.existence_rules import EXTERNAL_NAME
from ingress_canary.domain.preflight.inputs import CARRYING, PreflightInputs
from ingress_canary.domain.preflight.problem import ProblemSeverity
from ingress_canary.domain.preflight.rule import RuleFinding, rule
from ingress_canary.domain.traffic.router.nginx import conflict_rules as claims
from ingress_canary.domain.traffic.router.nginx import counting_rules
from ingress_canary.domain.traffic.router.nginx import shadow_rules as shadows
from ingress_canary.domain.traffic.router.nginx.annotations import (
    annotation_field,
    annotation_value,
    enabled,
    ingress_label,
)
from ingress_canary.domain.traffic.router.nginx.value_rules import cookie_faults, header_faults, is_integer

INTEGERS = ("canary-weight", "canary-weight-total")
REDIRECTS = ("permanent-redirect", "temporal-redirect")
PATIENT = 15.0
"""Seconds of ``analysis.settle`` within which every controller pod has applied a change of weight."""


@rule(10)
def requests_reach_the_balancer(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No ssl-passthrough on the primary's hosts and no redirect on the primary: the canary would be bypassed.

    Remedy: remove the annotation.
    """
    for key in REDIRECTS:
        if annotation_value(subject, subject.ingress, key):
            message = "every request is redirected before a side is drawn"
            yield RuleFinding(
                ingress_label(subject.ingress),
                annotation_field(subject, key),
                message,
                "remove it while the rollout runs",
            )
    # passthrough is the host's: one Ingress that asks for it turns it on for all of them
    hosts = sorted({location.host for location in claims.stable_locations(subject)})
    ingresses = {subject.ingress.meta.key: subject.ingress}
    ingresses |= {neighbour.meta.key: neighbour for host in hosts for neighbour in subject.view.ingresses_by_host(host)}
    for ingress in ingresses.values():
        passes = enabled(subject, ingress, "ssl-passthrough") and not claims.is_canary(subject, ingress)
        if passes and claims.served_together(subject, ingress):
            message = "TLS is passed through to stable before a side can be drawn"
            yield RuleFinding(
                ingress_label(ingress), annotation_field(subject, "ssl-passthrough"), message, "remove it"
            )


@rule(11)
def values_are_read_as_written(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """Weights are plain integers; header, value, pattern and cookie hold only what the controller accepts.

    Anything else is not rejected: it becomes 0 or empty in silence, which turns a value match into always/never.

    Remedy: correct the value in the schedule.
    """
    for header in dict.fromkeys(route.header for route in subject.routes if route.header):
        for fault in header_faults(header):
            yield RuleFinding(subject.label, f"schedule: {fault.field}", fault.what, fault.remedy)
    for cookie in dict.fromkeys(route.cookie for route in subject.routes if route.cookie):
        for fault in cookie_faults(cookie):
            yield RuleFinding(subject.label, f"schedule: {fault.field}", fault.what, fault.remedy)
    if subject.shadow is None:
        return
    for key in INTEGERS:
        value = annotation_value(subject, subject.shadow, key)
        if value and not is_integer(value):
            message = f"{value!r} is no plain integer and is read as {100 if key.endswith('total') else 0}"
            yield RuleFinding(ingress_label(subject.shadow), annotation_field(subject, key), message, shadows.REPAIR)


@rule(12)
def controller_allows_routes(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No header or cookie route where the controllers' annotations-risk-level is Low.

    They reject the shadow, and the previous configuration stays in force.

    Remedy: set annotations-risk-level to Medium or higher, or take header and cookie out of the schedule.
    """
    level = subject.facts.annotations_risk_level
    if level is None or level.lower() in {"medium", "high", "critical"}:
        return
    if any(route.header or route.cookie for route in subject.routes):
        yield RuleFinding(
            "ConfigMap of the controllers",
            "data.annotations-risk-level",
            f"{level or '(empty)'} forbids header and cookie routes: the previous configuration would stay in force",
            "set it to Medium or higher, or take header and cookie out of the schedule",
        )


@rule(13)
def weight_is_not_frozen(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No upstream-hash-by-subset on either side: that balancer never takes a changed weight.

    Remedy: remove the annotation.
    """
    sides = [use.ingress for use in claims.upstream_uses(subject, subject.stable)]
    sides += [side for side in (subject.ingress, subject.shadow) if side]
    for ingress in {side.meta.key: side for side in sides}.values():
        if enabled(subject, ingress, "upstream-hash-by-subset"):
            yield RuleFinding(
                ingress_label(ingress),
                annotation_field(subject, "upstream-hash-by-subset"),
                "its balancer never takes a changed weight",
                "remove it while the rollout runs",
            )


@rule(15)
def stable_has_endpoints(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The stable Service has a ready endpoint.

    Without one all requests get 503, even at weight 100, unless a default-backend annotation takes them.

    Remedy: bring the stable workload back; nothing about the canary helps.
    """
    service = subject.view.service(subject.stable)
    if service is None or service.type == EXTERNAL_NAME:
        return
    if subject.view.endpoints(subject.stable).ready or annotation_value(subject, subject.ingress, "default-backend"):
        return
    outage = "an outage of stable" + (" while the canary carries traffic" if subject.phase in CARRYING else "")
    yield RuleFinding(
        f"Service {subject.stable}",
        "spec.selector",
        f"it has no ready endpoint, {outage}: all requests get 503 whatever the weight",
        "bring the stable workload back; the rollout goes on by itself",
    )


@rule(16, ProblemSeverity.WARNING)
def clients_are_not_sticky(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The primary uses no cookie affinity.

    An affinity cookie of the canary beats weight 0 and `never`: only deleting the shadow takes those clients off.

    Remedy: none is needed, for a rollback deletes the shadow; expect the observed share to lag behind the weight.
    """
    if annotation_value(subject, subject.ingress, "affinity").strip() != "cookie":
        return
    legacy = annotation_value(subject, subject.ingress, "affinity-canary-behavior").strip() == "legacy"
    pinned = "clients of stable stay there" if legacy else "clients stay on the side that served them first"
    yield RuleFinding(
        ingress_label(subject.ingress),
        annotation_field(subject, "affinity"),
        f"{pinned}, whatever the weight: the observed share lags behind it",
        "nothing is to be done: a rollback deletes the shadow, which frees them all",
    )


@rule(23, ProblemSeverity.WARNING)
def one_controller_pod(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """One controller pod, or patience: several apply a change at different moments.

    Remedy: set analysis.settle to 15s or more, as it is by default.
    """
    if subject.facts.pods and subject.facts.pods > 1 and subject.settle < PATIENT:
        yield RuleFinding(
            "ingress controllers",
            "replicas",
            f"{subject.facts.pods} pods apply a change of weight at different moments",
            f"set the schedule's analysis.settle to {PATIENT:g}s or more: it is {subject.settle:g}s",
        )


RULES = (
    existence_rules.primary_exists,
    existence_rules.stable_service_exists,
    existence_rules.primary_leads_to_stable_service,
    existence_rules.stable_port_resolves,
    existence_rules.canary_service_exists,
    existence_rules.no_rival_comes_first,
    existence_rules.shadow_name_is_free,
    claims.canary_service_is_no_other_backend,
    shadows.shadow_leaves_stable_alone,
    shadows.shadow_has_only_canary_paths,
    shadows.shadow_matches_the_primary,
    claims.stable_upstream_has_no_canary,
    claims.canary_service_has_one_canary,
    claims.primary_owns_its_locations,
    claims.stable_upstream_is_not_shared,
    claims.class_is_served,
    requests_reach_the_balancer,
    values_are_read_as_written,
    controller_allows_routes,
    weight_is_not_frozen,
    endpoint_rules.canary_port_resolves,
    endpoint_rules.canary_service_selects_workload,
    endpoint_rules.canary_has_endpoints,
    stable_has_endpoints,
    clients_are_not_sticky,
    shadows.shadow_carries_only_what_takes_effect,
    shadows.shadow_is_marked,
    endpoint_rules.canary_is_in_the_cluster,
    counting_rules.requests_are_counted,
    claims.upstream_name_is_unique,
    endpoint_rules.routing_ignores_zones,
    one_controller_pod,
    endpoint_rules.sides_are_disjoint,
    endpoint_rules.canary_can_carry_its_share,
    counting_rules.errors_are_visible,
    counting_rules.errors_are_counted,
    counting_rules.requests_reach_the_canary,
    counting_rules.weight_is_judged,
    counting_rules.answers_are_told_apart,
)
