"""One writer, whatever befalls it: rule 7, read from what the API server has accepted of two daemons.

In mid-rollout the leader is killed, frozen for twice its lease, or cut off, thirty times in all.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.lab.cluster import CANARY, Lab
from ingress_canary.lab.kubeapi import AuditRecord, Hang, Refuse, requests
from ingress_canary.lab.load import Load
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, checkout, history, until
from tests.e2e.replicas import LEASE, NAMES, WITHIN, Blow, Moment, Replicas, assert_one_writer, replicas, weights
from tests.e2e.witness import ROLLOUTS, WEIGHT, by_person

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WEIGHTS = [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0, 80.0, 90.0, 95.0, 100.0]
"""Three steps and more for each blow, so that a rollout outlasts them on a slow machine too."""
SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": weight, "bake": "30s", "require": "NoFail", "minRequests": 10} for weight in WEIGHTS],
    "slos": [AVAILABILITY],
}
FAILING = CANARY.__class__("v2", error_ratio=1.0)


def transition(record: AuditRecord) -> bool:
    """Whether a write stores a step that was entered, whose weight the shadow does not have yet."""
    return record.subresource == "status" and "history" in record.body["status"]


def weighted(record: AuditRecord) -> bool:
    """Whether a write gives the shadow a weight."""
    annotations = (record.body.get("metadata") or {}).get("annotations") or {}
    return record.verb == "patch" and record.resource == "ingresses" and WEIGHT in annotations


def rolled_back(record: AuditRecord) -> bool:
    """Whether a write stores the end of a rollout whose shadow is still there."""
    return transition(record) and record.body["status"].get("phase") == "RolledBack"


@pytest.fixture
async def traffic(lab: Lab) -> AsyncIterator[Load]:
    """Traffic that flows for as long as the test takes."""
    load = lab.load(60, 900, seed=11)
    task = asyncio.create_task(load.run())
    yield load
    task.cancel()


@pytest.fixture
async def pair(lab: Lab, tmp_path: Path) -> AsyncIterator[Replicas]:
    """Two daemons."""
    async with replicas(lab, tmp_path, LEASE) as both:
        yield both


def last(lab: Lab, user: str, resource: str, verb: str) -> AuditRecord:
    """Return the last request of a kind, whether it has been answered or not."""
    return next(r for r in reversed(lab.api.audit) if (r.user, r.resource, r.verb) == (user, resource, verb))


async def let_stand(lab: Lab, user: str, *resources: str) -> None:
    """Let watches of somebody's stand still once they are open, so that the caches stay as they are."""
    wanted = {(user, "watch", resource, 200) for resource in resources}
    await until(lambda: wanted <= {(one.user, one.verb, one.resource, one.code) for one in lab.api.audit}, WITHIN)
    for resource in resources:
        lab.api.freeze_watches(resource, user)


BLOWS = {
    "killed": [Blow.KILLED] * 10,
    "frozen": [Blow.FROZEN] * 10,
    "cut-off": [Blow.CUT, Blow.DEAD] * 5,
}


@pytest.mark.parametrize("kind", BLOWS)
async def test_ten_leaders_fall_and_nobody_writes_after_the_next_ones_stamp(
    lab: Lab, pair: Replicas, traffic: Load, kind: str
) -> None:
    blows, rng = iter(BLOWS[kind]), Random(kind)
    primary = json.dumps(lab.api.store.get("ingresses", "shop", "checkout"), sort_keys=True)

    async def fall(moment: Moment | None) -> None:
        loop = asyncio.get_running_loop()
        if moment is None:
            await asyncio.sleep(rng.uniform(0, 1))
        fallen = await pair.strike(next(blows), moment)
        over = loop.time() + 2 * LEASE
        await pair.taken_over(fallen)
        await until(lambda: loop.time() > over or pair.blows[-1][0] is Blow.KILLED)
        await pair.recover(fallen)

    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    for moment in (weighted, transition, None, weighted, transition):
        await fall(moment)
    await until(lambda: lab.status()["phase"] == "Promoting", WITHIN)
    lab.set_image("checkout", "shop/checkout:v2")
    await until(lambda: lab.status()["phase"] == "Succeeded" and lab.shadow() is None, WITHIN)
    steps = [(n, weight, "StepPassed") for n, weight in enumerate(WEIGHTS, 1)]
    assert history(lab) == [(1, 5, "Settling"), *steps[1:], steps[-1], (len(WEIGHTS), 0, "Promoted")]
    assert weights(pair.written) == [0, *WEIGHTS, -1]
    assert_one_writer(pair.written)

    await by_person(lab, "DELETE", f"{ROLLOUTS}/checkout")
    await until(lambda: not lab.status())
    lab.set_image("checkout", "shop/checkout:v1")
    begun = len(pair.written)
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    for moment in (weighted, None, transition, weighted):
        await fall(moment)
    lab.canary.profile = FAILING
    await fall(rolled_back)
    await until(lambda: lab.status()["phase"] == "RolledBack" and lab.shadow() is None, WITHIN)
    assert lab.status()["reason"] == "SLOViolated"
    put = weights(pair.written[begun:])
    assert put == [0, *WEIGHTS[: len(put) - 2], -1]
    assert_one_writer(pair.written[begun:])
    assert len(pair.blows) == 10
    assert json.dumps(lab.api.store.get("ingresses", "shop", "checkout"), sort_keys=True) == primary


