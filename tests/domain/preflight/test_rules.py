"""Each rule of preflight: what it finds and where it reports it. What it lets pass is in test_clean_clusters.py."""

from typing import Any, NamedTuple

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.metrics.capabilities import Capability
from ingress_canary.domain.objects.metadata import Key, parse_time
from ingress_canary.domain.preflight.inputs import ControllerFacts, Rival
from ingress_canary.domain.preflight.problem import ProblemSeverity
from ingress_canary.domain.traffic.router.nginx.rules import RULES
from tests.domain.shop import (
    HOST,
    MESHED,
    NGINX,
    Exposed,
    Manifest,
    at,
    backend,
    classed,
    deleted,
    foreign_canary,
    ingress,
    ingress_class,
    meta,
    other,
    path,
    pods,
    primary,
    problems,
    rule,
    service,
    shadow,
    shop,
)

PRIMARY, SHADOW = "Ingress shop/checkout", "Ingress shop/checkout-canary"
STABLE, CANARY = "Service shop/checkout", "Service shop/checkout-canary"
CONTROLLERS = "ingress controllers"
PATH = "spec.rules[0].http.paths[0]"
CLASS, SELECTOR = "spec.ingressClassName", "spec.selector"


class Case(NamedTuple):
    """One cluster, and the one thing that a rule finds in it."""

    rule: int
    object: str
    field: str
    says: str
    manifests: tuple[Manifest, ...]
    given: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.rule}: {self.says}"


def found(rule: int, object: str, field: str, says: str, *changed: Manifest, **given: Any) -> Case:  # noqa: A002
    return Case(rule, object, field, says, shop(*changed), given)


def missing(what: str, field: str, says: str) -> Case:
    return Case(0, "CanaryRollout shop/checkout", field, says, shop(without=[what]), {})


def basic(field: str, says: str, *changed: Manifest, **given: Any) -> Case:
    return found(0, "CanaryRollout shop/checkout", field, says, *changed, created=parse_time(at(5)), **given)


def on(key: str) -> str:
    return f"metadata.annotations[{NGINX}/{key}]"


def rival(name: str, minute: int, phase: Phase = Phase.PENDING, ingress: str = "checkout", canary: str = "x") -> Rival:
    return Rival(Key("shop", name), parse_time(at(minute)), ingress, canary, phase)


def unowned(body: Manifest) -> Manifest:
    return {**body, "metadata": {key: value for key, value in body["metadata"].items() if key != "ownerReferences"}}


def many(prefix: str, count: int) -> list[str]:
    return [f"{prefix}.{number}" for number in range(1, count + 1)]


ELSEWHERE = ingress(meta("checkout"), rule(HOST, path("cart")), defaultBackend=backend("checkout"))
HOSTLESS = ingress(meta("checkout"), rule("", path("checkout")))
WILDCARD = ingress(meta("checkout"), rule("*.shop.example", path("checkout")))
BOTH_BACKENDS = ingress(meta("checkout"), rule(HOST, path("checkout")), defaultBackend=backend("checkout"))
CATCH_ALL_CANARY = ingress(meta("all", minute=5, canary="true"), defaultBackend=backend("experiment"))
PASSES_TLS = ingress(meta("tls", minute=30, ssl_passthrough="true"), rule(HOST, path("tls", "/tls")))
SECOND_CANARY = foreign_canary("checkout-canary", rule("other.example", path("checkout-canary")))
SHARING = other("api", rule("api.example", path("checkout"), path("checkout", "/v2")))
SUBSET = primary(upstream_hash_by="$request_uri", upstream_hash_by_subset="true")
BY_REQUESTS = frozenset({Capability.REQUESTS})
BY_LATENCY = frozenset({Capability.LATENCY_BUCKETS})
COUNTS_NAMED_HOSTS = ControllerFacts(metrics=True, undefined_hosts=False)


