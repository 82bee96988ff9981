"""A whole pass of plain values: what preflight, gates, the controllers and the shadow say reaches the decision."""

from datetime import timedelta
from typing import Any

import pytest

from ingress_canary.api.gate import GateVerdict
from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.gates.schedule import GateAnswer
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import Exposure, wanted_exposure
from tests.domain.shop import foreign_canary
from tests.domain.world import PRIMARY, ROUTER, World, at_step, rollout, schedule

KEEP = "example.com/keep"


def test_a_problem_that_preflight_finds_holds_the_weight_and_is_named_until_it_is_gone() -> None:
    world = at_step(1)
    world.others = (foreign_canary("x"),)
    world.step(20)
    assert (world.status.phase, world.status.reason, world.weight) == (
        Phase.PROGRESSING,
        Reason.PREFLIGHT_FAILED,
        5,
    )
    assert [problem.rule for problem in world.observe().problems] == [5]
    assert "Ingress shop/x-canary" in world.status.message
    world.others = ()
    world.until(lambda w: w.weight == 50)


def test_a_service_without_the_port_keeps_a_rollout_from_beginning() -> None:
    world = World()
    paths = [{**PRIMARY["spec"]["rules"][0]["http"]["paths"][0], "backend": backend("checkout", 8080)}]
    spec = {**PRIMARY["spec"], "rules": [{"host": "shop.example", "http": {"paths": paths}}]}
    world.primary = {**PRIMARY, "spec": spec}
    world.step(10)
    assert (world.status.phase, world.status.reason) == (Phase.PENDING, Reason.PREFLIGHT_FAILED)
    assert "has no port 8080" in world.status.message
    assert world.shadow is None


def backend(service: str, port: int) -> dict[str, Any]:
    return {"service": {"name": service, "port": {"number": port}}}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"orphaned": True}, "the controllers call the shadow an orphan"),
        ({"others": (foreign_canary("x"),)}, "preflight: Ingress shop/x-canary"),
    ],
    ids=["orphan", "preflight"],
)
def test_a_weight_without_effect_is_reported_with_its_cause(change: dict[str, Any], cause: str) -> None:
    world = at_step(2)
    for name, value in {"orphaned": True, **change}.items():
        setattr(world, name, value)
    world.step(20)
    assert any(str(found).startswith(cause) for found in world.observe().causes)
    assert world.weight == 50


def test_the_cause_of_a_weight_without_effect_is_told() -> None:
    world = at_step(2)
    world.orphaned = True
    world.until(lambda w: w.status.reason == Reason.WEIGHT_NOT_EFFECTIVE, ticks=20)
    assert "the controllers call the shadow an orphan" in world.status.message


def test_the_answer_of_a_gate_is_taken_once_and_lets_the_rollout_begin() -> None:
    gate = {"name": "qa", "when": "beforeStart", "url": "http://qa.shop/"}
    world = World(schedule=schedule(gates=[gate]))
    world.until(lambda w: w.status.reason == Reason.AWAITING_GATE)
    (asked,) = world.status.gates
    world.answers = {"qa": GateAnswer(asked.question, GateVerdict.PASSED, "fine", world.now)}
    world.until(lambda w: w.weight == 5, ticks=5)
    assert world.answers == {}
    assert [record.attempts for record in world.status.gates] == [1]


def held_at_five() -> World:
    """Return a world that wants 50 % by now, and whose shadow cannot be changed from 5 %."""
    world = at_step(1)
    world.step(3)
    world.refuse_patch = True
    world.until(lambda w: w.status.step is not None and w.status.step.index == 2)
    return world


def test_evidence_is_about_the_exposure_that_the_shadow_carries() -> None:
    world = held_at_five()
    world.step(30)
    assert (world.weight, wanted_exposure(world.status)) == (5, Exposure(50))
    tick = world.assembled(world.read()).tick
    assert tick is not None
    assert tick.exposure == Exposure(5)
    # no step bakes at another exposure than its own, and a share that suits the shadow is nobody's fault
    assert world.status.step is not None
    assert (world.status.step.index, world.status.step.baked_seconds) == (2, 0)
    assert Reason.WEIGHT_NOT_EFFECTIVE not in {
        alert.reason for decision in world.decisions for alert in decision.alerts
    }
    world.refuse_patch = False
    world.until(lambda w: w.weight == 50)


