"""Recorder of a campaign: writes its history as the API server stores it, from hooks outside the daemons."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.lab.cluster import DAEMON as NAMESPACE
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import AuditRecord, Change
from ingress_canary.lab.manifests import CLASS
from tests.campaign.history import (
    Course,
    Due,
    Entry,
    LeaseStored,
    PrimaryStored,
    Released,
    Said,
    ShadowStored,
    StableStored,
)
from tests.e2e.witness import WEIGHT

INGRESSES = "ingresses.networking.k8s.io"
DEPLOYMENTS = "deployments.apps"
LEASES = "leases.coordination.k8s.io"
ROLLOUTS = "canaryrollouts.ingress-canary.io"
CANARY = "-canary"
"""What the name of a shop's shadow, and of its canary's Deployment, has behind the shop's."""


class Recorder:
    """Turns committed changes into entries; who wrote one is known when the server tells of the request."""

    def __init__(self, lab: Lab) -> None:
        self.entries: list[Entry] = []
        self.served: Counter[str] = Counter()
        """Requests that each build has got."""
        self._shops: dict[str, str] = {}
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._changes: list[Change] = []
        lab.api.store.listeners.append(self._changes.append)
        lab.api.on_commit.append(self._committed)

    @property
    def now(self) -> float:
        """Real seconds since the campaign began."""
        return self._clock() - self._began

    def released(self, shop: str, build: str, course: Course, *, bad: bool) -> None:
        """Note that the campaign gives a shop's canary a new build."""
        self._settle()
        self._shops[shop] = build
        self.entries.append(Released(self.now, shop, build, bad, course))

    def due(self, shop: str) -> None:
        """Note that a shop's release has ended, or must have."""
        self._settle()
        self.entries.append(Due(self.now, shop))

    def close(self) -> list[Entry]:
        """Return the whole history."""
        self._settle()
        return self.entries

    def _committed(self, record: AuditRecord) -> None:
        """Note what a request has changed; whatever else has changed before was the lab's own doing."""
        self._settle(record)

    def _settle(self, record: AuditRecord | None = None) -> None:
        changes, self._changes[:] = list(self._changes), []
        for change in changes:
            writer = record.user if record and _is_about(record, change) else ""
            note = _NOTES.get(change.storage)
            entry = note(self, change, writer) if note else None
            if entry is not None:
                self.entries.append(entry)

    def _ingress(self, change: Change, writer: str) -> Entry | None:
        name: str = change.last["metadata"]["name"]
        if name in self._shops:
            return PrimaryStored(self.now, name, writer)
        shop = name.removesuffix(CANARY)
        if shop not in self._shops:
            return None
        served = self.served[self._shops[shop]]
        return ShadowStored(self.now, shop, writer, _weight(change), served, _is_terminating(change))

    def _deployment(self, change: Change, writer: str) -> Entry | None:
        shop: str = change.last["metadata"]["name"]
        if shop not in self._shops or change.new is None:
            return None
        image = change.new["spec"]["template"]["spec"]["containers"][0]["image"]
        return StableStored(self.now, shop, writer, image, self.served[self._shops[shop]])

    def _lease(self, change: Change, writer: str) -> Entry | None:
        if change.last["metadata"]["namespace"] != NAMESPACE:
            return None
        holder = change.new["spec"].get("holderIdentity") if change.new else ""
        return LeaseStored(self.now, writer, holder or "")

    def _rollout(self, change: Change, writer: str) -> Entry | None:
        action = _action(change.new)
        if not action or action == _action(change.old):
            return None
        words, _, _ = action.partition("#")
        verb, _, target = words.partition(":")
        step = target.partition("/")[2]
        return Said(self.now, change.last["metadata"]["name"], verb, int(step) if step else None)


_NOTES: dict[str, Callable[[Recorder, Change, str], Entry | None]] = {
    INGRESSES: Recorder._ingress,
    DEPLOYMENTS: Recorder._deployment,
    LEASES: Recorder._lease,
    ROLLOUTS: Recorder._rollout,
}


def _is_about(record: AuditRecord, change: Change) -> bool:
    """Return whether a request names the object that has changed."""
    plural, _, _ = change.storage.partition(".")
    return (record.resource, record.name) == (plural, change.last["metadata"]["name"])


def _weight(change: Change) -> float | None:
    """Return the percent that a shadow sends to the canary, None once it is gone.

    A weight that is no number is none, and of another class no controller reads it.
    """
    if change.new is None:
        return None
    if change.new["spec"].get("ingressClassName") != CLASS:
        return 0.0
    try:
        return float((change.new["metadata"].get("annotations") or {}).get(WEIGHT, 0))
    except ValueError:
        return 0.0


def _is_terminating(change: Change) -> bool:
    before = change.old or change.last
    return "deletionTimestamp" in before["metadata"]


def _action(rollout: dict[str, Any] | None) -> str:
    annotations: dict[str, str] = (rollout or {}).get("metadata", {}).get("annotations") or {}
    return annotations.get(ACTION_ANNOTATION, "")
