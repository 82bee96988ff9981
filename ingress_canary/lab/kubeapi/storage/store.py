"""Store of the objects, with one version counter and the history of changes that watches read.

Synchronous: on one loop every write is atomic. The REST handlers and the lab's own controllers and tests write through
the same methods, so all are versioned, defaulted, validated and watched alike. Stored objects are never changed in
place: callers may keep what they get, and must not write to it. A resource is named by its plural (``ingresses``).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingress_canary.lab.kubeapi import clock
from ingress_canary.lab.kubeapi.errors import ApiError, Json, already_exists, conflict, expired, forbidden, not_found
from ingress_canary.lab.kubeapi.kinds.resources import Registry, ServedResource
from ingress_canary.lab.kubeapi.storage import strategy
from ingress_canary.lab.kubeapi.storage.managed_fields import Author
from ingress_canary.lab.kubeapi.storage.patches import merge
from ingress_canary.lab.kubeapi.storage.selectors import Selector, everything, parse
from ingress_canary.lab.kubeapi.storage.strategy import Write

NAMESPACES = "namespaces"
_BY_THE_LAB = Write()


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of one object; ``old`` is None for a creation, ``new`` for a removal."""

    version: int
    storage: str
    old: Json | None
    new: Json | None
    last: Json = field(repr=False)
    """The object as the watchers of a removal see it, with the removal's own version; ``new`` otherwise."""


class ObjectStore:
    """The state of the lab's cluster."""

    def __init__(self, registry: Registry, history: int) -> None:
        self.registry = registry
        self.version = 1
        """The newest resourceVersion."""
        self.listeners: list[Callable[[Change], None]] = []
        """Called with each change, at once and in order."""
        self._objects: dict[str, dict[tuple[str, str], Json]] = {}
        self._history: deque[Change] = deque(maxlen=history)
        self._oldest = 1

    def get(self, resource: str | ServedResource, namespace: str, name: str) -> Json:
        """Return an object. Raises ApiError (404)."""
        served = self._resource(resource)
        try:
            return self._objects[served.storage][namespace, name]
        except KeyError:
            raise not_found(served.plural, served.group, name) from None

    def list(
        self, resource: str | ServedResource, namespace: str = "", labels: str = "", selector: Selector = everything
    ) -> list[Json]:
        """Return the objects of a namespace, or of all of them, by namespace and name."""
        chosen = parse(labels, "") if labels else selector
        held = self._objects.get(self._resource(resource).storage, {})
        return [held[key] for key in sorted(held) if namespace in ("", key[0]) and chosen(held[key])]

    def create(self, resource: str | ServedResource, namespace: str, body: Json, write: Write = _BY_THE_LAB) -> Json:
        """Store a new object and return it, without its status where that is a subresource. Raises ApiError."""
        served = self._resource(resource)
        scope = namespace if served.namespaced else ""
        new = strategy.created(served, scope, body, write)
        name = new["metadata"]["name"]
        if served.namespaced:
            self._check_namespace(served, scope, name)
        if (scope, name) in self._objects.get(served.storage, {}):
            raise already_exists(served.plural, served.group, name)
        return new if write.dry_run else self._commit(served.storage, None, new)

    def update(
        self, resource: str | ServedResource, namespace: str, name: str, body: Json, write: Write = _BY_THE_LAB
    ) -> Json:
        """Replace an object, or its status by a ``write`` to that subresource, and return it. Raises ApiError."""
        served = self._resource(resource)
        old = self.get(served, namespace, name)
        new = strategy.updated(served, old, body, write)
        if new is old or write.dry_run:
            return new
        committed = self._commit(served.storage, old, new)
        if (
            "deletionTimestamp" in new["metadata"]
            and not new["metadata"].get("finalizers")
            and served.name != NAMESPACES
        ):
            self._commit(served.storage, committed, None)
        return committed

    def patch(
        self, resource: str | ServedResource, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """Apply a merge patch to an object, or to its status with ``subresource="status"``. Raises ApiError."""
        body = merge(self.get(resource, namespace, name), patch)
        return self.update(resource, namespace, name, body, Write(Author(subresource=subresource)))

    def delete(
        self,
        resource: str | ServedResource,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        version: str | None = None,
        dry_run: bool = False,
    ) -> Json | None:
        """Remove an object; with finalizers mark it and return it. ``uid`` and ``version`` are preconditions.

        Raises ApiError (404, 409).
        """
        served = self._resource(resource)
        old = self.get(served, namespace, name)
        meta = old["metadata"]
        for what, wanted, stored in (("UID", uid, meta["uid"]), ("ResourceVersion", version, meta["resourceVersion"])):
            if wanted and wanted != stored:
                why = (
                    f"the {what} in the precondition ({wanted}) does not match the {what} in record ({stored}). "
                    "The object might have been deleted and then recreated"
                )
                raise conflict(served.plural, served.group, name, why)
        if not meta.get("finalizers") and served.name != NAMESPACES:
            if not dry_run:
                self._commit(served.storage, old, None)
            return None
        if dry_run or "deletionTimestamp" in meta:
            return old
        marked = {**old, "metadata": {**meta, "deletionTimestamp": clock.stamp(), "deletionGracePeriodSeconds": 0}}
        if "generation" in meta:
            marked["metadata"]["generation"] = meta["generation"] + 1
        if served.name == NAMESPACES:
            marked["status"] = {"phase": "Terminating"}
        return self._commit(served.storage, old, marked)

    def remove(self, resource: str | ServedResource, namespace: str, name: str) -> None:
        """Remove an object whatever its finalizers say: for the server's own controllers."""
        served = self._resource(resource)
        self._commit(served.storage, self.get(served, namespace, name), None)

    def since(self, version: int, storage: str) -> Sequence[Change]:
        """Return the changes after ``version``, none if it is not reached yet. Raises ApiError (410) when compacted."""
        if version < self._oldest:
            raise expired(f"too old resource version: {version} ({self._oldest})")
        return [change for change in self._history if change.version > version and change.storage == storage]

    def compact(self) -> None:
        """Forget the history: who resumes from before now gets a 410."""
        self._history.clear()
        self._oldest = self.version

    def _resource(self, resource: str | ServedResource) -> ServedResource:
        return self.registry.named(resource) if isinstance(resource, str) else resource

    def _check_namespace(self, resource: ServedResource, namespace: str, name: str) -> None:
        try:
            stored = self.get(NAMESPACES, "", namespace)
        except ApiError:
            raise not_found(NAMESPACES, "", namespace) from None
        if "deletionTimestamp" in stored["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource.plural, resource.group, name, why)

    def _commit(self, storage: str, old: Json | None, new: Json | None) -> Json:
        self.version += 1
        latest = new or old
        assert latest is not None
        last = {**latest, "metadata": {**latest["metadata"], "resourceVersion": str(self.version)}}
        key = (last["metadata"].get("namespace", ""), last["metadata"]["name"])
        if new is None:
            del self._objects[storage][key]
        else:
            self._objects.setdefault(storage, {})[key] = last
        change = Change(self.version, storage, old, last if new else None, last)
        if len(self._history) == self._history.maxlen:
            self._oldest = self._history[0].version
        self._history.append(change)
        for listener in list(self.listeners):
            listener(change)
        return last
