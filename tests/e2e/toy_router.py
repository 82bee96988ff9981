"""A controller that exists nowhere, and the router for it: other annotations, other series, no rule of nginx's.

It has ``balance.example/share``, a ratio from 0 to 1, and ``balance.example/force``, a header's name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ingress_canary.api import API_VERSION, ROLLOUT_KIND
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS, Capabilities
from ingress_canary.domain.metrics.samples import Instance, Reading, Series, Side, Target
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.views import Ingress, Json, Owner
from ingress_canary.domain.preflight import endpoint_rules, existence_rules
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.preflight.rule import PreflightRule
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.ports import Clock

CONTROLLER = "balance.example/controller"
SHARE, FORCE = "balance.example/share", "balance.example/force"
REQUESTS = "balance_requests_total"


class ToyRouter:
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

    def exposure(self, shadow: Ingress) -> Exposure | None:
        return self.exposure_if_marked(shadow) if SHARE in shadow.meta.annotations else None

    def exposure_if_marked(self, shadow: Ingress) -> Exposure:
        values = shadow.meta.annotations
        header = HeaderRoute(name=values[FORCE]) if FORCE in values else None
        return Exposure(round(float(values.get(SHARE, "0")) * 100, 3), header)

    def without_exposure(self, shadow: Ingress) -> Mapping[str, str | None]:
        return {SHARE: "0", FORCE: None}

    def settings(self, ingress: Ingress) -> Mapping[str, str]:
        return {key: value for key, value in ingress.meta.annotations.items() if key in (SHARE, FORCE)}

    def signals(self, primary: Ingress, spec: RolloutSpec) -> Signals:
        sides = {spec.stable_service: Side.STABLE, spec.canary_service: Side.CANARY}
        return Signals(
            ingress=str(primary.meta.key), requests=REQUESTS, latency_bucket="", latency_count="",
            side=lambda labels: sides.get(labels.get("to", "")),
        )  # fmt: skip

    def forcing(self, exposure: Exposure, value: str | None) -> Mapping[str, str]:
        return {exposure.header.name: "yes"} if exposure.header else {}

    def facts(self, config: Mapping[str, str] | None, arguments: Sequence[str] | None) -> ControllerFacts:
        return ControllerFacts()

    def sticky(self, primary: Ingress) -> bool:
        return False


class ToyController:
    """The controller's numbers, ``ports.Metrics``: a thousand requests a reading, by the share that the shadow has."""

    def __init__(self, lab: Lab, clock: Clock) -> None:
        self._lab, self._clock = lab, clock
        self._counts = {"checkout": 0.0, "checkout-canary": 0.0}
        self._began = clock.now()

    @property
    def capabilities(self) -> Capabilities:
        return OF_CONTROLLERS

    async def read(self, targets: Sequence[Target]) -> Mapping[Target, Reading]:
        shadow = self._lab.shadow()
        share = float(shadow["metadata"]["annotations"][SHARE]) if shadow else 0.0
        self._counts["checkout-canary"] += round(1000 * share)
        self._counts["checkout"] += round(1000 * (1 - share))
        now = self._clock.now()
        series = tuple(
            Series(REQUESTS, "toy", {"to": name, "status": "200"}, value, now) for name, value in self._counts.items()
        )
        return dict.fromkeys(targets, Reading(now, (Instance("toy", self._began),), series))


def ingress_class() -> dict[str, Any]:
    return {**manifests.ingress_class(), "metadata": {"name": "toy"}, "spec": {"controller": CONTROLLER}}
