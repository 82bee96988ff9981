"""Structural schemas of CRDs: pruning, defaulting and validation; their rules in CEL are in ``rules.py``.

Used by ``strategy.py`` for custom resources. The wording follows ``kube-openapi/pkg/validation``.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

from ingress_canary.lab.kubeapi.errors import Cause, Json

_ROOT = ("apiVersion", "kind", "metadata")
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
NOTHING: Any = object()
"""What a value was before where there was none, or where nobody can tell: an item of a list."""


def prune(value: Any, schema: Json, path: str = "") -> list[str]:
    """Remove in place what the schema does not know; return the paths of what was removed."""
    if isinstance(value, list):
        items = schema.get("items")
        return [gone for i, item in enumerate(value) if items for gone in prune(item, items, f"{path}[{i}]")]
    if not isinstance(value, dict):
        return []
    is_object = not path or schema.get("x-kubernetes-embedded-resource")
    known, others = schema.get("properties") or {}, schema.get("additionalProperties")
    removed: list[str] = []
    for key in list(value):
        where = f"{path}.{key}" if path else key
        if is_object and key in _ROOT:
            continue
        if key in known:
            removed += prune(value[key], known[key], where)
        elif isinstance(others, dict):
            removed += prune(value[key], others, where)
        elif not others and not schema.get(_PRESERVE):
            removed.append(where)
            del value[key]
    return removed


def default(value: Any, schema: Json) -> None:
    """Fill in defaults in place; a null that the schema does not allow counts as absent."""
    if isinstance(value, list):
        for item in value:
            default(item, schema.get("items") or {})
    if not isinstance(value, dict):
        return
    known, others = schema.get("properties") or {}, schema.get("additionalProperties")
    for key, child in known.items():
        if key in value and value[key] is None and not child.get("nullable"):
            del value[key]
        if key not in value and "default" in child:
            value[key] = json.loads(json.dumps(child["default"]))
    for key, member in value.items():
        default(member, known.get(key) or (others if isinstance(others, dict) else {}))


def validate(value: Any, schema: Json, path: str = "", old: Any = NOTHING) -> Iterator[Cause]:
    """Yield what the schema forbids in ``value``; what is as it was before (``old``) may stay so."""
    if value == old or (value is None and schema.get("nullable")):
        return
    wrong = _wrong_type(value, schema)
    if wrong:
        yield Cause("FieldValueTypeInvalid", path, f'Invalid value: "{wrong}": {path} in body {_wants(schema, wrong)}')
        if isinstance(value, float) and schema.get("type") == "integer":
            why = f'Invalid value: "": Checked value must be of type integer (default format) in {path}'
            yield Cause("FieldValueInvalid", "<nil>", why)
        return
    enum = schema.get("enum")
    if enum is not None and value not in enum:
        supported = ", ".join(json.dumps(choice) for choice in enum)
        yield Cause("FieldValueNotSupported", path, f"Unsupported value: {shown(value)}: supported values: {supported}")
    excess = _excess(value, schema)
    if excess:
        yield Cause(excess[0], path, excess[1])
    if not (excess and isinstance(value, str)):  # of a text the first fault alone is told
        for complaint in _limits(value, schema):
            seen = len(value) if isinstance(value, list | dict) else value
            yield Cause("FieldValueInvalid", path, f"Invalid value: {shown(seen)}: {path} in body {complaint}")
    yield from _members(value, schema, path, old)
    yield from _combinations(value, schema, path)


def _members(value: Any, schema: Json, path: str, old: Any) -> Iterator[Cause]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from validate(item, schema.get("items") or {}, f"{path}[{index}]")
    if not isinstance(value, dict):
        return
    for key in schema.get("required") or ():
        if key not in value:
            yield Cause("FieldValueRequired", joined(path, key), "Required value")
    known, others = schema.get("properties") or {}, schema.get("additionalProperties")
    before = old if isinstance(old, dict) else {}
    for key, member in value.items():
        child = known.get(key) or (others if isinstance(others, dict) else None)
        if child:
            yield from validate(member, child, joined(path, key), before.get(key, NOTHING))


def _combinations(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    for part in schema.get("allOf") or ():
        yield from validate(value, part, path)

    def fitting(parts: list[Json]) -> int:
        return sum(not any(True for _ in validate(value, part, path)) for part in parts)

    if schema.get("anyOf") and not fitting(schema["anyOf"]):
        yield Cause(
            "FieldValueInvalid", path, f"Invalid value: {shown(value)}: must validate at least one schema (anyOf)"
        )
    if schema.get("oneOf") and fitting(schema["oneOf"]) != 1:
        yield Cause(
            "FieldValueInvalid", path, f"Invalid value: {shown(value)}: must validate one and only one schema (oneOf)"
        )
    if schema.get("not") and fitting([schema["not"]]):
        yield Cause("FieldValueInvalid", path, f"Invalid value: {shown(value)}: must not validate the schema (not)")


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _wrong_type(value: Any, schema: Json) -> str:
    actual, wanted = _type_of(value), schema.get("type")
    if schema.get(_INT_OR_STRING):
        return "" if actual in ("integer", "string") else actual
    if not wanted or actual == wanted or (wanted == "number" and actual == "integer"):
        return ""
    return actual


def _wants(schema: Json, actual: str) -> str:
    wanted = "integer,string" if schema.get(_INT_OR_STRING) else schema["type"]
    return f'must be of type {wanted}: "{actual}"'


def _limits(value: Any, schema: Json) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            yield f"should be at least {schema['minLength']} chars long"
        elif "pattern" in schema and not _pattern(schema["pattern"]).search(value):
            yield f"should match '{schema['pattern']}'"
        if schema.get("format") == "date-time" and not _is_instant(value):
            yield f'must be of type date-time: "{value}"'
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"should have at least {schema['minItems']} items"
        if schema.get("x-kubernetes-list-type") in ("set", "map") and _repeats(value, schema):
            yield "must not have duplicate items"
    elif isinstance(value, dict):
        if len(value) < schema.get("minProperties", 0):
            yield f"should have at least {schema['minProperties']} properties"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
            yield f"should be greater than {'' if schema.get('exclusiveMinimum') else 'or equal to '}{low}"
        if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
            yield f"should be less than {'' if schema.get('exclusiveMaximum') else 'or equal to '}{high}"


def _excess(value: Any, schema: Json) -> tuple[str, str] | None:
    """Return that a value is too long or has too many members, with the reason that is kept for that."""
    if isinstance(value, str) and len(value) > (most := schema.get("maxLength", len(value))):
        return "FieldValueTooLong", f"Too long: may not be more than {most} bytes"
    bound = "maxItems" if isinstance(value, list) else "maxProperties" if isinstance(value, dict) else ""
    if bound in schema and len(value) > schema[bound]:
        return "FieldValueTooMany", f"Too many: {len(value)}: must have at most {schema[bound]} items"
    return None


def _repeats(items: list[Any], schema: Json) -> bool:
    keys = schema.get("x-kubernetes-list-map-keys")
    seen = [json.dumps([item.get(key) for key in keys] if keys else item, sort_keys=True) for item in items]
    return len(set(seen)) < len(seen)


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    # Go's $ is the end of the text; Python's also matches before a last newline
    ends = pattern.endswith("$") and not pattern.endswith("\\$")
    return re.compile(f"{pattern[:-1]}\\Z" if ends else pattern)


def _is_instant(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def shown(value: Any) -> str:
    """Return a value as messages show it."""
    return json.dumps(value)


def joined(path: str, key: str) -> str:
    """Return the path of a member."""
    return f"{path}.{key}" if path else key
