"""Effects of a decision: the order of the writes, and what is done when the status cannot be stored."""

from dataclasses import dataclass, field, replace
from typing import Any, get_args

from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.reconcile.effects import (
    ORDER,
    ClearAction,
    DeleteShadow,
    Effects,
    PatchShadow,
    StartSettling,
    TakeOffShadow,
    Write,
    effects,
    removal_of,
    status_due,
)
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.status.publish import newsworthy_messages, shown_status
from tests.domain.world import World, at_step, deployment, rollout

SCALED: dict[str, Any] = {
    "canary": {"name": "checkout-canary"},
    "stable": {"name": "checkout"},
    "scaleCanary": {"to": 3, "drain": "1m"},
}


def next_effects(world: World, *, overdue: bool = False) -> Effects:
    """Return what the next pass writes, without writing it."""
    assembled = world.assembled()
    decision = decide(assembled.seen, world.now)
    after = shown_status(decision, world.now, assembled.findings, assembled.seen)
    messages = newsworthy_messages(decision, assembled.findings, assembled.seen)
    due = status_due(world.status, after, decision, messages, world.texts, overdue=overdue)
    return effects(decision, assembled, after, due)


def kinds(made: Effects) -> list[type]:
    return [type(write) for write in made.writes]


@dataclass
class Recorded(World):
    """A world that keeps the effects of its passes."""

    passes: list[Effects] = field(default_factory=list)

    def _execute(self, writes: Effects, die: str) -> bool:
        self.passes.append(writes)
        return super()._execute(writes, die)


def eventful() -> Recorded:
    """Return a world whose passes have made every write that there is."""
    world = Recorded(spec=rollout(promotion={"strategy": "CopyImages"}, workload=SCALED), denied="not yet")
    world.canary, world.canary_ready = replace(deployment("checkout-canary", "app:v2"), replicas=0), 0
    world.step()
    world.denied = None
    world.step()
    assert world.canary is not None
    world.canary, world.canary_ready = replace(world.canary, rolled_out=True), 3
    world.until(lambda w: w.weight == 5)
    world.leftovers = ({**world.manifest(Exposure(40)), "kind": "Ingress"},)
    world.leftovers[0]["metadata"]["uid"] = "uid-earlier"
    world.action = "pause#1"
    world.annotate(canary_weight="90")
    world.step()
    world.action = "resume#2"
    world.denied = "not allowed"
    world.until(lambda w: w.status.copying is not None)
    world.action = "abort#3"
    world.hold("example.com/keep")
    world.step(3)
    # the canary is scaled back after its drain, and then has no owner
    world.denied = None
    world.step(10)
    return world


def test_every_pass_writes_in_the_one_order_and_every_write_is_in_it() -> None:
    passes = eventful().passes
    place = {kind: number for number, kinds_ in enumerate(ORDER) for kind in kinds_}
    for made in passes:
        places = [place[kind] for kind in kinds(made)]
        assert places == sorted(places), kinds(made)
    assert {kind for made in passes for kind in kinds(made)} == set(place)
    assert set(get_args(Write)) == set(place)


def test_a_step_is_stored_before_the_shadow_has_its_weight() -> None:
    world = Recorded()
    world.until(lambda w: w.weight == 50)
    made = next(made for made in world.passes if made.store is not None and made.store.after.weight == 50)
    assert made.store is not None
    assert (made.store.before.weight, made.store.after.weight) == (5, 50)
    assert kinds(made) == [PatchShadow, StartSettling]
    # nothing of it is settled before it is written
    assert made.evaluation is not None
    assert made.evaluation.settled_from is None


def test_a_pass_that_finds_everything_as_it_is_wanted_writes_nothing() -> None:
    world = at_step(1)
    world.step(5)
    made = next_effects(world)
    assert (made.store, made.writes) == (None, ())
    # the checkpoint is stored though only numbers have changed
    assert next_effects(world, overdue=True).store is not None


def test_a_rollback_that_cannot_be_stored_still_removes_the_shadow() -> None:
    world = at_step(1)
    world.action = "abort#1"
    made = next_effects(world)
    (removal,) = made.unstored
    assert isinstance(removal, DeleteShadow)
    assert made.writes == (removal, ClearAction())
    world.hold("example.com/keep")
    world.delete_shadow()
    assert [type(write) for write in next_effects(world).unstored] == [TakeOffShadow]


def test_a_canary_that_stays_on_is_judged_though_nothing_can_be_stored() -> None:
    world = at_step(1)
    world.step(3)
    assert next_effects(world).unstored == ()
    assert world.evaluation is not None
    world.evaluation = world.evaluation._replace(settled_from=None)
    assert next_effects(world).unstored == (StartSettling(),)
    assert next_effects(World()).unstored == ()


def test_a_shadow_that_is_being_deleted_is_only_ever_taken_off() -> None:
    world = at_step(1)
    (route,) = world.observe().routes
    assert route.shadow is not None
    assert isinstance(removal_of(route.router, route.shadow), DeleteShadow)
    world.hold("example.com/keep")
    world.delete_shadow()
    assert kinds(next_effects(world))[:1] == [TakeOffShadow]
