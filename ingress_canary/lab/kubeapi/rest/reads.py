"""Reads over REST: get and list, with paging and tables. Watches are served by ``rest/watches.py``."""

import base64
import json
from collections import OrderedDict

from aiohttp import web

from ingress_canary.lab.kubeapi.errors import Json, bad_request, expired, too_large_version
from ingress_canary.lab.kubeapi.kinds.resources import ServedResource
from ingress_canary.lab.kubeapi.requests import INFO, encode, integer
from ingress_canary.lab.kubeapi.rest import tables
from ingress_canary.lab.kubeapi.storage import selectors
from ingress_canary.lab.kubeapi.storage.store import ObjectStore

_SNAPSHOTS = 100
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You must start a new list without the continue parameter."
)


def answer(request: web.Request, resource: ServedResource, body: Json, code: int = 200) -> web.Response:
    """Return one object, as its version or as a Table."""
    served = resource.served(body)
    if request.method == "GET" and tables.wanted(request.headers.get("Accept", "")):
        meta = {"resourceVersion": body["metadata"]["resourceVersion"]}
        served = tables.table(resource, [served], meta, request.query.get("includeObject", "Metadata"))
    return respond(served, code)


def respond(body: Json, code: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(body=encode(body), status=code, content_type="application/json")


class Lister:
    """Lists. A page's continue token leads into a snapshot of the first page's moment, as with a real server."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._snapshots: OrderedDict[str, list[Json]] = OrderedDict()
        self._taken = 0

    def forget(self) -> None:
        """Drop the snapshots: who pages on now gets a 410."""
        self._snapshots.clear()

    def __call__(self, request: web.Request, resource: ServedResource) -> web.Response:
        """Answer a list request. Raises ApiError (400, 410, 504)."""
        query = request.query
        requested = integer(query.get("resourceVersion") or "0")
        if requested > self._store.version:
            raise too_large_version(requested, self._store.version)
        limit = integer(query.get("limit") or "0")
        if query.get("continue"):
            version, snapshot, start = self._resume(query["continue"])
            bodies = self._snapshots[snapshot]
        else:
            version, snapshot, start = self._store.version, "", 0
            bodies = self._select(request, resource)
        page = bodies[start : start + limit] if limit else bodies[start:]
        meta: Json = {"resourceVersion": str(version)}
        left = len(bodies) - start - len(page)
        if left:
            snapshot = snapshot or self._keep(bodies)
            meta |= {"continue": _token(version, snapshot, start + limit), "remainingItemCount": left}
        return respond(_listed(request, resource, page, meta))

    def _select(self, request: web.Request, resource: ServedResource) -> list[Json]:
        query, info = request.query, request[INFO]
        chosen = selectors.parse(query.get("labelSelector", ""), query.get("fieldSelector", ""), resource.selectable)
        return self._store.list(resource, info.namespace if resource.namespaced else "", selector=chosen)

    def _keep(self, bodies: list[Json]) -> str:
        self._taken += 1
        self._snapshots[str(self._taken)] = bodies
        if len(self._snapshots) > _SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return str(self._taken)

    def _resume(self, token: str) -> tuple[int, str, int]:
        try:
            fields = json.loads(base64.urlsafe_b64decode(token))
            version, snapshot, start = int(fields["rv"]), str(fields["snapshot"]), int(fields["start"])
        except (ValueError, KeyError, TypeError):
            raise bad_request("continue key is not valid") from None
        if snapshot not in self._snapshots:
            raise expired(_TOO_OLD)
        return version, snapshot, start


def _token(version: int, snapshot: str, start: int) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "snapshot": snapshot, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode()


def _listed(request: web.Request, resource: ServedResource, page: list[Json], meta: Json) -> Json:
    served = [resource.served(body) for body in page]
    if tables.wanted(request.headers.get("Accept", "")):
        return tables.table(resource, served, meta, request.query.get("includeObject", "Metadata"))
    if not resource.custom:  # items of built-in lists do not name their kind
        served = [{key: value for key, value in body.items() if key not in ("apiVersion", "kind")} for body in served]
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": meta, "items": served}
