"""A person's consent: asked for once the evidence suffices, for one step of one revision, void with new evidence."""

from datetime import timedelta
from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.reasons.action_results import ActionOutcome, parse_result
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import StepList
from tests.domain.world import INTERVAL, World, deployment, schedule, with_spec

TICK = timedelta(seconds=INTERVAL)


def asking(when: str = "After", step: int = 1, **more: Any) -> World:
    """Return a world in which one of three steps asks for consent."""
    steps: list[dict[str, Any]] = [{"weight": weight, "bake": "1m"} for weight in (5, 50, 100)]
    approval = {key: more.pop(key) for key in ("timeout", "onTimeout") if key in more}
    steps[step - 1]["approval"] = {"when": when, **approval}
    return World(schedule=schedule(steps=steps, **more))


def waiting(*args: Any, **more: Any) -> World:
    """Return that world at the moment at which it begins to wait."""
    return asking(*args, **more).until(lambda w: w.status.reason == Reason.AWAITING_APPROVAL)


def approve(world: World, target: str | None = None, ident: str = "1") -> str:
    """Consent to the step that waits, or to what is named, and return what became of it."""
    assert world.status.approval is not None
    world.action = f"approve:{target or f'{world.status.revision}/{world.status.approval.step}'}#{ident}"
    world.settle()
    assert world.status.last_action is not None
    return world.status.last_action.result


def test_a_step_is_left_only_with_consent_and_its_time_is_not_held_against_it() -> None:
    world = waiting(maxHold="5m")
    message = world.status.message
    assert message.startswith("step 1 (5 %) is left when a person approves it, asked until 2026-03-03 ")
    assert message.endswith("(then it goes on waiting): ingress-canary approve checkout -n shop")
    assert world.status.step is not None
    held = world.status.step.held_seconds
    world.step(100)
    assert (world.weight, world.status.phase, world.status.reason) == (5, Phase.PROGRESSING, "AwaitingApproval")
    assert world.status.step.held_seconds == held
    assert approve(world) == "done"
    assert world.weight == 50
    assert [reason for _, _, reason in world.history] == ["Settling", "AwaitingApproval", "Approved", "StepPassed"]
    assert world.status.approval is None


def test_a_step_is_entered_only_with_consent() -> None:
    world = waiting("Before", 2)
    assert world.status.message.startswith("step 2 (50 %) is entered when")
    assert world.weight == 5
    assert approve(world, f"{world.status.revision}/1") == (
        "stale: it names step 1, what waits for an approval is step 2"
    )
    assert approve(world, ident="2") == "done"
    assert world.weight == 50


def test_nothing_begins_without_the_first_steps_consent() -> None:
    world = waiting("Before", 1)
    assert (world.status.phase, world.shadow) == (Phase.PENDING, None)
    assert world.status.schedule is None
    world.step(20)
    assert world.shadow is None
    assert approve(world) == "done"
    world.until(lambda w: w.weight == 5, ticks=3)


def test_the_promotion_waits_for_the_last_steps_consent() -> None:
    world = waiting("After", 3)
    assert world.step(5).status.phase is Phase.PROGRESSING
    approve(world)
    assert world.status.phase is Phase.PROMOTING


def test_leaving_one_step_and_entering_the_next_are_consented_to_one_after_the_other() -> None:
    steps = [
        {"weight": 5, "bake": "1m", "approval": {}},
        {"weight": 50, "bake": "1m", "approval": {"when": "Before"}},
    ]
    world = World(schedule=schedule(steps=steps)).until(lambda w: w.status.reason == Reason.AWAITING_APPROVAL)
    assert approve(world) == "done"
    assert world.status.approval is not None
    assert (world.status.approval.step, world.weight) == (2, 5)
    assert approve(world, ident="2") == "done"
    assert world.weight == 50


