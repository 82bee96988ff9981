"""Two things at once, and things at the wrong moment: what decisions must not do then."""

from datetime import timedelta
from typing import Any

import pytest

from ingress_canary.api.rollout_status import PausedBy, Phase
from ingress_canary.domain.decision.decide import decide, hold_unreadable_spec
from ingress_canary.domain.decision.observation import Obstacle
from ingress_canary.domain.reasons.action_results import ActionOutcome, parse_result
from ingress_canary.domain.reasons.message import verbatim
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.publish import published_status
from tests.domain.world import INTERVAL, World, at_step, deployment, rollout, schedule, with_session, with_spec


def paused(step: int = 2, **world: Any) -> World:
    made = at_step(step, **world)
    made.action = "pause#0"
    made.settle()
    assert made.status.phase is Phase.PAUSED
    return made


def promoting(**world: Any) -> World:
    return World(**world).until(lambda w: w.status.phase is Phase.PROMOTING)


def result(world: World) -> str:
    assert world.status.last_action is not None
    return world.status.last_action.result


def outcome(world: World) -> ActionOutcome | None:
    return parse_result(result(world))


# -- another writer and something else in the same pass ---------------------------------------------------------------


@pytest.mark.parametrize("action", ["pause#1", "resume#1", "explode#1", "finish:x#1", "retry#1"])
def test_a_lowered_weight_is_honoured_whatever_is_asked_for_in_the_same_breath(action: str) -> None:
    world = at_step(2)
    world.annotate(canary_weight="10")
    world.action = action
    decision = world.pass_()
    assert (world.weight, world.status.phase) == (10, Phase.PAUSED)
    assert decision.moved is not None
    world.step(5)
    assert world.weight == 10


def test_a_resume_that_races_with_a_deletion_brings_nothing_back() -> None:
    world = paused()
    world.shadow = None
    world.action = "resume#1"
    world.step(3)
    assert world.shadow is None
    assert outcome(world) is ActionOutcome.STALE
    world.action = "resume#2"
    world.until(lambda w: w.weight == 50, ticks=5)


def prove_a_fail(world: World) -> None:
    """Let the evidence prove a fail in passes of which none could be stored."""
    world.traffic.canary = 0.5
    while world.evaluation is None or not world.evaluation.analysis.failed:
        world.now += timedelta(seconds=INTERVAL)
        world.evaluation = world.observe(world.read()).evaluation


def test_a_fail_that_only_pauses_leaves_a_lowered_weight_where_it_is() -> None:
    world = at_step(2, schedule=schedule(onFailure="Pause"))
    prove_a_fail(world)
    world.annotate(canary_weight="10")
    world.settle()
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PAUSED, Reason.SLO_VIOLATED, 10)


def test_a_fail_in_a_promotion_that_is_held_leaves_a_lowered_weight_where_it_is() -> None:
    world = promoting()
    world.stable = deployment("checkout", "app:v2", rolled_out=False)
    world.settle()
    prove_a_fail(world)
    world.annotate(canary_weight="10")
    world.settle()
    assert (world.status.phase, world.weight) == (Phase.PAUSED, 10)


def test_a_resume_in_the_reading_that_proves_a_fail_raises_nothing() -> None:
    world = at_step(2)
    world.annotate(canary_weight="10")
    world.settle()
    prove_a_fail(world)
    world.action = "resume#1"
    world.pass_()
    assert (world.status.phase, world.status.reason, world.shadow) == (Phase.ROLLED_BACK, Reason.SLO_VIOLATED, None)


def test_a_resume_that_the_spec_forbids_does_not_put_off_the_rollback() -> None:
    world = at_step(2)
    world.annotate(canary_weight="10")
    world.settle()
    with_spec(world, paused=True)
    prove_a_fail(world)
    world.action = "resume#1"
    world.pass_()
    assert (world.status.phase, world.status.reason, world.shadow) == (Phase.ROLLED_BACK, Reason.SLO_VIOLATED, None)
    assert outcome(world) is ActionOutcome.NO_EFFECT


def test_a_resume_that_comes_with_a_new_revision_is_stale() -> None:
    world = at_step(2)
    world.annotate(canary_weight="10")
    world.settle()
    world.canary = deployment("checkout-canary", "app:v3")
    world.action = "resume#1"
    world.pass_()
    assert outcome(world) is ActionOutcome.STALE
    assert world.weight == 10
    world.settle()
    assert world.weight == 0