@pytest.mark.parametrize(("resource", "subresource"), [("canaryrollouts", "status"), ("ingresses", "")])
async def test_a_write_that_comes_late_is_refused(
    lab: Lab, pair: Replicas, traffic: Load, resource: str, subresource: str
) -> None:
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    await until(lambda: lab.status().get("weight") == 5, WITHIN)
    leader = pair.leader
    on_its_way = lab.api.faults.add(
        requests(user=leader, verb="patch", resource=resource, subresource=subresource), Hang(), times=1
    )
    await until(lambda: on_its_way.hits, WITHIN)
    late = last(lab, leader, resource, "patch")
    # the process sleeps, so that its connection stays open
    await pair.strike(Blow.FROZEN)
    await pair.taken_over(leader)
    lab.api.faults.clear()
    await until(lambda: late.code)
    assert late.code == 409
    await pair.recover(leader)
    weight = lab.status()["weight"]
    await until(lambda: lab.status()["weight"] > weight, WITHIN)
    assert_one_writer(pair.written)
    put = weights(pair.written)
    assert put == [0, *WEIGHTS][: len(put)]


async def test_a_leader_whose_watch_stands_still_takes_over_a_shadow_that_it_has_not_seen(
    lab: Lab, pair: Replicas, traffic: Load
) -> None:
    leader = await pair.led()
    (follower,) = set(NAMES) - {leader}
    silent = lab.api.faults.add(requests(user=follower, verb="watch", resource="ingresses"), Hang())
    lab.api.cut_watches("ingresses")
    await until(lambda: silent.hits, WITHIN)
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    await until(lambda: lab.status().get("weight") == 10, WITHIN)
    await pair.strike(Blow.KILLED)
    await pair.taken_over(leader)
    await until(lambda: lab.status()["weight"] >= 25, WITHIN)
    assert [one[2] for one in history(lab)] == ["Settling", *["StepPassed"] * (len(history(lab)) - 1)]
    put = weights(pair.written)
    assert put == [0, *WEIGHTS][: len(put)]
    assert_one_writer(pair.written)


async def test_a_leader_whose_watches_stand_still_takes_over_a_rollout_that_it_takes_for_ended(
    lab: Lab, pair: Replicas, traffic: Load
) -> None:
    lab.set_image("checkout-canary", "shop/checkout:v1")
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    await until(lambda: lab.status().get("phase") == "Succeeded", WITHIN)
    leader = await pair.led()
    (follower,) = set(NAMES) - {leader}
    await let_stand(lab, follower, "canaryrollouts", "ingresses")
    lab.set_image("checkout-canary", "shop/checkout:v2")
    await until(lambda: lab.status().get("weight") == 10, WITHIN)
    await pair.strike(Blow.KILLED)
    await until(lambda: pair.leader == follower, WITHIN)
    # it begins the rollout once more, on a version that is none any more
    await until(lambda: any((one.user, one.resource, one.code) == (follower, "canaryrollouts", 409)
                            for one in lab.api.audit), WITHIN)  # fmt: skip
    lab.api.cut_watches("canaryrollouts")
    await pair.taken_over(leader)
    await until(lambda: lab.status()["weight"] >= 25, WITHIN)
    assert "Intervened" not in {one[2] for one in history(lab)}
    put = weights(pair.written)
    assert put == [0, *WEIGHTS][: len(put)]
    assert_one_writer(pair.written)


async def test_a_leader_whose_watch_stands_still_begins_no_former_version_of_the_canary(
    lab: Lab, pair: Replicas, traffic: Load
) -> None:
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    await until(lambda: lab.status().get("weight") == 5, WITHIN)
    leader = await pair.led()
    (follower,) = set(NAMES) - {leader}
    await let_stand(lab, follower, "deployments")
    lab.images["shop/checkout:v3"] = FAILING
    lab.set_image("checkout-canary", "shop/checkout:v3")
    await until(lambda: lab.status()["phase"] == "RolledBack", WITHIN)
    condemned, ended = lab.status()["failedRevision"], len(history(lab))
    assert condemned == lab.status()["revision"]
    await pair.strike(Blow.KILLED)
    await until(lambda: pair.leader == follower, WITHIN)
    await by_person(lab, "PATCH", f"{ROLLOUTS}/checkout", {"metadata": {"annotations": {ACTION_ANNOTATION: "retry#1"}}})
    await until(lambda: lab.status().get("lastAction", {}).get("id") == "1", WITHIN)
    assert history(lab)[ended][2] == "Retried"
    assert lab.status()["revision"] == condemned


