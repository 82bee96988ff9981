"""What is written for ingress-nginx, and how its reading of annotations is read back: cases and random primaries."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.metrics.samples import Side
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Owner
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.ingress_classes import CLASS_ANNOTATION
from ingress_canary.domain.traffic.router.nginx.annotations import takes_effect
from ingress_canary.domain.traffic.router.nginx.router import PREFIX, NginxRouter, weight_of, weight_values
from tests.domain.world import OWNER, PRIMARY, rollout

ROUTER = NginxRouter()

# -- weights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weight", "values"),
    [
        (0, ("0", None)),
        (1, ("1", None)),
        (100, ("100", None)),
        (12.5, ("125", "1000")),
        (0.1, ("1", "1000")),
        (0.25, ("25", "10000")),
        (0.001, ("1", "100000")),
        (99.999, ("99999", "100000")),
        (0.1 + 0.2, ("3", "1000")),
    ],
)
def test_a_weight_is_two_plain_integers(weight: float, values: tuple[str, str | None]) -> None:
    assert weight_values(weight) == values


@given(st.integers(0, 100_000))
def test_every_weight_of_three_decimals_is_read_back_as_it_was_written(thousandths: int) -> None:
    weight, total = weight_values(thousandths / 1000)
    annotations = {f"{PREFIX}/canary-weight": weight} | ({f"{PREFIX}/canary-weight-total": total} if total else {})
    assert weight_of(annotations) == pytest.approx(thousandths / 1000, abs=1e-9)


@pytest.mark.parametrize(
    ("weight", "total", "read"),
    [
        ("50", None, 50),
        ("+50", None, 50),
        ("0", None, 0),
        ("-0", None, 0),
        ("0050", None, 50),
        ("0" * 5000 + "50", None, 50),
        ("-5", None, 0),
        ("500", None, 100),
        ("10%", None, 0),
        (" 10", None, 0),
        ("10\n", None, 0),
        ("1.5", None, 0),
        ("", None, 0),
        (None, None, 0),
        ("\N{ARABIC-INDIC DIGIT FIVE}0", None, 0),
        ("9223372036854775807", None, 100),
        ("9223372036854775808", None, 0),
        ("9" * 10_000, None, 0),
        ("50", "200", 25),
        ("50", "50", 50),
        ("50", "-1", 50),
        ("50", "many", 50),
    ],
)
def test_a_weight_is_read_as_go_reads_it(weight: str | None, total: str | None, read: float) -> None:
    annotations = {"canary-weight": weight, "canary-weight-total": total}
    assert weight_of({f"{PREFIX}/{key}": value for key, value in annotations.items() if value is not None}) == read


# -- routes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "exposure"),
    [
        ({}, None),
        ({"canary": "false", "canary-weight": "5"}, None),
        ({"canary": "true"}, Exposure()),
        ({"canary": "true", "canary-weight": "5"}, Exposure(5)),
        ({"canary": "true", "canary-by-header": "X"}, Exposure(0, HeaderRoute(name="X"))),
        (
            {"canary": "true", "canary-by-header": "X", "canary-by-header-value": "staff"},
            Exposure(0, HeaderRoute(name="X", value="staff")),
        ),
        (
            {"canary": "true", "canary-by-header": "X", "canary-by-header-pattern": "^v2"},
            Exposure(0, HeaderRoute(name="X", pattern="^v2")),
        ),
        (
            {
                "canary": "true",
                "canary-by-header": "X",
                "canary-by-header-value": "a",
                "canary-by-header-pattern": "b",
            },
            Exposure(0, HeaderRoute(name="X", value="a")),
        ),
        ({"canary": "true", "canary-by-header-value": "orphaned"}, Exposure()),
        ({"canary": "true", "canary-by-cookie": "canary"}, Exposure(0, None, "canary")),
        ({"canary": "true", "canary-by-cookie": ""}, Exposure()),
    ],
)
def test_an_exposure_is_what_the_controller_makes_of_the_annotations(
    values: Mapping[str, str], exposure: Exposure | None
) -> None:
    annotations = {f"{PREFIX}/{key}": value for key, value in values.items()}
    assert ROUTER.exposure(Ingress.of({"metadata": {"annotations": annotations}})) == exposure


@given(
    st.integers(0, 100_000),
    st.sampled_from(
        [None, HeaderRoute(name="X"), HeaderRoute(name="X", value="v"), HeaderRoute(name="X", pattern="p")]
    ),
    st.sampled_from([None, "canary"]),
)
def test_what_is_written_on_a_shadow_is_read_back(
    thousandths: int, header: HeaderRoute | None, cookie: str | None
) -> None:
    written = Exposure(thousandths / 1000, header, cookie)
    read = ROUTER.exposure(Ingress.of(ROUTER.shadow(Ingress.of(PRIMARY), rollout(), OWNER, written)))
    assert read is not None
    assert (read.header, read.cookie) == (header, cookie)
    assert read.weight == pytest.approx(written.weight, abs=1e-9)
    assert read.forced == written.forced


# -- the shadow -----------------------------------------------------------------------------------------------------


def _path(service: str | None, path: str | None = "/", type_: str | None = "Prefix", **port: Any) -> dict[str, Any]:
    backend = (
        {"resource": {"kind": "StorageBucket", "name": "static"}}
        if service is None
        else {"service": {"name": service, "port": port or {"number": 80}}}
    )
    written = {"path": path, "pathType": type_, "backend": backend}
    return {key: value for key, value in written.items() if value is not None}


def _primary(rules: list[dict[str, Any]], annotations: Mapping[str, str] | None = None, **spec: Any) -> Ingress:
    metadata = {"name": "checkout", "namespace": "shop", "annotations": annotations or {}}
    return Ingress.of({"metadata": metadata, "spec": {"rules": rules, **spec}})


def _rule(host: str | None, *paths: dict[str, Any]) -> dict[str, Any]:
    return ({"host": host} if host is not None else {}) | {"http": {"paths": list(paths)}}


RULES: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str, str]]]] = {
    "several hosts": (
        [_rule("a.example", _path("checkout")), _rule("b.example", _path("checkout", "/pay", "Exact"))],
        [("a.example", "/", "Prefix"), ("b.example", "/pay", "Exact")],
    ),
    "paths of other Services": (
        [_rule("a.example", _path("checkout"), _path("cart", "/cart")), _rule("b.example", _path("cart"))],
        [("a.example", "/", "Prefix")],
    ),
    "a rule without http": (
        [{"host": "a.example"}, _rule("b.example", _path("checkout"))],
        [("b.example", "/", "Prefix")],
    ),
    "a resource backend": (
        [_rule("a.example", _path(None), _path("checkout", "/pay"))],
        [("a.example", "/pay", "Prefix")],
    ),
    "no host": ([_rule(None, _path("checkout"))], [("", "/", "Prefix")]),
    "an empty host": ([_rule("", _path("checkout"))], [("", "/", "Prefix")]),
    "a regular expression": (
        [_rule("a.example", _path("checkout", "/pay/(.*)", "ImplementationSpecific"))],
        [("a.example", "/pay/(.*)", "ImplementationSpecific")],
    ),
    "a path not given": ([_rule("a.example", _path("checkout", None, "Prefix"))], [("a.example", "", "Prefix")]),
}


@pytest.mark.parametrize(("rules", "paths"), RULES.values(), ids=RULES)
def test_the_shadow_has_the_stable_services_paths_and_no_others(
    rules: list[dict[str, Any]], paths: list[tuple[str, str, str]]
) -> None:
    shadow = Ingress.of(ROUTER.shadow(_primary(rules), rollout(), OWNER, Exposure()))
    assert [(rule.host, path.path, path.type) for rule in shadow.rules for path in rule.paths or ()] == paths


def test_a_default_backend_is_not_cloned() -> None:
    default = {"service": {"name": "checkout", "port": {"number": 80}}}
    shadow = ROUTER.shadow(_primary([], defaultBackend=default), rollout(), OWNER, Exposure())
    assert shadow["spec"] == {"rules": []}


def test_a_named_port_is_kept_by_its_name() -> None:
    shadow = ROUTER.shadow(_primary([_rule("a.example", _path("checkout", name="http"))]), rollout(), OWNER, Exposure())
    backend = shadow["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    assert backend == {"service": {"name": "checkout-canary", "port": {"name": "http"}}}


def test_only_the_class_and_what_takes_effect_is_copied() -> None:
    kept = {
        CLASS_ANNOTATION: "nginx",
        f"{PREFIX}/affinity": "cookie",
        f"{PREFIX}/affinity-mode": "persistent",
        f"{PREFIX}/session-cookie-name": "route",
        f"{PREFIX}/load-balance": "ewma",
        f"{PREFIX}/upstream-hash-by": "$request_uri",
        f"{PREFIX}/service-upstream": "true",
    }
    left = {
        "cert-manager.io/cluster-issuer": "letsencrypt",
        "external-dns.alpha.kubernetes.io/hostname": "shop.example",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        f"{PREFIX}/auth-tls-secret": "shop/ca",
        f"{PREFIX}/proxy-ssl-secret": "shop/ca",
        f"{PREFIX}/stream-snippet": "server {}",
        f"{PREFIX}/rewrite-target": "/$1",
        f"{PREFIX}/canary-weight": "77",
        f"{PREFIX}/canary-by-cookie": "leak",
    }
    primary = _primary([_rule("a.example", _path("checkout"))], kept | left, tls=[{"hosts": ["a.example"]}])
    shadow = ROUTER.shadow(primary, rollout(), OWNER, Exposure())
    annotations = shadow["metadata"]["annotations"]
    assert annotations == kept | {f"{PREFIX}/canary": "true", f"{PREFIX}/canary-weight": "0"}
    assert "tls" not in shadow["spec"]
    assert "ingressClassName" not in shadow["spec"]


def test_the_shadow_says_who_owns_it_in_labels_that_the_api_takes() -> None:
    owner = Owner("CanaryRollout", "c" * 61 + "-.checkout", "uid-1")
    shadow = ROUTER.shadow(Ingress.of(PRIMARY), rollout(), owner, Exposure())
    assert shadow["metadata"]["labels"]["ingress-canary.io/rollout"] == "c" * 61
    assert shadow["metadata"]["ownerReferences"][0]["name"] == owner.name
    assert shadow["metadata"]["ownerReferences"][0]["controller"] is True


_services = st.sampled_from(["checkout", "cart", None])
_paths = st.builds(
    _path,
    _services,
    st.sampled_from(["/", "/pay", "/pay/(.*)", None]),
    st.sampled_from(["Prefix", "Exact", "ImplementationSpecific", None]),
)
_rules = st.one_of(
    st.builds(_rule, st.sampled_from(["a.example", "*.example", "", None]), _paths, _paths),
    st.sampled_from([{"host": "bare.example"}, {}, {"host": "empty.example", "http": {}}]),
)
_names = (
    "affinity", "affinity-canary-behavior", "session-cookie-path", "load-balance", "canary", "canary-weight",
    "canary-by-header", "auth-tls-secret", "configuration-snippet", "server-alias", "stream-snippet",
)  # fmt: skip
_foreign = (CLASS_ANNOTATION, "cert-manager.io/issuer", "argocd.argoproj.io/tracking-id")
_keys = st.sampled_from([*_foreign, *(f"{PREFIX}/{name}" for name in _names)])
_backend = {"service": {"name": "checkout", "port": {"number": 80}}}


@settings(max_examples=60)
@given(
    rules=st.lists(_rules, max_size=4),
    annotations=st.dictionaries(_keys, st.sampled_from(["true", "false", "cookie", "7"])),
    class_name=st.sampled_from([None, "nginx"]),
    default=st.booleans(),
    weight=st.integers(0, 100_000),
)
def test_every_shadow_keeps_the_reference_rules(
    rules: list[dict[str, Any]], annotations: dict[str, str], class_name: str | None, default: bool, weight: int
) -> None:
    spec = {"ingressClassName": class_name} if class_name else {}
    primary = _primary(rules, annotations, **spec, **({"defaultBackend": _backend} if default else {}))
    manifest = ROUTER.shadow(primary, rollout(), OWNER, Exposure(weight / 1000))
    shadow = Ingress.of(manifest)
    # rule 2: the stable Service is never referenced, and there is no default backend
    assert shadow.default_backend is None
    assert {backend.service for backend in shadow.backends()} <= {"checkout-canary"}
    # rule 3: no rule without http, no path of another Service
    assert all(rule.paths for rule in shadow.rules)
    # rule 4: host, path and type string-equal to the primary's, in its order
    written = [
        (rule.host, path.path, path.type, path.backend.port)
        for rule in primary.rules
        for path in rule.paths or ()
        if path.backend.service == "checkout"
    ]
    assert [(r.host, p.path, p.type, p.backend.port) for r in shadow.rules for p in r.paths or ()] == written
    # rule 17: nothing but the class and what has effect; TLS is never there
    for key, value in shadow.meta.annotations.items():
        assert key == CLASS_ANNOTATION or takes_effect(key.removeprefix(f"{PREFIX}/"))
        if not key.startswith(f"{PREFIX}/canary"):
            assert annotations[key] == value
    assert set(manifest["spec"]) <= {"rules", "ingressClassName"}
    assert shadow.class_name == class_name
    # rule 18: marked from the start, whatever the primary says
    assert shadow.meta.annotations[f"{PREFIX}/canary"] == "true"


# -- the numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "side"),
    [
        ({}, Side.STABLE),
        ({"canary": ""}, Side.STABLE),
        ({"canary": "shop-checkout-canary-80"}, Side.CANARY),
        ({"canary": "shop-checkout-canary-http"}, Side.CANARY),
        ({"canary": "shop-checkout-canary-8080"}, None),
        ({"canary": "shop-other-80"}, None),
        ({"service": "cart"}, None),
        ({"ingress": "checkout-canary"}, None),
        ({"namespace": "elsewhere"}, None),
    ],
)
def test_the_canary_label_distinguishes_the_sides(labels: dict[str, str], side: Side | None) -> None:
    primary = _primary([_rule("a.example", _path("checkout"), _path("checkout", "/api", name="http"))])
    signals = ROUTER.signals(primary, rollout())
    assert signals.side({"namespace": "shop", "ingress": "checkout", "service": "checkout"} | labels) is side


@pytest.mark.parametrize(
    ("value", "method", "side"),
    [
        ("true", "OPTIONS", None),
        ("t", "OPTIONS", None),
        ("true", "GET", Side.STABLE),
        ("yes", "OPTIONS", Side.STABLE),
        (None, "OPTIONS", Side.STABLE),
    ],
)
def test_what_nginx_answers_to_cors_is_nobodys(value: str | None, method: str, side: Side | None) -> None:
    annotations = {} if value is None else {f"{PREFIX}/enable-cors": value}
    signals = ROUTER.signals(_primary([_rule("a.example", _path("checkout"))], annotations), rollout())
    labels = {"namespace": "shop", "ingress": "checkout", "service": "checkout", "method": method}
    assert signals.side(labels) is side


def test_the_controllers_own_answers_are_those_of_the_primary_and_of_all() -> None:
    annotations = {f"{PREFIX}/configuration-snippet": "return 403;", f"{PREFIX}/server-snippet": "return 404;"}
    primary = _primary([_rule("a.example", _path("checkout"))], annotations)
    facts = ControllerFacts(own_answers=frozenset({"301"}))
    assert ROUTER.signals(primary, rollout(), facts).own_answers == {"301", "403"}
    assert ROUTER.signals(primary, rollout()).own_answers == {"403"}


@pytest.mark.parametrize(("value", "sticky"), [(None, False), ("cookie", True), ("", False)])
def test_cookie_affinity_makes_clients_stick(value: str | None, sticky: bool) -> None:
    annotations = {} if value is None else {f"{PREFIX}/affinity": value}
    assert ROUTER.sticky(_primary([], annotations)) is sticky
