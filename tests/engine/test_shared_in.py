"""Whose Secrets notifications may name: those of where the schedule came from when the rollout began, and no others."""

from typing import Any

import pytest

from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.domain.status.notices import audience
from ingress_canary.engine.options import Options
from ingress_canary.engine.schedules.schedule_source import shared_in
from tests.domain.world import SCHEDULE, World, rollout, schedule

OPTIONS = Options(namespace="daemon", schedule_namespaces=frozenset({"sre"}))
INLINE: dict[str, Any] = {"inline": SCHEDULE}
OURS: dict[str, Any] = {"ref": {"name": "standard"}}
SRE: dict[str, Any] = {"ref": {"name": "standard", "namespace": "sre"}}


def began(namespace: str | None) -> dict[str, Any]:
    return {"schedule": {"hash": "1", "content": {}, "namespace": namespace}}


@pytest.mark.parametrize(
    ("spec", "status", "namespace"),
    [
        (INLINE, {}, None),
        (OURS, {}, "daemon"),
        (SRE, {}, "sre"),
        (OURS, began("daemon"), "daemon"),
        (SRE, began("sre"), "sre"),
        # begun inline: a reference written later lends no namespace
        (OURS, began(None), None),
        # begun shared: the SRE's notifications stay, whatever the team writes
        (INLINE, began("sre"), "sre"),
        # a namespace that nobody takes schedules from any more, or that somebody forged
        (OURS, began("kube-system"), None),
    ],
)
def test_secrets_are_those_of_where_the_schedule_came_from(
    spec: dict[str, Any], status: dict[str, Any], namespace: str | None
) -> None:
    seen = rollout(schedule=spec)
    assert shared_in(seen, RolloutStatus.model_validate(status), OPTIONS) == namespace


def test_an_audience_is_the_schedules_and_there_is_none_without_one() -> None:
    notifying = schedule(notifications=[{"name": "chat", "secretRef": {"name": "chat", "key": "urls"}}])
    found = audience(World(schedule=notifying).observe())
    assert found is not None
    assert (found.namespace, [one.name for one in found.notifications]) == ("shop", ["chat"])
    assert audience(World(schedule=None).observe()) is None
