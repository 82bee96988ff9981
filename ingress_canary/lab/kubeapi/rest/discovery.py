"""Discovery documents of the API server, which clients read before they request objects.

``kubectl apply`` needs all of it: discovery to find a kind's path, OpenAPI v3 to learn that fields are validated by
the server. Aggregated discovery is not offered; clients fall back to these documents.
"""

from collections.abc import Sequence

from ingress_canary.lab.kubeapi.errors import Json
from ingress_canary.lab.kubeapi.kinds.resources import Registry, ServedResource

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0+lab",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


def document(registry: Registry, path: str) -> Json | None:
    """Return the document at ``path``, None when there is none."""
    parts = tuple(part for part in path.split("/") if part)
    match parts:
        case ("version",):
            return _VERSION
        case ("api",):
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ("apis",):
            groups = dict.fromkeys(resource.group for resource in registry if resource.group)
            listed = [_group(registry, group) for group in groups]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        case ("apis", group) if any(resource.group == group for resource in registry):
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(registry, group)}
        case ("openapi", "v3"):
            versions = dict.fromkeys(_path(resource) for resource in registry)
            return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in versions}}
        case ("openapi", "v3", *rest):
            served = [resource for resource in registry if _path(resource) == "/".join(rest)]
            return _openapi(served) if served else None
        case ("api" | "apis", *_):
            served = [resource for resource in registry if _path(resource) == "/".join(parts)]
            return _resources(served) if served else None
        case _:
            return None


def _path(resource: ServedResource) -> str:
    return f"{'apis' if resource.group else 'api'}/{resource.api_version}"


def _group(registry: Registry, group: str) -> Json:
    versions = dict.fromkeys(resource.version for resource in registry if resource.group == group)
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _resources(served: Sequence[ServedResource]) -> Json:
    listed: list[Json] = []
    for resource in served:
        entry = {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
        }
        names = {"shortNames": list(resource.short_names), "categories": list(resource.categories)}
        listed.append({**entry, "verbs": _VERBS, **{key: value for key, value in names.items() if value}})
        if resource.has_status:
            listed.append(
                {**entry, "name": f"{resource.plural}/status", "singularName": "", "verbs": ["get", "patch", "update"]}
            )
        if resource.scales:
            scale = {"group": "autoscaling", "version": "v1", "kind": "Scale", "singularName": ""}
            listed.append({**entry, **scale, "name": f"{resource.plural}/scale", "verbs": ["get", "patch"]})
    api_version = served[0].api_version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": listed}


def _openapi(served: Sequence[ServedResource]) -> Json:
    paths: Json = {}
    schemas: Json = {}
    for resource in served:
        scope = "/namespaces/{namespace}" if resource.namespaced else ""
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        paths[f"/{_path(resource)}{scope}/{resource.plural}/{{name}}"] = {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-group-version-kind": kind,
                "x-kubernetes-action": "patch",
            }
        }
        named = ".".join([*reversed((resource.group or "core.api.k8s.io").split(".")), resource.version, resource.kind])
        schemas[named] = {**(resource.schema or {"type": "object"}), "x-kubernetes-group-version-kind": [kind]}
    info = {"title": "ingress-canary lab", "version": _VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}
