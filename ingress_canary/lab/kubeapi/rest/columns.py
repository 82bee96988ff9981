"""Columns that ``kubectl get`` shows of built-in kinds, after NAME."""

from ingress_canary.lab.kubeapi.errors import Json
from ingress_canary.lab.kubeapi.kinds.resources import Column

_AGE = Column("Age", ".metadata.creationTimestamp", "date")


def _hosts(body: Json) -> str:
    hosts = [rule.get("host") or "*" for rule in (body.get("spec") or {}).get("rules") or ()]
    return ",".join(hosts) or "*"


def _address(body: Json) -> str:
    points = ((body.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return ",".join(point.get("ip") or point.get("hostname") or "" for point in points)


def _ports(body: Json) -> str:
    ports = (body.get("spec") or {}).get("ports") or ()
    return ",".join(f"{port.get('port')}/{port.get('protocol')}" for port in ports) or "<none>"


def _ready(body: Json) -> str:
    return f"{(body.get('status') or {}).get('readyReplicas') or 0}/{(body.get('spec') or {}).get('replicas') or 0}"


def _about(body: Json) -> str:
    about = body.get("involvedObject") or body.get("regarding") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def _message(body: Json) -> object:
    return body.get("message") or body.get("note") or ""


def _seen(body: Json) -> object:
    return body.get("lastTimestamp") or body.get("eventTime") or body["metadata"]["creationTimestamp"]


def _keys(body: Json) -> int:
    return len(body.get("data") or {})


COLUMNS = {
    "namespaces": (Column("Status", ".status.phase"), _AGE),
    "services": (
        Column("Type", ".spec.type"),
        Column("Cluster-IP", ".spec.clusterIP"),
        Column("External-IP", lambda body: _address(body) or "<none>"),
        Column("Port(s)", _ports),
        _AGE,
    ),
    "ingresses": (
        Column("Class", lambda body: (body.get("spec") or {}).get("ingressClassName") or "<none>"),
        Column("Hosts", _hosts),
        Column("Address", _address),
        Column("Ports", lambda body: "80, 443" if (body.get("spec") or {}).get("tls") else "80"),
        _AGE,
    ),
    "ingressclasses": (Column("Controller", ".spec.controller"), _AGE),
    "deployments": (
        Column("Ready", _ready),
        Column("Up-to-date", ".status.updatedReplicas", "integer"),
        Column("Available", ".status.availableReplicas", "integer"),
        _AGE,
    ),
    "statefulsets": (Column("Ready", _ready), _AGE),
    "pods": (Column("Status", ".status.phase"), _AGE),
    "events": (
        Column("Last Seen", _seen, "date"),
        Column("Type", ".type"),
        Column("Reason", ".reason"),
        Column("Object", _about),
        Column("Message", _message),
    ),
    "secrets": (Column("Type", ".type"), Column("Data", _keys, "integer"), _AGE),
    "configmaps": (Column("Data", _keys, "integer"), _AGE),
    "leases": (Column("Holder", ".spec.holderIdentity"), _AGE),
    "customresourcedefinitions": (Column("Created At", lambda body: body["metadata"]["creationTimestamp"]),),
}
"""By plural; other kinds show their age alone."""