def test_a_lowered_weight_that_makes_an_odd_fraction_is_honoured() -> None:
    world = at_step(2)
    world.annotate(canary_weight="30", canary_weight_total="110")
    world.settle()
    assert (world.status.phase, world.status.weight, world.weight) == (Phase.PAUSED, 27.272, 27.272)


# -- resume ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", ["0", "10"])
def test_resume_takes_the_step_again_at_its_own_weight(weight: str) -> None:
    world = at_step(2)
    world.step(5)
    world.annotate(canary_weight=weight)
    world.settle()
    world.action = "resume#1"
    world.pass_()
    assert world.weight == 50
    assert world.status.step is not None
    assert (world.status.step.index, world.status.step.baked_seconds) == (2, 0)
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_resume_brings_back_the_routes_of_the_step() -> None:
    world = at_step(1, schedule=schedule(routing={"header": {"name": "X-Canary"}, "cookie": "canary"}))
    world.annotate(canary_by_header=None)
    world.settle()
    world.action = "resume#1"
    world.settle()
    assert world.status.routing.header is not None


def test_resume_does_nothing_while_the_spec_says_paused() -> None:
    world = at_step(2)
    world.annotate(canary_weight="10")
    world.settle()
    with_spec(world, paused=True)
    world.action = "resume#1"
    world.step(3)
    assert (world.status.phase, world.weight) == (Phase.PAUSED, 10)
    assert "spec.paused" in result(world)


def test_resume_does_nothing_while_the_schedule_cannot_be_read() -> None:
    world = paused()
    world.schedule, world.evaluation = None, None
    world.status = world.status.model_copy(update={"schedule": None})
    world.obstacles = (Obstacle(Reason.SCHEDULE_MISSING, "CanarySchedule gone"),)
    world.action = "resume#1"
    world.pass_()
    assert (world.status.phase, result(world)) == (Phase.PAUSED, "no effect: CanarySchedule gone")


def test_a_lowered_weight_is_honoured_though_the_schedule_cannot_be_read() -> None:
    world = at_step(2)
    world.schedule, world.evaluation = None, None
    world.status = world.status.model_copy(update={"schedule": None})
    world.obstacles = (Obstacle(Reason.SCHEDULE_MISSING, "gone"),)
    world.annotate(canary_weight="10")
    world.settle()
    assert (world.status.phase, world.weight) == (Phase.PAUSED, 10)


def test_a_persons_pause_takes_over_the_specs() -> None:
    world = at_step(2)
    with_spec(world, paused=True)
    world.settle()
    world.action = "pause#1"
    world.settle()
    with_spec(world, paused=False)
    world.step(3)
    assert world.status.pause is not None
    assert world.status.pause.by is PausedBy.USER
    world.action = "pause#2"
    world.settle()
    assert outcome(world) is ActionOutcome.NO_EFFECT


def test_pending_is_paused_and_resumed_without_anything_begun() -> None:
    world = World()
    world.action = "pause#1"
    world.step(20)
    assert (world.status.phase, world.shadows) == (Phase.PAUSED, 0)
    world.action = "resume#2"
    world.until(lambda w: w.weight == 5)


# -- a fight --------------------------------------------------------------------------------------------------------


def fought() -> World:
    world = at_step(2)
    world.annotate(canary_weight="90")
    world.fighting = "argocd"
    world.settle()
    assert world.status.reason == Reason.DRIFT_FIGHT
    return world


def test_a_canary_that_fails_during_a_fight_is_taken_off() -> None:
    world = fought()
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=10)
    assert world.shadow is None


def test_a_weight_lowered_during_a_fight_is_honoured_and_nothing_is_undone() -> None:
    world = fought()
    world.annotate(canary_weight="10")
    world.settle()
    assert (world.status.reason, world.status.weight) == (Reason.INTERVENED, 10)
    world.annotate(canary_weight="70")
    world.settle()
    assert world.weight == 70
    world.fighting = None
    world.action = "resume#1"
    world.settle()
    assert (world.status.phase, world.weight) == (Phase.PROGRESSING, 50)


