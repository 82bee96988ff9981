"""scaleCanary: up before the canary is waited for, back after the drain, over crashes and beside other writers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Obstacle
from ingress_canary.domain.preflight.problem import RuleFlag
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.unsupported import unsupported_rollout
from ingress_canary.domain.workload.scale_canary import replicas_due
from tests.domain.shop import Manifest, deleted, pods, problems, rollout_spec, service, shop
from tests.domain.world import World, deployment, rollout, with_spec

CANARY: dict[str, Any] = {"canary": {"name": "checkout-canary"}, "stable": {"name": "checkout"}}
SCALED = {**CANARY, "scaleCanary": {"to": 3, "drain": "1m"}, "notReadyTimeout": "2m"}
AT_ZERO = replace(deployment("checkout-canary", "app:v2"), replicas=0)


def asleep(**world: Any) -> World:
    """Return a world whose canary has no replica."""
    return World(spec=rollout(workload=SCALED), canary=AT_ZERO, canary_ready=0, **world)


def wakes(world: World) -> World:
    """Let the canary's pods become ready."""
    assert world.canary is not None
    world.canary, world.canary_ready = replace(world.canary, rolled_out=True), 3
    return world


def rolled_back() -> World:
    """Return a world whose scaled canary has just been taken off."""
    world = asleep()
    world.settle()
    wakes(world).until(lambda w: w.status.phase is Phase.PROGRESSING)
    world.action = "abort#1"
    world.settle()
    return world


def test_the_canary_is_scaled_up_before_it_is_waited_for_and_back_after_the_drain() -> None:
    world = asleep()
    world.settle()
    assert (world.replicas_set, world.status.reason) == ([3], Reason.CANARY_NOT_READY)
    assert "Deployment checkout-canary gets 3 replicas" in world.status.message
    wakes(world).until(lambda w: w.status.phase is Phase.PROMOTING)
    world.stable = deployment("checkout", "app:v2")
    world.settle()
    assert world.status.phase is Phase.SUCCEEDED
    world.step(5)
    assert world.replicas_set == [3]
    world.step(2)
    assert world.replicas_set == [3, 0]
    assert (world.status.phase, world.status.reason, world.status.scale) == (Phase.SUCCEEDED, Reason.PROMOTED, None)
    # and then nothing is watched any more
    assert not world.pass_().wants_evidence


def test_a_canary_with_replicas_enough_is_left_alone() -> None:
    world = World(spec=rollout(workload=SCALED), canary=replace(AT_ZERO, replicas=5), canary_ready=5)
    world.until(lambda w: w.status.phase is Phase.PROGRESSING)
    world.action = "abort#1"
    world.step(10)
    assert (world.replicas_set, world.status.scale) == ([], None)


def test_a_canary_that_never_becomes_ready_is_rolled_back_and_scaled_back() -> None:
    world = asleep()
    world.settle()
    world.step(6)
    world.crash()
    world.step(6)
    assert (world.status.phase, world.status.reason) == (Phase.ROLLED_BACK, Reason.CANARY_NOT_READY)
    assert "was given 3 replicas and had no ready endpoint for 2m" in world.status.message
    assert world.status.failed_revision == world.status.revision
    world.step(7)
    assert world.replicas_set == [3, 0]


@pytest.mark.parametrize("die", ["up", "back"])
def test_a_crash_before_the_scaling_is_made_good(die: str) -> None:
    world = asleep() if die == "up" else rolled_back()
    if die == "back":
        world.step(5)
        world.now += timedelta(seconds=10)
    world.pass_(die="status")
    assert world.replicas_set == ([] if die == "up" else [3])
    world.settle()
    assert world.replicas_set == ([3] if die == "up" else [3, 0])
    # what it had is what was stored, not what it found after the crash
    assert world.status.scale is None or world.status.scale.before == 0


def test_a_new_revision_during_the_drain_keeps_the_replicas_and_what_there_was_before() -> None:
    world = rolled_back()
    world.step(2)
    assert world.canary is not None
    world.canary = replace(deployment("checkout-canary", "app:v3"), replicas=3)
    world.until(lambda w: w.status.phase is Phase.PROGRESSING)
    assert world.replicas_set == [3]
    world.action = "abort#2"
    world.step(8)
    assert world.replicas_set == [3, 0]


def test_a_new_revision_just_after_the_scaling_back_scales_up_again() -> None:
    world = rolled_back()
    world.denied = "not now"
    world.step(8)
    assert world.status.scale is not None
    assert world.status.scale.wanted == 0
    world.denied = None
    world.canary, world.canary_ready = replace(deployment("checkout-canary", "app:v3"), replicas=0), 0
    world.settle()
    assert world.replicas_set == [3, 3]


def test_what_another_writer_makes_of_the_replicas_is_not_fought() -> None:
    world = asleep()
    world.settle()
    wakes(world).settle()
    world.canary = replace(AT_ZERO, replicas=1)
    world.canary_ready = 1
    world.until(lambda w: w.status.phase is Phase.PROGRESSING)
    assert world.replicas_set == [3]
    # scaled to what it had before by a person: nothing is left to do
    world.canary = AT_ZERO
    world.action = "abort#1"
    world.step()
    assert (world.replicas_set, world.status.scale) == ([3], None)


