"""Ownership of what the daemon wrote to workloads: kept while a copy or a scaling goes on, given up afterwards."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api import FIELD_MANAGER
from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.api.workload import CopyStatus, ScaleStatus, WorkloadKind
from ingress_canary.domain.objects.field_ownership import OBJECT, SCALE, owned_parts, without_ours
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.workload.release_ownership import releases_due, with_ownership
from tests.domain.world import World, deployment, rollout

COPY = {"promotion": {"strategy": "CopyImages"}}
V2 = replace(deployment("checkout", "app:v2"), owned_parts=frozenset({OBJECT}))
SCALED: dict[str, Any] = {
    "canary": {"name": "checkout-canary"},
    "stable": {"name": "checkout"},
    "scaleCanary": {"to": 3, "drain": "1m"},
}

ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "manager": st.sampled_from([FIELD_MANAGER, "helm", f"{FIELD_MANAGER}-2", ""]),
            "operation": st.sampled_from(["Update", "Apply"]),
            "fieldsV1": st.dictionaries(st.sampled_from(["f:spec", "f:metadata", "."]), st.just({}), max_size=2),
        },
        optional={
            "subresource": st.sampled_from(["", "status", "scale"]),
            "time": st.sampled_from(["2026-03-02T10:00:00Z", "2026-03-02T10:00:01Z"]),
        },
    ),
    max_size=6,
)


def is_ours(entry: dict[str, Any], part: str) -> bool:
    who = entry.get("manager"), entry.get("operation"), entry.get("subresource", "")
    return who == (FIELD_MANAGER, "Update", part)


@given(ENTRIES, st.sampled_from([OBJECT, SCALE]))
def test_only_our_updates_of_one_part_go_and_all_others_stay_byte_for_byte(
    entries: list[dict[str, Any]], part: str
) -> None:
    before = copy.deepcopy(entries)
    left = without_ours(entries, part)
    others = [entry for entry in before if not is_ours(entry, part)]
    assert entries == before
    if len(others) == len(before):
        assert left is None
        return
    assert json.dumps(left) == json.dumps(others or [{}])
    assert part not in owned_parts(left)
    assert without_ours(left, part) is None


@pytest.mark.parametrize("odd", [None, {}, "x", [None, 3, []], [{}], [{"manager": FIELD_MANAGER}]])
def test_odd_managed_fields_own_nothing(odd: object) -> None:
    assert owned_parts(odd) == frozenset()
    assert without_ours(odd, OBJECT) is None


def test_a_workload_tells_which_parts_the_daemon_owns() -> None:
    ours = {"manager": FIELD_MANAGER, "operation": "Update"}
    entries = [ours, {**ours, "subresource": "scale"}, {**ours, "operation": "Apply", "subresource": "status"}]
    assert Workload.of({"metadata": {"managedFields": entries}}).owned_parts == {OBJECT, SCALE}


def test_a_copy_keeps_its_ownership_until_stable_has_the_images_and_gives_it_up_then() -> None:
    world = World(spec=rollout(**COPY)).until(lambda w: w.images_set == ["app:v2"])
    assert (world.status.ownership_released, world.released) == (False, [])
    world.stable = V2
    world.settle()
    assert (world.status.phase, world.released) == (Phase.SUCCEEDED, [("checkout", OBJECT)])
    assert world.status.ownership_released is True
    world.step(3)
    assert world.released == [("checkout", OBJECT)]


def test_images_that_were_put_back_have_no_owner_either() -> None:
    world = World(spec=rollout(**COPY)).until(lambda w: w.images_set == ["app:v2"])
    world.traffic.canary = 0.5
    world.until(lambda w: w.images_set == ["app:v2", "app:v1"], ticks=5)
    assert world.released == []
    world.stable = replace(V2, template=deployment("checkout", "app:v1").template)
    world.settle()
    assert (world.status.phase, world.released) == (Phase.ROLLED_BACK, [("checkout", OBJECT)])
    assert world.status.ownership_released is True


def test_what_an_earlier_process_left_behind_is_given_up_at_rest() -> None:
    world = World(spec=rollout(**COPY)).until(lambda w: w.images_set == ["app:v2"])
    world.stable = V2
    world.settle()
    # the process died between the stored status and the release
    world.stable, world.released = V2, []
    world.crash()
    world.settle()
    assert (world.released, world.status.ownership_released) == ([("checkout", OBJECT)], True)


def test_replicas_have_no_owner_once_they_are_as_before() -> None:
    at_zero = replace(deployment("checkout-canary", "app:v2"), replicas=0)
    world = World(spec=rollout(workload=SCALED), canary=at_zero, canary_ready=0)
    world.settle()
    assert world.canary is not None
    world.canary, world.canary_ready = replace(world.canary, rolled_out=True), 3
    world.until(lambda w: w.status.phase is Phase.PROGRESSING)
    world.action = "abort#1"
    world.settle()
    assert (world.released, world.status.ownership_released) == ([], False)
    world.step(7)
    assert (world.replicas_set, world.released) == ([3, 0], [("checkout-canary", SCALE)])
    assert world.status.ownership_released is True


def test_a_rollout_without_a_copy_says_nothing_of_ownership() -> None:
    world = World().until(lambda w: w.status.phase is Phase.PROMOTING)
    world.stable = deployment("checkout", "app:v2")
    world.settle()
    assert (world.status.phase, world.status.ownership_released) == (Phase.SUCCEEDED, None)
    assert "ownershipReleased" not in world.status.dump()


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (RolloutStatus(), [("checkout", OBJECT), ("checkout-canary", SCALE)]),
        (RolloutStatus(copying=CopyStatus(before=[], after=[])), [("checkout-canary", SCALE)]),
        (
            RolloutStatus(scale=ScaleStatus(kind=WorkloadKind.DEPLOYMENT, name="checkout-canary", before=0, wanted=3)),
            [("checkout", OBJECT)],
        ),
    ],
    ids=["at rest", "copying", "scaled"],
)
def test_only_what_nothing_is_under_way_with_is_given_up(status: RolloutStatus, parts: list[tuple[str, str]]) -> None:
    both = frozenset({OBJECT, SCALE, "status"})
    stable, canary = (replace(deployment(name, "app"), owned_parts=both) for name in ("checkout", "checkout-canary"))
    due = releases_due(status, stable, canary)
    assert [(owned.workload.meta.name, owned.part) for owned in due] == parts
    assert with_ownership(status, stable, canary).ownership_released is False
    assert releases_due(status, None, None) == ()


def test_the_status_that_ends_the_copy_is_stored_before_its_ownership_is_given_up() -> None:
    world = World(spec=rollout(**COPY)).until(lambda w: w.images_set == ["app:v2"])
    world.stable = V2
    decision = world.pass_()
    assert decision.status.phase is Phase.SUCCEEDED
    assert (decision.status.ownership_released, world.released) == (False, [("checkout", OBJECT)])
