"""Two routes of one rollout, built by hand: what is assembled of both, what is written to both.

Neither the spec nor the status can name two yet, so that these are passes of pure functions, without a daemon.
"""

from dataclasses import replace
from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase, RolloutStatus, ShadowStatus
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.reconcile.assemble import AssembledPass, assemble
from ingress_canary.domain.reconcile.effects import (
    CreateShadow,
    DeleteShadow,
    PatchShadow,
    StartSettling,
    TakeOffShadow,
    Write,
    effects,
)
from ingress_canary.domain.reconcile.inputs import PassInputs, RouteInputs
from ingress_canary.domain.reconcile.routes import manifest_of
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.lab.kubeapi.storage.patches import merge
from tests.domain.world import OWNER, PRIMARY, ROUTER, World, at_step

WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
INTERNAL = Ingress.of(merge(PRIMARY, {"metadata": {"name": "internal"}, "spec": {"ingressClassName": "internal"}}))


def internal_shadow(world: World, exposure: Exposure, **changes: Any) -> Ingress:
    """Return the second route's shadow, as the daemon has written it and as somebody else has changed it."""
    made = manifest_of(ROUTER, INTERNAL, world.spec, OWNER, exposure)
    metadata = {"name": "internal-canary", "uid": "shadow-internal", **changes}
    return Ingress.of(merge(made, {"metadata": metadata}))


def both(world: World, shadow: Ingress | None) -> PassInputs:
    """Return a world's inputs with a second route, whose shadow the status is taken to tell of."""
    inputs = world.gathered()
    recorded = ShadowStatus(name="internal-canary", uid="shadow-internal") if world.status.shadow else None
    return inputs._replace(routes=(*inputs.routes, RouteInputs(ROUTER, INTERNAL, shadow, recorded)))


def assembled(world: World, shadow: Ingress | None) -> AssembledPass:
    return assemble(both(world, shadow), check=lambda *_: ())


def decided(world: World, shadow: Ingress | None) -> Decision:
    return decide(assembled(world, shadow).seen, world.now)


def writes(world: World, shadow: Ingress | None, after: RolloutStatus | None = None) -> tuple[Write, ...]:
    """Return what follows a status, by default that of the decision."""
    made = assembled(world, shadow)
    decision = decide(made.seen, world.now)
    return effects(decision, made, after or decision.status, None).writes


def seen_of(world: World, shadow: Ingress | None) -> Observation:
    return assembled(world, shadow).seen


def test_both_shadows_are_created_and_settle_once_both_are_there() -> None:
    world = World()
    opened = world.status.updated(shadow=ShadowStatus(name="checkout-canary"))
    made = writes(world, None, opened)
    assert [type(write) for write in made] == [CreateShadow, CreateShadow]
    classes = [write.manifest["spec"]["ingressClassName"] for write in made if isinstance(write, CreateShadow)]
    assert classes == ["nginx", "internal"]


def test_one_that_is_missing_is_created_while_the_other_waits() -> None:
    world = at_step(1)
    again = world.status.updated(shadow=ShadowStatus(name="checkout-canary"))
    world.status = again
    made = writes(world, None, again)
    assert CreateShadow in [type(write) for write in made]
    assert StartSettling not in [type(write) for write in made]
    assert not seen_of(world, None).has_shadows


def test_a_weight_is_written_to_both_and_settles_once() -> None:
    world = at_step(1)
    raised = world.status.updated(weight=50)
    made = writes(world, internal_shadow(world, Exposure(5)), raised)
    assert [type(write) for write in made] == [PatchShadow, PatchShadow, StartSettling]
    patched = {write.shadow.meta.name: write.patch for write in made if isinstance(write, PatchShadow)}
    assert patched.keys() == {"checkout-canary", "internal-canary"}
    assert {patch["metadata"]["annotations"][WEIGHT] for patch in patched.values()} == {"50"}


def test_only_the_route_that_differs_is_written_and_its_exposure_is_what_evidence_is_about() -> None:
    world = at_step(1)
    late = internal_shadow(world, Exposure())
    made = assembled(world, late)
    assert [route.is_pending for route in made.seen.routes] == [False, True]
    assert made.seen.routes[1].carried == Exposure()
    (patch,) = (write for write in writes(world, late) if isinstance(write, PatchShadow))
    assert patch.shadow.meta.name == "internal-canary"


