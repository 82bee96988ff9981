"""A failing canary goes off though nobody can write the Lease, and nothing else is written without it (ADR 30)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.api import ACTION_ANNOTATION, FAILED_ANNOTATION, LEADER_ANNOTATION
from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.kubeapi import AuditRecord, Hang, Refuse, requests
from tests.e2e.conftest import AVAILABILITY, checkout, until
from tests.e2e.replicas import NAMES, WITHIN, Blow, Replicas, assert_one_writer, replicas, weights
from tests.e2e.witness import INGRESSES, OK, ROLLOUTS, WEIGHT, by_person

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LEASE = 6.0
"""Real seconds: a busy machine must see the end of a lease before another may take it."""
SCHEDULE: dict[str, Any] = {"steps": [{"weight": 50, "bake": "10h"}], "slos": [AVAILABILITY]}
FAILING = CANARY.__class__("v2", error_ratio=1.0)
WRITES = ("create", "update", "patch", "delete")
NO_LEASE = requests(resource="leases", verb=WRITES)
LAPSED = "judging without the lease, to take off what fails"
TAKEN_OFF = "canary taken off without the lease"
LEFT_ALONE = "a failing canary is left to the next leader"


@pytest.fixture
async def pair(lab: Lab, tmp_path: Path) -> AsyncIterator[Replicas]:
    """Two daemons, a rollout at 50 %, and traffic."""
    traffic = asyncio.create_task(lab.load(60, 900, seed=11).run())
    async with replicas(lab, tmp_path, LEASE) as both:
        yield both
    traffic.cancel()


def logged(pair: Replicas, name: str, event: str) -> list[dict[str, Any]]:
    """Return the lines of a daemon's log that report an event."""
    lines = pair.daemons[name].log.read_text().splitlines()
    return [
        line for line in map(json.loads, filter(lambda text: text.startswith("{"), lines)) if line["event"] == event
    ]


def written(lab: Lab, since: int) -> list[tuple[str, str, int]]:
    """Return what daemons have written of anything but leases, with the answers, since so many requests."""
    of_daemons = [one for one in lab.api.audit[since:] if one.user in NAMES and one.verb in WRITES]
    return [(one.verb, one.resource, one.code) for one in of_daemons if one.resource != "leases"]


def marks(record: AuditRecord) -> bool:
    """Whether a write leaves on a shadow why it was taken off."""
    return FAILED_ANNOTATION in ((record.body.get("metadata") or {}).get("annotations") or {})


def shadow_annotations(lab: Lab) -> dict[str, str]:
    """Return the annotations of the shadow; empty where it is gone."""
    shadow = lab.shadow()
    return dict(shadow["metadata"]["annotations"]) if shadow else {}


async def led_until_baking(lab: Lab, pair: Replicas, **spec: Any) -> str:
    """Wait until a rollout bakes at its weight, and return who leads."""
    lab.create("canaryrollouts", checkout(**{"schedule": SCHEDULE, **spec}))
    await until(lambda: lab.status().get("step", {}).get("bakedSeconds", 0) > 0, WITHIN)
    return await pair.led()


async def lapsed(lab: Lab, pair: Replicas, leader: str) -> int:
    """Wait until a leader's lease has ended, and return how many requests there were by then."""
    await until(lambda: logged(pair, leader, LAPSED), WITHIN)
    assert "ingress_canary_leader 0.0" in (page := await pair.daemons[leader].metrics())
    assert "ingress_canary_rollout_info{" not in page
    return len(lab.api.audit)


async def tried(lab: Lab, user: str, times: int = 5) -> None:
    """Wait until somebody has asked for the lease so many times more: that takes several ticks of the rollout each."""
    since = len(lab.api.audit)
    await until(lambda: sum(one.user == user and one.resource == "leases" for one in lab.api.audit[since:]) > times)


async def rolled_back(lab: Lab) -> None:
    """Wait until the rollout has ended by its failing SLO, with the evidence, and the shadow is gone."""
    await until(lambda: lab.status()["phase"] == "RolledBack" and lab.shadow() is None, WITHIN)
    assert lab.status()["reason"] == "SLOViolated"
    assert lab.status()["message"].startswith("availability: canary ")
    assert lab.status()["message"].endswith("; taken off while the lease could not be renewed")
    assert "Paused" not in [entry["phase"] for entry in lab.status()["history"]]


