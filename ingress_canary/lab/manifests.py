"""Manifests of a small shop, as a team would write them. Used by the lab's cluster, the demo and the tests."""

from typing import Any

Json = dict[str, Any]

NAMESPACE = "shop"
HOST = "shop.example"
CLASS = "nginx"
CONTROLLER = "k8s.io/ingress-nginx"


def namespace(name: str) -> Json:
    """Return a Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def ingress_class() -> Json:
    """Return the class that the lab's data plane serves."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": CLASS},
        "spec": {"controller": CONTROLLER},
    }


def service(name: str, where: str = NAMESPACE) -> Json:
    """Return a Service with port 80."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": where},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }


def endpoint_slice(name: str, addresses: list[str], where: str = NAMESPACE, port: int = 8080) -> Json:
    """Return the ready endpoints of a Service."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-lab", "namespace": where, "labels": {"kubernetes.io/service-name": name}
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
    }  # fmt: skip


def ingress(name: str, host: str = HOST, where: str = NAMESPACE, backend: str = "", **annotations: str) -> Json:
    """Return an Ingress with one path; underscores in annotations stand for hyphens, the prefix is nginx's."""
    keys = {f"nginx.ingress.kubernetes.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    leads = {"service": {"name": backend or name, "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": where, "annotations": keys},
        "spec": {
            "ingressClassName": CLASS,
            "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": leads}]}}],
        },
    }


def deployment(name: str, image: str, where: str = NAMESPACE, replicas: int = 2) -> Json:
    """Return a Deployment of one container."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": where},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [{"name": "app", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}]
                },
            },
        },
    }


def rollout(name: str, schedule: Json, where: str = NAMESPACE, **spec: Any) -> Json:
    """Return a CanaryRollout of ``name`` and ``name-canary`` with a schedule of its own; ``spec`` adds members."""
    return {
        "apiVersion": "ingress-canary.io/v1alpha1",
        "kind": "CanaryRollout",
        "metadata": {"name": name, "namespace": where},
        "spec": {
            "ingresses": [name],
            "stableService": name,
            "canaryService": f"{name}-canary",
            "schedule": {"inline": schedule},
            **spec,
        },
    }
