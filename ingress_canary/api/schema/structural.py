"""Structural schema of a model for a CRD: OpenAPI v3.0, bounded, with CEL rules for unions.

Used by ``crd.py`` to make the CRDs and by ``lint`` to know which fields exist where. What a real API server refuses
(``$ref``, ``anyOf`` with null, ``title``, ``additionalProperties: false``, numeric ``exclusiveMinimum``) ends here.
"""

import json
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any

from ingress_canary.api.model import Model
from ingress_canary.api.schema.field_docs import field_docs

Schema = dict[str, Any]

DATE_TIME_LENGTH = 64
_KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)


class Defaults(Enum):
    """Where a schema has defaults, which an API server fills in."""

    EVERYWHERE = auto()
    OUTSIDE_LISTS = auto()
    """Those of members of list items are told in their description alone: tools that apply a manifest again replace a
    list as a whole, and would find it without what the server had filled in, for ever."""
    NOWHERE = auto()
    """Right for a status, which holds what the daemon wrote."""


def structural(model: type[Model], defaults: Defaults = Defaults.EVERYWHERE) -> Schema:
    """Return the structural schema of ``model``."""
    definitions = model.model_json_schema(by_alias=True)
    models = {subclass.__name__: subclass for subclass in _all_models(Model)}
    return _Writer(definitions.get("$defs", {}), models, defaults).of_model(definitions, model)


class _Writer:
    """Writer of a structural schema from pydantic's definitions."""

    def __init__(
        self, definitions: Mapping[str, Schema], models: Mapping[str, type[Model]], defaults: Defaults
    ) -> None:
        self._definitions = definitions
        self._models = models
        self._defaults = defaults
        self._in_list = False

    def of_model(self, schema: Schema, model: type[Model]) -> Schema:
        """Return an object's schema; defaults come from the model, dumped as they are written in a manifest."""
        defaults = model.model_construct().dump() if self._defaults is not Defaults.NOWHERE else {}
        docs = {model.model_fields[name].alias: {"description": text} for name, text in field_docs(model).items()}
        result = _plain(schema)
        members = {
            name: self._with_default(self._of(member | docs.get(name, {})), defaults.get(name))
            for name, member in schema["properties"].items()
        }
        if members:  # an API server stores no empty ones, and a tool that compares would find a difference for ever
            result["properties"] = members
        if required := schema.get("required"):
            result["required"] = required
        return result

    def _of(self, schema: Schema) -> Schema:
        if "anyOf" in schema:
            return self._of(_without_null(schema))
        if reference := schema.get("$ref"):
            name = reference.removeprefix("#/$defs/")
            target = self._definitions[name]
            resolved = self.of_model(target, self._models[name]) if name in self._models else self._of(target)
            return resolved | _described(schema)
        result = _plain(schema)
        if "items" in schema:
            outside, self._in_list = self._in_list, True
            result["items"] = self._of(schema["items"])
            self._in_list = outside
        return result

    def _with_default(self, schema: Schema, value: object) -> Schema:
        if value is None:
            return schema
        if not self._in_list or self._defaults is Defaults.EVERYWHERE:
            return schema | {"default": value}
        text = schema.get("description", "")
        return schema | {"description": f"{text} By default {json.dumps(value)}.".strip()} if value else schema


def _all_models(base: type[Model]) -> Iterator[type[Model]]:
    for subclass in base.__subclasses__():
        yield subclass
        yield from _all_models(subclass)


def _without_null(schema: Schema) -> Schema:
    """Return the non-null member of ``X | None``: an absent field means null."""
    (member,) = [option for option in schema["anyOf"] if option != {"type": "null"}]
    return {**member, **_described(schema)}


def _described(schema: Schema) -> Schema:
    text = schema.get("description")
    return {"description": " ".join(text.replace("``", "`").split())} if text else {}


def _plain(schema: Schema) -> Schema:
    """Return the OpenAPI v3.0 keywords of one node, bounded."""
    result: Schema = {key: schema[key] for key in _KEPT if key in schema} | _described(schema)
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in schema:
            result |= {bound: schema[exclusive], exclusive: True}
    if result["type"] == "integer":
        result["format"] = "int64"
    if "enum" in result:
        result["maxLength"] = max(len(word) for word in result["enum"])
    if result.get("format") == "date-time":
        result["maxLength"] = DATE_TIME_LENGTH
    return result
