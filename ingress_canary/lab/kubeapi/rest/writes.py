"""Writes over REST: create, update, patch and delete, through admission into the store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from aiohttp import web

from ingress_canary.lab.kubeapi.controllers import Collector
from ingress_canary.lab.kubeapi.errors import (
    ApiError,
    Cause,
    Json,
    Undecodable,
    apply_conflict,
    bad_request,
    invalid,
    unsupported,
)
from ingress_canary.lab.kubeapi.kinds.resources import ServedResource
from ingress_canary.lab.kubeapi.requests import INFO, RequestInfo, decode, finite
from ingress_canary.lab.kubeapi.rest.reads import answer, respond
from ingress_canary.lab.kubeapi.storage import managed_fields, patches, selectors
from ingress_canary.lab.kubeapi.storage.managed_fields import Author
from ingress_canary.lab.kubeapi.storage.store import ObjectStore
from ingress_canary.lab.kubeapi.storage.strategy import Write

Admission = Callable[[str, str, Json | None, Json | None], str | None]
"""(verb, plural, object, old object) -> None, or why the webhook denies it. The verb: create, update or delete."""

Mutation = Callable[[str, str, Json], Json]
"""(verb, plural, object) -> the object as a mutating webhook makes it. The verb: create or update."""

_WEBHOOK = "admission.lab.example"
_MERGE = "application/merge-patch+json"
_JSON = "application/json-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"


@dataclass(slots=True)
class _Options:
    """What a write's query says, and the warnings that its answer will carry."""

    write: Write
    warnings: list[str] = field(default_factory=list)