def test_paths_removed_during_a_fight_are_reported_once() -> None:
    world = fought()
    world.edit(lambda shadow: shadow["spec"].update(rules=[]))
    world.step(3)
    assert [reason for _, _, reason in world.history].count("Intervened") == 1
    assert world.status.weight == 0


def test_a_fight_is_given_up_while_paused_too() -> None:
    world = paused()
    world.annotate(canary_weight="90")
    world.fighting = "argocd"
    world.settle()
    assert (world.status.reason, world.weight) == (Reason.DRIFT_FIGHT, 90)


def test_a_new_revision_ends_a_fight_with_the_shadows_removal() -> None:
    world = fought()
    world.canary = deployment("checkout-canary", "app:v3")
    world.pass_()
    assert world.shadow is None


# -- promotion ------------------------------------------------------------------------------------------------------


def test_a_promotion_that_was_paused_ends_as_if_it_had_not_been() -> None:
    world = promoting()
    world.action = "pause#1"
    world.settle()
    world.stable = deployment("checkout", "app:v2")
    world.step(3)
    assert (world.status.phase, world.weight) == (Phase.PAUSED, 100)
    world.action = "resume#2"
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.SUCCEEDED, Reason.PROMOTED)


def test_a_fail_in_a_paused_promotion_does_not_send_everyone_to_the_bad_version() -> None:
    world = promoting()
    world.action = "pause#1"
    world.settle()
    world.stable = deployment("checkout", "app:v2", rolled_out=False)
    world.traffic.canary = 0.5
    world.step(8)
    assert (world.status.phase, world.weight) == (Phase.PAUSED, 100)
    assert any(alert.reason is Reason.SLO_VIOLATED for decision in world.decisions for alert in decision.alerts)


def test_finish_ends_a_promotion_that_a_fail_holds() -> None:
    world = promoting()
    world.stable = deployment("checkout", "app:v2", rolled_out=False)
    world.settle()
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.reason == Reason.SLO_VIOLATED, ticks=8)
    world.action = f"finish:{world.status.revision}#1"
    world.settle()
    assert world.status.reason == Reason.STABLE_NOT_READY
    world.stable = deployment("checkout", "app:v2")
    world.settle()
    assert world.status.phase is Phase.SUCCEEDED


def test_stable_that_took_the_new_version_before_the_last_step_ends_the_promotion_by_itself() -> None:
    world = at_step(3)
    # not the same pod spec as the canary's, which has its own environment
    world.stable = deployment("checkout", "app:v2", env=[{"name": "TRACK", "value": "stable"}])
    world.settle()
    assert world.history[-1][2] == "StableChanged"
    world.until(lambda w: w.status.phase is Phase.SUCCEEDED)
    assert world.status.reason == Reason.PROMOTED


def test_a_deleted_shadow_in_a_promotion_that_stable_has_begun_is_not_made_anew_by_resume() -> None:
    world = promoting()
    world.stable = deployment("checkout", "app:v2")
    world.stable_ready = 0
    world.settle()
    world.shadow = None
    world.settle()
    assert world.status.reason == Reason.INTERVENED
    world.action = "resume#1"
    world.step(3)
    assert (world.status.phase, world.shadow) == (Phase.PROMOTING, None)
    world.stable_ready = 2
    world.settle()
    assert world.status.phase is Phase.SUCCEEDED


def test_a_lowered_weight_in_a_promotion_comes_back_with_resume() -> None:
    world = promoting()
    world.annotate(canary_weight="10")
    world.settle()
    assert world.weight == 10
    world.action = "resume#1"
    world.settle()
    assert (world.status.phase, world.weight) == (Phase.PROMOTING, 100)


def test_stable_is_known_from_when_the_spec_names_it() -> None:
    world = at_step(2, stable=None)
    world.stable = deployment("checkout", "app:v1")
    world.settle()
    assert world.history[-1][2] == "StepPassed"
    world.stable = deployment("checkout", "app:v1.1")
    world.settle()
    assert world.history[-1][2] == "StableChanged"


# -- versions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["pause", "delete", "lower"])
def test_a_new_revision_does_not_begin_while_a_pause_waits_for_a_person(change: str) -> None:
    world = at_step(2)
    if change == "pause":
        world.action = "pause#1"
    elif change == "delete":
        world.shadow = None
    else:
        world.annotate(canary_weight="10")
    world.settle()
    world.canary = deployment("checkout-canary", "app:v3")
    world.step(20)
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PAUSED, Reason.SUPERSEDED, 0)
    world.action = "resume#2"
    world.until(lambda w: w.weight == 5)


