"""Metadata that every object has, and what else frozen views of the cluster's objects are made with.

A view (``ingress.py``, ``service.py``, ``workload.py``) is made of an object's JSON, once for each version, and keeps
what decisions, preflight and routers need. Anything absent or malformed becomes empty, never an error: an odd object of
somebody else's must not stop the daemon.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from ingress_canary.api import FIELD_MANAGER

Json = Mapping[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """Namespace and name of an object."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def parse_time(value: object) -> datetime:
    """Return the instant of an RFC 3339 string; the epoch when it is absent or malformed."""
    if not isinstance(value, str):
        return EPOCH
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return EPOCH
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner that controls an object."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Meta:
    """Metadata that every object has."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    created: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner: Owner | None
    manager: str
    """The field manager of another writer's newest change, "" without one: a hint, not an identity."""
    deleting: bool
    finalizers: tuple[str, ...]
    """What an object that is being deleted waits for."""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return Key(self.namespace, self.name)

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of ``body``'s metadata."""
        meta = body.get("metadata") or {}
        owners = [ref for ref in meta.get("ownerReferences") or () if ref.get("controller")]
        fields = [
            entry
            for entry in meta.get("managedFields") or ()
            if entry.get("time") and entry.get("manager") != FIELD_MANAGER and not _is_of_status(entry)
        ]
        newest: Json = max(fields, key=lambda entry: str(entry["time"]), default={})
        return cls(
            namespace=meta.get("namespace") or "",
            name=meta.get("name") or "",
            uid=meta.get("uid") or "",
            resource_version=meta.get("resourceVersion") or "",
            created=parse_time(meta.get("creationTimestamp")),
            labels=meta.get("labels") or {},
            annotations=meta.get("annotations") or {},
            owner=Owner(owners[0].get("kind", ""), owners[0].get("name", ""), owners[0].get("uid", ""))
            if owners
            else None,
            manager=newest.get("manager", ""),
            deleting=bool(meta.get("deletionTimestamp")),
            finalizers=tuple(meta.get("finalizers") or ()),
        )


def _is_of_status(entry: Json) -> bool:
    """Return whether an entry of managedFields is of a controller that writes status, as those that serve an object do.

    Annotations and replicas can be written by way of a subresource too: such a writer owns nothing of the status.
    """
    return bool(entry.get("subresource")) and "f:status" in (entry.get("fieldsV1") or {})
