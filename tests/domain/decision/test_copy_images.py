"""CopyImages: forth, back after a fail, over crashes, and beside other writers of stable."""

from collections.abc import Callable
from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.objects.revision import images, same_images
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.workload.copy_images import copy_of, images_due, uncopyable
from tests.domain.world import World, deployment, rollout, schedule, with_spec

COPY = {"promotion": {"strategy": "CopyImages"}}
V1, V2 = deployment("checkout", "app:v1"), deployment("checkout", "app:v2")


def copying(**world: Any) -> World:
    """Return a world in which stable has just been given the canary's images."""
    made = World(spec=rollout(**COPY), **world)
    return made.until(lambda w: w.images_set == ["app:v2"])


def failing(**world: Any) -> World:
    """Return a world in which stable has just been given its images back, because the canary failed."""
    made = copying(**world)
    made.traffic.canary = 0.5
    return made.until(lambda w: w.images_set == ["app:v2", "app:v1"], ticks=5)


def alerted(world: World) -> set[str]:
    return {alert.reason for alert in world.decisions[-1].alerts}


DIGEST = "@sha256:4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What an admission policy adds to each image that somebody sets."""


@pytest.mark.parametrize("policy", ["", DIGEST], ids=["as set", "with a digest"])
def test_stable_gets_the_canarys_images_and_the_shadow_goes_once_it_is_ready(policy: str) -> None:
    world = copying()
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PROMOTING, Reason.STABLE_NOT_READY, 100)
    world.stable, world.stable_ready = deployment("checkout", f"app:v2{policy}"), 1
    world.step(3)
    assert (world.status.reason, world.weight) == (Reason.STABLE_NOT_READY, 100)
    world.stable_ready = 2
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.SUCCEEDED, Reason.PROMOTED)
    assert (world.shadow, world.status.copying, world.images_set) == (None, None, ["app:v2"])


def test_a_fail_puts_back_what_a_policy_has_added_a_digest_to() -> None:
    world = copying()
    world.stable = deployment("checkout", f"app:v2{DIGEST}")
    world.traffic.canary = 0.5
    world.until(lambda w: w.images_set == ["app:v2", "app:v1"], ticks=5)
    world.stable = deployment("checkout", f"app:v1{DIGEST}")
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=5)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("app:v2", "app:v2", True),
        ("app:v2", f"app:v2{DIGEST}", True),
        (f"app:v2{DIGEST}", "app:v2", True),
        (f"app:v2{DIGEST}", "app:v2@sha256:other", False),
        ("app:v1", f"app:v2{DIGEST}", False),
        ("app", "app:v2", False),
    ],
)
def test_one_image_is_another_but_for_a_digest(one: str, other: str, *, same: bool) -> None:
    assert same_images({"app": one}, {"app": other}) is same
    assert not same_images({"app": one}, {"app": other, "proxy": "envoy"})


def test_a_fail_puts_stables_images_back_and_waits_until_it_is_ready_before_the_shadow_goes() -> None:
    world = failing()
    world.stable_ready = 1
    world.step(3)
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PROMOTING, Reason.RESTORING_STABLE, 100)
    world.stable = V1
    world.step()
    assert (world.status.reason, world.weight) == (Reason.RESTORING_STABLE, 100)
    world.stable_ready = 2
    world.settle()
    assert (world.status.phase, world.status.reason, world.shadow) == (Phase.ROLLED_BACK, Reason.SLO_VIOLATED, None)
    assert "availability" in world.status.message
    assert world.status.failed_revision == world.status.revision
    assert world.history[-2:] == [(3, 100, "RestoringStable"), (3, 0, "SLOViolated")]


def test_a_fail_before_stable_was_touched_takes_the_canary_off_at_once() -> None:
    world = World(spec=rollout(**COPY), denied="not allowed").until(lambda w: w.status.copying is not None)
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=5)
    assert world.images_set == []


@pytest.mark.parametrize("moment", ["stored", "patched"])
def test_a_crash_around_the_patch_loses_nothing_and_patches_once(moment: str) -> None:
    world = World(spec=rollout(**COPY), denied="dies before").until(lambda w: w.status.copying is not None)
    world.denied = None
    if moment == "patched":
        world.stable = deployment("checkout", "app:v2", rolled_out=False)
    world.crash()
    world.settle()
    assert images(world.stable or V1) == {"app": "app:v2"}
    assert world.images_set == (["app:v2"] if moment == "stored" else [])
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.reason == Reason.RESTORING_STABLE, ticks=5)
    world.crash()
    world.settle()
    assert images(world.stable or V2) == {"app": "app:v1"}
    world.stable = V1
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.SLO_VIOLATED)


