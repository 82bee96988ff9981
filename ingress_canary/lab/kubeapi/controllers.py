"""Controllers of the control plane: CRD registration, garbage collection, deletion of namespaces.

Each one listens to the store; ``server.py`` attaches them. Collection and emptying happen in the background, on the
loop's next turn, as clients of a real cluster see them.
"""

import asyncio

from ingress_canary.lab.kubeapi import clock
from ingress_canary.lab.kubeapi.errors import ApiError, Json
from ingress_canary.lab.kubeapi.storage.managed_fields import Author
from ingress_canary.lab.kubeapi.storage.store import NAMESPACES, Change, ObjectStore
from ingress_canary.lab.kubeapi.storage.strategy import Write

_CRDS = "customresourcedefinitions"


class Definitions:
    """Serves the resources of CustomResourceDefinitions, and says so in their status."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def __call__(self, change: Change) -> None:
        """Follow a change."""
        if change.storage != f"{_CRDS}.apiextensions.k8s.io":
            return
        if change.new is None:
            self._drop(change.last)
        elif change.old is None or change.old["spec"] != change.new["spec"]:
            self._store.registry.define(change.new)
            self._establish(change.new)

    def _establish(self, crd: Json) -> None:
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastTransitionTime": clock.stamp(),
            }
            for kind, reason, message in (
                ("NamesAccepted", "NoConflicts", "no conflicts found"),
                ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            )
        ]
        stored = [version["name"] for version in crd["spec"]["versions"] if version.get("storage")]
        names = {"singular": crd["spec"]["names"]["kind"].lower(), **crd["spec"]["names"]}
        status = {"conditions": conditions, "acceptedNames": names, "storedVersions": stored}
        author = Author("kube-apiserver", subresource="status")
        self._store.update(_CRDS, "", crd["metadata"]["name"], {**crd, "status": status}, Write(author))

    def _drop(self, crd: Json) -> None:
        name = crd["metadata"]["name"]
        for body in self._store.list(name):
            self._store.remove(name, body["metadata"].get("namespace", ""), body["metadata"]["name"])
        self._store.registry.drop(crd)


class Collector:
    """Deletes objects all of whose owners are gone (``pkg/controller/garbagecollector``)."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._living: set[str] = set()
        self._dependents: dict[str, set[tuple[str, str, str]]] = {}

    def __call__(self, change: Change) -> None:
        """Follow a change."""
        meta = change.last["metadata"]
        key = (change.storage, meta.get("namespace", ""), meta["name"])
        for uid in _owners(change.old):
            self._dependents.get(uid, set()).discard(key)
        if change.new is None:
            self._living.discard(meta["uid"])
            suspects = self._dependents.pop(meta["uid"], set())
        else:
            self._living.add(meta["uid"])
            for uid in _owners(change.new):
                self._dependents.setdefault(uid, set()).add(key)
            suspects = {key} if change.old is None or _owners(change.old) != _owners(change.new) else set()
        for suspect in sorted(suspects):
            asyncio.get_running_loop().call_soon(self._collect, suspect)

    def orphan(self, uid: str) -> None:
        """Make the dependents of an object that is about to go independent of it."""
        for storage, namespace, name in sorted(self._dependents.get(uid, ())):
            body = self._store.get(storage, namespace, name)
            kept = [owner for owner in body["metadata"]["ownerReferences"] if owner["uid"] != uid]
            self._store.patch(storage, namespace, name, {"metadata": {"ownerReferences": kept}})

    def _collect(self, key: tuple[str, str, str]) -> None:
        try:
            body = self._store.get(*key)
        except ApiError:
            return
        owners = _owners(body)
        if owners and not owners & self._living:
            self._store.delete(*key, uid=body["metadata"]["uid"])


def _owners(body: Json | None) -> set[str]:
    return {owner["uid"] for owner in ((body or {}).get("metadata") or {}).get("ownerReferences") or ()}


class Namespaces:
    """Empties a namespace that is being deleted, and removes it when nothing holds it any more."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def __call__(self, change: Change) -> None:
        """Follow a change."""
        if change.storage == NAMESPACES and change.new and "deletionTimestamp" in change.new["metadata"]:
            asyncio.get_running_loop().call_soon(self._empty, change.new["metadata"]["name"])
        elif change.new is None and (namespace := change.last["metadata"].get("namespace")):
            asyncio.get_running_loop().call_soon(self._remove, namespace)

    def _empty(self, namespace: str) -> None:
        for resource in self._store.registry:
            if resource.namespaced and not resource.stored_version:
                for body in self._store.list(resource, namespace):
                    self._store.delete(resource, namespace, body["metadata"]["name"])
        self._remove(namespace)

    def _remove(self, namespace: str) -> None:
        try:
            stored = self._store.get(NAMESPACES, "", namespace)
        except ApiError:
            return
        if "deletionTimestamp" not in stored["metadata"]:
            return
        if not any(self._store.list(resource, namespace) for resource in self._store.registry if resource.namespaced):
            self._store.remove(NAMESPACES, "", namespace)
