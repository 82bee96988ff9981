"""Kubernetes API server of the lab: real HTTP, real semantics, faults on demand. See ``server.py``."""

from ingress_canary.lab.kubeapi.errors import ApiError
from ingress_canary.lab.kubeapi.faults import (
    Delay,
    Drop,
    Empty,
    Fault,
    Faults,
    ForeignPage,
    Gone,
    Hang,
    Refuse,
    requests,
)
from ingress_canary.lab.kubeapi.requests import INFO, AuditRecord, RequestInfo
from ingress_canary.lab.kubeapi.server import KubeApi
from ingress_canary.lab.kubeapi.storage.store import Change, ObjectStore

__all__ = [
    "INFO",
    "ApiError",
    "AuditRecord",
    "Change",
    "Delay",
    "Drop",
    "Empty",
    "Fault",
    "Faults",
    "ForeignPage",
    "Gone",
    "Hang",
    "KubeApi",
    "ObjectStore",
    "Refuse",
    "RequestInfo",
    "requests",
]