@pytest.mark.parametrize("effect", [Refuse(403), Refuse(500), Hang()], ids=["forbidden", "failing", "hanging"])
async def test_a_failing_canary_goes_off_though_the_lease_cannot_be_written(
    lab: Lab, pair: Replicas, effect: Refuse | Hang
) -> None:
    leader = await led_until_baking(lab, pair)
    no_lease = lab.api.faults.add(NO_LEASE, effect)
    since = await lapsed(lab, pair, leader)
    status = lab.status()
    lab.canary.profile = FAILING
    await until(lambda: FAILED_ANNOTATION in shadow_annotations(lab), 10)
    assert shadow_annotations(lab)[WEIGHT] == "0"
    await until(lambda: logged(pair, leader, TAKEN_OFF))
    assert shadow_annotations(lab)[FAILED_ANNOTATION] == logged(pair, leader, TAKEN_OFF)[0]["failed"]
    await tried(lab, leader)
    assert written(lab, since) == [("patch", "ingresses", 200)]
    assert lab.status() == status
    lab.api.faults.remove(no_lease)
    await rolled_back(lab)
    assert weights(pair.written) == [0, 50, 0, -1]
    assert_one_writer(pair.written)


async def test_a_leader_that_dies_after_it_has_taken_a_canary_off_is_followed_by_one_that_knows_why(
    lab: Lab, pair: Replicas
) -> None:
    leader = await led_until_baking(lab, pair)
    no_lease = lab.api.faults.add(NO_LEASE, Refuse(403))
    await lapsed(lab, pair, leader)
    lab.canary.profile = FAILING
    assert await pair.strike(Blow.KILLED, marks) == leader
    lab.api.faults.remove(no_lease)
    await rolled_back(lab)
    assert pair.leader != leader


async def test_a_request_that_nobody_can_answer_keeps_no_failing_canary_on(lab: Lab, pair: Replicas) -> None:
    leader = await led_until_baking(lab, pair)
    no_lease = lab.api.faults.add(NO_LEASE, Refuse(403))
    since = await lapsed(lab, pair, leader)
    await by_person(lab, "PATCH", f"{ROLLOUTS}/checkout", {"metadata": {"annotations": {ACTION_ANNOTATION: "pause#1"}}})
    lab.canary.profile = FAILING
    await until(lambda: logged(pair, leader, TAKEN_OFF), WITHIN)
    assert written(lab, since) == [("patch", "ingresses", 200)]
    lab.api.faults.remove(no_lease)
    await rolled_back(lab)