@pytest.mark.parametrize(
    ("obstacles", "foreign", "paused"),
    [((Obstacle(Reason.INVALID_SPEC, "spec.x: y"),), False, False), ((), True, False), ((), False, True)],
    ids=["invalid", "foreign", "paused"],
)
def test_nothing_is_scaled_for_a_rollout_that_cannot_begin(
    obstacles: tuple[Obstacle, ...], foreign: bool, paused: bool
) -> None:
    world = asleep(obstacles=obstacles, foreign=foreign)
    with_spec(world, paused=paused)
    world.step(3)
    assert world.replicas_set == []


SCALED_ROLLOUT = rollout_spec(workload=SCALED)
SELECTED = service("checkout-canary", selector={"app": "checkout-canary"})
WORKLOAD = {
    "kind": "Deployment",
    "metadata": {"name": "checkout-canary", "namespace": "shop"},
    "spec": {
        "template": {
            "metadata": {"labels": {"app": "checkout-canary"}},
            "spec": {"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}]},
        }
    },
}


def ports(target: str | int, number: int = 80) -> list[dict[str, Any]]:
    return [{"name": "http", "port": number, "targetPort": target}]


@pytest.mark.parametrize(
    ("canary_service", "given", "rule"),
    [
        ({**SELECTED, "spec": {**SELECTED["spec"], "ports": ports("http", 8080)}}, {}, "canary-port-resolves"),
        ({**SELECTED, "spec": {**SELECTED["spec"], "ports": ports("web")}}, {}, "canary-port-resolves"),
        (service("checkout-canary", selector={"app": "checkout-v2"}), {}, "canary-service-selects-workload"),
        (service("checkout-canary"), {}, "canary-service-selects-workload"),
        (service("checkout-canary", type="ExternalName", ports=[]), {}, "canary-service-selects-workload"),
        (deleted(SELECTED), {}, "canary-service-exists"),
        # what preflight may not read is no reason to scale either
        (SELECTED, {"sees_classes": False}, "class-is-served"),
    ],
    ids=["port", "named port", "selector", "no selector", "ExternalName", "no Service", "unchecked"],
)
def test_nothing_is_scaled_for_what_replicas_would_not_cure(
    canary_service: Manifest, given: dict[str, Any], rule: str
) -> None:
    asleep_shop = shop(canary_service, WORKLOAD, pods("checkout-canary"))
    found = problems(asleep_shop, spec=SCALED_ROLLOUT, **given)
    assert rule in [problem.id for problem in found]
    world = asleep(problems=found)
    world.step(15)
    assert world.replicas_set == []
    assert (world.status.phase, world.status.reason) == (Phase.PENDING, Reason.PREFLIGHT_FAILED)
    assert given or "start the canary workload" not in world.status.message


@pytest.mark.parametrize("target", ["http", 8080])
def test_missing_endpoints_alone_are_cured_by_scaling(target: str | int) -> None:
    whole = {**SELECTED, "spec": {**SELECTED["spec"], "ports": ports(target)}}
    found = problems(shop(whole, WORKLOAD, pods("checkout-canary")), spec=SCALED_ROLLOUT)
    assert [(problem.id, problem.flags) for problem in found] == [("canary-has-endpoints", RuleFlag.CURED_BY_SCALING)]
    world = asleep(problems=found)
    world.settle()
    assert world.replicas_set == [3]


def test_a_refused_scaling_is_reported_with_the_apis_message() -> None:
    world = asleep(denied="daemon may not patch deployments/scale")
    world.step(2)
    assert world.status.reason == Reason.CANARY_NOT_READY
    assert "daemon may not patch deployments/scale" in world.status.message


def test_a_rollout_that_ends_before_the_scaling_was_made_makes_none() -> None:
    world = asleep(denied="not now")
    world.settle()
    world.denied = None
    world.action = "abort#1"
    world.settle()
    assert (world.replicas_set, world.status.scale) == ([], None)


def test_a_workload_that_the_spec_no_longer_names_is_not_scaled_back() -> None:
    world = rolled_back()
    assert replicas_due(world.status, deployment("other", "app:v2")) is None
    world.canary = deployment("other", "app:v2")
    world.status = world.status.model_copy(update={"revision": None})
    world.pass_()
    assert world.replicas_set == [3]


@pytest.mark.parametrize("canary", [None, {"kind": "DaemonSet", "name": "checkout-canary"}], ids=["none", "daemonset"])
def test_what_cannot_be_scaled_is_refused_in_words(canary: Any) -> None:
    workload = {"scaleCanary": {"to": 3}, **({"canary": canary} if canary else {})}
    (fault,) = unsupported_rollout(rollout(workload=workload))
    assert fault.field == "spec.workload.scaleCanary"
    assert fault.remedy == "set spec.workload.canary to a Deployment or a StatefulSet"


@pytest.mark.parametrize("side", ["canary", "stable"])
def test_copy_images_without_a_workload_is_refused_in_words(side: str) -> None:
    named = {key: value for key, value in CANARY.items() if key != side}
    (fault,) = unsupported_rollout(rollout(promotion={"strategy": "CopyImages"}, workload=named))
    assert fault.field == f"spec.workload.{side}"
