"""Errors that the API answers with: a code and a Kubernetes Status as its body.

Every refusal in this package is an :class:`ApiError`, made by one of the functions below; ``server.py`` sends it.
The wording follows ``apimachinery/pkg/api/errors`` of Kubernetes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(frozen=True, slots=True)
class Cause:
    """One field's fault. ``reason`` is one of Kubernetes' cause types, such as FieldValueRequired."""

    reason: str
    field: str
    message: str
    """Without the field."""

    @property
    def text(self) -> str:
        """Field and message, as they appear in a Status message."""
        return f"{self.field}: {self.message}"


class ApiError(Exception):
    """A refusal, with its HTTP code and its Status."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": code,
        }
        if not reason:
            del self.status["reason"]


class VersionNotServed(ApiError):
    """404 of a path that nobody serves: answered in plain text, by the HTTP server under the API."""

    text = "404 page not found\n"

    def __init__(self) -> None:
        super().__init__(404, "NotFound", self.text)


class Undecodable(ApiError):
    """400: a body that is no object of its kind; the result of a patch that is none is Invalid instead."""

    def __init__(self, kind: str, version: str, why: str) -> None:
        super().__init__(400, "BadRequest", f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')
        self.patched = invalid("", "", "", [Cause("FieldValueInvalid", "patch", f"Invalid value: {why}")])


def qualified(plural: str, group: str) -> str:
    """Return a resource's or kind's name with its group, as messages show it."""
    return f"{plural}.{group}" if group else plural


def _details(plural: str, group: str, name: str) -> Json:
    return {key: value for key, value in (("name", name), ("group", group), ("kind", plural)) if value}


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: no token, or an unknown one."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(plural: str, group: str, name: str, why: str) -> ApiError:
    """403: understood and refused."""
    message = f'{qualified(plural, group)} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _details(plural, group, name))


def not_found(plural: str, group: str, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{qualified(plural, group)} "{name}" not found', _details(plural, group, name))


def no_such_path() -> ApiError:
    """404: no such resource in a group that is built in."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def not_allowed() -> ApiError:
    """405: the resource does not take this verb."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def already_exists(plural: str, group: str, name: str) -> ApiError:
    """409: the name is taken."""
    message = f'{qualified(plural, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(plural, group, name))


def conflict(plural: str, group: str, name: str, why: str = MODIFIED) -> ApiError:
    """409: the object is not the one that the writer saw."""
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(plural, group, name))


def apply_conflict(taken: Sequence[tuple[Json, str]]) -> ApiError:
    """409: a server-side apply changes fields of others; each with the entry of managedFields that owns it.

    The wording is that of ``managedfields/internal/conflict.go`` of apimachinery.
    """
    by_owner: dict[str, list[str]] = {}
    for entry, path in taken:
        by_owner.setdefault(_owner(entry), []).append(path)
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {_owner(entry)}", "field": path}
        for entry, path in taken
    ]
    if len(taken) == 1:
        message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        lists = ["\n".join([f"conflicts with {one}:", *(f"- {path}" for path in by_owner[one])]) for one in by_owner]
        message = f"Apply failed with {len(taken)} conflicts: " + "\n".join(sorted(lists))
    return ApiError(409, "Conflict", message, {"causes": causes})


def _owner(entry: Json) -> str:
    part = f' with subresource "{entry["subresource"]}"' if entry.get("subresource") else ""
    using = f" using {entry['apiVersion']}" if entry["operation"] == "Update" else ""
    return f'"{entry["manager"]}"{part}{using}'


def expired(message: str) -> ApiError:
    """410: the version asked for has been compacted away."""
    return ApiError(410, "Expired", message)


def unsupported(accepted: Sequence[str]) -> ApiError:
    """415: a body of a kind that is not taken here."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return ApiError(415, "UnsupportedMediaType", message)


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks its schema or a rule of its kind."""
    texts = [cause.text for cause in causes]
    why = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    details = {**_details(kind, group, name), "causes": listed}
    return ApiError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {why}', details)


def malformed_version(text: str) -> ApiError:
    """500: a resourceVersion that is no number, reported as an internal error."""
    return ApiError(500, "", f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: invalid syntax')


def too_large_version(requested: int, current: int) -> ApiError:
    """504: a version that this server has not reached, such as one from before it lost its data."""
    message = f"Too large resource version: {requested}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(504, "Timeout", f"Timeout: {message}", {"causes": [cause], "retryAfterSeconds": 1})