def test_a_new_revision_ends_a_pause_that_the_evidence_began() -> None:
    world = at_step(2, schedule=schedule(onFailure="Pause"))
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.PAUSED, ticks=10)
    world.traffic.canary = 0
    world.canary = deployment("checkout-canary", "app:v3")
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_a_canary_set_back_to_stables_version_before_the_first_step_starts_nothing() -> None:
    world = World(warm_up=0)
    world.pass_()
    assert world.shadows == 1
    world.canary = deployment("checkout-canary", "app:v1")
    world.settle()
    assert (world.status.phase, world.shadow) == (Phase.SUCCEEDED, None)


@pytest.mark.parametrize(
    "change",
    [{"canary_service": "other"}, {"stable_service": "other"}, {"ingresses": ["other"]}],
    ids=str,
)
def test_a_spec_that_names_another_service_or_ingress_takes_the_canary_off_and_begins_anew(
    change: dict[str, object],
) -> None:
    world = at_step(2)
    with_spec(world, **change)
    world.pass_()
    assert (world.status.phase, world.status.reason) == (Phase.PENDING, Reason.SUPERSEDED)
    assert world.shadow is None
    assert world.status.revision is not None


def test_abort_in_the_very_first_reading_is_final() -> None:
    world = World()
    world.action = "abort#1"
    world.step(20)
    assert (world.status.phase, world.shadows) == (Phase.ROLLED_BACK, 0)
    world.action = "abort#2"
    world.settle()
    assert outcome(world) is ActionOutcome.NO_EFFECT


def test_retry_while_the_workload_is_missing_waits_for_it() -> None:
    world = at_step(1)
    world.action = "abort#1"
    world.settle()
    canary, world.canary = world.canary, None
    world.action = "retry#2"
    world.step(3)
    assert (world.status.phase, world.status.reason) == (Phase.PENDING, Reason.CANARY_NOT_READY)
    world.canary = canary
    world.until(lambda w: w.weight == 5)


def test_a_shadow_made_by_another_writer_under_the_same_name_is_removed() -> None:
    world = at_step(2)
    world.edit(lambda shadow: shadow["metadata"].update(uid="another"))
    world.settle()
    assert (world.status.reason, world.shadow) == (Reason.INTERVENED, None)


def test_a_superseded_shadow_that_was_deleted_is_made_anew_when_the_rollout_begins() -> None:
    world = at_step(2)
    world.canary = deployment("checkout-canary", "app:v3", rolled_out=False)
    world.settle()
    world.shadow = None
    world.settle()
    assert world.status.shadow is None
    world.canary = deployment("checkout-canary", "app:v3")
    world.until(lambda w: w.weight == 5)


# -- data -----------------------------------------------------------------------------------------------------------


def test_a_restart_during_a_retreat_brings_nothing_back_while_the_source_is_silent() -> None:
    world = at_step(2, schedule=schedule(onNoData="Retreat"))
    world.outage = "down"
    world.until(lambda w: w.shadow is None, ticks=20)
    world.crash()
    world.settle()
    assert world.shadow is None
    world.step(100)
    assert (world.shadow, world.status.reason) == (None, Reason.NO_DATA)
    assert any(alert.reason is Reason.NO_DATA for alert in world.decisions[-1].alerts)


def test_data_that_vanish_again_while_the_shadow_is_made_leave_it_at_weight_0() -> None:
    world = at_step(2, schedule=schedule(onNoData="Retreat"))
    world.outage = "down"
    world.until(lambda w: w.shadow is None, ticks=20)
    world.outage = None
    world.now += timedelta(seconds=INTERVAL)
    world.pass_(world.read())
    assert world.shadow is not None
    world.outage = "down"
    world.step(20)
    assert (world.weight, world.status.reason) == (0, Reason.NO_DATA)
    world.outage = None
    world.until(lambda w: w.weight == 50, ticks=2)