def uncounted(rule: int, **given: Any) -> Case:
    """Return what a rule finds of a wildcard whose requests are known not to be counted."""
    says = "*.shop.example/ (Prefix) are not counted"
    return found(rule, PRIMARY, PATH, says, WILDCARD, facts=COUNTS_NAMED_HOSTS, **given)


TARGETS_WEB = service("checkout-canary", ports=[{"name": "http", "port": 80, "targetPort": "web"}])
NO_PORT_80 = [{"name": "web", "port": 8080}]
ZONED = {"service.kubernetes.io/topology-mode": "Auto"}
HEADER = HeaderRoute(name="X-Canary")

BASICS = [
    missing("Ingress/checkout", "spec.ingresses[0]", "Ingress shop/checkout does not exist"),
    basic("spec.ingresses[0]", "is being deleted", deleted(primary())),
    missing("Service/checkout", "spec.stableService", "Service shop/checkout does not exist"),
    basic("spec.stableService", "is being deleted", deleted(service("checkout"))),
    basic("spec.stableService", "its paths lead to cart", ELSEWHERE),
    basic("spec.stableService", "no path that leads to a Service", ingress(meta("checkout"), {"host": HOST})),
    found(0, PRIMARY, f"{PATH}.backend.service.port", "has no port 80", service("checkout", ports=NO_PORT_80)),
    missing("Service/checkout-canary", "spec.canaryService", "Service shop/checkout-canary does not exist"),
    basic("spec.shadow.name", "belongs to somebody else", unowned(shadow())),
    basic("spec.shadow.name", "belongs to CanaryRollout checkout", shadow(owner="another-uid")),
    basic("spec.ingresses[0]", "shop/older (Pending)", rivals=(rival("older", 0),)),
    basic("spec.canaryService", "shop/older", rivals=(rival("older", 0, ingress="cart", canary="checkout-canary"),)),
    basic("spec.ingresses[0]", "shop/begun (Paused)", rivals=(rival("begun", 9, Phase.PAUSED),)),
]


def test_whose_live_canary_has_the_shadows_name_is_reported_after_the_rival_and_nobody_is_asked_to_remove_it() -> None:
    begun = rival("begun", 0, Phase.PROGRESSING)
    first, second = problems(shop(shadow(owner="another-uid")), rivals=(begun,))
    assert first.message.startswith("CanaryRollout shop/begun (Progressing) uses the same one and comes first")
    assert "belongs to CanaryRollout" in second.message
    assert "would take that one's canary off" in second.remedy
    assert "delete" not in second.remedy
    (stray,) = problems(shop(unowned(shadow())))
    assert stray.remedy == "choose another spec.shadow.name, or remove that Ingress"


