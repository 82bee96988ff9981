"""What a person decides in the evidence's place: skip, promote, restart; and what still holds then."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Obstacle
from ingress_canary.domain.reasons.vocabulary import Reason
from tests.domain.world import INTERVAL, PRIMARY, Traffic, World, at_step, deployment, rollout, schedule, with_spec

BAD = {"metadata": {**PRIMARY["metadata"], "annotations": {"nginx.ingress.kubernetes.io/affinity": "cookie"}}}


def on(world: World, **changes: Any) -> None:
    """Let something happen to a world, and two ticks go by."""
    for name, value in changes.items():
        setattr(world, name, value)
    world.step(2)


def ask(world: World, request: str) -> str:
    """Ask for something, with the present revision and step filled in, and return what became of it."""
    step = world.status.step.index if world.status.step else 0
    world.action = request.format(revision=world.status.revision, step=step)
    world.settle()
    assert world.status.last_action is not None
    return world.status.last_action.result


def test_skip_leaves_the_step_for_the_next() -> None:
    world = at_step(1)
    assert ask(world, "skip:{revision}/{step}#1") == "done"
    assert world.history[-1] == (2, 50, "Skipped")
    assert world.weight == 50


def test_a_crash_between_recording_and_consuming_skip_is_one_skip() -> None:
    world = at_step(1)
    world.action = f"skip:{world.status.revision}/1#1"
    world.pass_(die="status")
    world.settle()
    world.step(2)
    assert [reason for _, _, reason in world.history] == ["Settling", "Skipped"]
    assert world.weight == 50


def test_the_same_click_twice_skips_one_step() -> None:
    world = at_step(1)
    first = f"skip:{world.status.revision}/1"
    assert ask(world, f"{first}#1") == "done"
    assert ask(world, f"{first}#2") == "stale: it names step 1, this is step 2"
    assert world.weight == 50


def test_skip_leaves_the_last_step_for_the_promotion() -> None:
    world = at_step(3)
    assert ask(world, "skip:{revision}/{step}#1") == "done"
    assert (world.status.phase, world.weight) == (Phase.PROMOTING, 100)


def test_promote_goes_to_the_last_step_and_says_why() -> None:
    world = at_step(1)
    assert ask(world, "promote:{revision}#1#hotfix for #4711") == "done"
    assert world.history[-1] == (3, 100, "Skipped")
    assert world.weight == 100
    assert world.status.history[-1].message == "a person went from step 1 to step 3 (100 %) (hotfix for #4711)"
    assert world.status.last_action is not None
    assert world.status.last_action.note == "hotfix for #4711"
    assert ask(world, "promote:{revision}#2").startswith("no effect: this is the last step")
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_what_is_jumped_over_is_still_caught_later() -> None:
    world = at_step(1)
    ask(world, "promote:{revision}#1")
    world.step(3)
    world.traffic.canary = 0.3
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=5)


def closed_window(world: World) -> None:
    allow = [{"days": ["Sat"], "from": "10:00", "to": "11:00"}]
    content = schedule(windows={"allow": allow}).dump()
    assert world.status.schedule is not None
    kept = world.status.schedule.model_copy(update={"content": content})
    world.status = world.status.model_copy(update={"schedule": kept})


@pytest.mark.parametrize("request_", ["skip:{revision}/{step}#1", "promote:{revision}#1"])
def test_a_person_may_do_so_outside_a_window(request_: str) -> None:
    world = at_step(1)
    closed_window(world)
    assert ask(world, request_) == "done"
    assert world.weight > 5


@pytest.mark.parametrize("request_", ["skip:{revision}/{step}#1", "promote:{revision}#1"])
@pytest.mark.parametrize(
    ("hinders", "result"),
    [
        (lambda w: setattr(w, "frozen", "incident"), "no effect: nothing advances anywhere: incident"),
        (
            lambda w: setattr(w, "obstacles", (Obstacle(Reason.PREFLIGHT_FAILED, "rule 5: another canary"),)),
            "no effect: rule 5: another canary",
        ),
        (
            lambda w: on(w, outage="refused"),
            "no effect: what it sends to the canary could not be judged: refused; wait for data, or abort",
        ),
        (lambda w: with_spec(w, paused=True), "no effect: spec.paused is true; set it to false"),
        (
            lambda w: setattr(w, "canary_ready", 0),
            "no effect: Service shop/checkout-canary spec.selector: it has no ready endpoint",
        ),
        (lambda w: w.annotate(canary_weight="0"), "stale: the shadow, the spec or the canary has just been changed"),
        (
            lambda w: setattr(w, "canary", deployment("checkout-canary", "app:v3")),
            "stale: the shadow, the spec or the canary has just been changed",
        ),
    ],
    ids=["frozen", "preflight", "blind", "paused", "not ready", "another writer", "new revision"],
)
def test_what_a_person_cannot_overrule(request_: str, hinders: Callable[[World], Any], result: str) -> None:
    world = at_step(1)
    hinders(world)
    assert ask(world, request_).startswith(result)
    assert world.weight <= 5


def test_the_reading_that_proves_a_fail_advances_nothing() -> None:
    for request in ("skip", "promote"):
        world = at_step(1)
        world.step(3)
        world.traffic.canary = 1.0
        world.now += timedelta(seconds=INTERVAL)
        world.action = f"{request}:{world.status.revision}{'/1' if request == 'skip' else ''}#1"
        world.pass_(world.read())
        assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, "SLOViolated")


def test_a_canary_that_was_proven_bad_is_not_sent_more() -> None:
    world = at_step(1, schedule=schedule(onFailure="Pause"))
    world.traffic.canary = 1.0
    world.until(lambda w: w.status.phase is Phase.PAUSED)
    assert ask(world, "skip:{revision}/{step}#1").startswith("no effect: the canary was proven bad")
    assert world.weight == 5


def test_a_step_that_could_not_be_decided_may_be_skipped_from_its_pause() -> None:
    world = at_step(1, schedule=schedule(maxHold="1m"))
    world.traffic.rate = 1
    world.until(lambda w: w.status.reason == Reason.STEP_TIMED_OUT)
    assert ask(world, "skip:{revision}/{step}#1") == "done"
    assert (world.status.phase, world.weight, world.status.pause) == (Phase.PROGRESSING, 50, None)


def test_nothing_is_skipped_where_no_step_is_under_way() -> None:
    world = World()
    world.settle()
    assert ask(world, "skip:{revision}/1#1").startswith("no effect: no step is under way in phase Pending")
    world.until(lambda w: w.weight == 5)
    ask(world, "abort#2")
    assert ask(world, "promote:{revision}#3") == "no effect: no step is under way in phase RolledBack"
    world = at_step(3).until(lambda w: w.status.phase is Phase.PROMOTING)
    assert ask(world, "skip:{revision}/3#1") == "no effect: no step is under way in phase Promoting"


def test_a_canary_off_traffic_is_not_sent_more() -> None:
    world = at_step(1, schedule=schedule(onNoData="Retreat"))
    world.outage = "down"
    world.until(lambda w: w.shadow is None)
    assert ask(world, "skip:{revision}/{step}#1").startswith("no effect: the canary is off traffic")
    world = at_step(1)
    world.fighting = "argocd"
    world.step()
    world.fighting = None
    assert ask(world, "skip:{revision}/{step}#1").startswith("no effect: another writer keeps changing the shadow")


def test_what_another_writer_has_lowered_is_resumed_first() -> None:
    world = at_step(2)
    world.annotate(canary_weight="1")
    world.settle()
    assert ask(world, "promote:{revision}#1").startswith("no effect: another writer has lowered what the step exposes")
    assert world.weight == 1
    ask(world, "resume#2")
    assert ask(world, "promote:{revision}#3") == "done"


def test_restart_begins_at_the_first_step_with_the_schedule_as_it_is_now() -> None:
    world = at_step(2)
    world.schedule = schedule(steps=[{"weight": 10, "bake": "1m"}, {"weight": 100, "bake": "1m"}])
    world.step(2)
    assert world.weight == 50
    weights = []
    world.action = "restart#1#new schedule"
    world.pass_()
    weights.append(world.weight)
    assert world.status.history[-1].reason == "Restarted"
    assert world.status.message.endswith("(new schedule)")
    assert world.status.schedule is None
    world.until(lambda w: w.weight == 10)
    assert weights == [0]
    assert world.evaluation is not None
    assert world.evaluation.analysis.statuses[0].canary.total == 0


def test_restart_takes_no_canary_off_for_a_schedule_that_cannot_begin() -> None:
    world = at_step(2)
    world.outdated, world.usable = "a new one could not begin: it does not exist", False
    assert ask(world, "restart#1") == "no effect: a new one could not begin: it does not exist"
    assert (world.weight, world.status.phase) == (50, "Progressing")
    world.usable = True
    assert ask(world, "restart#2") == "done"


def test_restart_takes_the_shadow_away_where_clients_stick_to_it() -> None:
    primary = {**PRIMARY, **BAD}
    world = at_step(2, primary=primary)
    ask(world, "restart#1")
    assert world.shadow is None
    world.until(lambda w: w.weight == 5)


@pytest.mark.parametrize(
    ("phase", "result"),
    [
        (Phase.PENDING, "no effect: nothing to restart in phase Pending"),
        (Phase.SUCCEEDED, "no effect: nothing to restart in phase Succeeded"),
        (Phase.ROLLED_BACK, "no effect: it was rolled back; say retry"),
    ],
)
def test_only_what_is_under_way_begins_anew(phase: Phase, result: str) -> None:
    world = World()
    world.settle()
    world.status = world.status.model_copy(update={"phase": phase, "revision": "x"})
    world.canary = None
    assert ask(world, "restart#1") == result


def test_a_promotion_begins_anew_only_while_stable_is_what_it_was() -> None:
    world = at_step(3).until(lambda w: w.status.phase is Phase.PROMOTING)
    world.stable = deployment("checkout", "app:v2", rolled_out=False)
    assert ask(world, "restart#1") == "no effect: stable is becoming the new version; finish that, or abort"
    world.stable = deployment("checkout", "app:v1")
    assert ask(world, "restart#2") == "done"
    world.until(lambda w: w.weight == 5)


def test_a_paused_rollout_begins_anew_as_a_person_asks() -> None:
    world = at_step(2)
    ask(world, "pause#1")
    assert ask(world, "restart#2") == "done"
    world.until(lambda w: w.weight == 5)


def test_a_person_may_skip_a_step_that_nobody_visits() -> None:
    world = World(traffic=Traffic(rate=0), arguments=("--enable-metrics",))
    world.until(lambda w: w.status.reason == Reason.NO_TRAFFIC)
    assert ask(world, "skip:{revision}/{step}#1") == "done"
    assert world.weight == 50


def test_a_person_may_skip_unseen_to_a_step_without_weight() -> None:
    header = {"weight": 0, "bake": "5m", "require": "NoFail", "header": {"name": "X-Canary"}}
    weighted = {"weight": 5, "bake": "5m"}
    world = World(traffic=Traffic(rate=0), schedule=schedule(steps=[header, header, weighted]))
    world.until(lambda w: w.status.step is not None, ticks=20)
    assert ask(world, "skip:{revision}/{step}#1") == "done"
    assert ask(world, "skip:{revision}/{step}#2").startswith("no effect: what it sends to the canary could not")
    assert ask(world, "promote:{revision}#3").startswith("no effect: what it sends to the canary could not")


@pytest.mark.parametrize(("strategy", "ends"), [("Manual", True), ("CopyImages", False)])
def test_the_last_step_is_left_unseen_only_for_a_person_who_promotes_by_hand(strategy: str, *, ends: bool) -> None:
    world = at_step(3, spec=rollout(promotion={"strategy": strategy}))
    on(world, outage="refused")
    assert (ask(world, "skip:{revision}/{step}#1") == "done") is ends
    assert (world.status.phase is Phase.PROMOTING) is ends