async def test_clients_that_a_cookie_binds_to_the_canary_go_off_too(lab: Lab, pair: Replicas) -> None:
    lab.api.store.patch(
        "ingresses",
        "shop",
        "checkout",
        {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/affinity": "cookie"}}},
    )
    leader = await led_until_baking(lab, pair)
    no_lease = lab.api.faults.add(NO_LEASE, Refuse(403))
    since = await lapsed(lab, pair, leader)
    lab.canary.profile = FAILING
    await until(lambda: logged(pair, leader, TAKEN_OFF), WITHIN)
    assert written(lab, since) == [("patch", "ingresses", 200)] * 2
    assert (lab.shadow() or {})["spec"]["ingressClassName"] == "ingress-canary-none"
    lab.api.faults.remove(no_lease)
    await rolled_back(lab)


async def test_a_shadow_that_cannot_be_changed_is_deleted_and_counts_as_deleted_by_somebody(
    lab: Lab, pair: Replicas
) -> None:
    leader = await led_until_baking(lab, pair)
    nothing_but_deletions = lab.api.faults.add(requests(verb=("create", "patch"), user=NAMES), Refuse(403))
    since = await lapsed(lab, pair, leader)
    lab.canary.profile = FAILING
    await until(lambda: lab.shadow() is None, 10)
    await tried(lab, leader)
    accepted = [one for one in written(lab, since) if one[2] in OK]
    assert accepted == [("delete", "ingresses", 200)]
    lab.api.faults.remove(nothing_but_deletions)
    await until(lambda: lab.status()["phase"] == "Paused", WITHIN)
    assert lab.status()["reason"] == "Intervened"


async def test_nothing_is_written_while_nothing_fails(lab: Lab, pair: Replicas) -> None:
    leader = await led_until_baking(lab, pair)
    baked = lab.status()["step"]["bakedSeconds"]
    no_lease = lab.api.faults.add(NO_LEASE, Refuse(403))
    since = await lapsed(lab, pair, leader)
    await tried(lab, leader, 10)
    assert written(lab, since) == []
    lab.api.faults.remove(no_lease)
    await until(lambda: lab.status()["step"]["bakedSeconds"] > baked, WITHIN)
    assert weights(pair.written) == [0, 50]


async def test_a_stalled_process_changes_nothing_once_another_has_taken_the_rollout_over(
    lab: Lab, pair: Replicas
) -> None:
    leader = await led_until_baking(lab, pair)
    (other,) = set(NAMES) - {leader}
    blind = lab.api.faults.add(requests(user=leader, verb=("list", "watch")), Hang())
    lab.api.cut_watches()
    await until(lambda: blind.hits)
    lab.api.faults.add(requests(user=leader, resource="leases"), Refuse(403))
    await lapsed(lab, pair, leader)
    await pair.taken_over(leader)
    # the one that leads decides as well: its deletion comes later
    waits = lab.api.faults.add(requests(user=other, verb=("delete", "patch"), resource="ingresses"), Hang())
    lab.canary.profile = FAILING
    await until(
        lambda: any(
            line["why"] == "the shadow was changed or deleted meanwhile" for line in logged(pair, leader, LEFT_ALONE)
        )
    )
    tries = [one for one in lab.api.audit if one.user == leader and one.resource == "ingresses" and one.code == 409]
    assert [marks(one) for one in tries] == [True]
    assert FAILED_ANNOTATION not in shadow_annotations(lab)
    assert shadow_annotations(lab)[LEADER_ANNOTATION].startswith(other)
    lab.api.faults.remove(waits)
    await until(lambda: lab.status()["phase"] == "RolledBack" and lab.shadow() is None, WITHIN)
    assert_one_writer(pair.written)


async def test_nothing_is_taken_off_while_stable_gets_its_images(lab: Lab, pair: Replicas) -> None:
    lab.api.faults.add(requests(user=NAMES, verb="patch", resource="deployments"), Refuse(403))
    short = {**SCHEDULE, "steps": [{"weight": 100, "bake": "10s", "require": "NoFail", "minRequests": 0}]}
    lab.create("canaryrollouts", checkout(schedule=short, promotion={"strategy": "CopyImages"}))
    await until(lambda: lab.status().get("copying"), WITHIN)
    leader = await pair.led()
    lab.api.faults.add(NO_LEASE, Refuse(403))
    since = await lapsed(lab, pair, leader)
    lab.canary.profile = FAILING
    await until(lambda: logged(pair, leader, LEFT_ALONE))
    assert [line["why"] for line in logged(pair, leader, LEFT_ALONE)] == ["images are being copied to stable"]
    assert written(lab, since) == []


async def test_a_shadow_that_somebody_has_changed_since_is_left_alone(lab: Lab, pair: Replicas) -> None:
    leader = await led_until_baking(lab, pair)
    lab.api.faults.add(NO_LEASE, Refuse(403))
    since = await lapsed(lab, pair, leader)
    await by_person(lab, "PATCH", f"{INGRESSES}/checkout-canary", {"metadata": {"labels": {"seen": "yes"}}})
    lab.canary.profile = FAILING
    await until(lambda: logged(pair, leader, LEFT_ALONE))
    why = [line["why"] for line in logged(pair, leader, LEFT_ALONE)]
    assert why == ["the shadow has changed since the lease ended"]
    await tried(lab, leader)
    assert written(lab, since) == []


async def test_a_process_that_starts_without_the_lease_takes_nothing_off(lab: Lab, pair: Replicas) -> None:
    leader = await led_until_baking(lab, pair)
    lab.api.faults.add(NO_LEASE, Refuse(403))
    since = await lapsed(lab, pair, leader)
    await pair.strike(Blow.KILLED)
    await pair.recover(leader)
    lab.canary.profile = FAILING
    await tried(lab, leader, 10)
    assert written(lab, since) == []
    assert shadow_annotations(lab)[WEIGHT] == "50"


async def test_a_minute_after_the_end_of_its_lease_a_process_does_nothing_more(lab: Lab, pair: Replicas) -> None:
    leader = await led_until_baking(lab, pair)
    lab.api.faults.add(NO_LEASE, Refuse(403))
    since = await lapsed(lab, pair, leader)
    await until(lambda: logged(pair, leader, "no longer judging without the lease"), 90)
    lab.canary.profile = FAILING
    await tried(lab, leader, 10)
    assert written(lab, since) == []
    assert shadow_annotations(lab)[WEIGHT] == "50"
