"""Tables, as ``kubectl get`` asks for them: rows and columns are the server's business."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ingress_canary.lab.kubeapi import clock
from ingress_canary.lab.kubeapi.errors import Json
from ingress_canary.lab.kubeapi.kinds.resources import Column, ServedResource

_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_STEP = re.compile(
    r"""\.?(?P<name>(?:[^.\[\]\\]|\\.)+)
      | \[(?P<index>\d+|\*)\]
      | \[\?\(@\.(?P<key>\w+)\s*==\s*["'](?P<value>[^"']*)["']\)\]
      | \[["'](?P<quoted>[^"']+)["']\]""",
    re.VERBOSE,
)


def wanted(accept: str) -> bool:
    """Return whether the client would rather have a Table: whether it is named first."""
    first = accept.partition(",")[0]
    return "as=Table" in first and "v=v1;" in f"{first};"


def table(resource: ServedResource, bodies: Sequence[Json], meta: Json, include: str, *, headed: bool = True) -> Json:
    """Return objects as a Table. ``include`` is None, Metadata or Object; later events of a watch have no head."""
    columns = resource.columns or (_AGE,)
    head = [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}]
    head += [
        {
            "name": column.name,
            "type": column.type,
            "format": "",
            "description": column.description,
            "priority": column.priority,
        }
        for column in columns
    ]
    rows = [
        {
            "cells": [body["metadata"]["name"], *(_cell(column, body) for column in columns)],
            **({} if include == "None" else {"object": body if include == "Object" else _partial(body)}),
        }
        for body in bodies
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": head if headed else None,
        "rows": rows,
    }


def _partial(body: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"]}


def _cell(column: Column, body: Json) -> Any:
    if not isinstance(column.value, str):
        value = column.value(body)
    else:
        values = list(_find(body, column.value))
        value = None if not values else values[0] if len(values) == 1 else ",".join(map(str, values))
    if value is None:
        return None
    if column.type == "date":
        return clock.age(value)
    return str(value) if column.type == "string" and not isinstance(value, str) else value


def _find(value: Any, path: str) -> Iterator[Any]:
    if not path:
        yield value
        return
    step = _STEP.match(path)
    if step is None:
        return
    for child in _children(value, step):
        yield from _find(child, path[step.end() :])


def _children(value: Any, step: re.Match[str]) -> Sequence[Any]:
    name = step["quoted"] or (step["name"] or "").replace("\\", "")
    if name:
        return [value[name]] if isinstance(value, dict) and value.get(name) is not None else []
    if not isinstance(value, list):
        return []
    if step["key"]:
        return [item for item in value if isinstance(item, dict) and str(item.get(step["key"])) == step["value"]]
    if step["index"] == "*":
        return value
    return value[int(step["index"]) : int(step["index"]) + 1]