CASES = [
    found(
        1, "Ingress shop/x", f"{PATH}.backend.service", "canary Service", other("x", rule("x", path("checkout-canary")))
    ),
    found(
        1, "Ingress shop/x", "spec.defaultBackend.service", "S", other("x", defaultBackend=backend("checkout-canary"))
    ),
    found(2, SHADOW, PATH, "wipes the stable upstream", shadow(rule(HOST, path("checkout")))),
    found(2, SHADOW, "spec.defaultBackend", "default backend", shadow(defaultBackend=backend("checkout-canary"))),
    found(3, SHADOW, "spec.rules[1]", "panic", shadow(rule(HOST, path("checkout-canary")), {"host": "x"})),
    found(3, SHADOW, f"{PATH}.backend", "leads to cart, not to the canary", shadow(rule(HOST, path("cart")))),
    found(4, SHADOW, PATH, "shop.example/v2 (Prefix) is no path", shadow(rule(HOST, path("checkout-canary", "/v2")))),
    found(
        4, SHADOW, PATH, "shop.example/ (Exact) is no path", shadow(rule(HOST, path("checkout-canary", kind="Exact")))
    ),
    found(4, SHADOW, PATH, "www.example/ (Prefix) is no path", shadow(rule("www.example", path("checkout-canary")))),
    found(5, "Ingress shop/x-canary", PATH, "only the oldest is used", foreign_canary("x")),
    found(5, "Ingress else/x-canary", PATH, "shop.example/ (Prefix)", foreign_canary("x", namespace="else")),
    found(5, "Ingress shop/all", "spec.defaultBackend", "all paths without a host", HOSTLESS, CATCH_ALL_CANARY),
    found(6, "Ingress shop/checkout-canary-canary", PATH, "counts for both", SECOND_CANARY),
    found(7, PRIMARY, PATH, "to Ingress else/x", other("x", rule(HOST, path("x")), minute=1, namespace="else")),
    found(7, PRIMARY, on("canary"), "is a canary Ingress itself", primary(canary="True")),
    found(8, "Ingress shop/api", PATH, "api.example/ (Prefix) and 1 more", SHARING),
    found(8, PRIMARY, "spec.defaultBackend", "the default backend", BOTH_BACKENDS),
    found(9, PRIMARY, CLASS, "x.io/lb, which is not known", classed("other"), ingress_class("other", "x.io/lb")),
    found(9, PRIMARY, CLASS, "no IngressClass gone", classed("gone")),
    found(9, PRIMARY, CLASS, "it has no class", classed(None)),
    found(9, PRIMARY, CLASS, "no IngressClass internal", classed(None, legacy="internal")),
    found(9, PRIMARY, CLASS, "it has no class", classed(None), facts=ControllerFacts(without_class=False)),
    found(
        9,
        PRIMARY,
        CLASS,
        "no IngressClass other",
        classed(None, legacy="other"),
        facts=ControllerFacts(legacy_class="internal", without_class=True),
    ),
    found(10, PRIMARY, on("ssl-passthrough"), "passed through", primary(ssl_passthrough="true")),
    found(10, PRIMARY, on("permanent-redirect"), "redirected", primary(permanent_redirect="https://x.example")),
    found(10, PRIMARY, on("temporal-redirect"), "redirected", primary(temporal_redirect="https://x.example")),
    found(10, "Ingress shop/tls", on("ssl-passthrough"), "passed through", PASSES_TLS),
    found(11, SHADOW, on("canary-weight"), "read as 0", shadow(canary_weight="10%")),
    found(11, SHADOW, on("canary-weight-total"), "read as 100", shadow(canary_weight_total="1.5")),
    found(
        12,
        "ConfigMap of the controllers",
        "data.annotations-risk-level",
        "Low forbids",
        routes=(Exposed(0), Exposed(5, HEADER)),
        facts=ControllerFacts(annotations_risk_level="Low"),
    ),
    found(13, PRIMARY, on("upstream-hash-by-subset"), "never takes a changed weight", SUBSET),
    found(13, SHADOW, on("upstream-hash-by-subset"), "changed weight", shadow(upstream_hash_by_subset="true")),
    found(14, CANARY, "spec.ports", "has no port 80", service("checkout-canary", ports=NO_PORT_80)),
    found(
        14,
        CANARY,
        "spec.ports",
        "no ready pod behind it has a port named web",
        TARGETS_WEB,
        pods("checkout-canary", "10.0.1.1", ports=[]),
    ),
    found(
        14,
        CANARY,
        "spec.ports",
        "no ready pod behind it has a port named web",
        TARGETS_WEB,
        pods("checkout-canary", "10.0.1.1", ports=["admin"]),
    ),
    found(14, CANARY, SELECTOR, "no ready endpoint", pods("checkout-canary", "10.0.1.1", ready=False)),
    found(15, STABLE, SELECTOR, "an outage of stable: all", pods("checkout")),
    found(15, STABLE, SELECTOR, "while the canary carries", pods("checkout"), shadow(), phase=Phase.PROGRESSING),
    found(16, PRIMARY, on("affinity"), "stay on the side", primary(affinity="cookie")),
    found(16, PRIMARY, on("affinity"), "of stable", primary(affinity="cookie", affinity_canary_behavior="legacy")),
    found(17, SHADOW, on("auth-tls-secret"), "leaks", shadow(auth_tls_secret="shop/ca")),
    found(17, SHADOW, on("of-a-later-release"), "not known", shadow(of_a_later_release="1")),
    found(17, SHADOW, on("rewrite-target"), "no effect", shadow(rewrite_target="/")),
    found(
        17,
        SHADOW,
        "metadata.annotations[cert-manager.io/issuer]",
        "tool",
        shadow(plain={"cert-manager.io/issuer": "x"}),
    ),
    found(17, SHADOW, "spec.tls", "ignored", shadow(tls=[{"hosts": [HOST]}])),
    found(18, SHADOW, on("canary"), "'false' instead of", shadow(canary="false")),
    found(18, SHADOW, on("canary"), "'True' instead of", shadow(canary="True")),
    found(19, CANARY, "spec.type", "ExternalName", service("checkout-canary", type="ExternalName", ports=[])),
    found(20, CONTROLLERS, "--enable-metrics", "are off", facts=ControllerFacts(metrics=False)),
    found(20, PRIMARY, PATH, "*/ (Prefix) are not counted", HOSTLESS),
    found(20, PRIMARY, PATH, "*.shop.example/ (Prefix) are not counted", WILDCARD),
    found(21, CANARY, "metadata.name", "Service shop-checkout/canary", service("canary", namespace="shop-checkout")),
    found(22, CANARY, f"metadata.annotations[{next(iter(ZONED))}]", "zone", service("checkout-canary", plain=ZONED)),
    found(22, STABLE, "spec.trafficDistribution", "zone", service("checkout", trafficDistribution="PreferClose")),
    found(23, CONTROLLERS, "replicas", "3 pods", facts=ControllerFacts(pods=3)),
    found(24, STABLE, SELECTOR, "10.0.1.1 also stand behind", pods("checkout", "10.0.0.1", "10.0.1.1")),
    found(
        24, STABLE, SELECTOR, "9.3 and 1 more", pods("checkout", *many("9", 4)), pods("checkout-canary", *many("9", 4))
    ),
    found(25, CANARY, SELECTOR, "1 of 10 ready", pods("checkout", *many("9", 9)), next_weight=50),
    found(26, PRIMARY, on("backend-protocol"), "HTTP 200", primary(backend_protocol="GRPC")),
    found(26, PRIMARY, on("backend-protocol"), "GRPCS errors", primary(backend_protocol="grpcs")),
    found(
        27,
        PRIMARY,
        on("custom-http-errors"),
        "instead of 500, 503, and",
        primary(custom_http_errors="404,503,500"),
        bad_statuses=("5..",),
    ),
    found(
        27,
        "ConfigMap of the controllers",
        "data.custom-http-errors",
        "instead of 499",
        bad_statuses=("50.", "499"),
        facts=ControllerFacts(custom_http_errors="404, 499,510"),
    ),
    found(
        29,
        CONTROLLERS,
        "--enable-metrics",
        "are off",
        facts=ControllerFacts(metrics=False),
        next_weight=10,
        judged_by=BY_REQUESTS,
    ),
    found(
        29,
        CONTROLLERS,
        "--exclude-socket-metrics",
        "request_duration_seconds is left out",
        facts=ControllerFacts(metrics=True, left_out=BY_LATENCY),
        next_weight=10,
        judged_by=BY_REQUESTS | BY_LATENCY,
    ),
    found(
        20,
        CONTROLLERS,
        "--exclude-socket-metrics",
        "nginx_ingress_controller_requests is left out",
        facts=ControllerFacts(metrics=True, left_out=BY_REQUESTS),
        next_weight=10,
        judged_by=BY_LATENCY,
    ),
    uncounted(29, next_weight=1, judged_by=BY_REQUESTS),
    uncounted(20, next_weight=0, judged_by=BY_REQUESTS),
    uncounted(20, next_weight=1),
    found(28, PRIMARY, on("upstream-vhost"), "by which a mesh", MESHED),
    found(
        30,
        PRIMARY,
        on("configuration-snippet"),
        "answers 204, a status itself",
        primary(configuration_snippet="if ($a) { return 204; } if ($b) { return 403; } return $c;"),
    ),
    found(
        30,
        "ConfigMap of the controllers",
        "data",
        "answers 403 itself",
        bad_statuses=("4..",),
        facts=ControllerFacts(own_answers=frozenset({"301", "403"})),
    ),
    found(
        28,
        PRIMARY,
        on("upstream-vhost"),
        "by which a mesh",
        primary(upstream_vhost="checkout.shop.svc"),
        facts=ControllerFacts(service_upstream=True),
    ),
]