class Writer:
    """Writes. ``mutation``, then ``admission``, are asked before each commit; both may change while the server runs."""

    def __init__(
        self, store: ObjectStore, collector: Collector, admission: Sequence[Admission], mutation: Sequence[Mutation]
    ) -> None:
        self._store = store
        self._collector = collector
        self._admission = admission
        self._mutation = mutation

    async def create(self, request: web.Request, resource: ServedResource) -> web.Response:
        """Answer a POST. Raises ApiError."""
        info, body = request[INFO], decode(await request.read())
        if resource.namespaced and not info.namespace:
            raise bad_request("an empty namespace may not be set during creation")
        return self._create(request, resource, body, _options(request, resource))

    async def update(self, request: web.Request, resource: ServedResource) -> web.Response:
        """Answer a PUT. Raises ApiError."""
        body, options = decode(await request.read()), _options(request, resource)
        options.write = replace(options.write, whole=True)
        return self._replace(request, resource, options, lambda _: body)

    async def patch(self, request: web.Request, resource: ServedResource) -> web.Response:
        """Answer a PATCH of any kind. Raises ApiError."""
        options, raw = _options(request, resource), await request.read()
        try:
            return self._patch(request, resource, options, raw)
        except Undecodable as error:
            raise error.patched from None

    def _patch(self, request: web.Request, resource: ServedResource, options: _Options, raw: bytes) -> web.Response:
        match request.content_type:
            case "application/merge-patch+json":
                patch = decode(raw)
                return self._replace(request, resource, options, lambda old: patches.merge(old, patch))
            case "application/json-patch+json":
                operations = decode(raw)
                return self._replace(request, resource, options, lambda old: patches.json_patch(old, operations))
            case "application/strategic-merge-patch+json" if not resource.custom:
                patch = decode(raw)
                return self._replace(request, resource, options, lambda old: patches.strategic(old, patch))
            case "application/apply-patch+yaml":
                return self._apply(request, resource, options, raw)
            case _:
                raise unsupported([_JSON, _MERGE, *([] if resource.custom else [_STRATEGIC]), _APPLY])

    async def scale(self, request: web.Request, resource: ServedResource) -> web.Response:
        """Answer a GET or a merge PATCH of the scale subresource. Raises ApiError."""
        info = request[INFO]
        body = self._store.get(resource, info.namespace, info.name)
        if info.verb == "patch":
            scale = patches.merge(_scale(body), decode(await request.read()))
            metadata = {**body["metadata"], "resourceVersion": scale["metadata"]["resourceVersion"]}
            spec = {**body["spec"], "replicas": scale["spec"].get("replicas", 0)}
            scaled = {**body, "metadata": metadata, "spec": spec}
            body = self._store.update(resource, info.namespace, info.name, scaled, _options(request, resource).write)
        return respond(_scale(body))

    async def delete(self, request: web.Request, resource: ServedResource) -> web.Response:
        """Answer a DELETE of one object. Raises ApiError."""
        info, options = request[INFO], await _delete_options(request)
        old = self._store.get(resource, _scope(resource, info), info.name)
        left = self._delete(resource, _scope(resource, info), info.name, options)
        if left is not None:
            return answer(request, resource, left)
        named = {"name": info.name, "group": resource.group, "kind": resource.plural, "uid": old["metadata"]["uid"]}
        details = {key: value for key, value in named.items() if value}
        return respond({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    async def delete_collection(self, request: web.Request, resource: ServedResource) -> web.Response:
        """Answer a DELETE of what selectors choose. Raises ApiError."""
        info, options, query = request[INFO], await _delete_options(request), request.query
        chosen = selectors.parse(query.get("labelSelector", ""), query.get("fieldSelector", ""), resource.selectable)
        gone = self._store.list(resource, _scope(resource, info), selector=chosen)
        for body in gone:
            self._delete(resource, body["metadata"].get("namespace", ""), body["metadata"]["name"], options)
        items = [resource.served(body) for body in gone]
        kind = f"{resource.kind}List"
        meta = {"resourceVersion": str(self._store.version)}
        return respond({"kind": kind, "apiVersion": resource.api_version, "metadata": meta, "items": items})

    def _create(self, request: web.Request, resource: ServedResource, body: Any, options: _Options) -> web.Response:
        namespace = _scope(resource, request[INFO])
        body = self._mutated("create", resource, body)
        if self._admission:
            candidate = self._store.create(resource, namespace, body, replace(options.write, dry_run=True))
            self._admit("create", resource, candidate, None)
        new = self._store.create(resource, namespace, body, options.write)
        return _written(request, resource, new, options, 201)

    def _replace(
        self, request: web.Request, resource: ServedResource, options: _Options, change: Callable[[Json], Any]
    ) -> web.Response:
        info = request[INFO]
        key = (_scope(resource, info), info.name)
        old = self._store.get(resource, *key)
        body = self._mutated("update", resource, change(resource.served(old)))
        if self._admission:
            candidate = self._store.update(resource, *key, body, replace(options.write, dry_run=True))
            self._admit("update", resource, candidate, old)
        return _written(request, resource, self._store.update(resource, *key, body, options.write), options, 200)

    def _apply(self, request: web.Request, resource: ServedResource, options: _Options, raw: bytes) -> web.Response:
        info, config = request[INFO], _config(raw)
        if not request.query.get("fieldManager"):
            cause = Cause("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")
            raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
        author = replace(options.write.author, operation="Apply")
        options.write = replace(options.write, author=author, applied=managed_fields.leaves(resource.stored(config)))
        try:
            old = self._store.get(resource, _scope(resource, info), info.name)
        except ApiError:
            config.setdefault("metadata", {}).setdefault("name", info.name)
            return self._create(request, resource, config, options)
        entries, wanted = managed_fields.tracked(old), resource.stored(config)
        taken = managed_fields.owners(entries, managed_fields.differing(old, wanted), author)
        if taken and request.query.get("force") != "true":
            raise apply_conflict([(entry, managed_fields.shown(path)) for path in taken for entry in taken[path]])
        return self._replace(
            request, resource, options, lambda served: _applied(resource, served, old, entries, config, author)
        )

    def _delete(self, resource: ServedResource, namespace: str, name: str, options: Json) -> Json | None:
        old = self._store.get(resource, namespace, name)
        self._admit("delete", resource, None, old)
        dry_run = bool(options.get("dryRun"))
        if options.get("propagationPolicy") == "Orphan" and not dry_run:
            self._collector.orphan(old["metadata"]["uid"])
        given = options.get("preconditions") or {}
        uid, version = given.get("uid"), given.get("resourceVersion")
        return self._store.delete(resource, namespace, name, uid=uid, version=version, dry_run=dry_run)

    def _mutated(self, verb: str, resource: ServedResource, body: Json) -> Json:
        for webhook in self._mutation:
            body = webhook(verb, resource.plural, body)
        return body

    def _admit(self, verb: str, resource: ServedResource, new: Json | None, old: Json | None) -> None:
        for webhook in self._admission:
            why = webhook(verb, resource.plural, new, old)
            if why:
                raise bad_request(f'admission webhook "{_WEBHOOK}" denied the request: {why}')


def _scale(body: Json) -> Json:
    """Return the Scale of a workload (autoscaling/v1)."""
    meta = {key: body["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    status = {"replicas": (body.get("status") or {}).get("replicas", 0)}
    spec = {"replicas": body["spec"]["replicas"]} if body["spec"]["replicas"] else {}
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": meta, "spec": spec, "status": status}


def _scope(resource: ServedResource, info: RequestInfo) -> str:
    return info.namespace if resource.namespaced else ""


def _written(request: web.Request, resource: ServedResource, body: Json, options: _Options, code: int) -> web.Response:
    response = answer(request, resource, body, code)
    for warning in dict.fromkeys(options.warnings):
        response.headers.add("Warning", f'299 - "{warning}"')
    return response


def _options(request: web.Request, resource: ServedResource) -> _Options:
    """Return how a write is made: by whom, dry or not, and what becomes of unknown fields."""
    info, query = request[INFO], request.query
    manager = query.get("fieldManager") or info.user_agent.partition("/")[0][:128] or "unknown"
    warnings: list[str] = []

    def unknown(paths: list[str]) -> None:
        texts = [f'unknown field "{path}"' for path in paths]
        match query.get("fieldValidation", "Warn"):
            case "Strict":
                raise Undecodable(resource.kind, resource.version, f"strict decoding error: {', '.join(texts)}")
            case "Ignore":
                return
            case _:
                warnings.extend(text.replace('"', '\\"') for text in texts)

    author = Author(manager, subresource=info.subresource)
    write = Write(author, dry_run=query.get("dryRun") == "All", asked=True, unknown=unknown)
    return _Options(write, warnings)


async def _delete_options(request: web.Request) -> Json:
    """Return DeleteOptions, from the body and the query."""
    raw, query = await request.read(), request.query
    options = decode(raw) if raw else {}
    if not isinstance(options, dict):
        raise bad_request("couldn't decode the body as DeleteOptions")
    named = {key: query[key] for key in ("propagationPolicy", "dryRun") if key in query}
    return options | named


def _config(raw: bytes) -> Json:
    """Return the object of an apply. Raises ApiError (400)."""
    try:
        config = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from None
    if not isinstance(config, dict) or not finite(config):
        raise bad_request("error decoding YAML: not an object of finite values")
    return config


def _applied(
    resource: ServedResource, served: Json, old: Json, entries: list[Json], config: Json, author: Author
) -> Json:
    """Return the object with a configuration applied, without what its author applied before and now leaves out."""
    combine = patches.merge if resource.custom else patches.strategic
    merged: Json = patches.clone(combine(served, config))
    merged["metadata"] = {**merged["metadata"], "managedFields": entries}
    gone = managed_fields.applied_before(old, author) - managed_fields.leaves(config)
    # an item of a list before its key, by which it is found
    for path in sorted(gone, key=len):
        if not managed_fields.owners(entries, [path], author):
            patches.drop(merged, path)
    return merged
