"""Requests as parsed from the URL, before any look-up: the input of faults, audit and authorization.

The parse follows ``apiserver/pkg/endpoints/request/requestinfo.go``.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from aiohttp import web

from ingress_canary.lab.kubeapi.errors import ApiError, Json, bad_request

_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_TRUE = ("1", "true", "True")


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A parsed request. ``resource`` is "" for paths that are not about objects."""

    verb: str
    """get, list, watch, create, update, patch, delete or deletecollection."""
    path: str
    group: str
    version: str
    resource: str
    """The plural."""
    subresource: str
    namespace: str
    name: str
    """Of a creation: the name in the body."""
    user: str
    token: str
    user_agent: str


@dataclass(slots=True)
class AuditRecord:
    """One request, recorded when it arrives; ``code`` is 0 until the answer is known (a watch's at its start)."""

    at: datetime
    verb: str
    path: str
    group: str
    version: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: str
    token: str
    user_agent: str
    body: Any = None
    """The JSON of a write; None when it has none or cannot be read."""
    code: int = 0

    @classmethod
    def of(cls, info: RequestInfo, at: datetime, body: Any) -> "AuditRecord":
        """Return the record of a request that has just arrived."""
        return cls(at=at, body=body, **{field.name: getattr(info, field.name) for field in fields(info)})


INFO = web.RequestKey("info", RequestInfo)
RECORD = web.RequestKey("record", AuditRecord)


def parse(method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], user: str) -> RequestInfo:
    """Return what a request asks for."""
    parts = [part for part in path.split("/") if part]
    group = version = resource = subresource = namespace = name = ""
    rest: list[str] = []
    if len(parts) > 2 and parts[0] == "api":
        version, rest = parts[1], parts[2:]
    elif len(parts) > 3 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = (*rest, "", "", "")[:3]
    if resource == "namespaces":
        namespace = name
    return RequestInfo(
        verb=_verb(method, query, resource, name),
        path=path,
        group=group,
        version=version,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
        user=user,
        token=token_of(headers),
        user_agent=headers.get("User-Agent", ""),
    )


def token_of(headers: Mapping[str, str]) -> str:
    """Return the bearer token, "" when there is none."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _verb(method: str, query: Mapping[str, str], resource: str, name: str) -> str:
    if method == "DELETE" and resource and not name:
        return "deletecollection"
    if method in _WRITES:
        return _WRITES[method]
    if resource and query.get("watch") in _TRUE:
        return "watch"
    return "list" if resource and not name else "get"


def decode(raw: bytes) -> Any:
    """Return the JSON of a body. Raises ApiError (400), also for NaN and Infinity, which are not JSON."""
    try:
        return json.loads(raw, parse_constant=_not_json, parse_float=_finite)
    except ValueError as error:
        raise bad_request(f"error decoding the body of the request: {error}") from None


def readable(raw: bytes) -> Any:
    """Return the JSON of a body, None when it has none."""
    try:
        return decode(raw) if raw else None
    except ApiError:
        return None


def finite(value: Any) -> bool:
    """Return whether a value is JSON: nothing that JSON cannot say, and no NaN or Infinity."""
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError):
        return False
    return True


def integer(text: str) -> int:
    """Return a number of a query. Raises ApiError (400)."""
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"invalid number: {text!r}") from None


def encode(body: Json) -> bytes:
    """Return an answer's body."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def _not_json(constant: str) -> float:
    raise ValueError(f"invalid character '{constant[0]}' looking for beginning of value ({constant} is not JSON)")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"cannot represent the number {text} as a float64")
    return number
