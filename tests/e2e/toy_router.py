"""A controller that exists nowhere, and the routers for it: other annotations, other series, no rule of nginx's.

It has ``balance.example/share``, a ratio from 0 to 1, and ``balance.example/force``, a header's name; its newer version
has a kind of its own, TrafficSplit, with ``percent`` and ``force``.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ingress_canary.api import API_VERSION, ROLLOUT_KIND
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS, Capabilities
from ingress_canary.domain.metrics.samples import Instance, Reading, Series, Side, Target
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject, shadow_object
from ingress_canary.domain.objects.metadata import Json, Owner
from ingress_canary.domain.objects.resource import Resource
from ingress_canary.domain.preflight import endpoint_rules, existence_rules
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.preflight.rule import PreflightRule
from ingress_canary.domain.reasons.message import verbatim
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.ingress_shadow import IngressShadow
from ingress_canary.domain.traffic.router.router import ShadowEdits
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi.errors import ApiError
from ingress_canary.ports import Clock

CONTROLLER = "balance.example/controller"
SHARE, FORCE = "balance.example/share", "balance.example/force"
REQUESTS = "balance_requests_total"
SPLITS = Resource("balance.example", "v1", "trafficsplits", "TrafficSplit")


class ToyRouter(IngressShadow):
    """``domain.router.Router`` of that controller."""

    prefix = "balance.example"
    rules: Sequence[PreflightRule] = (
        existence_rules.primary_exists,
        existence_rules.stable_service_exists,
        existence_rules.canary_service_exists,
        existence_rules.no_rival_comes_first,
        existence_rules.shadow_name_is_free,
        endpoint_rules.canary_port_resolves,
        endpoint_rules.canary_service_selects_workload,
        endpoint_rules.canary_has_endpoints,
        endpoint_rules.sides_are_disjoint,
    )

    def shadow(self, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
        annotations = {SHARE: f"{exposure.weight / 100:g}"}
        if exposure.header is not None:
            annotations[FORCE] = exposure.header.name
        reference = {"apiVersion": API_VERSION, "kind": ROLLOUT_KIND, "name": owner.name, "uid": owner.uid}
        body = manifests.ingress(spec.shadow_name, primary.rules[0].host, backend=spec.canary_service)
        body["metadata"] |= {"annotations": annotations, "ownerReferences": [{**reference, "controller": True}]}
        body["spec"]["ingressClassName"] = primary.class_name
        return body

    def exposure(self, shadow: ShadowObject) -> Exposure | None:
        return self.exposure_if_marked(shadow) if SHARE in shadow.meta.annotations else None

    def exposure_if_marked(self, shadow: ShadowObject) -> Exposure:
        values = shadow.meta.annotations
        header = HeaderRoute(name=values[FORCE]) if FORCE in values else None
        return Exposure(round(float(values.get(SHARE, "0")) * 100, 3), header)

    def without_exposure(self, shadow: ShadowObject) -> Json:
        return {"metadata": {"annotations": {SHARE: "0", FORCE: None}}}

    def settings(self, shadow: ShadowObject) -> Mapping[str, str]:
        return {key: value for key, value in shadow.meta.annotations.items() if key in (SHARE, FORCE)}

    def signals(self, primary: Ingress, spec: RolloutSpec, facts: ControllerFacts) -> Signals:
        sides = {spec.stable_service: Side.STABLE, spec.canary_service: Side.CANARY}
        return Signals(
            ingress=str(primary.meta.key), requests=REQUESTS, latency_bucket="", latency_count="",
            side=lambda labels: sides.get(labels.get("to", "")),
        )  # fmt: skip

    def counts(self, primary: Ingress, spec: RolloutSpec, facts: ControllerFacts) -> bool | None:
        return True

    def forcing(self, exposure: Exposure, value: str | None) -> Mapping[str, str]:
        return {exposure.header.name: "yes"} if exposure.header else {}

    def facts(self, config: Mapping[str, str] | None, arguments: Sequence[str] | None) -> ControllerFacts:
        return ControllerFacts()

    def sticky(self, route: ShadowObject) -> bool:
        return False


class ToyController:
    """The controller's numbers, ``ports.Metrics``: a thousand requests a reading, by the share that the shadow has."""

    def __init__(self, lab: Lab, clock: Clock, router: ToyRouter) -> None:
        self._lab, self._clock, self._router = lab, clock, router
        self._counts = {"checkout": 0.0, "checkout-canary": 0.0}
        self._began = clock.now()

    @property
    def capabilities(self) -> Capabilities:
        return OF_CONTROLLERS

    async def read(self, targets: Sequence[Target]) -> Mapping[Target, Reading]:
        shadow = stored_shadow(self._lab, self._router)
        seen = shadow_object(self._router.resource, shadow) if shadow else None
        share = self._router.exposure_if_marked(seen).weight / 100 if seen else 0.0
        self._counts["checkout-canary"] += round(1000 * share)
        self._counts["checkout"] += round(1000 * (1 - share))
        now = self._clock.now()
        series = tuple(
            Series(REQUESTS, "toy", {"to": name, "status": "200"}, value, now) for name, value in self._counts.items()
        )
        return dict.fromkeys(targets, Reading(now, (Instance("toy", self._began),), series))