def test_images_that_another_writer_takes_back_are_reported_and_not_fought() -> None:
    world = copying()
    world.stable = V1
    world.step(5)
    assert (world.status.phase, world.status.reason, world.weight) == (Phase.PROMOTING, Reason.AWAITING_STABLE, 100)
    assert "another writer" in world.status.message
    assert alerted(world) == {"AwaitingStable"}
    assert world.images_set == ["app:v2"]
    # a person who has ended that has them set once more
    world.action = "pause#1"
    world.settle()
    world.action = "resume#2"
    world.settle()
    assert world.images_set == ["app:v2", "app:v2"]
    world.stable = V2
    world.settle()
    assert world.status.phase is Phase.SUCCEEDED


def test_images_of_another_writer_are_not_replaced_on_the_way_back_either() -> None:
    world = copying()
    world.stable = deployment("checkout", "app:v3")
    world.traffic.canary = 0.5
    world.step(5)
    assert (world.status.reason, world.weight) == (Reason.RESTORING_STABLE, 100)
    assert "app:v3 instead of app=app:v1" in world.status.message
    assert alerted(world) == {"RestoringStable"}
    assert world.images_set == ["app:v2"]
    world.stable = V1
    world.settle()
    assert world.status.phase is Phase.ROLLED_BACK


def test_nothing_is_copied_while_paused_and_a_fail_meanwhile_puts_back() -> None:
    world = copying()
    world.action = "pause#1"
    world.settle()
    world.traffic.canary = 0.5
    world.until(lambda w: w.images_set == ["app:v2", "app:v1"], ticks=5)
    putting_back = world.status
    assert putting_back.phase is Phase.PROMOTING
    world.stable = V1
    world.settle()
    assert world.status.phase is Phase.ROLLED_BACK


def test_an_abort_puts_back_first_and_a_second_one_does_not_wait() -> None:
    world = copying()
    world.action = "abort#1"
    world.settle()
    assert (world.status.reason, world.weight, world.images_set[-1]) == (Reason.RESTORING_STABLE, 100, "app:v1")
    world.action = "abort#2"
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.ABORTED_BY_USER)
    assert world.shadow is None


def lowered(world: World) -> None:
    world.annotate(canary_weight="10")


def deleted(world: World) -> None:
    world.shadow = None


@pytest.mark.parametrize(("change", "left"), [(lowered, 10), (deleted, 0)])
def test_what_is_taken_away_meanwhile_stays_away_and_stable_is_put_back(
    change: Callable[[World], None], left: float
) -> None:
    world = failing()
    change(world)
    world.step(2)
    assert (world.status.reason, world.weight, world.status.weight) == (Reason.RESTORING_STABLE, left, left)
    world.stable = V1
    world.settle()
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.SLO_VIOLATED)


@pytest.mark.parametrize(("change", "left"), [(lowered, 10), (deleted, 0)])
def test_what_is_taken_away_in_the_reading_that_proves_the_fail_stays_away_too(
    change: Callable[[World], None], left: float
) -> None:
    world = copying()
    world.refuse_status = True
    world.traffic.canary = 0.5
    world.step(3)
    change(world)
    world.refuse_status = False
    world.settle()
    assert (world.status.reason, world.weight, world.status.weight) == (Reason.RESTORING_STABLE, left, left)


@pytest.mark.parametrize("verb", ["pause", "resume", "retry", "finish:{revision}"])
def test_no_verb_but_abort_stops_the_way_back(verb: str) -> None:
    world = failing()
    world.action = f"{verb.format(revision=world.status.revision)}#9"
    world.settle()
    assert world.status.reason == Reason.RESTORING_STABLE
    assert world.status.last_action is not None
    assert "stable gets its images back" in world.status.last_action.result


def test_neither_a_new_revision_nor_a_pause_of_the_spec_stops_the_way_back() -> None:
    world = failing()
    world.canary = deployment("checkout-canary", "app:v3")
    with_spec(world, paused=True)
    world.step(2)
    assert (world.status.reason, world.weight) == (Reason.RESTORING_STABLE, 100)
    world.stable = V1
    world.pass_()
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.SLO_VIOLATED)
    with_spec(world, paused=False)
    world.settle()
    assert world.status.phase is not Phase.ROLLED_BACK