WARNINGS = {16, 17, 19, 20, 21, 22, 23, 25, 26, 30}


@pytest.mark.parametrize("case", BASICS, ids=str)
def test_what_must_exist_is_reported_first_and_alone(case: Case) -> None:
    (only,) = problems(case.manifests, **case.given)
    assert (only.rule, only.severity, only.object, only.field) == (0, ProblemSeverity.ERROR, case.object, case.field)
    assert case.says in only.message
    assert only.remedy


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_rule_finds_what_it_is_for_and_says_where(case: Case) -> None:
    its = [problem for problem in problems(case.manifests, **case.given) if problem.rule == case.rule]
    assert [(problem.object, problem.field) for problem in its] == [(case.object, case.field)]
    assert case.says in its[0].message
    assert its[0].severity is (ProblemSeverity.WARNING if case.rule in WARNINGS else ProblemSeverity.ERROR)
    assert its[0].remedy


@pytest.mark.parametrize(
    ("route", "field"),
    [
        (Exposed(0, HeaderRoute(name="X_Canary")), "schedule: header.name"),
        (Exposed(0, HeaderRoute(name="X-Canary", value="a,b")), "schedule: header.value"),
        (Exposed(0, HeaderRoute(name="X-Canary", pattern="v{1,3}")), "schedule: header.pattern"),
        (Exposed(0, cookie="my cookie"), "schedule: cookie"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_value_that_the_controller_would_drop_is_found_once_however_many_steps_use_it(
    route: Exposed, field: str
) -> None:
    (only,) = problems(routes=(Exposed(1), route, route))
    assert (only.rule, only.object, only.field) == (11, "CanaryRollout shop/checkout", field)


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} == {one.number for one in RULES} - {0} == set(range(1, 31))


def test_of_two_ingresses_of_one_second_the_later_name_owns_the_path() -> None:
    def owned(name: str) -> list[int]:
        return [problem.rule for problem in problems(shop(other(name, rule(HOST, path("x")), minute=10)))]

    assert owned("zebra") == [7]
    assert owned("aardvark") == []


def test_a_service_of_the_same_upstream_name_in_another_namespace_counts_as_the_same() -> None:
    twin = service("canary", namespace="shop-checkout")
    user = other("twin", rule("twin.example", path("canary")), namespace="shop-checkout")
    assert [problem.rule for problem in problems(shop(twin, user))] == [1, 21]


def test_a_controller_in_doubt_counts_as_the_primarys_own() -> None:
    unresolved = other("x", rule("x", path("checkout-canary")), ingressClassName="gone")
    assert [problem.rule for problem in problems(shop(unresolved))] == [1]


def test_a_canary_on_several_hosts_is_named_once() -> None:
    two = ingress(meta("checkout"), rule(HOST, path("checkout")), rule("two.example", path("checkout")))
    second = foreign_canary("x", rule(HOST, path("x")), rule("two.example", path("x")))
    assert [problem.rule for problem in problems(shop(two, second))] == [5]


@pytest.mark.parametrize(("settle", "found"), [(14.0, True), (15.0, False), (60.0, False)])
def test_several_controller_pods_are_no_finding_where_settling_has_patience(settle: float, found: bool) -> None:
    several = problems(shop(), facts=ControllerFacts(pods=3), settle=settle)
    assert any(problem.rule == 23 for problem in several) is found