class SplitRouter(ToyRouter):
    """Router of that controller's newer version, which reads objects of its own kind and no annotation."""

    resource = SPLITS

    def shadow(self, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
        ingress = super().shadow(primary, spec, owner, exposure)
        forced = exposure.header.name if exposure.header is not None else None
        return {
            "apiVersion": SPLITS.api_version,
            "kind": SPLITS.kind,
            "metadata": {**ingress["metadata"], "annotations": {}},
            "spec": {"of": primary.meta.name, "to": spec.canary_service, "percent": exposure.weight, "force": forced},
        }

    def exposure(self, shadow: ShadowObject) -> Exposure | None:
        return self.exposure_if_marked(shadow) if "percent" in shadow.spec else None

    def exposure_if_marked(self, shadow: ShadowObject) -> Exposure:
        forced = shadow.spec.get("force")
        return Exposure(shadow.spec.get("percent", 0), HeaderRoute(name=forced) if forced else None)

    def settings(self, shadow: ShadowObject) -> Mapping[str, str]:
        return {}

    def content(self, shadow: ShadowObject) -> Any:
        return {name: value for name, value in shadow.spec.items() if value is not None}

    def edits(self, shadow: ShadowObject, target: ShadowObject) -> ShadowEdits:
        now, then = ((one.spec.get("of"), one.spec.get("to")) for one in (shadow, target))
        return ShadowEdits(others=None if now == then else verbatim(f"it splits {now[0]} to {now[1]}"))

    def spec_patch(self, shadow: ShadowObject, target: ShadowObject) -> Json | None:
        return None if self.content(shadow) == self.content(target) else target.spec

    def without_exposure(self, shadow: ShadowObject) -> Json:
        return {"spec": {"percent": 0, "force": None}}

    def unserved(self, shadow: ShadowObject) -> Json:
        return {"spec": {"of": None}}

    def served(self, shadow: ShadowObject) -> bool:
        return shadow.spec.get("of") is not None


def stored_shadow(lab: Lab, router: ToyRouter) -> Json | None:
    """Return the shadow as the API has it; None when there is none."""
    with suppress(ApiError):
        stored: Json = lab.api.store.get(router.resource.title(), manifests.NAMESPACE, "checkout-canary")
        return stored
    return None


def splits_crd() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": SPLITS.version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": SPLITS.title()},
        "spec": {
            "group": SPLITS.group, "scope": "Namespaced", "versions": [version],
            "names": {"plural": SPLITS.plural, "kind": SPLITS.kind, "singular": "trafficsplit"},
        },
    }  # fmt: skip


def ingress_class() -> dict[str, Any]:
    return {**manifests.ingress_class(), "metadata": {"name": "toy"}, "spec": {"controller": CONTROLLER}}