def test_a_stable_workload_that_is_gone_is_waited_for_until_a_person_aborts() -> None:
    world = failing()
    world.stable = None
    world.step()
    assert world.status.reason == Reason.RESTORING_STABLE
    assert alerted(world) == {"RestoringStable"}
    world.action = "abort#1"
    world.settle()
    assert world.status.phase is Phase.ROLLED_BACK


def test_on_failure_pause_holds_until_a_person_aborts_which_puts_back() -> None:
    world = copying(schedule=schedule(onFailure="Pause"))
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.reason == Reason.SLO_VIOLATED, ticks=5)
    assert "abort puts stable's images back" in world.status.message
    assert world.images_set == ["app:v2"]
    world.action = "abort#1"
    world.settle()
    assert world.images_set == ["app:v2", "app:v1"]


def test_a_refused_patch_is_reported_with_the_apis_message_and_tried_again() -> None:
    world = World(spec=rollout(**COPY), denied="daemon may not patch deployments")
    world.until(lambda w: w.status.phase is Phase.PROMOTING)
    world.step(2)
    assert world.status.reason == Reason.AWAITING_STABLE
    assert "daemon may not patch deployments" in world.status.message
    world.denied = None
    world.settle()
    assert world.images_set == ["app:v2"]


def test_a_config_only_change_is_left_to_a_person() -> None:
    world = World(spec=rollout(**COPY), canary=deployment("checkout-canary", "app:v1", env=[{"name": "A"}]))
    world.until(lambda w: w.status.phase is Phase.PROMOTING)
    world.step()
    assert world.status.reason == Reason.AWAITING_STABLE
    assert "the images are the same" in world.status.message
    world.action = f"finish:{world.status.revision}#1"
    world.settle()
    assert world.status.phase is Phase.SUCCEEDED


@pytest.mark.parametrize("gone", ["canary", "stable"])
def test_a_workload_that_is_gone_when_it_is_to_be_copied_is_reported(gone: str) -> None:
    world = World(spec=rollout(**COPY), denied="wait").until(lambda w: w.status.phase is Phase.PROMOTING)
    setattr(world, gone, None)
    world.step()
    assert world.status.reason == Reason.AWAITING_STABLE
    assert "does not exist" in world.status.message


def test_containers_that_only_one_side_has_are_reported_before_anything_begins() -> None:
    world = World(spec=rollout(**COPY))
    world.stable = sidecar("checkout", "app:v1")
    world.settle()
    assert world.status.reason == Reason.INVALID_SPEC
    assert "only Deployment checkout has container mesh" in world.status.message
    world.stable = None
    world.settle()
    assert "Deployment checkout does not exist" in world.status.message
    # and again when they came up in mid-rollout
    world.stable = V1
    world.until(lambda w: w.status.phase is Phase.PROGRESSING)
    world.stable = sidecar("checkout", "app:v1")
    world.until(lambda w: w.status.phase is Phase.PROMOTING)
    world.step()
    assert "only Deployment checkout has container mesh" in world.status.message
    assert world.images_set == []


def sidecar(name: str, image: str) -> Workload:
    """Return a Deployment with an init container beside its app."""
    one = deployment(name, image)
    pods = {**one.template["spec"], "initContainers": [{"name": "mesh", "image": "mesh:1"}]}
    return Workload(one.meta, one.kind, {**one.template, "spec": pods}, one.replicas, one.rolled_out)


def test_a_pause_that_ends_where_stable_was_never_touched_takes_the_step_again() -> None:
    world = World(spec=rollout(**COPY), denied="no").until(lambda w: w.status.copying is not None)
    world.shadow = None
    world.settle()
    assert world.status.phase is Phase.PAUSED
    world.action = "resume#1"
    world.settle()
    assert (world.status.phase, world.status.copying) == (Phase.PROGRESSING, None)


def test_what_is_written_is_a_function_of_status_and_stable_alone() -> None:
    canary = deployment("checkout-canary", "app:v2")
    assert uncopyable(canary, V1) is None
    world = copying()
    status = world.status.model_copy(update={"copying": copy_of(canary, V1)})
    assert images_due(status, V1) == {"app": "app:v2"}
    assert images_due(status, V2) is None
    assert images_due(status, None) is None
    assert images_due(status.model_copy(update={"phase": Phase.PAUSED}), V1) is None
    assert images_due(status.model_copy(update={"finishing": True}), V1) is None
