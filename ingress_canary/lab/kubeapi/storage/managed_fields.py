"""Managed fields: who owns which field (``metadata.managedFields``), as server-side apply and updates record it.

Used by ``strategy.py`` after each write. Maps are followed member by member, and belong themselves to the writer that
made them (the member "." of a real server's tree); a list is one field (a real server follows the lists that are maps
by a key, too). As in a real server a writer that only removes fields leaves no entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ingress_canary.lab.kubeapi import clock
from ingress_canary.lab.kubeapi.errors import Json

Path = tuple[str, ...]

_SYSTEM = frozenset(
    {
        "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "managedFields", "generateName", "selfLink",
    }
)  # fmt: skip

_MAP = object()
"""Stands for the value of a map that has members, which are fields of their own."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, and how."""

    manager: str = "lab"
    operation: Literal["Update", "Apply"] = "Update"
    subresource: str = ""


def record(old: Json | None, new: Json, author: Author, applied: set[Path] | None = None) -> list[Json]:
    """Return the managedFields of ``new``, which ``author`` made of ``old``: newest last among each operation.

    ``applied`` are the fields that a server-side apply names: all of them are its own from then on.
    """
    before, after = _fields(old or {}), _fields(new)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = before.keys() - after.keys()
    entries: list[Json] = list((old or {}).get("metadata", {}).get("managedFields") or [])
    mine = changed if applied is None else applied & after.keys()
    if not mine and not gone:
        return entries
    kept: list[Json] = []
    for entry in entries:
        paths = set(_of_tree(entry["fieldsV1"]))
        if _is_by(entry, author, new["apiVersion"]):
            mine = mine | (paths - gone) if applied is None else mine
        elif left := paths - changed - gone:
            kept.append({**entry, "fieldsV1": _to_tree(left)} if left != paths else entry)
    if mine:
        kept.append(_entry(author, new["apiVersion"], mine))
    return sorted(kept, key=lambda entry: (entry["operation"], entry["time"]))


def owners(body: Json, paths: Iterable[Path], author: Author) -> set[str]:
    """Return the other managers that own any of ``paths``."""
    wanted = set(paths)
    entries = body["metadata"].get("managedFields") or []
    others = (entry for entry in entries if (entry["manager"], entry["operation"]) != (author.manager, "Apply"))
    return {entry["manager"] for entry in others if wanted & set(_of_tree(entry["fieldsV1"]))}


def applied_before(body: Json, author: Author) -> set[Path]:
    """Return the fields that ``author`` has applied."""
    for entry in body["metadata"].get("managedFields") or []:
        if _is_by(entry, author, body["apiVersion"]):
            return set(_of_tree(entry["fieldsV1"]))
    return set()


def differing(live: Json, wanted: Json) -> set[Path]:
    """Return the fields of ``wanted`` that ``live`` has with another value."""
    before, after = _fields(live), _fields(wanted)
    return {path for path, value in after.items() if path in before and before[path] != value}


def leaves(body: Json) -> set[Path]:
    """Return the fields of an object that have no members."""
    return {path for path, value in _fields(body).items() if value is not _MAP}


def _is_by(entry: Json, author: Author, api_version: str) -> bool:
    found = (entry["manager"], entry["operation"], entry.get("subresource", ""), entry["apiVersion"])
    return found == (author.manager, author.operation, author.subresource, api_version)


def _entry(author: Author, api_version: str, paths: set[Path]) -> Json:
    return {
        "manager": author.manager,
        "operation": author.operation,
        "apiVersion": api_version,
        "time": clock.stamp(),
        "fieldsType": "FieldsV1",
        "fieldsV1": _to_tree(paths),
        **({"subresource": author.subresource} if author.subresource else {}),
    }


def _fields(body: Json) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    for key, value in body.items():
        if key in ("apiVersion", "kind"):
            continue
        members = {k: v for k, v in value.items() if k not in _SYSTEM} if key == "metadata" else value
        _walk(members, (key,), found)
    found.pop(("metadata",), None)
    return found


def _walk(value: Any, path: Path, found: dict[Path, Any]) -> None:
    if not isinstance(value, dict) or not value:
        found[path] = value
        return
    found[path] = _MAP
    for key, member in value.items():
        _walk(member, (*path, key), found)


def _to_tree(paths: set[Path]) -> Json:
    tree: Json = {}
    for path in sorted(paths):
        node = tree
        for depth, key in enumerate(path, start=1):
            node = node.setdefault(f"f:{key}", {})
            if depth < len(path) and path[:depth] in paths:
                node["."] = {}
    return tree


def _of_tree(tree: Json, path: Path = ()) -> Iterable[Path]:
    for key, child in tree.items():
        where = path if key == "." else (*path, key.removeprefix("f:"))
        if child:
            yield from _of_tree(child, where)
        else:
            yield where
