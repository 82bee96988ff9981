"""What happens to a rollout, as scenarios over plain values."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase, Verdict
from ingress_canary.domain.decision.observation import Obstacle
from ingress_canary.domain.objects.revision import template_hash
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reasons.action_results import ActionOutcome, parse_result
from ingress_canary.domain.reasons.vocabulary import Reason
from tests.domain.world import PRIMARY, Traffic, World, at_step, deployment, rollout, schedule, with_session, with_spec


def test_a_healthy_canary_walks_every_step_and_waits_for_stable() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    assert world.history == [(1, 5, "Settling"), (2, 50, "StepPassed"), (3, 100, "StepPassed"), (3, 100, "StepPassed")]
    assert world.status.reason == Reason.AWAITING_STABLE
    waits = "waiting for Deployment checkout to become the new version; it ends by itself then"
    assert world.status.message == waits
    assert world.weight == 100


def test_where_nobody_can_see_stables_version_a_person_is_asked_to_finish() -> None:
    world = World(spec=rollout(workload={}), canary=None, stable=None).until(
        lambda w: w.status.phase is Phase.PROMOTING
    )
    world.step()
    assert world.status.message == "waiting for stable to become the new version; say finish when it is"


def test_the_shadow_is_made_at_weight_0_before_the_first_step() -> None:
    world = World(warm_up=0)
    world.pass_()
    assert world.shadow is not None
    assert world.weight == 0
    world.settle()
    assert world.weight == 5


def test_no_step_is_left_before_its_bake() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    entered = [entry.at for entry in world.status.history]
    assert all(later - earlier >= timedelta(seconds=75) for earlier, later in pairwise(entered))


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_failing_canary_is_rolled_back_from_any_step(step: int) -> None:
    world = at_step(step)
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=20)
    assert world.status.reason == Reason.SLO_VIOLATED
    assert world.shadow is None
    assert world.status.failed_revision == world.status.revision
    assert "availability" in world.status.message


def test_a_rolled_back_rollout_goes_on_showing_the_evidence_that_condemned_it() -> None:
    world = at_step(2)
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=20)
    world.step(3)
    (slo,) = world.status.slos
    assert (slo.verdict, world.status.message) == (Verdict.FAIL, f"availability: {slo.message}")
    assert slo.canary.bad > 0
    assert world.status.analysis_state is None


def test_a_failed_revision_is_not_tried_again_until_another_came_between() -> None:
    world = at_step(1)
    world.traffic.canary = 1
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK)
    bad = world.canary
    assert world.step(30).status.phase is Phase.ROLLED_BACK
    world.canary = deployment("checkout-canary", "app:v1")  # back to stable's
    world.settle()
    assert world.status.phase is Phase.SUCCEEDED
    world.canary = bad
    world.until(lambda w: w.weight == 5)


def test_a_rollout_that_begins_names_no_leader_that_took_an_earlier_one_over() -> None:
    world = at_step(1)
    world.traffic.canary = 1
    world.status = world.status.updated(leader="one since yesterday")
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK)
    over = world.status
    world.action = "retry#1"
    world.step()
    assert (over.leader, world.status.leader) == ("one since yesterday", None)
    assert world.status.phase is Phase.PENDING


def test_retry_tries_a_failed_revision_again() -> None:
    world = at_step(1)
    world.traffic.canary = 1
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK)
    world.traffic.canary = 0
    world.action = "retry#1"
    world.settle()
    assert world.status.last_action is not None
    assert world.status.last_action.result == "done"
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_a_revision_equal_to_stables_starts_nothing() -> None:
    world = World(canary=deployment("checkout-canary", "app:v1"))
    world.step(20)
    assert world.status.phase is Phase.SUCCEEDED
    assert world.shadows == 0


def test_missing_data_hold_and_the_rollout_goes_on_by_itself() -> None:
    world = at_step(2)
    world.outage = "connection refused"
    world.step(200)
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PROGRESSING, Reason.NO_DATA, 50)
    assert "connection refused" in world.status.message
    assert any(alert.reason is Reason.NO_DATA for decision in world.decisions for alert in decision.alerts)
    world.outage = None
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_missing_data_do_not_count_as_bake() -> None:
    world = at_step(2)
    world.step(3)
    assert world.evaluation is not None
    baked = world.evaluation.baked
    world.outage = "down"
    world.step(50)
    assert world.evaluation.baked == baked


def test_retreat_takes_the_canary_off_and_takes_the_step_again() -> None:
    world = at_step(2, schedule=schedule(onNoData="Retreat"))
    world.outage = "down"
    world.until(lambda w: w.shadow is None, ticks=20)
    assert world.status.phase is Phase.PROGRESSING
    world.step(20)
    assert world.shadow is None
    world.outage = None
    world.until(lambda w: w.weight == 50, ticks=5)
    assert world.status.step is not None
    assert world.status.step.index == 2
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_too_little_traffic_holds_and_says_what_is_missing() -> None:
    world = World()
    world.traffic.rate = 0.5
    world.until(lambda w: w.status.reason == Reason.INSUFFICIENT_EVIDENCE)
    world.step(50)
    assert world.weight == 5
    assert "more" in world.status.message


def test_no_fail_moves_on_where_nothing_speaks_against_it() -> None:
    steps = [{"weight": 5, "bake": "1m", "require": "NoFail", "minRequests": 10}, {"weight": 100, "bake": "1m"}]
    world = at_step(2, schedule=schedule(steps=steps), traffic=_slow_traffic())
    assert world.history[-1] == (2, 100, "StepPassed")
    assert world.status.history[-1].message.endswith("and nothing is proven bad; no proof was asked for")


def _slow_traffic() -> Any:
    return Traffic(rate=2)


@pytest.mark.parametrize(
    ("policy", "phase", "reason"),
    [("Pause", Phase.PAUSED, Reason.STEP_TIMED_OUT), ("Rollback", Phase.ROLLED_BACK, Reason.STEP_TIMED_OUT)],
)
def test_an_undecided_step_ends_after_max_hold(policy: str, phase: Phase, reason: Reason) -> None:
    world = World(schedule=schedule(maxHold="5m", onInconclusive=policy))
    world.traffic.rate = 0.5
    world.until(lambda w: w.status.phase is phase, ticks=60)
    assert world.status.reason == reason


def test_resume_after_a_time_out_takes_fresh_evidence() -> None:
    world = World(schedule=schedule(maxHold="5m"))
    world.traffic.rate = 0.5
    world.until(lambda w: w.status.phase is Phase.PAUSED, ticks=60)
    world.traffic.rate = 200
    world.action = "resume#1"
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_an_inert_canary_is_reported_and_nothing_advances() -> None:
    world = at_step(1)
    world.orphaned = True
    world.until(lambda w: w.status.reason == Reason.WEIGHT_NOT_EFFECTIVE, ticks=10)
    world.step(60)
    assert world.weight == 5
    effective = next(condition for condition in world.status.conditions if condition.type == "Effective")
    assert effective.status == "False"


# -- another writer on the shadow -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"canary_weight": "90"},
        {"canary_weight_total": "110", "canary_weight": "60"},
        {"canary_by_header": "X-Canary"},
        {"canary_by_cookie": "canary"},
        {"canary": None},
        {"canary": "false"},
        {"stream_snippet": "elsewhere"},
    ],
    ids=str,
)
def test_what_raises_exposure_is_undone_at_once(change: dict[str, str | None]) -> None:
    world = at_step(2)
    before = world.shadow
    world.annotate(**change)
    world.pass_()
    assert world.shadow is not None
    assert before is not None
    assert world.shadow["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert world.status.phase is Phase.PROGRESSING


def test_the_share_that_another_writer_made_unseen_is_not_held_against_the_weight_it_is_set_back_to() -> None:
    world = at_step(1)
    world.step(4)
    world.counters["shop-checkout-canary-80", "200"] += 50_000
    world.step()
    assert world.status.reason == Reason.WEIGHT_NOT_EFFECTIVE
    world.annotate(canary_weight="95")
    world.settle()
    assert world.weight == 5
    world.step(4)
    assert world.status.reason != Reason.WEIGHT_NOT_EFFECTIVE


@pytest.mark.parametrize("weight", ["0", "10", "abc", "-5", ""])
def test_a_lowered_weight_is_honoured(weight: str) -> None:
    world = at_step(2)
    world.annotate(canary_weight=weight)
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.PAUSED, Reason.INTERVENED)
    left = world.weight
    world.step(30)
    assert world.weight == left == (10 if weight == "10" else 0)


def test_a_deleted_shadow_stays_away_until_resume() -> None:
    world = at_step(2)
    world.shadow = None
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.PAUSED, Reason.INTERVENED)
    world.crash()
    world.step(30)
    assert world.shadow is None
    world.action = "resume#1"
    world.pass_()
    assert world.weight == 0
    world.until(lambda w: w.weight == 50, ticks=3)


def test_a_raise_and_a_drop_in_one_edit_leave_the_lower_of_each() -> None:
    world = at_step(2)
    world.annotate(canary_weight="10", canary_by_header="X-Canary")
    world.settle()
    assert world.status.phase is Phase.PAUSED
    assert world.weight == 10
    assert world.shadow is not None
    assert not any("by-header" in key for key in world.shadow["metadata"]["annotations"])


def test_a_removed_path_takes_the_canary_off() -> None:
    world = at_step(2)
    world.edit(lambda shadow: shadow["spec"].update(rules=[]))
    world.settle()
    assert world.status.reason == Reason.INTERVENED
    assert world.weight == 0


def test_a_route_that_a_person_removed_stays_removed() -> None:
    world = at_step(1, schedule=schedule(routing={"header": {"name": "X-Canary"}, "cookie": "canary"}))
    world.annotate(canary_by_header=None)
    world.settle()
    assert world.status.reason == Reason.INTERVENED
    assert world.status.routing.header is None
    assert world.status.routing.cookie == "canary"
    world.annotate(canary_by_cookie=None)
    world.settle()
    assert world.status.routing.cookie is None


def test_a_fight_stops_the_undoing() -> None:
    world = at_step(2)
    world.annotate(canary_weight="90")
    world.fighting = "argocd-controller"
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.PAUSED, Reason.DRIFT_FIGHT)
    assert world.weight == 90


def test_an_edited_primary_is_followed_without_a_pause() -> None:
    world = at_step(2)
    path = {"path": "/api", "pathType": "Prefix", "backend": {"service": {"name": "checkout", "port": {"number": 80}}}}
    rule = world.primary["spec"]["rules"][0]
    paths = [*rule["http"]["paths"], path]
    world.primary = {**world.primary, "spec": {**world.primary["spec"], "rules": [{**rule, "http": {"paths": paths}}]}}
    world.settle()
    assert world.shadow is not None
    assert len(world.shadow["spec"]["rules"][0]["http"]["paths"]) == 2
    assert world.status.phase is Phase.PROGRESSING


# -- people ---------------------------------------------------------------------------------------------------------


def test_pause_and_resume_keep_the_weight_and_the_evidence() -> None:
    world = at_step(2)
    world.step(3)
    world.action = "pause#1"
    world.settle()
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PAUSED, Reason.PAUSED_BY_USER, 50)
    world.step(60)
    assert world.weight == 50
    world.action = "resume#2"
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_a_failing_canary_is_rolled_back_while_paused() -> None:
    world = at_step(2)
    world.step(3)
    world.action = "pause#1"
    world.settle()
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=10)


def test_spec_paused_holds_and_lets_go() -> None:
    world = at_step(2)
    with_spec(world, paused=True)
    world.settle()
    assert world.status.phase is Phase.PAUSED
    world.step(30)
    with_spec(world, paused=False)
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_spec_paused_before_the_start_lets_nothing_begin() -> None:
    world = World(spec=rollout(paused=True))
    world.step(30)
    assert (world.status.phase, world.status.reason) == (Phase.PENDING, Reason.PAUSED_BY_USER)


def test_unpausing_the_spec_does_not_undo_a_persons_pause() -> None:
    world = at_step(2)
    world.action = "pause#1"
    world.settle()
    with_spec(world, paused=False)
    world.step(5)
    assert world.status.phase is Phase.PAUSED


def test_abort_takes_the_canary_off_at_once() -> None:
    world = at_step(2)
    world.action = "abort#1"
    world.pass_()
    assert world.shadow is None
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.ABORTED_BY_USER)


def test_an_action_is_handled_once_even_if_its_annotation_stays() -> None:
    world = at_step(2)
    world.action = "pause#same"
    world.settle()
    entries = len(world.status.history)
    world.crash()
    world.settle()
    assert len(world.status.history) == entries


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("pause", ActionOutcome.MALFORMED),
        ("pause#", ActionOutcome.MALFORMED),
        ("explode#1", ActionOutcome.MALFORMED),
        ("finish#1", ActionOutcome.MALFORMED),
        ("finish:other#1", ActionOutcome.STALE),
        ("abort:other#1", ActionOutcome.STALE),
        ("resume#1", ActionOutcome.NO_EFFECT),
        ("retry#1", ActionOutcome.NO_EFFECT),
    ],
)
def test_a_late_or_malformed_action_does_nothing_and_says_so(text: str, outcome: ActionOutcome) -> None:
    world = at_step(2)
    before = world.status
    world.action = text
    world.settle()
    assert world.status.last_action is not None
    assert parse_result(world.status.last_action.result) is outcome
    assert (world.status.phase, world.weight) == (before.phase, 50)


# -- versions -------------------------------------------------------------------------------------------------------


def test_a_new_revision_in_mid_rollout_begins_anew_from_weight_0() -> None:
    world = at_step(2)
    world.canary = deployment("checkout-canary", "app:v3", rolled_out=False)
    world.settle()
    assert world.history[-1] == (0, 0, "Superseded")
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PENDING, Reason.CANARY_NOT_READY, 0)
    world.canary = deployment("checkout-canary", "app:v3")
    world.until(lambda w: w.weight == 5)
    assert world.shadows == 1


def named(world: World) -> World:
    """Return the world with a revision that CI has set, from the start."""
    return world.until(lambda w: w.status.step is not None and w.status.step.index == 2)


def test_a_new_pod_template_supersedes_whatever_the_revision_is_called() -> None:
    world = named(World(spec=rollout(revision="v2")))
    began = world.status.baseline
    assert began is not None
    assert world.canary is not None
    assert began.canary == template_hash(world.canary)
    world.canary = deployment("checkout-canary", "app:v3")
    world.settle()
    assert (world.history[-1], world.weight) == ((0, 0, "Superseded"), 0)
    assert "pod template has changed under revision v2" in world.status.history[-1].message
    # then the pipeline says it
    world.until(lambda w: w.weight == 5)
    assert world.status.slos[0].canary.total == 0
    with_spec(world, revision="v3")
    world.settle()
    assert "revision v3 replaces v2" in world.status.history[-1].message
    world.until(lambda w: w.status.phase is Phase.PROMOTING)
    assert world.status.revision == "v3"


def test_with_a_revision_that_ci_says_a_canary_set_back_to_stables_version_is_off() -> None:
    world = named(World(spec=rollout(revision="v2")))
    world.canary = deployment("checkout-canary", "app:v1")
    world.settle()
    assert (world.status.phase, world.status.reason, world.shadow) == (Phase.SUCCEEDED, Reason.SUPERSEDED, None)


def test_what_becomes_of_the_canary_before_the_first_step_supersedes_nothing() -> None:
    world = World(spec=rollout(revision="v2"), warm_up=0)
    world.pass_()
    assert (world.status.phase, world.status.baseline is None) == (Phase.PENDING, False)
    world.canary = deployment("checkout-canary", "app:v3")
    world.until(lambda w: w.status.step is not None)
    world.step(2)
    assert "Superseded" not in [entry.reason for entry in world.status.history]
    assert world.canary is not None
    assert world.status.baseline is not None
    assert world.status.baseline.canary == template_hash(world.canary)


def test_neither_replicas_nor_images_copied_to_stable_are_another_canary() -> None:
    spec = rollout(
        revision="v2", promotion={"strategy": "CopyImages"},
        workload={"canary": {"name": "checkout-canary"}, "stable": {"name": "checkout"}, "scaleCanary": {"to": 5}},
    )  # fmt: skip
    world = World(spec=spec)

    def finished(w: World) -> bool:
        w.canary, w.stable = (
            (w.canary and replace(w.canary, rolled_out=True)),
            (w.stable and replace(w.stable, rolled_out=True)),
        )
        return w.status.phase is Phase.SUCCEEDED

    world.until(finished)
    assert (world.status.reason, world.replicas_set[0]) == (Reason.PROMOTED, 5)


def test_a_status_of_before_the_canarys_template_was_kept_goes_on_and_keeps_it_from_the_next_step_on() -> None:
    world = named(World(spec=rollout(revision="v2")))
    baseline = world.status.baseline
    assert baseline is not None
    world.status = world.status.model_copy(update={"baseline": baseline.model_copy(update={"canary": None})})
    world.until(lambda w: w.status.step is not None and w.status.step.index == 3)
    assert world.status.baseline == baseline


def test_with_affinity_a_superseded_shadow_goes() -> None:
    sticky = World().primary
    annotated = {**sticky["metadata"], "annotations": {"nginx.ingress.kubernetes.io/affinity": "cookie"}}
    world = at_step(2, primary={**sticky, "metadata": annotated})
    world.canary = deployment("checkout-canary", "app:v3", rolled_out=False)
    world.settle()
    assert world.shadow is None


def test_a_canary_set_back_to_stable_in_mid_rollout_is_taken_off() -> None:
    world = at_step(2)
    world.canary = deployment("checkout-canary", "app:v1")
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.SUCCEEDED, Reason.SUPERSEDED)
    assert world.shadow is None


def test_a_changed_stable_begins_the_evidence_anew_at_the_same_step() -> None:
    world = at_step(2)
    world.step(4)
    world.stable = deployment("checkout", "app:v1.1")
    world.settle()
    assert world.history[-1] == (2, 50, "StableChanged")
    assert world.evaluation is not None
    assert world.evaluation.baked == 0
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


# -- the end --------------------------------------------------------------------------------------------------------


def test_manual_promotion_ends_when_stable_carries_the_canarys_images() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    world.stable = deployment("checkout", "app:v2", rolled_out=False)
    world.settle()
    assert world.status.reason == Reason.STABLE_NOT_READY
    assert world.weight == 100
    world.stable = deployment("checkout", "app:v2")
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.SUCCEEDED, Reason.PROMOTED)
    assert world.shadow is None
    assert world.status.stable_revision == world.status.revision
    promoted = next(condition for condition in world.status.conditions if condition.type == "Promoted")
    assert promoted.status == "True"


def test_manual_promotion_ends_too_when_stable_was_deployed_before_the_last_step() -> None:
    world = at_step(2)
    world.stable = deployment("checkout", "app:v2")
    world.until(lambda w: w.status.phase is Phase.SUCCEEDED)
    assert world.history[-4:] == [
        (2, 50, "StableChanged"),
        (3, 100, "StepPassed"),
        (3, 100, "StepPassed"),
        (3, 0, "Promoted"),
    ]


def test_the_shadow_stays_until_stable_has_its_endpoints_back() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    world.stable = deployment("checkout", "app:v2")
    world.stable_ready = 1
    world.step(3)
    assert world.status.reason == Reason.STABLE_NOT_READY
    assert world.weight == 100
    world.stable_ready = 2
    world.settle()
    assert world.status.phase is Phase.SUCCEEDED


def test_finish_ends_a_manual_promotion() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    world.action = f"finish:{world.status.revision}#1"
    world.settle()
    assert world.status.phase is Phase.SUCCEEDED
    assert world.history[-2:] == [(3, 100, "Finished"), (3, 0, "Promoted")]


def test_a_fail_while_promoting_rolls_back_until_stable_has_begun_to_change() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=5)


def test_a_fail_after_stable_began_to_change_holds_and_alerts() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    world.stable = deployment("checkout", "app:v2", rolled_out=False)
    world.settle()
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.reason == Reason.SLO_VIOLATED, ticks=5)
    assert world.status.phase is Phase.PROMOTING
    assert world.weight == 100
    assert any(alert.reason is Reason.SLO_VIOLATED for alert in world.decisions[-1].alerts)


def test_on_failure_pause_holds_the_weight_until_a_person_decides() -> None:
    world = at_step(2, schedule=schedule(onFailure="Pause"))
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.PAUSED, ticks=10)
    assert world.status.reason == Reason.SLO_VIOLATED
    world.step(20)
    assert (world.status.phase, world.weight) == (Phase.PAUSED, 50)
    world.traffic.canary = 0
    world.action = "resume#1"
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


# -- what stands in the way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (World(canary=None), Reason.CANARY_NOT_READY),
        (World(canary=deployment("checkout-canary", "app:v2", rolled_out=False)), Reason.CANARY_NOT_READY),
        (World(canary_ready=0), Reason.PREFLIGHT_FAILED),
        (World(foreign=True), Reason.PREFLIGHT_FAILED),
        (World(obstacles=(Obstacle(Reason.PREFLIGHT_FAILED, "rule 5"),)), Reason.PREFLIGHT_FAILED),
        (World(obstacles=(Obstacle(Reason.INVALID_SPEC, "spec.x: y"),)), Reason.INVALID_SPEC),
        (World(schedule=None, obstacles=(Obstacle(Reason.SCHEDULE_MISSING, "none"),)), Reason.SCHEDULE_MISSING),
        (World(outage="connection refused"), Reason.NO_DATA),
        (World(rejected="admission webhook says no"), Reason.SHADOW_REJECTED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_begins_while_something_stands_in_the_way(world: World, reason: Reason) -> None:
    world.step(20)
    assert (world.status.phase, world.status.reason) == (Phase.PENDING, reason)
    assert world.shadow is None
    ready = next(condition for condition in world.status.conditions if condition.type == "Ready")
    blocked = {Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING, Reason.PREFLIGHT_FAILED, Reason.SHADOW_REJECTED}
    assert ready.status == ("False" if reason in blocked else "True")


@pytest.mark.parametrize(
    ("of_spec", "of_status", "message"),
    [
        ({}, {}, "Deployment checkout-canary is still rolling out"),
        (
            {"paused": True},
            {},
            "Deployment checkout-canary is paused, and rolls nothing out until kubectl rollout resume",
        ),
        (
            {},
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"},
            "Deployment checkout-canary does not roll out, look at its pods: timed out",
        ),
        (
            {},
            {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "progressing"},
            "Deployment checkout-canary is still rolling out",
        ),
    ],
)
def test_a_canary_that_does_not_roll_out_by_itself_says_so(
    of_spec: dict[str, Any], of_status: dict[str, Any], message: str
) -> None:
    conditions = [of_status] if of_status else []
    canary = Workload.of(
        {
            "kind": "Deployment",
            "metadata": {"name": "checkout-canary", "namespace": "shop", "generation": 2},
            "spec": {"replicas": 2, "template": {}, **of_spec},
            "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "conditions": conditions},
        }
    )
    world = World(canary=canary)
    world.step()
    assert (world.status.reason, world.status.message) == (Reason.CANARY_NOT_READY, message)


def test_whose_the_shadows_name_is_preflight_reports_and_nobody_is_asked_to_delete_it() -> None:
    world = World(foreign=True, obstacles=(Obstacle(Reason.PREFLIGHT_FAILED, "CanaryRollout shop/a comes first"),))
    assert str(world.pass_().message) == "CanaryRollout shop/a comes first"
    world.obstacles = ()
    message = str(world.pass_().message)
    assert message.endswith("choose another spec.shadow.name; its removal would take that one's canary off")


def test_a_step_whose_readings_come_late_reports_it_and_blames_no_controller() -> None:
    world = at_step(1)
    world.step(4)
    world.now += timedelta(seconds=25)
    status = world.pass_().status
    assert (status.reason, world.weight) == (Reason.SETTLING, 5)
    assert "waiting for a fresh reading of the source; the last one began 25s ago" in str(world.decisions[-1].message)
    with_session(world, read_at=None)
    assert "there was none yet" in str(world.pass_().message)


def not_ready() -> World:
    """Return a world at 50 % whose canary has just lost its last endpoint, and is given two minutes."""
    workload = {"canary": {"name": "checkout-canary"}, "stable": {"name": "checkout"}, "notReadyTimeout": "2m"}
    made = at_step(2, spec=rollout(workload=workload))
    made.canary_ready = 0
    made.step()
    return made


def test_a_canary_without_endpoints_holds_and_goes_on_when_it_has_some_again() -> None:
    world = not_ready()
    assert (world.status.reason, world.weight) == (Reason.CANARY_NOT_READY, 50)
    assert "2m to go" in world.status.message
    world.step(11)
    assert world.status.phase is Phase.PROGRESSING
    world.canary_ready = 1
    world.step()
    assert world.status.not_ready_since is None
    # the next time counts from the beginning
    world.canary_ready = 0
    world.step(11)
    assert world.status.phase is Phase.PROGRESSING
    world.canary_ready = 1
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


@pytest.mark.parametrize("pauses", [False, True])
def test_a_canary_without_endpoints_is_rolled_back_in_time_over_pauses_and_restarts(pauses: bool) -> None:
    world = not_ready()
    if pauses:
        world.action = "pause#1"
    world.step(6)
    world.crash()
    world.step(6)
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.CANARY_NOT_READY)
    assert world.status.message == "Service checkout-canary had no ready endpoint for 2m"
    assert (world.shadow, world.status.not_ready_since) == (None, None)
    assert world.status.failed_revision == world.status.revision


def test_a_pause_goes_on_saying_what_it_is_for_while_the_canary_has_no_endpoints() -> None:
    world = at_step(2)
    world.action = "pause#1"
    world.settle()
    world.canary_ready = 0
    world.step()
    assert world.status.reason == Reason.PAUSED_BY_USER
    assert world.status.not_ready_since is not None


def test_a_canary_that_was_scaled_down_once_stable_had_begun_does_not_end_the_promotion() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    world.stable = deployment("checkout", "app:v2", rolled_out=False)
    world.settle()
    world.canary_ready = 0
    world.step(90)
    assert (world.status.phase, world.status.reason) == (Phase.PROMOTING, Reason.STABLE_NOT_READY)


def test_a_clock_that_was_set_back_makes_no_time_of_being_not_ready() -> None:
    world = not_ready()
    world.now -= timedelta(hours=1)
    world.step()
    assert "2m to go" in world.status.message


def test_a_problem_found_in_mid_rollout_holds_and_clears_by_itself() -> None:
    world = at_step(2)
    world.obstacles = (Obstacle(Reason.PREFLIGHT_FAILED, "Service checkout-canary has no ready endpoint"),)
    world.step(30)
    assert (world.status.reason, world.weight) == (Reason.PREFLIGHT_FAILED, 50)
    world.obstacles = ()
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_an_ingress_without_traffic_may_begin_where_it_is_known_to_be_counted() -> None:
    world = World(traffic=Traffic(rate=0), arguments=("--enable-metrics=true",))
    world.until(lambda w: w.weight == 5, ticks=10)
    world.until(lambda w: w.status.reason == Reason.NO_TRAFFIC, ticks=10)
    assert world.status.message == "no request has been counted yet, of either side: send some, or say skip"


def wild(**world: Any) -> World:
    """Return a world without traffic, whose requests are counted by controllers that are told to only."""
    rules = [{**PRIMARY["spec"]["rules"][0], "host": "*.wild.example"}]
    return World(traffic=Traffic(rate=0), primary={**PRIMARY, "spec": {**PRIMARY["spec"], "rules": rules}}, **world)


def test_no_weight_is_reached_while_nobody_knows_that_requests_are_counted() -> None:
    world = wild()
    world.step(20)
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PENDING, Reason.NO_DATA, 0)
    world.traffic.rate = 100
    world.until(lambda w: w.weight == 5, ticks=20)


def test_hosts_that_no_rule_names_begin_where_the_controllers_are_told_to_count_them() -> None:
    counted = ("--enable-metrics", "--metrics-per-undefined-host")
    wild(arguments=counted).until(lambda w: w.weight == 5, ticks=10)


def test_a_source_that_goes_silent_before_the_first_step_lets_no_weight_be_reached() -> None:
    world = World(warm_up=0, outage="no answer")
    world.step(10)
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PENDING, Reason.NO_DATA, 0)


def test_a_step_of_weight_0_may_begin_unseen() -> None:
    header = {"weight": 0, "bake": "5m", "require": "NoFail", "header": {"name": "X-Canary"}}
    steps = [header, {"weight": 5, "bake": "5m"}]
    world = World(traffic=Traffic(rate=0), schedule=schedule(steps=steps))
    world.until(lambda w: w.status.step is not None, ticks=20)
    assert (world.weight, world.status.phase) == (0, Phase.PROGRESSING)


def test_a_schedule_that_can_no_longer_be_read_holds_but_lets_a_person_abort() -> None:
    world = at_step(2)
    world.schedule = None
    world.status = world.status.model_copy(update={"schedule": None})
    world.obstacles = (Obstacle(Reason.SCHEDULE_MISSING, "gone"),)
    world.evaluation = None
    world.pass_()
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PROGRESSING, Reason.SCHEDULE_MISSING, 50)
    world.action = "abort#1"
    world.pass_()
    assert world.status.phase is Phase.ROLLED_BACK


# -- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1)], ids=["back", "forth"])
def test_a_clock_that_is_set_shortens_no_bake_and_blinds_nobody(jump: timedelta) -> None:
    world = at_step(2)
    world.step(4)
    assert world.evaluation is not None
    baked = world.evaluation.baked
    world.now += jump
    world.evaluation = world.evaluation.rebased(world.now)
    world.step()
    assert world.evaluation is not None
    assert world.evaluation.baked <= baked
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=8)


def test_at_rest_no_share_is_left_over() -> None:
    world = at_step(2)
    world.step(12)
    under_way = world.status
    assert under_way.observed_share is not None
    world.action = "abort#1"
    world.settle()
    assert (world.status.phase, world.status.observed_share) == (Phase.ROLLED_BACK, None)