@pytest.mark.parametrize(
    ("target", "result"),
    [
        ("older/1", "stale: it names revision older"),
        ("{revision}/2", "stale: it names step 2, what waits for an approval is step 1"),
        ("{revision}", "malformed: approve names its step"),
    ],
)
def test_consent_to_another_step_or_revision_is_none(target: str, result: str) -> None:
    world = waiting()
    assert approve(world, target.format(revision=world.status.revision)).startswith(result)
    world.step(3)
    assert (world.weight, world.status.reason) == (5, "AwaitingApproval")


def test_consent_that_nothing_waits_for_is_none() -> None:
    world = asking().until(lambda w: w.weight == 5)
    world.action = f"approve:{world.status.revision}/1#1"
    world.settle()
    assert world.status.last_action is not None
    assert world.status.last_action.result == "no effect: no step waits for an approval"
    world.until(lambda w: w.status.reason == Reason.AWAITING_APPROVAL)


def test_consent_outlives_a_crash_and_is_used_once() -> None:
    world = waiting(step=1)
    assert world.status.approval is not None
    world.action = f"approve:{world.status.revision}/{world.status.approval.step}#1"
    world.pass_(die="status")
    world.until(lambda w: w.weight == 100)
    assert [reason for _, _, reason in world.history].count("Approved") == 1


def test_a_new_revision_needs_consent_of_its_own() -> None:
    world = waiting("Before", 1)
    approved = f"approve:{world.status.revision}/1#1"
    world.canary = deployment("checkout-canary", "app:v3")
    world.settle()
    world.action = approved
    world.settle()
    assert world.status.last_action is not None
    assert parse_result(world.status.last_action.result) is ActionOutcome.STALE
    world.step(3)
    assert (world.status.reason, world.shadow) == ("AwaitingApproval", None)


def test_another_canary_that_comes_just_before_the_first_step_needs_consent_too() -> None:
    world = waiting("Before", 1)
    world.action = f"approve:{world.status.revision}/1#1"
    world.pass_()
    world.pass_()
    assert (world.shadow is not None, world.status.step) == (True, None)
    world.canary = deployment("checkout-canary", "app:v3")
    world.settle()
    assert (world.status.reason, world.weight) == ("AwaitingApproval", 0)


def test_consent_before_a_start_is_void_when_the_canary_becomes_another() -> None:
    windows = {"allow": [{"days": ["Sat"], "from": "10:00", "to": "11:00"}]}
    world = waiting("Before", 1, windows=windows)
    approve(world)
    world.step()
    assert world.status.reason == Reason.OUTSIDE_WINDOW
    world.canary = deployment("checkout-canary", "app:v3")
    world.step()
    assert world.status.reason == Reason.AWAITING_APPROVAL


def test_consent_is_void_when_evidence_begins_anew() -> None:
    windows = {"allow": [{"days": ["Mon"], "from": "09:00", "to": "10:02"}]}
    world = waiting(windows=windows)
    approve(world)
    world.step()
    assert world.status.reason == Reason.OUTSIDE_WINDOW
    world.stable = deployment("checkout", "app:v1.1")
    world.step()
    assert world.status.approval is None
    world.until(lambda w: w.status.reason == Reason.AWAITING_APPROVAL)


def test_a_closed_window_is_waited_for_with_consent_given() -> None:
    windows = {
        "allow": [{"days": ["Mon"], "from": "09:00", "to": "10:02"}, {"days": ["Mon"], "from": "11:00", "to": "12:00"}]
    }
    world = waiting(windows=windows)
    approve(world)
    world.until(lambda w: w.weight == 50)
    assert world.now.hour == 11


@pytest.mark.parametrize(
    ("then", "phase"), [("Hold", Phase.PROGRESSING), ("Pause", Phase.PAUSED), ("Rollback", Phase.ROLLED_BACK)]
)
def test_what_nobody_consents_to_ends_as_the_schedule_says(then: str, phase: Phase) -> None:
    world = waiting(timeout="10m", onTimeout=then)
    began = world.now
    world.until(lambda w: w.status.reason == Reason.APPROVAL_TIMED_OUT)
    assert world.now - began == timedelta(minutes=10)
    assert world.status.phase is phase
    assert world.status.message.startswith("nobody approved step 1 (5 %) until 2026-03-02 10:1")
    world.step(20)
    assert [reason for _, _, reason in world.history].count("ApprovalTimedOut") == 1
    assert world.weight == (0 if then == "Rollback" else 5)


