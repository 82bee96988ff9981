"""Errors of the pydantic models as messages for users. Used by ``check.py``.

pydantic says which rule failed; the structural schema says which fields exist, and what they take.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic_core import ErrorDetails

from ingress_canary.api.model import FieldFault, InvalidValue, NotExactlyOne
from ingress_canary.api.schema.structural import Schema
from ingress_canary.lint.findings import LintProblem, Path, did_you_mean

_EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$": "write a duration such as 90s, 10m or 1h30m",
        r"^[0-9]+(\.[0-9]+)?pp$": "write percentage points such as 0.1pp",
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": "write lower-case letters, digits and `-`, such as checkout-1",
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": "write lower-case letters, digits, `-` and `.`, such as checkout-1",
        r"^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$": "write letters, digits, `-`, `_` and `.`, such as v2.3.1",
        r"^([01][0-9]|2[0-3]):[0-5][0-9]$": 'write a time of day such as "09:00"',
        r"^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$": 'write a time such as "2026-12-18T00:00"',
        r"^[1-5][0-9.][0-9.]$": 'write a status or a class of them, such as "503" or "5.."',
        r"^https?://[^/?#@\s]+([/?#][^\s]*)?$": "write an address without credentials, such as https://shop.example/healthz",
        r"^[-._a-zA-Z0-9]+$": "write letters, digits, `-`, `_` and `.`, such as hmac-key",
        r"^[1-5][0-9]{2}$": 'write a status such as "308"',
        r"^[A-Z][A-Za-z]*$": "write a reason such as SLOViolated",
    }
)
"""What to write where a pattern is asked for; complete over both kinds, as a test shows."""

_TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "string": ("a string", "put it in quotes, or write another value"),
        "integer": ("a whole number", "write it without quotes or decimals"),
        "number": ("a number", "write it without quotes"),
        "boolean": ("true or false", "write true or false"),
        "array": ("a list", "begin each entry with `- `"),
        "object": ("a mapping", "write its members as `name: value`"),
    }
)

_BOUNDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "greater_than": lambda ctx: f"must be above {ctx['gt']:g}",
        "greater_than_equal": lambda ctx: f"must be at least {ctx['ge']:g}",
        "less_than": lambda ctx: f"must be below {ctx['lt']:g}",
        "less_than_equal": lambda ctx: f"must be at most {ctx['le']:g}",
        "string_too_short": lambda ctx: f"must have at least {ctx['min_length']} characters",
        "string_too_long": lambda ctx: f"must have at most {ctx['max_length']} characters",
        "too_short": lambda ctx: f"must have at least {ctx['min_length']} entries",
        "too_long": lambda ctx: f"must have at most {ctx['max_length']} entries",
    }
)


def explain(error: ErrorDetails, schema: Schema) -> LintProblem:
    """Return the problem and its remedy, for one of the errors of the model with this ``schema``."""
    path, kind = error["loc"], error["type"]
    value, context = error["input"], error.get("ctx", {})
    here = _at(schema, path)
    if kind == "extra_forbidden":
        known = _at(schema, path[:-1]).get("properties", {})
        return LintProblem(path, f"unknown field `{path[-1]}`", did_you_mean(path[-1], known))
    if kind == "missing":
        return LintProblem(path, f"`{path[-1]}` is required", f"add it: {example(here)}")
    if kind in ("enum", "literal_error"):
        return LintProblem(path, f"must be one of {', '.join(here['enum'])}; got {_shown(value)}", example(here, value))
    if kind in _BOUNDS:
        return LintProblem(path, f"{_BOUNDS[kind](context)}; got {_shown(value)}", example(here, value))
    if kind == "string_pattern_mismatch":
        return LintProblem(path, f"{_shown(value)} is not what it takes", example(here, value))
    if kind == "value_error":
        return _problem_of_model(path, context["error"], value, here)
    wanted, remedy = _TYPES[here["type"]]
    return LintProblem(path, f"must be {wanted}; got {_shown(value)}", remedy)


def example(schema: Schema, value: object = None) -> str:
    """Return an example value for ``schema``."""
    if words := schema.get("enum"):
        return did_you_mean(value, words) if value is not None else f"one of {', '.join(words)}"
    rules = [validation["message"] for validation in schema.get("x-kubernetes-validations", ())]
    if hint := _EXAMPLES.get(schema.get("pattern", "")):
        return "; ".join([hint, *rules])
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        above = "above " if schema.get("exclusiveMinimum") else ""
        below = "below " if schema.get("exclusiveMaximum") else ""
        return "; ".join([f"write a number from {above}{low:g} to {below}{high:g}", *rules])
    for most, least, unit in (("maxLength", "minLength", "characters"), ("maxItems", "minItems", "entries")):
        if most in schema:
            few, many = schema.get(least, 0), schema[most]
            return f"write {few} to {many} {unit}" if few < many else f"write exactly {many}"
    return "its members: " + ", ".join(schema.get("required") or schema.get("properties", {}))


def _problem_of_model(path: Path, error: ValueError, value: object, here: Schema) -> LintProblem:
    """Return a validator's own message, at the member that it is about, if there is such a member."""
    if isinstance(error, NotExactlyOne):
        given = [name for name in error.names if isinstance(value, dict) and name in value]
        remedy = f"remove all but one of {', '.join(given)}" if given else "add one of them"
        return LintProblem(path, error.fault.what, remedy)
    fault = error.fault if isinstance(error, InvalidValue) else FieldFault(str(error))
    if here["type"] != "object":
        return LintProblem(path, fault.what, fault.remedy or example(here, value))
    member = member_path(value, error.about) if isinstance(error, InvalidValue) else ()
    what = fault.what if member else str(fault._replace(remedy=""))
    return LintProblem(path + member, what, fault.remedy)


def path_of(dotted: str) -> Path:
    """Return the path that is written ``steps[2]`` or ``shadow.name``."""
    return tuple(name or int(index) for name, index in re.findall(r"([A-Za-z]+)|\[([0-9]+)\]", dotted))


def member_path(value: object, dotted: str) -> Path:
    """Return the path that ``dotted`` names within ``value``; empty when there is none."""
    path = path_of(dotted)
    for part in path:
        match value:
            case dict() if part in value:
                value = value[part]
            case list() if isinstance(part, int) and part < len(value):
                value = value[part]
            case _:
                return ()
    return path


def _at(schema: Schema, path: Path) -> Schema:
    """Return the schema of a path; an empty one where it is unknown."""
    for part in path:
        schema = schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
    return schema


def _shown(value: object) -> str:
    """Return a value as text for messages, cut short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"`{value if len(value) <= 60 else value[:57] + '...'}`"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return "a mapping"
        case _:
            return str(value)
