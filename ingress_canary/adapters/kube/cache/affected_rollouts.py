"""Affected rollouts of a changed object: from a watch event to the few rollouts to reconcile.

``cluster.py`` keeps it from the raw rollouts, which may be malformed: whatever is not there depends on nothing.
"""

from collections.abc import Hashable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from ingress_canary.adapters.kube.cache.cluster_view import CachedCluster, hosts_of, owners_of, services_of, upstream_of
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key, Meta
from ingress_canary.domain.objects.service import EndpointSlice, Service
from ingress_canary.domain.objects.workload import Workload


class AffectedRollouts:
    """An index of rollouts by the objects that they depend on."""

    def __init__(self, home: str) -> None:
        """``home`` is the namespace of schedules that are named without one."""
        self._home = home
        self._tokens: dict[Key, AbstractSet[Hashable]] = {}
        self._rollouts: dict[Hashable, set[Key]] = {}

    def update(self, key: Key, rollout: Json | None) -> None:
        """Update the objects that a rollout depends on; None removes it from the index."""
        before = self._tokens.pop(key, frozenset())
        after = frozenset(_tokens(key.namespace, rollout, self._home)) if rollout else frozenset()
        for token in before - after:
            self._rollouts[token].discard(key)
            if not self._rollouts[token]:
                del self._rollouts[token]
        for token in after - before:
            self._rollouts.setdefault(token, set()).add(key)
        if after:
            self._tokens[key] = after

    def of_schedule(self, key: Key) -> AbstractSet[Key]:
        """Return the rollouts that name a schedule."""
        return self._rollouts.get(("schedule", key), frozenset())

    def of_workload(self, kind: str, key: Key) -> AbstractSet[Key]:
        """Return the rollouts that name a workload."""
        return self._rollouts.get(("workload", kind, key), frozenset())

    def of_service(self, key: Key) -> AbstractSet[Key]:
        """Return the rollouts that name a Service, or one with the same upstream name."""
        return self._rollouts.get(("upstream", upstream_of(key)), frozenset())

    def of_ingress(self, ingress: Ingress, caches: CachedCluster) -> set[Key]:
        """Return the rollouts whose primary or shadow is this Ingress, or that share a Service or host with it."""
        rollouts = {*self._named(ingress.meta.key), *owners_of(ingress)}
        for service in services_of(ingress):
            rollouts |= self.of_service(service)
        for host in hosts_of(ingress):
            for neighbour in caches.ingresses_by_host(host):
                rollouts |= self._named(neighbour.meta.key)
        return rollouts

    def of_shadow(self, shadow: ShadowObject) -> set[Key]:
        """Return the rollouts whose shadow this object is, or may be."""
        return {*self._named(shadow.meta.key), *owners_of(shadow)}

    def _named(self, ingress: Key) -> AbstractSet[Key]:
        return self._rollouts.get(("ingress", ingress), frozenset())


def matters(before: object, after: object) -> bool:
    """Return whether a change can affect a decision: not a heartbeat, not another object's status."""
    return _essence(before) != _essence(after)


def _essence(view: object) -> object:
    match view:
        case Ingress():
            return _unversioned(view.meta), view.class_name, view.spec
        case ShadowObject():
            return _unversioned(view.meta), view.spec
        case Service():
            return _unversioned(view.meta), view.type, view.ports, view.selector, view.traffic_distribution
        case EndpointSlice():
            return view.service, view.ready, view.unready, view.ports
        case Workload():
            return (
                view.meta.uid, view.meta.deleting, view.template, view.replicas, view.rolled_out, view.owned_parts,
                view.paused, view.overdue,
            )  # fmt: skip
        case dict():
            return view.get("spec"), (view.get("metadata") or {}).get("uid")
        case _:
            return view


def _unversioned(meta: Meta) -> Meta:
    return replace(meta, resource_version="")


def _tokens(namespace: str, rollout: Json, home: str) -> Iterator[Hashable]:
    spec = rollout.get("spec")
    primaries = _at(spec, "ingresses")
    for primary in primaries if isinstance(primaries, list) else ():
        yield from _ingress(namespace, primary)
        yield from _ingress(namespace, f"{primary}-canary")
    yield from _ingress(namespace, _at(spec, "shadow", "name"))
    yield from _ingress(namespace, _at(rollout, "status", "shadow", "name"))
    for service in _texts(_at(spec, "stableService"), _at(spec, "canaryService")):
        yield "upstream", upstream_of(Key(namespace, service))
    for role in ("canary", "stable"):
        kind = _at(spec, "workload", role, "kind") or "Deployment"
        for name in _texts(_at(spec, "workload", role, "name")):
            yield "workload", str(kind), Key(namespace, name)
    for name in _texts(_at(spec, "schedule", "ref", "name")):
        yield "schedule", Key(str(_at(spec, "schedule", "ref", "namespace") or home), name)


def _ingress(namespace: str, name: object) -> Iterator[Hashable]:
    for text in _texts(name):
        yield "ingress", Key(namespace, text)


def _texts(*values: object) -> Iterable[str]:
    return (value for value in values if isinstance(value, str) and value)


def _at(value: Any, *path: str) -> Any:
    for member in path:
        value = value.get(member) if isinstance(value, dict) else None
    return value
