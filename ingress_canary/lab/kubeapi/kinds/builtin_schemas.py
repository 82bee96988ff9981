"""Structural schemas of the built-in kinds.

Used by ``strategy.py`` to prune, and to refuse what a real server cannot decode. The source are the models of the
official client, generated from the API's own description; they are imported when first asked for, at half a second.
"""

import re

from ingress_canary.lab.kubeapi.errors import Json

_SCALARS = {
    "str": "string",
    "bytes": "string",
    "datetime": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
}
_OPEN = ("object", "V1ResourceRequirements", "V1VolumeResourceRequirements")
"""Types that are not looked into: raw JSON, and the holders of quantities, which may be numbers or strings."""
_CONTAINER = re.compile(r"(List|Dict)\[(?:str, )?(.+)\]")

_shapes: dict[str, Json] = {}


def of_kind(kind: str) -> Json:
    """Return the schema of a built-in kind."""
    return _shape("CoreV1Event" if kind == "Event" else f"V1{kind}")


def of_metadata() -> Json:
    """Return the schema of the metadata of every kind."""
    return _shape("V1ObjectMeta")


def _shape(model: str) -> Json:
    from kubernetes.aio.client import models  # noqa: PLC0415

    if model not in _shapes:
        fields: Json = {}
        _shapes[model] = {"type": "object", "properties": fields}  # before its fields, which may lead back to it
        found = getattr(models, model)
        fields |= {found.attribute_map[name]: _schema(kind) for name, kind in found.openapi_types.items()}
    return _shapes[model]


def _schema(kind: str) -> Json:
    if container := _CONTAINER.fullmatch(kind):
        inner = _schema(container[2])
        is_list = container[1] == "List"
        return {"type": "array", "items": inner} if is_list else {"type": "object", "additionalProperties": inner}
    if kind in _OPEN:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"type": _SCALARS[kind]} if kind in _SCALARS else _shape(kind)
