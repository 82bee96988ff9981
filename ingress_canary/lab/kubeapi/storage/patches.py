"""Patches of each kind, as functions of an object and a patch; the object is never changed.

Used by ``verbs.py``. Strategic merge patches matter because ``kubectl apply`` and ``kubectl annotate`` send them for
built-in kinds; the merge keys are those of the few lists that such patches touch, every other list is atomic.
"""

import json
from typing import Any

from ingress_canary.lab.kubeapi.errors import Cause, Json, bad_request, invalid

_MERGE_KEYS = {
    "ports": ("containerPort", "port"),
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}


def merge_key(name: str, items: Any) -> tuple[str, ...] | None:
    """Return the members that are the key of a list that is a map, as server-side apply has it; None for another."""
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return None
    key = next((key for key in _MERGE_KEYS.get(name, ()) if all(key in item for item in items)), None)
    if key is None:
        return None
    return (key, "protocol") if name == "ports" else (key,)


def clone(value: Any) -> Any:
    """Return a copy of JSON that shares nothing that can change."""
    if isinstance(value, dict):
        return {key: clone(member) for key, member in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def merge(target: Any, patch: Any) -> Any:
    """Return ``target`` with an RFC 7386 merge patch applied."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def strategic(target: Any, patch: Any) -> Any:
    """Return ``target`` with a strategic merge patch applied: its directives, and lists that are maps by a key."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            merged[name] = [item for item in merged.get(name) or [] if item not in value]
        elif key == "$retainKeys":
            merged = {name: member for name, member in merged.items() if name in value}
        elif key.startswith("$"):
            continue  # $setElementOrder: the order is the target's, then the patch's
        elif value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = strategic(merged.get(key), value)
        elif key == "finalizers":
            merged[key] = list(dict.fromkeys([*(merged.get(key) or []), *value]))
        else:
            merged[key] = _merged_list(merged.get(key), value, _MERGE_KEYS.get(key, ()))
    return merged


def _merged_list(target: Any, patch: Any, keys: tuple[str, ...]) -> Any:
    key = next((key for key in keys if isinstance(patch, list) and all(key in item for item in patch)), None)
    if key is None:
        return patch
    merged = {item.get(key): item for item in target or []}
    for item in patch:
        if item.get("$patch") == "delete":
            merged.pop(item[key], None)
        else:
            merged[item[key]] = strategic(merged.get(item[key]), item)
    return list(merged.values())


def json_patch(target: Any, operations: Any) -> Any:
    """Return ``target`` with an RFC 6902 patch applied. Raises ApiError: 400 malformed, 422 not applicable."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    document = {"": clone(target)}
    for operation in operations:
        try:
            _apply(document, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            why = f"the server rejected our request due to an error in our request: {operation}: {error}"
            raise invalid("", "", "", [Cause("FieldValueInvalid", "patch", why)]) from None
    return document[""]


def _apply(document: Json, operation: Json) -> None:
    parent, key = _resolve(document, operation["path"])
    match operation["op"]:
        case "test":
            if parent[key] != operation["value"]:
                raise ValueError("test failed")
        case "remove":
            del parent[key]
        case "replace":
            _ = parent[key]
            parent[key] = operation["value"]
        case "add":
            _add(parent, key, operation["value"])
        case "move" | "copy":
            source, source_key = _resolve(document, operation["from"])
            value = clone(source[source_key])
            if operation["op"] == "move":
                del source[source_key]
            _add(*_resolve(document, operation["path"]), value)
        case other:
            raise ValueError(f"unknown operation {other}")


def _add(parent: Any, key: Any, value: Any) -> None:
    if isinstance(parent, list):
        parent.insert(key, value)
    else:
        parent[key] = value


def _resolve(document: Json, pointer: str) -> tuple[Any, Any]:
    *path, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/"))
    parent: Any = document
    for part in path:
        parent = parent[int(part) if isinstance(parent, list) else part]
    if not isinstance(parent, list):
        return parent, last
    return parent, len(parent) if last == "-" else int(last)


def drop(body: Json, path: tuple[str, ...]) -> None:
    """Remove a field in place, if it is there; the path is that of ``managed_fields.py``."""
    *parents, last = path
    node: Any = body
    for key in parents:
        node = _item(node, key) if key.startswith("k:") else node.get(key[2:]) if isinstance(node, dict) else None
    if last.startswith("k:") and (item := _item(node, last)) is not None:
        node.remove(item)
    elif isinstance(node, dict):
        node.pop(last[2:], None)


def _item(items: Any, path: str) -> Any:
    """Return the item of a list whose members are those of a key."""
    key = json.loads(path[2:])
    found = (item for item in items or () if all(item.get(name, "TCP") == value for name, value in key.items()))
    return next(found, None)
