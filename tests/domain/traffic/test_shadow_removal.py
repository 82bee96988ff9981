"""A shadow that a finalizer holds: what takes everybody off it, and what is reported of it."""

from typing import Any

import pytest

from ingress_canary.api import APPLIED_ANNOTATION
from ingress_canary.api.rollout_status import Phase, RolloutStatus, ShadowStatus
from ingress_canary.domain.decision.observation import is_shadow
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.drift import untouched
from ingress_canary.domain.traffic.router.ingress_shadow import UNSERVED_CLASS
from ingress_canary.domain.traffic.router.nginx.router import PREFIX
from ingress_canary.domain.traffic.shadow_removal import OFF, left_behind, terminating
from ingress_canary.lab.kubeapi.storage.patches import merge
from tests.domain.world import PRIMARY, ROUTER, World, at_step

KEEP = "example.com/keep"
LEGACY = "kubernetes.io/ingress.class"
STICKY = {"metadata": {**PRIMARY["metadata"], "annotations": {f"{PREFIX}/affinity": "cookie"}}, "spec": PRIMARY["spec"]}


def shadow_of(world: World) -> Ingress:
    assert world.shadow is not None
    return Ingress.of(world.shadow)


def taken_off(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return a shadow after all that takes people off it, and how many writes that took."""
    writes = 0
    for off in OFF:
        patch = off(ROUTER, Ingress.of(body))
        if patch is not None:
            body, writes = merge(body, patch), writes + 1
    return body, writes


def text_of(shadow: Ingress) -> str:
    held = terminating(ROUTER, shadow)
    assert held is not None
    return str(held.message)


@pytest.mark.parametrize(
    ("annotations", "writes"),
    [
        ({"canary-weight": "50", "canary-weight-total": "1000"}, 1),
        ({"canary-by-header": "X-Canary", "canary-by-header-pattern": "^v2", "canary-by-cookie": "canary"}, 1),
        ({"canary": "false"}, 1),
        ({"canary": None}, 1),
        ({"canary-weight": "50", "affinity": "cookie"}, 2),
        ({"affinity": "cookie"}, 1),
        ({}, 0),
    ],
)
def test_it_takes_weight_routes_and_cookies_off_and_nothing_else(
    annotations: dict[str, str | None], writes: int
) -> None:
    world = at_step(1)
    off, _ = taken_off(world.shadow or {})
    body = merge(off, {"metadata": {"annotations": {f"{PREFIX}/{key}": value for key, value in annotations.items()}}})
    after, made = taken_off(body)
    assert made == writes
    shadow = Ingress.of({**after, "metadata": {**after["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    held = terminating(ROUTER, shadow)
    assert held is not None
    assert not held.on
    assert held.exposure == Exposure()
    if writes:
        assert untouched(ROUTER, shadow), "what the daemon has written is not another writer's"
    assert taken_off(after)[1] == 0
    assert after["spec"]["rules"] == body["spec"]["rules"]
    assert (after["spec"]["ingressClassName"] == UNSERVED_CLASS) is ("affinity" in annotations)


def test_a_legacy_class_is_left_with_both_its_names() -> None:
    world = at_step(1, primary=STICKY)
    body = merge(
        world.shadow, {"metadata": {"annotations": {LEGACY: "nginx"}}, "spec": {"ingressClassName": None}}
    )  # fmt: skip
    after, _ = taken_off(body)
    assert after["metadata"]["annotations"][LEGACY] == UNSERVED_CLASS
    assert after["spec"]["ingressClassName"] == UNSERVED_CLASS


@pytest.mark.parametrize("end", ["abort", "fail", "promote"])
@pytest.mark.parametrize("primary", [PRIMARY, STICKY], ids=["plain", "sticky"])
def test_however_a_rollout_ends_nobody_is_on_the_canary_and_it_says_what_is_there(
    end: str, primary: dict[str, Any]
) -> None:
    world = at_step(3 if end == "promote" else 2, primary=primary)
    world.hold(KEEP)
    match end:
        case "abort":
            world.action = "abort#1"
        case "fail":
            world.traffic.canary = 1
        case _:
            world.until(lambda w: w.status.phase is Phase.PROMOTING)
            world.stable = world.canary
    world.until(lambda w: w.status.phase in (Phase.ROLLED_BACK, Phase.SUCCEEDED))
    held = terminating(ROUTER, shadow_of(world))
    assert held is not None
    assert not held.on
    conditions = {one.type: one for one in world.status.conditions}
    assert conditions["ShadowRemoved"].status == "False"
    assert conditions["ShadowRemoved"].reason == Reason.SHADOW_TERMINATING
    assert KEEP in conditions["ShadowRemoved"].message
    assert world.status.message.endswith(str(held.message))
    assert Reason.SHADOW_TERMINATING in {one.reason for one in world.status.alerts}
    ended = world.status.history[-1]
    assert world.status.reason == ended.reason
    world.hold()
    world.step()
    conditions = {one.type: one for one in world.status.conditions}
    assert conditions["ShadowRemoved"].status == "True"
    assert world.status.message == ended.message


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, "it sends nobody to the canary"),
        ({"canary-weight": "30", "canary-by-header": "X-Me"}, "it still sends 30 % and header X-Me to the canary"),
        ({"canary-by-cookie": "beta"}, "it still sends 0 % and cookie beta to the canary"),
        ({"affinity": "cookie"}, "it still sends 0 % and clients with an affinity cookie to the canary"),
        ({"canary": None}, "its canary mark was removed, and it sends everybody to the canary"),
    ],
)  # fmt: skip
def test_what_is_reported_is_what_is_on_the_object(annotations: dict[str, str | None], expected: str) -> None:
    body, _ = taken_off(at_step(1).shadow or {})
    body = merge(body, {"metadata": {"annotations": {f"{PREFIX}/{key}": value for key, value in annotations.items()}}})
    meta = {**body["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [KEEP, "example.com/too"]}
    words = text_of(Ingress.of({**body, "metadata": meta}))
    assert expected in words
    assert f"finalizer {KEEP}, example.com/too holds it" in words


def test_the_next_revision_begins_with_a_shadow_of_its_own() -> None:
    world = at_step(2)
    world.hold(KEEP)
    world.action = "abort#1"
    world.step()
    world.action = "retry#2"
    world.step(5)
    assert world.status.phase is Phase.PENDING
    assert world.status.reason == Reason.SHADOW_TERMINATING
    assert world.status.shadow is None
    world.hold()
    world.until(lambda w: w.weight > 0)
    assert world.shadows == 2


OWNED = {
    "metadata": {
        "name": "checkout-canary",
        "namespace": "shop",
        "uid": "s1",
        "annotations": {APPLIED_ANNOTATION: "0"},
        "ownerReferences": [{"kind": "CanaryRollout", "name": "checkout", "uid": "r1", "controller": True}],
    }
}
MARKED = merge(OWNED, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})


@pytest.mark.parametrize(
    ("shadow", "rollout", "taken"),
    [
        (OWNED, None, False),
        (MARKED, None, True),
        (OWNED, {"uid": "r1", "finalizers": ["example.com/keep"]}, True),
        (OWNED, {"uid": "r1", "finalizers": ["orphan"]}, False),
        (OWNED, {"uid": "r2", "finalizers": ["example.com/keep"]}, False),
        (MARKED, {"uid": "r2", "finalizers": ["orphan"]}, True),
        (merge(MARKED, {"metadata": {"annotations": None}}), None, False),
    ],
    ids=[
        "collected",
        "held",
        "its rollout is held",
        "orphaned on purpose",
        "an earlier one",
        "an earlier one's, held",
        "somebody else's that names a rollout",
    ],
)
def test_what_a_rollout_that_goes_leaves_behind(
    shadow: dict[str, Any], rollout: dict[str, Any] | None, taken: bool
) -> None:
    body = None if rollout is None else {"metadata": {"name": "checkout", "namespace": "shop", **rollout}}
    assert bool(list(left_behind([Ingress.of(shadow)], body))) is taken


@pytest.mark.parametrize(
    ("change", "ours"),
    [
        ({}, True),
        ({"ownerReferences": [{"kind": "CanaryRollout", "name": "checkout", "uid": "r2", "controller": True}]}, False),
        ({"ownerReferences": None}, True),
        ({"ownerReferences": None, "uid": "s2"}, False),
        ({"ownerReferences": None, "uid": "s2", "deletionTimestamp": "2026-01-01T00:00:00Z"}, True),
        (
            {"ownerReferences": None, "uid": "s2", "deletionTimestamp": "2026-01-01T00:00:00Z", "annotations": None},
            False,
        ),
    ],
    ids=[
        "owned",
        "another's",
        "its owner was removed",
        "replaced",
        "held, without owner or status",
        "not written by us",
    ],
)
def test_a_shadow_is_known_by_its_owner_its_uid_or_what_is_written_on_it(change: dict[str, Any], ours: bool) -> None:
    status = RolloutStatus(shadow=ShadowStatus(name="checkout-canary", uid="s1"))
    assert is_shadow(Ingress.of(merge(OWNED, {"metadata": change})), "r1", status.shadow) is ours


def test_one_that_no_finalizer_holds_goes_by_itself() -> None:
    assert "the API server holds it: " in text_of(Ingress.of(MARKED))
    assert text_of(Ingress.of(MARKED)).endswith("it goes by itself")
