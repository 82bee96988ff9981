"""The shadow of any primary keeps the rules by which a canary works (2, 3, 4 and 18), whatever the primary is like."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Owner
from ingress_canary.domain.preflight.problem import ProblemSeverity
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.nginx.router import NginxRouter
from tests.domain.shop import NGINX, OURS, meta, problems, rollout_spec, shop

SERVICES = st.sampled_from(["checkout", "cart", "search"])
PORTS = st.sampled_from([{"number": 80}, {"name": "http"}])
BACKENDS = st.one_of(
    st.builds(lambda name, port: {"service": {"name": name, "port": port}}, SERVICES, PORTS),
    st.just({"resource": {"apiGroup": "k8s.example", "kind": "Bucket", "name": "static"}}),
)
PATHS = st.fixed_dictionaries(
    {"backend": BACKENDS},
    optional={
        "path": st.sampled_from(["/", "/api", "/api/", "/items/[0-9]+", "/a.b"]),
        "pathType": st.sampled_from(["Prefix", "Exact", "ImplementationSpecific", None]),
    },
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["shop.example", "www.shop.example", "*.shop.example", ""]),
        "http": st.fixed_dictionaries({"paths": st.lists(PATHS, max_size=4)}),
    },
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(
        [
            f"{NGINX}/affinity", f"{NGINX}/rewrite-target", f"{NGINX}/canary-weight", f"{NGINX}/auth-tls-secret",
            "cert-manager.io/issuer", "kubernetes.io/ingress.class",
        ]
    ),
    st.sampled_from(["cookie", "nginx", "10"]),
)  # fmt: skip
PRIMARIES = st.builds(
    lambda rules, extra, annotations: {
        "kind": "Ingress", "metadata": {**meta("checkout"), "annotations": annotations},
        "spec": {"ingressClassName": "nginx", "rules": rules, **extra},
    },
    st.lists(RULES, max_size=4), st.fixed_dictionaries({}, optional={"defaultBackend": BACKENDS}), ANNOTATIONS,
)  # fmt: skip


@given(PRIMARIES, st.floats(0, 100))
def test_every_shadow_keeps_the_rules_by_which_a_canary_works(primary: dict[str, Any], weight: float) -> None:
    owner = Owner("CanaryRollout", "checkout", OURS)
    made = NginxRouter().shadow(Ingress.of(primary), rollout_spec(), owner, Exposure(weight))
    shadow = {**made, "metadata": {**made["metadata"], "uid": "uid-shadow"}}
    assert "defaultBackend" not in shadow["spec"]
    assert shadow["metadata"]["annotations"][f"{NGINX}/canary"] == "true"
    for rule in shadow["spec"]["rules"]:
        assert {path["backend"]["service"]["name"] for path in rule["http"]["paths"]} == {"checkout-canary"}
    found = {one.rule for one in problems(shop(primary, shadow)) if one.severity is ProblemSeverity.ERROR}
    assert not found & {2, 3, 4, 18}
    assert 17 not in {one.rule for one in problems(shop(primary, shadow))}
