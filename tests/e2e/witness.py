"""What the lab's API saw: the audit log read as evidence against the daemon. Used by the whole-system tests."""

from collections.abc import Iterator
from typing import Any

import aiohttp

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import AuditRecord

WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
DAEMON = "daemon"
"""The user that the daemon's token stands for."""
OK = range(200, 300)
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/shop/ingresses"
ROLLOUTS = "/apis/ingress-canary.io/v1alpha1/namespaces/shop/canaryrollouts"


def is_status_write(record: AuditRecord) -> bool:
    """Whether a request is the daemon's and writes a rollout's status."""
    return record.user == DAEMON and record.resource == "canaryrollouts" and record.subresource == "status"


def is_shadow_write(record: AuditRecord) -> bool:
    """Whether a request is the daemon's and makes, changes or removes an Ingress."""
    return record.user == DAEMON and record.resource == "ingresses" and record.verb in ("create", "patch", "delete")


def is_transition(record: AuditRecord) -> bool:
    """Whether a status write carries a new entry of the history."""
    return is_status_write(record) and "history" in record.body["status"]


def shadow_weights(records: list[AuditRecord]) -> list[float]:
    """Return the weights that the daemon's accepted writes put on shadows, in order; -1 where one was removed."""
    found = []
    for record in records:
        if not is_shadow_write(record) or record.code not in OK:
            continue
        if record.verb == "delete":
            found.append(-1.0)
            continue
        annotations = record.body.get("metadata", {}).get("annotations") or {}
        if WEIGHT in annotations:
            found.append(float(annotations[WEIGHT]))
    return found


def exposing(records: list[AuditRecord]) -> list[AuditRecord]:
    """Return the daemon's accepted writes that make or change an Ingress, other than to weight 0."""
    return [
        one
        for one in records
        if is_shadow_write(one)
        and one.code in OK
        and one.verb != "delete"
        and (one.body.get("metadata", {}).get("annotations") or {}).get(WEIGHT) != "0"
    ]


def requests_by_daemon(records: list[AuditRecord]) -> Iterator[AuditRecord]:
    """Yield the daemon's requests other than watches."""
    return (one for one in records if one.user == DAEMON and one.verb != "watch")


def assert_finite_and_accepted(lab: Lab) -> None:
    """Fail when the API server refused anything of the daemon's as no JSON or no valid object."""
    refused = [(one.verb, one.path, one.code) for one in lab.api.audit if one.user == DAEMON and one.code in (400, 422)]
    assert refused == []


async def by_person(
    lab: Lab, method: str, path: str, body: dict[str, Any] | None = None, name: str = "alice"
) -> dict[str, Any]:
    """Do what a person does with kubectl: one request of their own."""
    headers = {"Authorization": f"Bearer {name}", "Content-Type": "application/merge-patch+json"}
    if method == "POST":
        headers["Content-Type"] = "application/json"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, lab.api.url + path, json=body, headers=headers) as answer,
    ):
        answer.raise_for_status()
        stored: dict[str, Any] = await answer.json()
        return stored


def events(lab: Lab, name: str = "checkout") -> list[dict[str, Any]]:
    """Return the Events about a rollout."""
    return [one for one in lab.api.store.list("events", "shop") if one["involvedObject"]["name"] == name]


def set_weight(weight: str) -> dict[str, Any]:
    """Return the merge patch that gives a shadow a weight."""
    return {"metadata": {"annotations": {WEIGHT: weight}}}
