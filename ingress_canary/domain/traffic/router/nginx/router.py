"""Router of ingress-nginx: the shadow's annotations, what a shadow exposes, and the series that count it.

The facts are in docs/reference/ingress-nginx.md; rule numbers below are its rules.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingress_canary.api import API_VERSION, ROLLOUT_KIND, ROLLOUT_LABEL
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.metrics.samples import Side
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.objects.metadata import Json, Owner
from ingress_canary.domain.preflight.inputs import UNKNOWN_FACTS, ControllerFacts
from ingress_canary.domain.preflight.rule import PreflightRule
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.ingress_classes import CLASS_ANNOTATION
from ingress_canary.domain.traffic.router.ingress_shadow import IngressShadow
from ingress_canary.domain.traffic.router.nginx.annotations import CANARY_KEYS, INERT, TRUE, takes_effect
from ingress_canary.domain.traffic.router.nginx.controller_config import counts, facts_of
from ingress_canary.domain.traffic.router.nginx.metric_families import DURATION_BUCKET, DURATION_COUNT, REQUESTS, STRATA
from ingress_canary.domain.traffic.router.nginx.own_answers import own_answers
from ingress_canary.domain.traffic.router.nginx.rules import RULES

PREFIX = "nginx.ingress.kubernetes.io"

_INTEGER = re.compile(r"([+-]?)0*([0-9]{1,19})")
_INT64 = range(-(2**63), 2**63)


def weight_values(weight: float) -> tuple[str, str | None]:
    """Return ``canary-weight`` and ``canary-weight-total`` for a weight in percent (rule 11: plain integers only).

    A total of 100 or less is read as 100, so whole percents need none and decimals scale it up.
    """
    decimals = next(places for places in (0, 1, 2, 3) if places == 3 or abs(round(weight, places) - weight) < 1e-7)
    return str(round(weight * 10**decimals)), str(100 * 10**decimals) if decimals else None


def weight_of(annotations: Mapping[str, str], prefix: str = PREFIX) -> float:
    """Return the percent that the controller reads: values that are not integers silently become 0 and 100."""

    def integer(key: str, otherwise: int) -> int:
        match = _INTEGER.fullmatch(annotations.get(f"{prefix}/{key}", ""))
        number = int(match[1] + match[2]) if match else otherwise
        return number if number in _INT64 else otherwise

    total = max(integer("canary-weight-total", 100), 100)
    return 100 * min(max(integer("canary-weight", 0), 0), total) / total


@dataclass(frozen=True, slots=True)
class NginxRouter(IngressShadow):
    """Router by the annotations of ingress-nginx, under a configurable prefix."""

    prefix: str = PREFIX

    @property
    def rules(self) -> tuple[PreflightRule, ...]:
        """The rules of ``docs/reference/preflight.md``, and what must exist first."""
        return RULES

    def shadow(self, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
        """Return the canary Ingress (rules 2, 3, 4, 17, 18).

        Only the stable Service's paths, string-equal; no default backend, no rule without http; nothing of the
        primary's metadata but its class and the annotations that have effect.
        """
        annotations = self._copied(primary) | self._canary(exposure)
        body: dict[str, Any] = {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "metadata": {
                "name": spec.shadow_name,
                "namespace": primary.meta.namespace,
                "labels": {
                    "app.kubernetes.io/managed-by": "ingress-canary",
                    ROLLOUT_LABEL: owner.name[:63].rstrip("-."),
                },
                "annotations": annotations,
                "ownerReferences": [
                    {
                        "apiVersion": API_VERSION,
                        "kind": ROLLOUT_KIND,
                        "name": owner.name,
                        "uid": owner.uid,
                        "controller": True,
                    }
                ],
            },
            "spec": {"rules": self._rules(primary, spec)},
        }
        if primary.class_name is not None:
            body["spec"]["ingressClassName"] = primary.class_name
        return body

    def exposure(self, shadow: ShadowObject) -> Exposure | None:
        """Return the exposure of a shadow as the controller reads it; None when it is no canary (rule 18)."""
        return (
            self.exposure_if_marked(shadow) if shadow.meta.annotations.get(f"{self.prefix}/canary") == "true" else None
        )

    def exposure_if_marked(self, shadow: ShadowObject) -> Exposure:
        """Return the exposure of a shadow's annotations as if it were marked as a canary."""
        values = shadow.meta.annotations
        name = values.get(f"{self.prefix}/canary-by-header")
        header = None
        if name:
            value = values.get(f"{self.prefix}/canary-by-header-value") or None
            pattern = None if value else values.get(f"{self.prefix}/canary-by-header-pattern") or None
            header = HeaderRoute.model_construct(name=name, value=value, pattern=pattern)
        return Exposure(weight_of(values, self.prefix), header, values.get(f"{self.prefix}/canary-by-cookie") or None)

    def without_exposure(self, shadow: ShadowObject) -> Json:
        """Return the patch to the mark and weight 0, without any other canary annotation."""
        keys = [key for key in shadow.meta.annotations if key.removeprefix(f"{self.prefix}/") in CANARY_KEYS]
        return {"metadata": {"annotations": {**dict.fromkeys(keys), **self._canary(Exposure())}}}

    def settings(self, shadow: ShadowObject) -> Mapping[str, str]:
        """Return the annotations under the prefix that are not known to be inert, and the legacy class."""
        return {
            key: value
            for key, value in shadow.meta.annotations.items()
            if key == CLASS_ANNOTATION
            or (key.startswith(f"{self.prefix}/") and key.removeprefix(f"{self.prefix}/") not in INERT)
        }

    def signals(self, primary: Ingress, spec: RolloutSpec, facts: ControllerFacts = UNKNOWN_FACTS) -> Signals:
        """Return the series of both sides: labels describe the primary, ``canary`` holds the canary's upstream."""
        namespace, name = primary.meta.namespace, primary.meta.name
        ports = {b.port for b in primary.backends() if b.service == spec.stable_service}
        upstreams = frozenset(f"{namespace}-{spec.canary_service}-{port}" for port in ports)
        wanted = (namespace, name, spec.stable_service)
        # nginx answers them before a side is drawn, and counts them as stable's (rootfs/etc/nginx/template, v1.15)
        preflights = primary.meta.annotations.get(f"{self.prefix}/enable-cors") in TRUE

        def side(labels: Mapping[str, str]) -> Side | None:
            if (labels.get("namespace"), labels.get("ingress"), labels.get("service")) != wanted:
                return None
            if preflights and labels.get("method") == "OPTIONS":
                return None
            upstream = labels.get("canary", "")
            if not upstream:
                return Side.STABLE
            return Side.CANARY if upstream in upstreams else None

        return Signals(
            ingress=f"{namespace}/{name}",
            requests=REQUESTS,
            latency_bucket=DURATION_BUCKET,
            latency_count=DURATION_COUNT,
            side=side,
            strata=STRATA,
            own_answers=own_answers(primary, self.prefix, facts),
            variables={"canaryUpstream": "|".join(sorted(upstreams))},
        )

    def counts(self, primary: Ingress, spec: RolloutSpec, facts: ControllerFacts) -> bool | None:
        """Return whether the controllers count the primary's requests; None where that is not known (rule 29)."""
        return counts(primary, spec.stable_service, facts)

    def forcing(self, exposure: Exposure, value: str | None) -> Mapping[str, str]:
        """Return the step's header with the value that matches it, else its cookie with ``always``."""
        header = exposure.header
        if header is not None:
            matching = header.value or (value if header.pattern else "always")
            if matching is not None:
                return {header.name: matching}
        return {"Cookie": f"{exposure.cookie}=always"} if exposure.cookie else {}

    def facts(self, config: Mapping[str, str] | None, arguments: Sequence[str] | None) -> ControllerFacts:
        """Return the facts that the rules and the signals depend on."""
        return facts_of(config, arguments)

    def sticky(self, route: ShadowObject) -> bool:
        """Return whether cookie affinity is in use (rule 16)."""
        return route.meta.annotations.get(f"{self.prefix}/affinity") == "cookie"

    def _copied(self, primary: Ingress) -> dict[str, str]:
        copied = {}
        for key, value in primary.meta.annotations.items():
            name = key.removeprefix(f"{self.prefix}/")
            effective = name != key and name not in CANARY_KEYS and takes_effect(name)
            if effective or key == CLASS_ANNOTATION:
                copied[key] = value
        return copied

    def _canary(self, exposure: Exposure) -> dict[str, str]:
        weight, total = weight_values(exposure.weight)
        header = exposure.header
        values = {
            "canary": "true",
            "canary-weight": weight,
            "canary-weight-total": total,
            "canary-by-header": header.name if header else None,
            "canary-by-header-value": header.value if header else None,
            "canary-by-header-pattern": header.pattern if header else None,
            "canary-by-cookie": exposure.cookie,
        }
        return {f"{self.prefix}/{key}": value for key, value in values.items() if value is not None}

    def _rules(self, primary: Ingress, spec: RolloutSpec) -> list[Json]:
        rules: list[Json] = []
        for rule in primary.spec.get("rules") or ():
            paths = [
                self._path(path, spec.canary_service)
                for path in (rule.get("http") or {}).get("paths") or ()
                if ((path.get("backend") or {}).get("service") or {}).get("name") == spec.stable_service
            ]
            if paths:
                host = {"host": rule["host"]} if rule.get("host") else {}
                rules.append({**host, "http": {"paths": paths}})
        return rules

    @staticmethod
    def _path(path: Json, canary: str) -> Json:
        port = dict(path["backend"]["service"].get("port") or {})
        kept = {key: path[key] for key in ("path", "pathType") if key in path}
        return {**kept, "backend": {"service": {"name": canary, "port": port}}}