@pytest.mark.parametrize("step", [0, 2])
def test_a_threshold_that_is_no_bucket_bound_is_a_fault_of_the_schedule(step: int) -> None:
    world = at_step(step) if step else World()
    world.settle()
    wrong = verbatim("latency: threshold 0.123 s is not a bucket bound")
    if step:
        with_session(world, misconfigured=wrong, no_data=wrong)
    else:
        world.evaluation = world.observe().current_evaluation
        with_session(world, misconfigured=wrong, no_data=wrong, warmed=999.0)
    world.pass_()
    assert (world.status.reason, world.status.message) == (Reason.INVALID_SPEC, str(wrong))
    assert world.weight == (50 if step else 0)


def test_time_in_which_nobody_reaches_the_canary_is_no_bake_and_no_hold() -> None:
    world = at_step(1, schedule=schedule(maxHold="2m", onInconclusive="Rollback"))
    world.orphaned = True
    world.step(60)
    assert (world.status.phase, world.status.reason) == (Phase.PROGRESSING, Reason.WEIGHT_NOT_EFFECTIVE)
    assert world.evaluation is not None
    assert (world.evaluation.baked, world.evaluation.held) == (0, 0)


# -- at rest --------------------------------------------------------------------------------------------------------


def test_the_last_numbers_are_those_that_proved_the_fail() -> None:
    world = at_step(2)
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=10)
    assert [slo.verdict for slo in world.status.slos] == ["fail"]
    assert world.status.slos[0].message in world.status.message
    assert world.status.analysis_state is None


@pytest.mark.parametrize("ends", [Phase.SUCCEEDED, Phase.ROLLED_BACK])
def test_a_spec_that_cannot_be_read_for_a_while_does_not_change_how_a_rollout_ended(ends: Phase) -> None:
    world = promoting()
    world.action = f"finish:{world.status.revision}#1" if ends is Phase.SUCCEEDED else "abort#1"
    world.settle()
    before = world.status
    broken = published_status(hold_unreadable_spec(before, 2, "spec.x: no"), world.now)
    assert broken.reason == Reason.INVALID_SPEC
    assert {c.type: c.status for c in broken.conditions}["Promoted"] == ("True" if ends is Phase.SUCCEEDED else "False")
    world.status = broken
    world.settle()
    assert (world.status.reason, world.status.message) == (before.reason, before.message)


def test_a_pause_says_why_again_once_everything_can_be_read() -> None:
    world = paused()
    before, readable = world.status, world.schedule
    world.schedule, world.evaluation, world.obstacles = None, None, (Obstacle(Reason.SCHEDULE_MISSING, "none"),)
    world.status = before.model_copy(update={"schedule": None})
    world.pass_()
    assert (world.status.phase, world.status.reason) == (Phase.PAUSED, Reason.SCHEDULE_MISSING)
    world.schedule, world.obstacles = readable, ()
    world.status = world.status.model_copy(update={"schedule": before.schedule})
    world.step(1)
    assert (world.status.reason, world.status.message) == (before.reason, before.message)
    world.status = published_status(hold_unreadable_spec(before, 2, "spec.x: no"), world.now)
    world.step(1)
    assert (world.status.reason, world.status.message) == (before.reason, before.message)


def test_a_reason_of_a_newer_version_is_left_as_it_is() -> None:
    world = paused()
    world.status = world.status.model_copy(update={"reason": "AwaitingMoon"})
    world.step(2)
    assert (world.status.phase, world.status.reason) == (Phase.PAUSED, "AwaitingMoon")
    world = at_step(1)
    world.action = "abort#1"
    world.settle()
    world.status = world.status.model_copy(update={"reason": "AwaitingMoon", "history": []})
    world.canary = deployment("checkout-canary", "app:v3")
    world.until(lambda w: w.weight == 5)


def test_a_new_revision_at_rest_is_no_second_promotion() -> None:
    world = promoting()
    world.action = f"finish:{world.status.revision}#1"
    world.settle()
    world.canary = deployment("checkout-canary", "app:v3")
    world.pass_()
    assert world.history[-1] == (0, 0, "WarmingUp")


def test_a_preflight_that_fails_when_the_shadow_must_be_made_anew_keeps_it_away() -> None:
    world = at_step(2)
    world.shadow = None
    world.settle()
    world.obstacles = (Obstacle(Reason.PREFLIGHT_FAILED, "rule 5"),)
    world.action = "resume#1"
    world.step(3)
    assert (world.status.reason, world.shadow) == (Reason.PREFLIGHT_FAILED, None)


