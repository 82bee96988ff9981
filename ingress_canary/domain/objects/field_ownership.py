"""Ownership of fields that the daemon has written (``metadata.managedFields``), and how it is given up. Pure.

Who has written a field by an update owns it: whoever applies another value by server-side apply (``helm upgrade`` of
Helm 4, ``kubectl apply --server-side``) gets a conflict, for good. Only the owner, or force, ends that.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ingress_canary.api import FIELD_MANAGER

OBJECT = ""
"""The object itself, in the place of a subresource's name."""
SCALE = "scale"
"""The subresource by which replicas are set."""


def owned_parts(entries: object) -> frozenset[str]:
    """Return the subresources, ``OBJECT`` among them, through which the daemon's updates own fields of an object."""
    return frozenset(str(entry.get("subresource") or OBJECT) for entry in _usable(entries) if _is_ours(entry))


def without_ours(entries: object, part: str) -> list[Mapping[str, Any]] | None:
    """Return the managedFields to write so that the daemon's updates through ``part`` own nothing; None where so.

    All other entries are the same objects as given. An API server takes an empty list for no change and one empty
    entry for an empty list (apimachinery, ``managedfields/fieldmanager.go``).
    """
    if part not in owned_parts(entries):
        return None
    kept = [entry for entry in _usable(entries) if not (_is_ours(entry) and (entry.get("subresource") or "") == part)]
    return kept or [{}]


def _usable(entries: object) -> Iterable[Mapping[str, Any]]:
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Update"