@pytest.mark.parametrize("then", ["Hold", "Pause"])
def test_what_nobody_consented_to_in_time_may_be_approved_still(then: str) -> None:
    world = waiting(timeout="1m", onTimeout=then).until(lambda w: w.status.reason == Reason.APPROVAL_TIMED_OUT)
    assert approve(world) == "done"
    assert (world.status.phase, world.weight) == (Phase.PROGRESSING, 50)


def test_a_pause_for_want_of_consent_can_be_resumed_and_asks_again() -> None:
    world = waiting(timeout="1m", onTimeout="Pause").until(lambda w: w.status.phase is Phase.PAUSED)
    world.step(30)
    world.action = "resume#1"
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.PROGRESSING, "AwaitingApproval")
    assert world.status.approval is not None
    assert world.status.approval.until > world.now


def test_a_pause_before_the_start_ends_with_consent_too() -> None:
    world = waiting("Before", 1, timeout="1m", onTimeout="Pause").until(lambda w: w.status.phase is Phase.PAUSED)
    assert approve(world) == "done"
    world.until(lambda w: w.weight == 5, ticks=3)


def test_what_another_writer_took_away_while_paused_does_not_come_back_with_consent() -> None:
    world = waiting(timeout="1m", onTimeout="Pause").until(lambda w: w.status.phase is Phase.PAUSED)
    world.annotate(canary_weight="0")
    world.settle()
    assert approve(world) == "done"
    assert (world.status.phase, world.weight) == (Phase.PAUSED, 0)


def test_a_pause_does_not_use_the_time_for_consent_up() -> None:
    world = waiting(timeout="5m", onTimeout="Rollback")
    with_spec(world, paused=True)
    world.step(60)
    with_spec(world, paused=False)
    world.step()
    assert (world.status.phase, world.status.reason) == (Phase.PROGRESSING, "AwaitingApproval")
    early = waiting("Before", 1, timeout="5m", onTimeout="Rollback")
    with_spec(early, paused=True)
    early.step(60)
    with_spec(early, paused=False)
    early.step()
    assert (early.status.phase, early.status.reason) == (Phase.PENDING, "AwaitingApproval")


@pytest.mark.parametrize("then", ["Hold", "Pause"])
def test_a_failing_canary_is_rolled_back_though_consent_is_waited_for(then: str) -> None:
    world = waiting(timeout="1m", onTimeout=then).until(lambda w: w.status.reason == Reason.APPROVAL_TIMED_OUT)
    world.traffic.canary = 0.5
    began = world.now
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=10)
    assert world.status.reason == Reason.SLO_VIOLATED
    assert world.now - began <= 2 * TICK


def test_the_reading_that_proves_a_fail_advances_nothing_though_it_brings_consent() -> None:
    world = waiting()
    world.traffic.canary = 1.0
    world.now += TICK
    assert world.status.approval is not None
    world.action = f"approve:{world.status.revision}/1#1"
    world.pass_(world.read())
    world.settle()
    assert (world.status.phase, world.weight) == (Phase.ROLLED_BACK, 0)
    assert world.status.last_action is not None
    assert world.status.last_action.result == "no effect: this very pass proves the canary bad"


def test_a_ramp_asks_before_its_first_step_or_after_its_last() -> None:
    def asks(when: str) -> list[tuple[bool, bool]]:
        ramp = {"from": 1, "to": 50, "factor": 10, "bake": "1m"}
        walk = StepList.of(schedule(steps=[{"ramp": ramp, "approval": {"when": when}}]))
        return [(step.before is not None, step.after is not None) for step in walk.steps]

    assert asks("Before") == [(True, False), (False, False), (False, False)]
    assert asks("After") == [(False, False), (False, False), (False, True)]