def test_a_missing_workload_without_a_reference_is_named_in_words() -> None:
    world = World(spec=rollout(workload={}), canary=None, stable=None)
    decision = decide(world.observe()._replace(revision=None), world.now)
    assert "the canary's workload" in str(decision.message)


# -- writes that are refused ----------------------------------------------------------------------------------------


def test_a_rollback_whose_status_is_refused_is_not_another_writers_deletion_afterwards() -> None:
    world = World(schedule=schedule(maxHold="5m", onInconclusive="Rollback"))
    world.traffic.rate = 0.5
    world.until(lambda w: w.status.reason == Reason.INSUFFICIENT_EVIDENCE)
    world.refuse_status = True
    world.until(lambda w: w.shadow is None, ticks=60)
    assert world.status.phase is Phase.PROGRESSING
    world.refuse_status = False
    world.step(2)
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.STEP_TIMED_OUT)


def test_a_rollback_that_could_not_be_stored_stays_off_after_a_restart() -> None:
    world = at_step(2)
    world.refuse_status = True
    world.traffic.canary = 0.5
    world.until(lambda w: w.shadow is None, ticks=10)
    world.crash()
    world.refuse_status = False
    world.step(20)
    assert (world.status.phase, world.status.reason, world.shadow) == (Phase.PAUSED, Reason.INTERVENED, None)


@pytest.mark.parametrize("require", ["NoFail", "Proof"])
def test_a_step_whose_beginning_was_stored_and_not_answered_is_not_left_by_the_evidence_of_the_one_before(
    require: str,
) -> None:
    steps = [{"weight": weight, "bake": "1m", "require": require} for weight in (5, 50, 100)]
    world = World(schedule=schedule(steps=steps))
    world.until(lambda w: w.weight == 5)
    world.lose_answers = True
    world.until(lambda w: w.status.weight == 50)
    entered = world.now
    world.until(lambda w: w.status.weight == 100)
    assert world.now - entered >= timedelta(minutes=1)
    assert 50 in {decision.status.actual_weight for decision in world.decisions}


def test_a_step_that_is_taken_again_by_a_write_without_an_answer_bakes_anew() -> None:
    world = at_step(2)
    world.step(6)
    world.annotate(canary_weight="10")
    world.settle()
    world.now += timedelta(microseconds=1)
    world.action, world.lose_answers = "resume#1", True
    world.pass_()
    world.lose_answers = False
    entered = world.now
    assert (world.status.phase, world.status.reason) == (Phase.PROGRESSING, Reason.RESUMED)
    world.until(lambda w: w.status.weight == 100)
    assert world.now - entered >= timedelta(minutes=1)


def test_a_canary_is_not_judged_by_the_errors_of_the_version_before_though_no_answer_told_of_the_change() -> None:
    world = at_step(2)
    prove_a_fail(world)
    assert world.evaluation is not None
    world.traffic.canary = 0
    world.canary = deployment("checkout-canary", "app:v3")
    world.lose_answers = True
    world.pass_()
    world.lose_answers = False
    assert (world.status.phase, world.status.reason) == (Phase.PENDING, Reason.SUPERSEDED)
    world.until(lambda w: w.status.phase is Phase.PROMOTING)
    assert all(slo.canary.bad == 0 for slo in world.status.slos)


def test_the_evidence_goes_on_over_a_pause_whose_answer_was_lost() -> None:
    world = at_step(2)
    world.step(3)
    assert world.evaluation is not None
    before = [(slo.canary, slo.step, slo.log_e) for slo in world.evaluation.analysis.statuses]
    world.action, world.lose_answers = "pause#1", True
    world.pass_()
    world.lose_answers = False
    world.pass_()
    assert world.status.phase is Phase.PAUSED
    assert [(slo.canary, slo.step, slo.log_e) for slo in world.evaluation.analysis.statuses] == before


def test_an_obstacle_keeps_a_step_whose_requirement_is_met() -> None:
    world = at_step(1)
    world.step(6)
    world.obstacles = (Obstacle(Reason.PREFLIGHT_FAILED, "rule 5"),)
    world.step(20)
    assert (world.status.reason, world.weight) == (Reason.PREFLIGHT_FAILED, 5)
