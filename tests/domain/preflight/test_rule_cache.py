"""Preflight that remembers: never another answer than preflight without a memory, and no work where nothing changed."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.adapters.kube.cache.cluster_view import CachedCluster
from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.preflight.inputs import ControllerFacts, PreflightInputs
from ingress_canary.domain.preflight.rule import RuleFinding, rule
from ingress_canary.domain.preflight.rule_cache import CachedPreflight
from ingress_canary.domain.preflight.run_rules import preflight
from ingress_canary.domain.traffic.router.nginx.rules import RULES
from tests.domain.shop import (
    SHOP,
    Exposed,
    Manifest,
    foreign_canary,
    ingress_class,
    other,
    path,
    pods,
    primary,
    service,
    shadow,
    subject,
)
from tests.domain.shop import rule as host_rule

STORES = {"Ingress": "ingresses", "Service": "services", "EndpointSlice": "slices", "IngressClass": "classes"}
CHANGES: Sequence[Manifest] = (
    primary(affinity="cookie"),
    primary(permanent_redirect="https://elsewhere.example"),
    shadow(),
    shadow(canary="false"),
    service("checkout", ports=[{"port": 81}]),
    service("b-checkout", namespace="a"),
    pods("checkout"),
    pods("checkout-canary"),
    pods("checkout-canary", "10.0.0.1"),
    ingress_class("nginx", "example.com/another"),
    foreign_canary("checkout"),
    other("older", host_rule("shop.example", path("checkout")), minute=1),
    other("api", host_rule("api.example", path("checkout"))),
    other("canary-too", host_rule("api.example", path("checkout-canary"))),
)


class Cluster:
    """The daemon's own caches, changed as watches change them."""

    def __init__(self) -> None:
        self.caches = CachedCluster()
        self.caches.see(lambda: True, lambda: True)
        self._version = 0
        for manifest in SHOP:
            self.put(manifest)

    def put(self, manifest: Manifest) -> None:
        self._version += 1
        metadata = {"uid": manifest["metadata"]["name"], **manifest["metadata"], "resourceVersion": str(self._version)}
        store = getattr(self.caches, STORES[manifest["kind"]])
        store.put(store.entry({**manifest, "metadata": metadata}))

    def remove(self, manifest: Manifest) -> None:
        store = getattr(self.caches, STORES[manifest["kind"]])
        metadata = manifest["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        held = store.get(key)
        if held is not None:
            store.bury(key, held.meta.uid)

    def subject(self, **changed: Any) -> PreflightInputs:
        found = self.caches.ingress(Key("shop", "checkout-canary"))
        primary_now = self.caches.ingress(Key("shop", "checkout"))
        return subject()._replace(view=self.caches, primary=primary_now, shadow=found, **changed)


@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.booleans()), max_size=12))
def test_it_finds_what_preflight_finds_whatever_comes_and_goes(changes: list[tuple[Manifest, bool]]) -> None:
    cluster, remembers = Cluster(), CachedPreflight()
    for manifest, gone in [(SHOP[0], False), *changes]:
        (cluster.remove if gone else cluster.put)(manifest)
        looked = cluster.subject()
        assert remembers(looked, RULES) == preflight(looked, RULES)
        assert remembers(cluster.subject(), RULES) == preflight(looked, RULES)


@pytest.mark.parametrize(
    "changed",
    [
        {"phase": Phase.PROGRESSING},
        {"routes": (Exposed(cookie="no spaces, please"),)},
        {"facts": ControllerFacts(pods=2)},
        {"next_weight": 90.0},
    ],
    ids=str,
)
def test_what_is_asked_about_may_change_too(changed: dict[str, Any]) -> None:
    cluster, remembers = Cluster(), CachedPreflight()
    cluster.put(pods("checkout", *(f"10.0.2.{number}" for number in range(20))))
    remembers(cluster.subject(), RULES)
    looked = cluster.subject(**changed)
    assert remembers(looked, RULES) == preflight(looked, RULES)


def test_no_rule_is_asked_again_until_one_of_its_answers_is_another() -> None:
    asked: list[str] = []

    @rule(14)
    def endpoints_are_there(looked: PreflightInputs) -> Iterator[RuleFinding]:
        """Somebody is there."""
        ready = looked.view.endpoints(looked.canary).ready
        asked.append(",".join(sorted(ready)))
        yield from () if ready else [RuleFinding("Service", "spec", "nobody", "start one")]

    cluster, remembers = Cluster(), CachedPreflight()
    rules = [endpoints_are_there]
    for _ in range(3):
        assert remembers(cluster.subject(), rules) == ()
    cluster.put(service("unrelated"))
    cluster.put(pods("checkout", "10.9.9.9"))
    assert remembers(cluster.subject(), rules) == ()
    assert asked == ["10.0.1.1"]
    cluster.put(pods("checkout-canary"))
    assert [one.message for one in remembers(cluster.subject(), rules)] == ["nobody"]
    assert asked == ["10.0.1.1", ""]