def test_a_canary_that_fails_before_its_new_weight_can_be_written_is_rolled_back() -> None:
    world = held_at_five()
    world.step(3)
    assert world.status.reason == Reason.SHADOW_REJECTED
    world.traffic.canary = 0.5
    world.until(lambda w: w.shadow is None, ticks=10)
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.SLO_VIOLATED)


def test_requests_before_the_new_weight_was_written_are_not_in_its_share() -> None:
    world = held_at_five()
    world.step(10)
    assert world.evaluation is not None
    assert (world.evaluation.share, world.evaluation.baked) == (None, 0)
    world.refuse_patch = False
    world.until(lambda w: w.status.step is not None and w.status.step.index == 3, ticks=30)
    assert Reason.WEIGHT_NOT_EFFECTIVE not in {decision.status.reason for decision in world.decisions}


def test_a_canary_that_fails_at_an_exposure_that_cannot_be_undone_is_taken_off() -> None:
    world = at_step(1)
    world.step(4)
    world.annotate(canary_weight="90")
    world.refuse_patch = world.refuse_status = True
    world.step(8)
    tick = world.assembled(world.read()).tick
    assert tick is not None
    assert (tick.exposure, world.weight) == (Exposure(90), 90)
    # its share is that of the weight which it has
    assert world.decisions[-1].status.reason != Reason.WEIGHT_NOT_EFFECTIVE
    world.traffic.canary = 0.5
    world.until(lambda w: w.shadow is None, ticks=10)
    assert world.decisions[-1].status.phase is Phase.ROLLED_BACK
    assert world.status.phase is Phase.PROGRESSING


def leftover(*finalizers: str, **metadata: Any) -> tuple[dict[str, Any], ...]:
    """Return a shadow at 40 % that the rollout left under another name."""
    made = World(spec=rollout(shadow={"name": "earlier"})).manifest(Exposure(40))
    about = {**made["metadata"], "uid": "uid-earlier", "finalizers": list(finalizers), **metadata}
    return ({**made, "kind": "Ingress", "metadata": about},)


def test_a_shadow_under_another_name_is_removed() -> None:
    world = at_step(1)
    world.leftovers = leftover()
    world.settle()
    assert world.leftovers == ()
    assert world.weight == 5


def test_a_leftover_that_a_finalizer_holds_is_taken_off_and_reported_while_it_lasts() -> None:
    world = at_step(1)
    world.leftovers = leftover(KEEP)
    world.settle()
    (left,) = world.leftovers
    exposure = ROUTER.exposure(world.assembled().leftovers[0].shadow)
    assert (left["metadata"]["finalizers"], exposure) == ([KEEP], Exposure())
    assert [alert.reason for alert in world.settle().alerts] == [Reason.SHADOW_TERMINATING]
    world.leftovers = ()
    assert not world.settle().alerts


def test_an_ingress_that_only_names_the_rollout_as_its_owner_is_no_leftover() -> None:
    world = at_step(1)
    world.leftovers = leftover(annotations={}, labels={})
    world.settle()
    assert len(world.leftovers) == 1


def test_another_writer_who_raises_the_weight_again_and_again_is_fought_only_so_long() -> None:
    world = at_step(1)
    for _ in range(8):
        world.now += timedelta(seconds=1)
        world.annotate(canary_weight="90")
        world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.PAUSED, Reason.DRIFT_FIGHT)
    # it is left as the other writer has it, and undone changes are counted anew
    assert world.weight == 90
    assert world.memory.undone == ()


def test_undone_changes_of_long_ago_are_no_fight() -> None:
    world = at_step(1)
    for _ in range(8):
        world.now += timedelta(seconds=300)
        world.annotate(canary_weight="90")
        world.settle()
        assert world.weight == 5
    assert world.status.reason != Reason.DRIFT_FIGHT