async def test_a_copy_of_images_that_comes_late_is_refused(lab: Lab, pair: Replicas, traffic: Load) -> None:
    leader = await pair.led()
    on_its_way = lab.api.faults.add(requests(user=leader, verb="patch", resource="deployments"), Hang(), times=1)
    committed: list[AuditRecord] = []
    lab.api.on_commit.append(lambda record: committed.append(record) if record.resource == "deployments" else None)
    short = {**SCHEDULE, "steps": [{"weight": 100, "bake": "10s", "require": "NoFail", "minRequests": 0}]}
    lab.create("canaryrollouts", checkout(schedule=short, promotion={"strategy": "CopyImages"}))
    await until(lambda: on_its_way.hits, WITHIN)
    late = last(lab, leader, "deployments", "patch")
    await pair.strike(Blow.FROZEN)
    other = await pair.taken_over(leader)
    await until(lambda: any((one.user, one.resource) == (other, "deployments") for one in committed), WITHIN)
    lab.api.faults.clear()
    await until(lambda: late.code)
    assert late.code == 409
    assert list(committed[0].body) == ["metadata"], "the stamp comes first"
    await until(lambda: lab.status()["phase"] == "Succeeded", WITHIN)
    await pair.recover(leader)


async def test_a_shadow_that_is_created_late_is_removed_at_once(lab: Lab, pair: Replicas, traffic: Load) -> None:
    leader = await pair.led()
    on_its_way = lab.api.faults.add(requests(user=leader, verb="create", resource="ingresses"), Hang(), times=1)
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    await until(lambda: on_its_way.hits, WITHIN)
    late = last(lab, leader, "ingresses", "create")
    await pair.strike(Blow.FROZEN)
    await pair.taken_over(leader)
    await by_person(lab, "PATCH", f"{ROLLOUTS}/checkout", {"metadata": {"annotations": {ACTION_ANNOTATION: "abort#1"}}})
    await until(lambda: lab.status()["phase"] == "RolledBack" and lab.shadow() is None, WITHIN)
    lab.api.faults.clear()
    await until(lambda: late.code)
    assert late.code == 201
    await until(lambda: lab.shadow() is None)
    assert weights(pair.written)[-2:] == [0, -1]
    await pair.recover(leader)


def stored_ten(record: AuditRecord) -> bool:
    """Whether a write stores the step of 10 %, which the shadow does not have yet."""
    return transition(record) and record.body["status"].get("weight") == 10


def carries_ten(record: AuditRecord) -> bool:
    """Whether a write gives the shadow 10 %."""
    return weighted(record) and record.body["metadata"]["annotations"][WEIGHT] == "10"


@pytest.mark.parametrize(("moment", "put"), [(stored_ten, [0, 5, -1]), (carries_ten, [0, 5, 10, -1])])
async def test_a_failing_canary_goes_off_though_the_new_leader_can_store_no_stamp(
    lab: Lab, pair: Replicas, traffic: Load, moment: Moment, put: list[float]
) -> None:
    lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
    # the status may be one step ahead of the shadow, which cannot be raised then: it is judged by what it carries
    fallen = await pair.strike(Blow.KILLED, moment)
    no_status = lab.api.faults.add(requests(subresource="status", verb="patch"), Refuse(500))
    assert lab.status()["weight"] == 10
    lab.canary.profile = FAILING
    await until(lambda: lab.shadow() is None, WITHIN)
    assert lab.status()["phase"] == "Progressing"
    lab.api.faults.remove(no_status)
    # one that is at rest by then needs no stamp
    await until(lambda: lab.status()["phase"] == "RolledBack", WITHIN)
    assert pair.leader != fallen
    assert weights(pair.written) == put


async def test_a_follower_is_ready_and_silent_and_leads_soon_after_a_clean_end(
    lab: Lab, tmp_path: Path, traffic: Load
) -> None:
    async with replicas(lab, tmp_path, 30.0) as pair:
        leader = await pair.led()
        (follower,) = set(pair.daemons) - {leader}
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("weight") == 5, WITHIN)
        assert "ingress_canary_leader 1.0" in await pair.daemons[leader].metrics()
        page = await pair.daemons[follower].metrics()
        assert "ingress_canary_leader 0.0" in page
        assert "ingress_canary_rollout_info{" not in page
        assert await ready(pair.daemons[follower])
        assert [one for one in lab.api.audit if one.user == follower and one.verb not in ("get", "list", "watch")] == []
        assert await pair.daemons[leader].stop() == 0
        await pair.taken_over(leader)
        released = last(lab, leader, "leases", "patch")
        stamped = next(
            one for one in lab.api.audit if one.user == follower and one.subresource == "status" and one.verb == "patch"
        )
        assert released.body["spec"]["holderIdentity"] == ""
        # sooner than it would have found out by a look at each quarter of the lease
        assert (stamped.at - released.at).total_seconds() < 30.0 / 4
        await until(lambda: weights(pair.written) == [0, 5, 10], WITHIN)


async def ready(daemon: DaemonProcess) -> bool:
    """Return what /readyz says."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{daemon.port}/readyz") as answer:
        return answer.status == 200
