"""Rules of CRDs (``x-kubernetes-validations``): which an object breaks, and which are in words unknown here.

Used by ``storage/strategy.py`` and, for definitions, by ``builtin_kinds.py``. The rules are CEL: ``cel.py``.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ingress_canary.lab.kubeapi.errors import Cause, Json
from ingress_canary.lab.kubeapi.kinds import cel
from ingress_canary.lab.kubeapi.kinds.schema import NOTHING, joined, shown

_RULES = "x-kubernetes-validations"
_HIDING = {
    "FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid",
}  # fmt: skip
"""Reasons of causes that leave rules unasked (``hasBlockingErr`` of apiextensions-apiserver)."""
_UNASKED = Cause(
    "FieldValueInvalid", "<nil>",
    "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing "
    "errors to complete validation",
)  # fmt: skip


def asked(value: Any, schema: Json, found: Sequence[Cause], old: Any = NOTHING) -> Iterator[Cause]:
    """Yield which rules a value breaks, unless what was ``found`` before leaves them unasked."""
    if any(cause.reason in _HIDING for cause in found):
        if any(True for _ in _every(schema)):
            yield _UNASKED
        return
    yield from _broken(value, schema, "", old)


def unknown(schema: Json) -> Iterator[str]:
    """Yield what is not understood of a schema's rules."""
    for rule in _every(schema):
        try:
            cel.compiled(rule["rule"])
        except cel.UnknownRule as error:
            yield str(error)


def _every(schema: Json) -> Iterator[Json]:
    yield from schema.get(_RULES) or ()
    for member in (schema.get("properties") or {}).values():
        yield from _every(member)
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from _every(inner)


def _broken(value: Any, schema: Json, path: str, old: Any) -> Iterator[Cause]:
    """Yield what is broken at or below a value; a value that is as it was before may stay so."""
    if value is None or value == old:
        return
    for rule in schema.get(_RULES) or ():
        complaint = _complaint(rule, value, schema)
        if complaint:
            yield Cause("FieldValueInvalid", path, f"Invalid value: {complaint}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _broken(item, schema.get("items") or {}, f"{path}[{index}]", NOTHING)
    if isinstance(value, dict):
        known, others = schema.get("properties") or {}, schema.get("additionalProperties")
        before = old if isinstance(old, dict) else {}
        for key, member in value.items():
            child = known.get(key) or (others if isinstance(others, dict) else {})
            yield from _broken(member, child, joined(path, key), before.get(key, NOTHING))


def _complaint(rule: Json, value: Any, schema: Json) -> str:
    """Return what is wrong with a value by a rule; empty when nothing is."""
    message = rule.get("message") or f"failed rule: {rule['rule']}"
    try:
        if cel.compiled(rule["rule"])({"self": value}):
            return ""
    except cel.Unevaluable as why:
        return f"{shown(schema.get('type'))}: {why} evaluating rule: {message}"
    return message if isinstance(value, dict | list) else f"{shown(value)}: {message}"
