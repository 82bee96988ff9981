"""Trouble with the API in mid-rollout: the rollout ends as it must, no watch spins, the cache is right afterwards."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import Delay, Drop, Empty, ForeignPage, Refuse, requests
from ingress_canary.lab.kubeapi.faults import Effect, Predicate
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import AVAILABILITY, SCALE, checkout, history, until
from tests.e2e.witness import DAEMON, WEIGHT, assert_finite_and_accepted, events, set_weight, shadow_weights
from tests.forked import ForkedDaemon

pytestmark = pytest.mark.slow

SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": 20, "bake": "20s"}, {"weight": 50, "bake": "20s"}, {"weight": 100, "bake": "20s"}],
    "slos": [AVAILABILITY],
}
WATCHES = requests(user=DAEMON, verb=("list", "watch"))
ANYTHING = requests(user=DAEMON)
JITTER = 0.9
"""Seconds by which a busy server may see one request later than the next: of many together no more than of two."""

Trouble = Callable[[Lab], contextlib.AbstractAsyncContextManager[None]]


def outage(matches: Predicate, effect: Effect, lasts: float) -> Trouble:
    """Return trouble in which requests fail for some real seconds; the watches that were open end."""

    @contextlib.asynccontextmanager
    async def trouble(lab: Lab) -> AsyncIterator[None]:
        fault = lab.api.faults.add(matches, effect)
        lab.api.cut_watches()
        yield
        await asyncio.sleep(lasts)
        lab.api.faults.remove(fault)

    return trouble


@contextlib.asynccontextmanager
async def cut(lab: Lab) -> AsyncIterator[None]:
    """All connections of watches break, again and again."""
    lab.api.cut_watches()
    yield
    for _ in range(5):
        lab.api.cut_watches()
        await asyncio.sleep(1.5)


@contextlib.asynccontextmanager
async def compacted(lab: Lab) -> AsyncIterator[None]:
    """History is forgotten while the watches are away: what happens meanwhile can only be learnt by a list."""
    away = lab.api.faults.add(WATCHES, Drop())
    lab.api.cut_watches()
    yield
    lab.api.compact()
    lab.api.faults.remove(away)


@contextlib.asynccontextmanager
async def frozen(lab: Lab) -> AsyncIterator[None]:
    """The watches hang, connected and silent, and go on later."""
    lab.api.freeze_watches()
    yield
    await asyncio.sleep(5)
    lab.api.thaw_watches()


@contextlib.asynccontextmanager
async def restarted(lab: Lab) -> AsyncIterator[None]:
    """The API server goes away and comes back."""
    await lab.api.stop()
    yield
    await asyncio.sleep(5)
    await lab.api.start()


@contextlib.asynccontextmanager
async def without_roles(lab: Lab) -> AsyncIterator[None]:
    """The API server restarts, and refuses everybody until it has read the roles, as kube-apiserver (1.36) does."""
    fault = lab.api.faults.add(ANYTHING, Refuse(403))
    await lab.api.stop()
    yield
    await lab.api.start()
    await asyncio.sleep(2)
    lab.api.faults.remove(fault)


TROUBLES: dict[str, Trouble] = {
    "watches are cut": cut,
    "watches hang": frozen,
    "history is compacted": compacted,
    "watches answer 200 and nothing": outage(WATCHES, Empty(), 5),
    "everything answers a proxy's 502 in HTML": outage(ANYTHING, ForeignPage(), 10),
    "the API server restarts": restarted,
    "the API server restarts, at first without roles": without_roles,
}


@pytest.fixture
async def traffic(lab: Lab) -> AsyncIterator[None]:
    """Traffic that flows for as long as the test takes."""
    task = asyncio.create_task(lab.load(150, 900, seed=3).run())
    yield
    task.cancel()


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_a_rollout_survives_trouble_with_the_api(
    lab: Lab, daemon: DaemonProcess, traffic: None, trouble: Trouble
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("step", {}).get("bakedSeconds", 0) > 0)
        async with trouble(lab):
            # what somebody does meanwhile is known afterwards, and undone
            lab.api.store.patch("ingresses", "shop", "checkout-canary", set_weight("93"))
        await until(lambda: (lab.shadow() or {})["metadata"]["annotations"][WEIGHT] != "93", 30)
        await until(lambda: lab.status()["phase"] == "Promoting")
        lab.set_image("checkout", "shop/checkout:v2")
        await until(lambda: lab.status()["phase"] == "Succeeded")
        await until(lambda: lab.shadow() is None)
        assert daemon.running
    steps = [(1, 20, "Settling"), (2, 50, "StepPassed"), (3, 100, "StepPassed"), (3, 100, "StepPassed")]
    assert history(lab) == [*steps, (3, 0, "Promoted")]
    weights = shadow_weights(lab.api.audit)
    assert list(dict.fromkeys(weights)) == [0, 20, 50, 100, -1]
    assert weights == [*sorted(weights[:-1]), -1]
    assert "PreflightFailed" not in {event["reason"] for event in events(lab)}
    assert_finite_and_accepted(lab)
    assert_no_watch_spins(lab)


async def test_a_canary_that_fails_while_the_api_is_away_is_off_once_it_is_back(
    lab: Lab, daemon: DaemonProcess, traffic: None
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: lab.status().get("step", {}).get("bakedSeconds", 0) > 0)
        async with restarted(lab):
            lab.canary.profile = lab.canary.profile.__class__("v2", error_ratio=1.0)
        await until(lambda: lab.shadow() is None, 40)
        await until(lambda: lab.status()["phase"] == "RolledBack")
    assert lab.status()["reason"] == "SLOViolated"
    assert_no_watch_spins(lab)


async def test_a_canary_that_fails_while_a_policy_refuses_its_next_weight_is_rolled_back(
    lab: Lab, daemon: DaemonProcess, traffic: None
) -> None:
    async with daemon:
        await daemon.ready()
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: shadow_weights(lab.api.audit)[-1:] == [20.0])
        lab.api.admission.append(
            lambda verb, plural, _new, _old: "no more weight" if (verb, plural) == ("update", "ingresses") else None
        )
        await until(lambda: lab.status().get("step", {}).get("index") == 2, 60)
        await until(lambda: lab.status()["reason"] == "ShadowRejected")
        assert (lab.status()["actualWeight"], lab.status()["weight"]) == (20, 50)
        told = "the shadow cannot be changed: its weight is 20 %, and 50 % is wanted; "
        assert lab.status()["message"].startswith(told)
        assert "no more weight" in lab.status()["message"]
        await until(lambda: any(event["reason"] == "ShadowRejected" for event in events(lab)))
        lab.canary.profile = lab.canary.profile.__class__("v2", error_ratio=1.0)
        await until(lambda: lab.shadow() is None, 40)
        await until(lambda: lab.status()["phase"] == "RolledBack")
    assert lab.status()["reason"] == "SLOViolated"
    assert shadow_weights(lab.api.audit) == [0.0, 20.0, -1.0]


SILENT = 10.0
"""Seconds after which kube-apiserver (1.36) answers for a webhook that answers nothing: its default timeoutSeconds."""
DEAD = (
    'Internal error occurred: failed calling webhook "ingress.test": failed to call webhook: '
    'Post "https://10.0.0.1:443/validate?timeout=10s": context deadline exceeded'
)


async def test_a_webhook_that_answers_nothing_is_told_in_the_servers_words_and_waited_for_where_it_may_be_ignored(
    lab: Lab, tmp_path: Path, traffic: None
) -> None:
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig", token=DAEMON)
    leader = ForkedDaemon(
        kubeconfig, tmp_path / "daemon.log", scale=SCALE, epoch=datetime.now(UTC), warm_up="30s",
        leader_election="true",  # lease and time-outs as by default
    )  # fmt: skip
    changes = requests(user=DAEMON, verb="patch", resource="ingresses")
    async with leader:
        await leader.ready()
        lab.create("canaryrollouts", checkout(schedule=SCHEDULE))
        await until(lambda: shadow_weights(lab.api.audit)[-1:] == [20.0])
        fails = lab.api.faults.add(changes, Refuse(500, DEAD, after=SILENT))
        await until(lambda: lab.status()["reason"] == "ShadowRejected", 60)
        assert (lab.status()["actualWeight"], lab.status()["weight"]) == (20, 50)
        assert DEAD in lab.status()["message"]
        # what failurePolicy Ignore makes of it
        lab.api.faults.add(changes, Delay(SILENT))
        lab.api.faults.remove(fails)
        await until(lambda: shadow_weights(lab.api.audit)[-1:] == [50.0], 60)
        await until(lambda: lab.status()["actualWeight"] == 50)


def assert_no_watch_spins(lab: Lab) -> None:
    """Fail when one watch has asked more than once a second."""
    asked = defaultdict(list)
    for one in lab.api.audit:
        if WATCHES(one):  # type: ignore[arg-type]
            asked[one.path].append(one.at)
    assert asked
    for path, times in asked.items():
        for (number, first), (count, last) in combinations(enumerate(times), 2):
            assert (last - first).total_seconds() >= count - number - JITTER, (path, number, count, times)
