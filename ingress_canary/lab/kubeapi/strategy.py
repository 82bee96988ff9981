"""What becomes of an object on its way into the store: checks, pruning, defaults, validation, generation, managers.

Pure but for uids and stamps. ``store.py`` calls :func:`created` and :func:`updated`; what they return is committed.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingress_canary.lab.kubeapi import fields, schema, times
from ingress_canary.lab.kubeapi.fields import Author
from ingress_canary.lab.kubeapi.patches import clone
from ingress_canary.lab.kubeapi.resources import Resource
from ingress_canary.lab.kubeapi.status import Cause, Json, bad_request, conflict, invalid

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
    applied: set[fields.Path] | None = None
    """The fields that a server-side apply names."""
    unknown: Callable[[list[str]], None] = _ignore
    """Told the paths of unknown fields; may raise."""


def created(resource: Resource, namespace: str, body: Json, write: Write) -> Json:
    """Return a new object as it will be stored, still without a resourceVersion. Raises ApiError (400, 422)."""
    new = _shaped(resource, body)
    given = new["metadata"]
    if given.get("namespace") and given["namespace"] != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if given.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    name = given.get("name") or ""
    if not name and given.get("generateName"):
        name = f"{given['generateName']}{uuid.uuid4().hex[:5]}"
    new["metadata"] = {
        **({"generateName": given["generateName"]} if given.get("generateName") else {}),
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "uid": str(uuid.uuid4()),
        "creationTimestamp": times.stamp(),
        **({"generation": 1} if resource.counts_generations else {}),
        **{key: given[key] for key in _WRITABLE if given.get(key)},
    }
    if resource.has_status:
        new.pop("status", None)
    _finish(resource, new, write)
    new["metadata"]["managedFields"] = fields.record(None, new, write.author, write.applied)
    return new


def updated(resource: Resource, old: Json, body: Json, write: Write) -> Json:
    """Return what ``body`` makes of ``old``; ``old`` itself when nothing changes. Raises ApiError (400, 409, 422)."""
    new = _shaped(resource, body)
    _check_identity(resource, old["metadata"], new["metadata"])
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
    _finish(resource, new, write)
    if _bumps(resource, old, new):
        new["metadata"]["generation"] = old["metadata"]["generation"] + 1
    new["metadata"]["managedFields"] = fields.record(old, new, write.author, write.applied)
    return old if new == old else new


def _shaped(resource: Resource, body: Any) -> Json:
    """Return a copy of ``body`` in its stored form, sure to be an object of this resource with usable metadata."""
    if not isinstance(body, dict):
        raise bad_request(f"couldn't decode the body as a {resource.kind}: not an object")
    if resource.custom and not (body.get("kind") and body.get("apiVersion")):
        raise bad_request("Object 'Kind' or 'apiVersion' is missing")
    found = (body.get("apiVersion") or resource.api_version, body.get("kind") or resource.kind)
    if found[0] != resource.api_version:
        raise bad_request(
            f"the API version in the data ({found[0]}) does not match the expected API version ({resource.api_version})"
        )
    if found[1] != resource.kind:
        raise bad_request(f"the kind in the data ({found[1]}) does not match the expected kind ({resource.kind})")
    shaped = {"apiVersion": found[0], "kind": found[1], **clone(body)}
    shaped["metadata"] = _metadata(shaped.get("metadata"), resource)
    return resource.stored(shaped)


def _metadata(given: Any, resource: Resource) -> Json:
    if not isinstance(given, dict | None):
        raise bad_request(f"{resource.kind} in version {resource.version!r} cannot be handled: metadata is no object")
    metadata = given or {}
    for key in ("labels", "annotations"):
        for name, value in (metadata.get(key) or {}).items():
            if not isinstance(value, str):
                kind = "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "object"
                raise bad_request(
                    f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
                    f"json: cannot unmarshal {kind} into Go struct field ObjectMeta.metadata.{key} of type string "
                    f"({name})"
                )
    return metadata


def _check_identity(resource: Resource, old: Json, given: Json) -> None:
    name = old["name"]
    if given.get("name") not in (None, name):
        message = f"the name of the object ({given['name']}) does not match the name on the URL ({name})"
        raise bad_request(message)
    if given.get("namespace") not in (None, old.get("namespace")):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if given.get("uid") not in (None, "", old["uid"]):
        why = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {old['uid']}"
        raise conflict(resource.plural, resource.group, name, why)
    if given.get("resourceVersion") not in (None, "", old["resourceVersion"]):
        raise conflict(resource.plural, resource.group, name)
    if not given.get("resourceVersion") and not resource.unconditional_updates:
        cause = Cause(
            "FieldValueInvalid", "metadata.resourceVersion", "Invalid value: 0: must be specified for an update"
        )
        raise invalid(resource.kind, resource.group, name, [cause])


def _finish(resource: Resource, new: Json, write: Write) -> None:
    """Prune, default and validate in place."""
    causes: list[Cause] = []
    if resource.schema is None:
        resource.defaults(new)
        causes += resource.check(new)
    else:
        unknown = schema.prune(new, resource.schema)
        if unknown:
            write.unknown(unknown)
        schema.default(new, resource.schema)
        causes += schema.validate(
            {key: value for key, value in new.items() if key != "metadata"}, _body(resource.schema)
        )
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


def _body(whole: Json) -> Json:
    """Return a schema without metadata, which is the server's own business."""
    properties = {key: value for key, value in (whole.get("properties") or {}).items() if key != "metadata"}
    required = [key for key in whole.get("required") or () if key != "metadata"]
    return {**whole, "properties": properties, "required": required}


def _bumps(resource: Resource, old: Json, new: Json) -> bool:
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
