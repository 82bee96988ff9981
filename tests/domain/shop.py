"""The shop that preflight's tests roll out in: manifests by the handful, and a rollout under scrutiny."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import Problem
from ingress_canary.domain.preflight.run_rules import preflight
from ingress_canary.domain.traffic.router.nginx.rules import RULES
from tests.domain.cluster_view import ClusterView

Manifest = dict[str, Any]
HOST = "shop.example"
NGINX = "nginx.ingress.kubernetes.io"
OURS = "rollout-uid"


@dataclass(frozen=True)
class Exposed:
    weight: float = 10
    header: HeaderRoute | None = None
    cookie: str | None = None


def at(minute: int) -> str:
    return f"2026-01-01T00:{minute:02}:00Z"


def meta(name: str, namespace: str = "shop", minute: int = 10, owner: str = "", **annotations: str) -> Manifest:
    body: Manifest = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "creationTimestamp": at(minute),
        "annotations": {f"{NGINX}/{key.replace('_', '-')}": value for key, value in annotations.items()},
    }
    if owner:
        body["ownerReferences"] = [{"kind": "CanaryRollout", "name": "checkout", "uid": owner, "controller": True}]
    return body


def backend(service: str, port: int | str = 80) -> Manifest:
    return {"service": {"name": service, "port": {"number" if isinstance(port, int) else "name": port}}}


def path(service: str, where: str = "/", kind: str = "Prefix", port: int | str = 80) -> Manifest:
    return {"path": where, "pathType": kind, "backend": backend(service, port)}


def rule(host: str, *paths: Manifest) -> Manifest:
    return {"host": host, "http": {"paths": list(paths)}} if host else {"http": {"paths": list(paths)}}


def ingress(metadata: Manifest, *rules: Manifest, **spec: Any) -> Manifest:
    return {
        "kind": "Ingress",
        "metadata": metadata,
        "spec": {"ingressClassName": "nginx", "rules": list(rules), **spec},
    }


def primary(**annotations: str) -> Manifest:
    return ingress(meta("checkout", minute=10, **annotations), rule(HOST, path("checkout")))


def classed(name: str | None, legacy: str = "") -> Manifest:
    """Return the primary with another class, by name or by the legacy annotation."""
    body = primary()
    body["spec"]["ingressClassName"] = name
    if legacy:
        body["metadata"]["annotations"]["kubernetes.io/ingress.class"] = legacy
    return body


def other(name: str, *rules: Manifest, minute: int = 30, namespace: str = "shop", **spec: Any) -> Manifest:
    return ingress(meta(name, namespace, minute), *rules, **spec)


def deleted(body: Manifest) -> Manifest:
    return {**body, "metadata": {**body["metadata"], "deletionTimestamp": at(50)}}


MESHED = primary(service_upstream="true", upstream_vhost="$service_name.$namespace.svc.cluster.local")
"""A primary whose requests a mesh routes by the Host that it sends."""


def shadow(
    *rules: Manifest,
    owner: str = OURS,
    plain: Manifest | None = None,
    tls: Sequence[Manifest] = (),
    defaultBackend: Manifest | None = None,  # noqa: N803 - the manifest's own word
    **annotations: str,
) -> Manifest:
    """Return a shadow as the daemon makes it, but for what is given; ``plain`` annotations have no prefix."""
    metadata = meta(
        "checkout-canary", minute=20, owner=owner, **{"canary": "true", "canary_weight": "10", **annotations}
    )
    metadata["annotations"] |= plain or {}
    spec: Manifest = {"tls": list(tls)} if tls else {}
    spec |= {"defaultBackend": defaultBackend} if defaultBackend else {}
    return ingress(metadata, *(rules or (rule(HOST, path("checkout-canary")),)), **spec)


def foreign_canary(name: str, *rules: Manifest, namespace: str = "shop", **spec: Any) -> Manifest:
    metadata = meta(f"{name}-canary", namespace, 5, canary="true", canary_weight="5")
    return ingress(metadata, *(rules or (rule(HOST, path(name)),)), **spec)


def service(name: str, namespace: str = "shop", plain: Manifest | None = None, **spec: Any) -> Manifest:
    body: Manifest = {
        "kind": "Service",
        "metadata": meta(name, namespace),
        "spec": {"ports": [{"name": "http", "port": 80}], **spec},
    }
    body["metadata"]["annotations"] |= plain or {}
    return body


def pods(name: str, *addresses: str, ready: bool = True, ports: Sequence[str] = ("http",)) -> Manifest:
    metadata = meta(f"{name}-1")
    metadata["labels"] = {"kubernetes.io/service-name": name}
    endpoints = [{"addresses": [address], "conditions": {"ready": ready}} for address in addresses]
    return {
        "kind": "EndpointSlice",
        "metadata": metadata,
        "endpoints": endpoints,
        "ports": [{"name": port} for port in ports],
    }


def ingress_class(name: str = "nginx", controller: str = "k8s.io/ingress-nginx", default: bool = False) -> Manifest:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "kind": "IngressClass",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"controller": controller},
    }


SHOP: tuple[Manifest, ...] = (
    primary(),
    service("checkout"),
    service("checkout-canary"),
    pods("checkout", "10.0.0.1", "10.0.0.2"),
    pods("checkout-canary", "10.0.1.1"),
    ingress_class(),
)


def identity(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def shop(*changed: Manifest, without: Sequence[str] = ()) -> tuple[Manifest, ...]:
    """The shop with objects added or replaced, and those named ``Kind/name`` left out."""
    merged = {identity(one): one for one in (*SHOP, *changed)}
    return tuple(one for (kind, _, name), one in merged.items() if f"{kind}/{name}" not in without)


def rollout_spec(**changed: Any) -> RolloutSpec:
    body: Manifest = {
        "ingresses": ["checkout"],
        "stableService": "checkout",
        "canaryService": "checkout-canary",
        "schedule": {"ref": {"name": "standard-web"}},
    }
    return RolloutSpec.model_validate(body | changed)


def subject(
    manifests: Sequence[Manifest] = SHOP,
    *,
    spec: RolloutSpec | None = None,
    sees_all_namespaces: bool = True,
    sees_classes: bool = True,
    **changed: Any,
) -> PreflightInputs:
    view = ClusterView(manifests, sees_all_namespaces=sees_all_namespaces, sees_classes=sees_classes)
    wanted = spec or rollout_spec()
    found = view.ingress(Key("shop", wanted.shadow_name))
    members: Manifest = {
        "key": Key("shop", "checkout"),
        "uid": OURS,
        "created": datetime(2026, 1, 1, tzinfo=UTC),
        "phase": Phase.PENDING,
        "spec": wanted,
        "routes": (Exposed(),),
        "primary": view.ingress(Key("shop", wanted.primary)),
        "shadow": found if found and found.meta.owner and found.meta.owner.uid == OURS else None,
        "view": view,
        "prefix": NGINX,
    }
    return PreflightInputs(**members | changed)


def problems(manifests: Sequence[Manifest] = SHOP, **changed: Any) -> tuple[Problem, ...]:
    return preflight(subject(manifests, **changed), RULES)