def test_one_that_another_writer_lowered_is_honoured_on_both() -> None:
    world = at_step(2)
    lowered = internal_shadow(world, Exposure(50), annotations={WEIGHT: "7"}, managedFields=[edit("kubectl-edit")])
    decision = decided(world, lowered)
    assert (decision.status.phase, decision.status.reason) == (Phase.PAUSED, Reason.INTERVENED)
    assert decision.status.weight == 7
    assert "lowered by another writer (kubectl-edit): weight 7 % instead of 50 %" in str(decision.message)
    first, second = (
        write.patch["metadata"]["annotations"]
        for write in writes(world, lowered, decision.status)
        if isinstance(write, PatchShadow)
    )
    assert first[WEIGHT] == "7"
    # the other has it already, and gets the stamp of it
    assert WEIGHT not in second


def test_what_is_left_of_two_lowered_shadows_is_what_is_left_on_each() -> None:
    world = at_step(2)
    world.annotate(canary_weight="20")
    drift = seen_of(world, internal_shadow(world, Exposure(50), annotations={WEIGHT: "30"})).drift
    assert drift is not None
    assert (len(drift.lowered), drift.honoured) == (2, Exposure(20))


def test_one_that_another_writer_raised_is_put_back_alone() -> None:
    world = at_step(2)
    raised = internal_shadow(world, Exposure(50), annotations={WEIGHT: "90"})
    (patch,) = (write for write in writes(world, raised) if isinstance(write, PatchShadow))
    assert (patch.shadow.meta.name, *map(str, patch.undone)) == ("internal-canary", "weight 90 % instead of 50 %")


def test_one_that_another_writer_deleted_takes_both_off() -> None:
    world = at_step(2)
    assert seen_of(world, None).is_shadow_lost
    decision = decided(world, None)
    assert decision.status.reason == Reason.INTERVENED
    assert [type(write) for write in writes(world, None, decision.status)] == [DeleteShadow]


def test_a_terminating_one_is_told_and_both_are_taken_off() -> None:
    world = at_step(2)
    held = {"deletionTimestamp": "2026-03-02T10:00:00Z", "finalizers": ["example.com/keep"]}
    held_shadow = internal_shadow(world, Exposure(50), **held)
    decision = decided(world, held_shadow)
    (alert,) = (alert for alert in decision.alerts if alert.reason == Reason.SHADOW_TERMINATING)
    assert "internal-canary is being deleted and finalizer example.com/keep holds it" in str(alert.message)
    made = writes(world, held_shadow, decision.status)
    assert [type(write) for write in made] == [DeleteShadow, TakeOffShadow]


def test_both_are_removed_though_the_status_cannot_be_stored() -> None:
    world = at_step(2)
    world.action = "abort#1"
    made = assembled(world, internal_shadow(world, Exposure(50)))
    decision = decide(made.seen, world.now)
    unstored = effects(decision, made, decision.status, decision.status).unstored
    removed = [write.shadow.meta.name for write in unstored if isinstance(write, DeleteShadow)]
    assert removed == ["checkout-canary", "internal-canary"]


@pytest.mark.parametrize("sticky", [False, True])
def test_one_sticky_route_makes_the_rollout_sticky(sticky: bool) -> None:
    inputs = both(at_step(1), None)
    affinity = {"nginx.ingress.kubernetes.io/affinity": "cookie"} if sticky else {}
    primary = replace(INTERNAL, meta=replace(INTERNAL.meta, annotations=affinity))
    first, second = inputs.routes
    made = assemble(inputs._replace(routes=(first, second._replace(primary=primary))), check=lambda *_: ())
    assert made.seen.sticky is sticky


def test_a_name_that_is_taken_on_one_route_stops_the_rollout() -> None:
    taken = internal_shadow(World(), Exposure(), ownerReferences=[])
    seen = seen_of(World(), taken)
    assert seen.foreign == "Ingress"
    assert decide(seen, World().now).status.reason == Reason.PREFLIGHT_FAILED


def edit(manager: str) -> dict[str, str]:
    """Return another writer's entry of managedFields."""
    return {"manager": manager, "operation": "Update", "time": "2026-03-02T10:00:00Z"}
