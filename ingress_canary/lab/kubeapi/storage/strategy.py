"""Write strategy of the store: checks, pruning, defaults, validation, generation, managed fields.

Pure but for uids and stamps. ``storage/store.py`` calls :func:`created` and :func:`updated`; what they return is
committed.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingress_canary.lab.kubeapi import clock
from ingress_canary.lab.kubeapi.errors import (
    ApiError,
    Cause,
    Json,
    Undecodable,
    bad_request,
    conflict,
    invalid,
    malformed_version,
)
from ingress_canary.lab.kubeapi.kinds import builtin_schemas, rules, schema
from ingress_canary.lab.kubeapi.kinds.resources import ServedResource
from ingress_canary.lab.kubeapi.storage import managed_fields
from ingress_canary.lab.kubeapi.storage.managed_fields import Author
from ingress_canary.lab.kubeapi.storage.patches import clone

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_WRITABLE = ("labels", "annotations", "ownerReferences", "finalizers")
_MUST_BE_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
BY_THE_LAB = Author()


def _ignore(_: list[str]) -> None:
    """Let unknown fields go without a word."""


@dataclass(frozen=True, slots=True)
class Write:
    """How a write is made."""

    author: Author = BY_THE_LAB
    dry_run: bool = False
    whole: bool = False
    """Whether it replaces the object (PUT), so that a uid in the body is a precondition."""
    applied: set[managed_fields.Path] | None = None
    """The fields that a server-side apply names."""
    asked: bool = False
    """Whether it came as a request: then it is held to rules in CEL. What the lab stores may be from before a rule."""
    unknown: Callable[[list[str]], None] = _ignore
    """Told the paths of unknown fields; may raise."""


def created(resource: ServedResource, namespace: str, body: Json, write: Write) -> Json:
    """Return a new object as it will be stored, still without a resourceVersion. Raises ApiError (400, 422)."""
    new = _decoded(resource, body, write)
    given = new["metadata"]
    if given.get("namespace") and given["namespace"] != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if given.get("resourceVersion"):
        raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
    name = given.get("name") or ""
    if not name and given.get("generateName"):
        name = f"{given['generateName']}{uuid.uuid4().hex[:5]}"
    new["metadata"] = {
        **({"generateName": given["generateName"]} if given.get("generateName") else {}),
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "uid": str(uuid.uuid4()),
        "creationTimestamp": clock.stamp(),
        **({"generation": 1} if resource.counts_generations else {}),
        **{key: given[key] for key in _WRITABLE if given.get(key)},
    }
    if resource.has_status:
        new.pop("status", None)
    _finish(resource, new, write)
    new["metadata"]["managedFields"] = managed_fields.record(None, new, write.author, write.applied)
    return new


def updated(resource: ServedResource, old: Json, body: Json, write: Write) -> Json:
    """Return what ``body`` makes of ``old``; ``old`` itself when nothing changes. Raises ApiError (400, 409, 422)."""
    new = _decoded(resource, body, write)
    _check_identity(resource, old["metadata"], new["metadata"], write)
    if write.author.subresource == "status":
        new = {**clone(old), "status": new.get("status")}
        if new["status"] is None:
            del new["status"]
    else:
        given = new["metadata"]
        kept = {key: value for key, value in old["metadata"].items() if key not in _WRITABLE}
        new["metadata"] = kept | {key: given[key] for key in _WRITABLE if given.get(key)}
        if resource.has_status:
            new.pop("status", None)
            new |= {"status": clone(old["status"])} if "status" in old else {}
    _finish(resource, new, write, old)
    if _bumps(resource, old, new):
        new["metadata"]["generation"] = old["metadata"]["generation"] + 1
    given = None if write.author.subresource else body["metadata"].get("managedFields")
    if given == [] and not resource.custom:
        # kube-apiserver (1.36) tells an empty list from none where a kind has a type of its own
        given = [{}]
    new["metadata"]["managedFields"] = managed_fields.record(old, new, write.author, write.applied, given)
    return old if new == old else new


def _decoded(resource: ServedResource, body: Any, write: Write) -> Json:
    """Return a copy of ``body`` in its stored form, without unknown fields. Raises ApiError when it cannot be one."""
    if not isinstance(body, dict):
        raise bad_request(f"couldn't decode the body as a {resource.kind}: not an object")
    if resource.custom and not (body.get("kind") and body.get("apiVersion")):
        raise bad_request("Object 'Kind' or 'apiVersion' is missing")
    new = {"apiVersion": resource.api_version, "kind": resource.kind} | clone(body)
    if new["apiVersion"] != resource.api_version:
        raise bad_request(
            f"the API version in the data ({new['apiVersion']}) does not match the expected API version "
            f"({resource.api_version})"
        )
    new = resource.stored(new)
    known = {"metadata": builtin_schemas.of_metadata()}
    if not resource.custom:
        known = builtin_schemas.of_kind(resource.kind)["properties"]
    shape = {"type": "object", "properties": known}
    unknown = schema.prune(new, resource.schema or shape)
    unknown += schema.prune(new.get("metadata"), known["metadata"], "metadata")
    if unknown:
        write.unknown(unknown)
    schema.default(new, shape)
    for cause in schema.validate(new, shape):
        raise Undecodable(resource.kind, resource.version, f"json: cannot unmarshal: {cause.text}")
    new.setdefault("metadata", {})
    _check_kind(resource, new)
    return new


def _check_kind(resource: ServedResource, body: Json) -> None:
    kind = body["kind"]
    if kind == resource.kind:
        return
    if not resource.custom:
        why = f"the kind in the data ({kind}) does not match the expected kind ({resource.kind})"
        raise Undecodable(resource.kind, resource.version, why)
    cause = Cause("FieldValueInvalid", "kind", f'Invalid value: "{kind}": must be {resource.kind}')
    raise invalid(kind, resource.group, body["metadata"].get("name") or "", [cause])


def _check_identity(resource: ServedResource, old: Json, given: Json, write: Write) -> None:
    name = old["name"]
    if given.get("name") not in (None, name):
        message = f"the name of the object ({given['name']}) does not match the name on the URL ({name})"
        raise bad_request(message)
    if given.get("namespace") not in (None, old.get("namespace")):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    uid, version = given.get("uid") or old["uid"], given.get("resourceVersion") or old["resourceVersion"]
    if not version.isdecimal():
        raise malformed_version(version)
    if write.whole and uid != old["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['uid']}"
        raise conflict(resource.plural, resource.group, name, why)
    if version != old["resourceVersion"]:
        raise conflict(resource.plural, resource.group, name)
    if uid != old["uid"] and not (resource.custom and write.author.subresource):
        cause = Cause("FieldValueInvalid", "metadata.uid", f'Invalid value: "{uid}": field is immutable')
        raise invalid(resource.kind, resource.group, name, [cause])
    if not given.get("resourceVersion") and not resource.unconditional_updates:
        cause = Cause(
            "FieldValueInvalid", "metadata.resourceVersion", "Invalid value: 0: must be specified for an update"
        )
        raise invalid(resource.kind, resource.group, name, [cause])


def _finish(resource: ServedResource, new: Json, write: Write, old: Json | None = None) -> None:
    """Default and validate in place; what was so before may stay so. Raises ApiError (422)."""
    causes: list[Cause] = []
    if resource.schema is None:
        resource.defaults(new)
        causes += resource.check(new)
    else:
        schema.default(new, resource.schema)
        shape, before = _body(resource.schema), schema.NOTHING if old is None else _own(old)
        causes += schema.validate(_own(new), shape, old=before)
        if write.asked:
            causes += rules.asked(_own(new), shape, causes, before)
    name = new["metadata"]["name"]
    if not name:
        causes.insert(
            0, Cause("FieldValueRequired", "metadata.name", "Required value: name or generateName is required")
        )
    elif not _NAME.match(name) or len(name) > 253:
        cause = Cause("FieldValueInvalid", "metadata.name", f'Invalid value: "{name}": {_MUST_BE_SUBDOMAIN}')
        causes.insert(0, cause)
    if causes:
        raise invalid(resource.kind, resource.group, name, causes)


def _own(body: Json) -> Json:
    """Return an object without metadata, which is the server's own business."""
    return {key: value for key, value in body.items() if key != "metadata"}


def _body(whole: Json) -> Json:
    """Return a schema without metadata."""
    properties = {key: value for key, value in (whole.get("properties") or {}).items() if key != "metadata"}
    required = [key for key in whole.get("required") or () if key != "metadata"]
    return {**whole, "properties": properties, "required": required}


def _bumps(resource: ServedResource, old: Json, new: Json) -> bool:
    """Whether the change counts as a new generation: anything but metadata, and status where it has its own path."""
    if not resource.counts_generations:
        return False
    # a Deployment's annotations reach its ReplicaSets, so they count too (registry/apps/deployment/strategy.go)
    if resource.kind == "Deployment" and old["metadata"].get("annotations") != new["metadata"].get("annotations"):
        return True
    aside = {"metadata", "status"} if resource.has_status else {"metadata"}
    return {key: value for key, value in old.items() if key not in aside} != {
        key: value for key, value in new.items() if key not in aside
    }
