"""Which time counts as bake and as hold, and what a restart keeps of it."""

from datetime import timedelta

import pytest

from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.domain.evaluation.evaluation import Evaluation, EvidenceMode
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from tests.domain.world import BEGIN, INTERVAL, World, at_step, deployment, schedule


def seconds(world: World) -> tuple[float, float]:
    assert world.evaluation is not None
    return world.evaluation.baked, world.evaluation.held


@pytest.mark.parametrize(
    ("status", "mode"),
    [
        ({"phase": "Pending"}, EvidenceMode.WARMING),
        ({"phase": "Paused"}, EvidenceMode.WARMING),
        ({"phase": "Progressing", "step": 1}, EvidenceMode.JUDGING),
        ({"phase": "Paused", "step": 1}, EvidenceMode.WATCHING),
        ({"phase": "Promoting", "step": 1}, EvidenceMode.WATCHING),
    ],
    ids=str,
)
def test_what_evidence_is_for_follows_from_the_status(status: dict[str, object], mode: EvidenceMode) -> None:
    step = {"index": 1, "weight": 5, "startedAt": BEGIN} if status.pop("step", None) else None
    assert EvidenceMode.of(RolloutStatus.model_validate({**status, "step": step})) is mode


def test_settling_is_no_bake() -> None:
    world = at_step(1)
    world.step()
    assert seconds(world) == (0, 0)
    world.step(3)
    assert seconds(world)[0] == 2 * INTERVAL


def test_a_source_that_samples_on_its_own_settles_two_samples_longer() -> None:
    world = at_step(1)
    for settling in (True, True, True, True, True, True, False):
        assert world.evaluation is not None
        world.now += timedelta(seconds=INTERVAL)
        world.pass_(world.read()._replace(sampled_every=timedelta(seconds=25)))
        assert world.evaluation.settling is settling


def test_a_late_tick_counts_for_two_intervals_at_most() -> None:
    world = at_step(1)
    world.step(3)
    before = seconds(world)[0]
    world.now += timedelta(hours=1)
    world.step()
    assert seconds(world)[0] - before == 2 * INTERVAL


def test_a_pause_is_no_bake() -> None:
    world = at_step(1)
    world.step(3)
    world.action = "pause#1"
    world.settle()
    before = seconds(world)
    world.step(20)
    assert seconds(world) == before


def test_a_restart_goes_on_from_the_stored_times_and_settles_anew() -> None:
    world = at_step(1, schedule=schedule(steps=[{"weight": 50, "bake": "1h"}]))
    world.step(8)
    stored = world.status.step
    assert stored is not None
    world.crash()
    world.step()
    assert seconds(world)[0] == stored.baked_seconds > 0


def test_hold_stops_counting_once_the_requirement_is_met() -> None:
    world = at_step(1, schedule=schedule(steps=[{"weight": 50, "bake": "1h"}]))
    world.step(30)
    baked, held = seconds(world)
    assert baked > 200
    assert held <= 2 * INTERVAL


def test_an_unusable_checkpoint_begins_the_evidence_anew_at_the_step() -> None:
    world = at_step(2)
    world.step(3)
    course = world.course
    assert course is not None
    broken = world.status.model_copy(update={"analysis_state": "v0.from-the-past"})
    evaluation = Evaluation.restored(course, broken)
    assert evaluation.analysis.step == 2
    assert evaluation.analysis.canary_requests == 0
    assert Evaluation.restored(course, RolloutStatus()).analysis.step == 0


def test_warm_up_counts_only_time_in_which_the_source_answers() -> None:
    world = World(warm_up=60)
    world.outage = "down"
    world.step(20)
    assert world.evaluation is None or world.evaluation.warmed == 0
    world.outage = None
    world.until(lambda w: w.weight == 5, ticks=8)


def test_a_pause_before_the_first_step_judges_nobody() -> None:
    world = at_step(1)
    world.action = "pause#1"
    world.settle()
    world.canary = deployment("checkout-canary", "app:v3")
    world.settle()
    world.traffic.stable = 1
    world.step(20)
    assert world.status.phase is Phase.PAUSED
    assert world.evaluation is not None
    assert world.evaluation.analysis.step == 0


def test_the_share_is_of_the_step_alone() -> None:
    world = at_step(2)
    assert world.evaluation is not None
    assert world.evaluation.share is None
    world.step(4)
    assert world.evaluation.share == pytest.approx(0.5, abs=0.01)
    assert Evaluation.new(CompiledSchedule.of(schedule())).share is None
