"""What a leader may do without its lease: take off what is proven to fail, and only where nothing has changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.workload import CopyStatus
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Observation
from ingress_canary.domain.objects.metadata import Meta
from ingress_canary.domain.reconcile.last_write import LastSeen, failed_shadows, why_left_alone
from tests.domain.world import ROUTER, Traffic, World, at_step, deployment

FAILING = Traffic(canary=1.0)
VERSION = "7"


def failing(**world: Any) -> World:
    """Return a world at a step whose canary is proven to fail by what the next pass knows."""
    made = at_step(1, **world)
    made.traffic, made.refuse_status = FAILING, True
    # a process without the lease stores nothing, and its shadow stays: the next pass decides the same again
    kept = made.shadow
    while made.shadow is not None:
        made.step()
    assert kept is not None
    made.shadow = {**kept, "metadata": {**kept["metadata"], "resourceVersion": VERSION}}
    made.memory = made.memory._replace(removed=frozenset())
    return made


def last_seen(world: World) -> LastSeen:
    """Return what was seen when the lease ended, if it ended now."""
    assert world.shadow is not None
    return LastSeen(world.status.leader, {world.shadow["metadata"]["uid"]: VERSION})


def test_a_proven_fail_takes_the_shadow_off_with_its_evidence() -> None:
    world = failing()
    seen = world.observe()
    decision = decide(seen, world.now)
    (failed,) = failed_shadows(seen, decision)
    assert failed.router is ROUTER
    assert failed.shadow.meta.resource_version == VERSION
    assert world.status.started_at is not None
    assert failed.mark == f"{world.status.started_at.isoformat()}#{decision.message}"
    assert why_left_alone(seen, last_seen(world)) is None


def test_nothing_else_takes_a_shadow_off() -> None:
    world = at_step(1)
    assert failed_shadows(world.observe(), decide(world.observe(), world.now)) == ()
    world.action = "abort#1"
    aborted = decide(world.observe(), world.now)
    assert aborted.status.phase is Phase.ROLLED_BACK
    assert failed_shadows(world.observe(), aborted) == ()


def test_a_shadow_that_sends_nobody_to_the_canary_is_not_written() -> None:
    world = failing()
    world.annotate(canary_weight="0")
    seen = world.observe()
    assert failed_shadows(seen, decide(seen, world.now)) == ()


def test_without_a_shadow_there_is_nothing_to_take_off() -> None:
    world = failing()
    seen = world.observe()
    gone = seen._replace(routes=(seen.routes[0]._replace(shadow=None),))
    assert failed_shadows(gone, decide(seen, world.now)) == ()
    assert why_left_alone(gone, last_seen(world)) is None


def test_what_the_status_tells_of_a_rollout_at_rest_is_no_decision() -> None:
    world = failing()
    world.refuse_status = False
    world.settle()
    seen = world.observe()
    assert (seen.status.phase, seen.status.reason) == (Phase.ROLLED_BACK, "SLOViolated")
    assert failed_shadows(seen, decide(seen, world.now)) == ()


def copying(seen: Observation) -> Observation:
    return seen._replace(status=seen.status.updated(copying=CopyStatus(before=[], after=[])))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda seen: seen._replace(status=seen.status.updated(leader="b since then")), "another leader"),
        (copying, "images are being copied"),
        (lambda seen: seen._replace(stable_ready=1), "stable is not as ready"),
        (
            lambda seen: seen._replace(stable=deployment("checkout", "app:v1", rolled_out=False)),
            "stable is not as ready",
        ),
    ],
    ids=["another-leader", "copying", "fewer-endpoints", "stable-rolls-out"],
)
def test_what_has_changed_leaves_the_shadow_to_the_next_leader(
    change: Callable[[Observation], Observation], why: str
) -> None:
    world = failing()
    told = why_left_alone(change(world.observe()), last_seen(world))
    assert told is not None
    assert told.startswith(why)


@pytest.mark.parametrize(
    "other",
    [lambda meta: replace(meta, uid="8"), lambda meta: replace(meta, resource_version="8")],
    ids=["another-one", "changed"],
)
def test_a_shadow_that_was_not_seen_so_is_left_alone(other: Callable[[Meta], Meta]) -> None:
    world = failing()
    seen = world.observe()
    shadow = seen.routes[0].shadow
    assert shadow is not None
    changed = seen._replace(routes=(seen.routes[0]._replace(shadow=replace(shadow, meta=other(shadow.meta))),))
    assert why_left_alone(changed, last_seen(world)) == "the shadow has changed since the lease ended"
