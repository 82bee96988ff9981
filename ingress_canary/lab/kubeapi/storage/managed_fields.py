"""Managed fields: who owns which field (``metadata.managedFields``), as server-side apply and updates record it.

Used by ``strategy.py`` after each write. Maps are followed member by member, and belong themselves to the writer that
made them (the member "." of a real server's tree). So are the lists of built-in kinds that are maps by a key, such as
containers; any other list is one field (a real server knows those of custom resources, and sets, too). As in a real
server a writer that only removes fields leaves no entry, and an object without any entry is tracked again from the next
apply on, at which all that it has belongs to "before-first-apply".
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ingress_canary.lab.kubeapi import clock
from ingress_canary.lab.kubeapi.errors import Json
from ingress_canary.lab.kubeapi.storage.patches import merge_key

Path = tuple[str, ...]
"""Keys of FieldsV1: ``f:`` and a member's name, or ``k:`` and an item's key as JSON."""

_SYSTEM = frozenset(
    {
        "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "managedFields", "generateName", "selfLink",
    }
)  # fmt: skip

_REPLICAS: Path = ("f:spec", "f:replicas")
_MAP = object()
"""Stands for the value of a map that has members, which are fields of their own."""
_ITEM = object()
"""Stands for an item of a list that is a map by a key."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, and how."""

    manager: str = "lab"
    operation: Literal["Update", "Apply"] = "Update"
    subresource: str = ""


def record(
    old: Json | None, new: Json, author: Author, applied: set[Path] | None = None, given: object = None
) -> list[Json]:
    """Return the managedFields of ``new``, which ``author`` made of ``old``: newest last among each operation.

    ``applied`` are the fields that a server-side apply names: all of them are its own from then on. ``given`` are the
    managedFields that the request came with.
    """
    entries: list[Json] = _accepted((old or {}).get("metadata", {}).get("managedFields") or [], given)
    if old is not None and applied is None and not entries:
        return []
    before, after = _fields(old or {}), _fields(new)
    if author.subresource == "scale" and after.get(_REPLICAS) == 0:
        # a Scale leaves a zero out (omitempty), and nobody owns what is not there
        del after[_REPLICAS]
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = before.keys() - after.keys()
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


def _accepted(stored: list[Json], given: object) -> list[Json]:
    """Return the entries that a request leaves: one empty entry clears them, none or unusable ones change nothing."""
    if given == [{}]:
        return []
    needed = ("manager", "operation", "apiVersion", "time", "fieldsV1")
    usable = isinstance(given, list) and all(isinstance(one, dict) and all(map(one.get, needed)) for one in given)
    return given if given and usable and isinstance(given, list) else stored


def tracked(body: Json) -> list[Json]:
    """Return the entries that an apply finds: without any, all that the object has is "before-first-apply"'s."""
    entries: list[Json] = body["metadata"].get("managedFields") or []
    before = Author("before-first-apply")
    return entries or [_entry(before, body["apiVersion"], set(_fields(body)))]


def owners(entries: list[Json], paths: Iterable[Path], author: Author) -> dict[Path, list[Json]]:
    """Return the entries of other managers that own ``paths``, by path."""
    others = [entry for entry in entries if (entry["manager"], entry["operation"]) != (author.manager, "Apply")]
    owned = [(entry, set(_of_tree(entry["fieldsV1"]))) for entry in others]
    found = {path: [entry for entry, fields in owned if path in fields] for path in sorted(paths)}
    return {path: holders for path, holders in found.items() if holders}


def shown(path: Path) -> str:
    """Return a path as a server's messages have it: ``.spec.containers[name="app"].image``."""
    return "".join(f".{key[2:]}" if key.startswith("f:") else _shown_key(json.loads(key[2:])) for key in path)


def _shown_key(key: Json) -> str:
    return f"[{','.join(f'{name}={json.dumps(value)}' for name, value in key.items())}]"


def applied_before(body: Json, author: Author) -> set[Path]:
    """Return the fields that ``author`` has applied, or updated."""
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
    group = str(body.get("apiVersion") or "").rpartition("/")[0]
    is_builtin = "." not in group or group.endswith(".k8s.io")
    for key, value in body.items():
        if key in ("apiVersion", "kind"):
            continue
        members = {k: v for k, v in value.items() if k not in _SYSTEM} if key == "metadata" else value
        _walk(members, (f"f:{key}",), found, keyed=is_builtin)
    found.pop(("f:metadata",), None)
    return found


def _walk(value: Any, path: Path, found: dict[Path, Any], *, keyed: bool) -> None:
    if isinstance(value, dict) and value:
        found.setdefault(path, _MAP)
        for key, member in value.items():
            _walk(member, (*path, f"f:{key}"), found, keyed=keyed)
    elif keyed and (names := merge_key(path[-1][2:], value)) is not None:
        for item in value:
            key = {name: item.get(name, "TCP") for name in names}
            where = (*path, f"k:{json.dumps(key, separators=(',', ':'))}")
            found[where] = _ITEM
            _walk(item, where, found, keyed=keyed)
    else:
        found[path] = value


def _to_tree(paths: set[Path]) -> Json:
    tree: Json = {}
    for path in sorted(paths):
        node = tree
        for depth, key in enumerate(path, start=1):
            node = node.setdefault(key, {})
            if depth < len(path) and path[:depth] in paths:
                node["."] = {}
    return tree


def _of_tree(tree: Json, path: Path = ()) -> Iterable[Path]:
    for key, child in tree.items():
        where = path if key == "." else (*path, key)
        if child:
            yield from _of_tree(child, where)
        else:
            yield where
