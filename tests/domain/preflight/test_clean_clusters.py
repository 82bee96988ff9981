"""What preflight lets pass: for each rule the neighbours of what it refuses."""

from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.metrics.capabilities import Capability
from ingress_canary.domain.objects.metadata import Key, parse_time
from ingress_canary.domain.preflight.inputs import ControllerFacts, Rival
from tests.domain.shop import (
    HOST,
    MESHED,
    Exposed,
    Manifest,
    at,
    backend,
    classed,
    foreign_canary,
    ingress,
    ingress_class,
    meta,
    other,
    path,
    pods,
    primary,
    problems,
    rollout_spec,
    rule,
    service,
    shadow,
    shop,
)

Row = tuple[tuple[Manifest, ...], dict[str, Any]]


def row(*changed: Manifest, **given: Any) -> Row:
    return shop(*changed), given


def beside(name: str, minute: int, phase: Phase = Phase.PENDING, ingress: str = "checkout") -> Row:
    rivals = (Rival(Key("shop", name), parse_time(at(minute)), ingress, "another", phase),)
    return row(created=parse_time(at(5)), rivals=rivals)


INTERNAL = ingress_class("internal", "example.com/internal-nginx")
TO_CANARY = rule("x", path("checkout-canary"))
TWO_HOSTS = ingress(meta("checkout"), rule(HOST, path("checkout")), rule("two.example", path("checkout")))
WILDCARD = ingress(meta("checkout"), rule("*.example", path("checkout")))
SHARING = other("api", rule("api.example", path("checkout")))
CATCH_ALL_CANARY = ingress(meta("all", canary="true"), defaultBackend=backend("x"))
PROBE = {"url": "https://shop.example/", "header": "X-Version", "value": "v2"}
BY_TARGET = [service(name, ports=[{"port": 8000, "targetPort": 80}]) for name in ("checkout", "checkout-canary")]
FORCED = (Exposed(0, HeaderRoute(name="X-Canary", pattern="^v2$"), "canary"),)

CLEAN: dict[str, Row] = {
    "the shop itself": row(),
    "a rollout in progress": row(shadow(), phase=Phase.PROGRESSING, next_weight=50),
    "a younger rival": beside("younger", 9),
    "an older rival at rest": beside("older", 0, Phase.SUCCEEDED),
    "an older rival on another Ingress and canary": beside("older", 0, ingress="cart"),
    "1: the canary Service by another port": row(other("x", rule("x", path("checkout-canary", port=81)))),
    "1: another controller's Ingress": row(other("x", TO_CANARY, ingressClassName="internal"), INTERNAL),
    "4: no path and no type given": row(shadow(rule(HOST, path("checkout-canary", "", "ImplementationSpecific")))),
    "5: a canary on another path": row(foreign_canary("x", rule(HOST, path("x", "/x")))),
    "5: a canary of another controller": row(foreign_canary("x", ingressClassName="internal"), INTERNAL),
    "5: a catch-all canary where the primary has a host": row(CATCH_ALL_CANARY),
    "7: a younger Ingress claims the same": row(other("x", rule(HOST, path("x")), namespace="else")),
    "7: an older one claims another type": row(other("x", rule(HOST, path("x", "/", "Exact")), minute=1)),
    "8: shared by leave": row(SHARING, spec=rollout_spec(shadow={"shareUpstream": True})),
    "8: the primary's own second host": row(TWO_HOSTS),
    "8: the stable Service by another port": row(other("api", rule("api.example", path("checkout", port="http")))),
    "9: a known controller of one's own": row(
        classed("internal"), INTERNAL, controllers=frozenset({"example.com/internal-nginx"})
    ),
    "9: the default class": row(classed(None), ingress_class(default=True)),
    "9: no class, where the controllers need none": row(classed(None), facts=ControllerFacts(without_class=True)),
    "9: the legacy class that the controllers are told": row(
        classed(None, legacy="internal"), facts=ControllerFacts(legacy_class="internal")
    ),
    "10: passthrough switched off": row(primary(ssl_passthrough="false", permanent_redirect="")),
    "11: values that are read as written": row(routes=FORCED),
    "12: low risk level, but no routes": row(facts=ControllerFacts(annotations_risk_level="Low")),
    "12: high risk level": row(routes=FORCED, facts=ControllerFacts(annotations_risk_level="High")),
    "14: a port found by its target": row(*BY_TARGET),
    "14: a port by a name that pods have": row(
        service("checkout-canary", ports=[{"name": "http", "port": 80, "targetPort": "web"}])
    ),
    "14: the only port, without a name": row(
        service("checkout-canary", ports=[{"port": 80, "targetPort": "web"}]),
        pods("checkout-canary", "10.0.1.1", ports=["web"]),
    ),
    "14: endpoints without a port, and one by its number": row(
        service("checkout-canary", ports=[{"name": "http", "port": 80, "targetPort": 8080}]),
        pods("checkout-canary", "10.0.1.1", ports=[]),
    ),
    "15: a default backend takes over": row(pods("checkout"), primary(default_backend="sorry")),
    "15: an ExternalName has no endpoints": row(pods("checkout"), service("checkout", type="ExternalName", ports=[])),
    "17: what takes effect": row(shadow(affinity="cookie", session_cookie_name="s", plain={"team": "a"})),
    "20: undefined hosts are counted": row(WILDCARD, facts=ControllerFacts(metrics=True, undefined_hosts=True)),
    "29: what is left out is judged by no SLO": row(
        facts=ControllerFacts(metrics=True, left_out=frozenset({Capability.LATENCY_BUCKETS})),
        next_weight=10,
        judged_by=frozenset({Capability.REQUESTS}),
    ),
    "22: topology-aware routing is off": row(
        service("checkout", trafficDistribution="PreferClose"), facts=ControllerFacts(topology=False)
    ),
    "23: one pod": row(facts=ControllerFacts(pods=1)),
    "27: an error backend for what no SLO calls bad": row(
        primary(custom_http_errors="404,503"), bad_statuses=("500", "502")
    ),
    "27: the Ingress has fewer than the controllers": row(
        primary(custom_http_errors="404"), bad_statuses=("5..",), facts=ControllerFacts(custom_http_errors="503")
    ),
    "28: a probe shows it": row(MESHED, spec=rollout_spec(probe=PROBE)),
    "28: endpoints, whatever the controllers do": row(
        primary(service_upstream="false", upstream_vhost="x"), facts=ControllerFacts(service_upstream=True)
    ),
    "25: half of what is asked": row(pods("checkout", "a", "b", "c"), next_weight=50),
}


@pytest.mark.parametrize(("manifests", "given"), CLEAN.values(), ids=CLEAN)
def test_nothing_is_found_where_nothing_is_wrong(manifests: tuple[Manifest, ...], given: dict[str, Any]) -> None:
    assert problems(manifests, **given) == ()


def test_the_legacy_annotation_is_served_without_an_ingress_class() -> None:
    assert problems(shop(classed(None, legacy="nginx"), without=["IngressClass/nginx"])) == ()


def test_a_rollout_that_has_begun_goes_before_an_older_one_that_waits() -> None:
    manifests, given = beside("older", 0)
    assert problems(manifests, **given, phase=Phase.PAUSED) == ()


def test_a_rollout_is_not_its_own_rival() -> None:
    manifests, given = beside("checkout", 0)
    assert problems(manifests, **given) == ()
