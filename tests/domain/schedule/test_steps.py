"""A schedule's steps as they are walked."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.schedule import MAX_STEPS, HeaderRoute, Ramp, Require
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import StepList, ramp_weights
from tests.domain.world import schedule


def ramp(**members: Any) -> Ramp:
    return Ramp.model_validate({"bake": "1m", **members})


@pytest.mark.parametrize(
    ("members", "weights"),
    [
        ({"from": 1, "to": 50, "factor": 2}, [1, 2, 4, 8, 16, 32, 50]),
        ({"from": 10, "to": 30, "by": 10}, [10, 20, 30]),
        ({"from": 10, "to": 35, "by": 10}, [10, 20, 30, 35]),
        ({"from": 5, "to": 100, "by": 100}, [5, 100]),
        ({"from": 0.1, "to": 0.4, "by": 0.1}, [0.1, 0.2, 0.3, 0.4]),
        ({"from": 0.001, "to": 0.004, "factor": 1.01}, [0.001, 0.002, 0.003, 0.004]),
        ({"from": 12.5, "to": 100, "factor": 3}, [12.5, 37.5, 100]),
    ],
    ids=str,
)
def test_a_ramp_is_a_list_of_weights(members: dict[str, Any], weights: list[float]) -> None:
    assert ramp_weights(ramp(**members)) == weights


@given(st.integers(1, 99_000), st.integers(1, 1000), st.floats(1.001, 100), st.booleans())
def test_every_ramp_rises_to_its_end_or_is_cut_where_no_schedule_may_go(
    first: int, more: int, pace: float, multiplies: bool
) -> None:
    end = {"from": first / 1000, "to": (first + more) / 1000}
    weights = ramp_weights(ramp(**end, **({"factor": pace} if multiplies else {"by": pace})))
    assert weights[0] == end["from"]
    assert all(later > earlier for earlier, later in pairwise(weights))
    assert all(abs(weight * 1000 - round(weight * 1000)) < 1e-6 for weight in weights)
    assert weights[-1] == end["to"] or len(weights) == MAX_STEPS + 1


def test_steps_are_counted_from_1_across_ramps_and_inherit_what_they_do_not_say() -> None:
    made = schedule(
        routing={"header": {"name": "X-Canary"}, "cookie": "canary"},
        steps=[
            {"name": "dogfood", "weight": 0, "bake": "30s", "header": {"name": "X-Staff", "value": "yes"}},
            {"ramp": {"from": 1, "to": 4, "factor": 2, "bake": "1m"}, "require": "NoFail", "minRequests": 7},
            {"weight": 100, "bake": "1h", "cookie": "everyone"},
        ],
    )
    walk = StepList.of(made)
    assert [(s.index, s.exposure.weight, s.bake) for s in walk.steps] == [
        (1, 0, 30),
        (2, 1, 60),
        (3, 2, 60),
        (4, 4, 60),
        (5, 100, 3600),
    ]
    assert [s.exposure.cookie for s in walk.steps] == ["canary"] * 4 + ["everyone"]
    assert walk.at(1).exposure.header == HeaderRoute(name="X-Staff", value="yes")
    assert walk.at(2).exposure.header == HeaderRoute(name="X-Canary")
    assert [s.require for s in walk.steps] == [Require.PROOF, *[Require.NO_FAIL] * 3, Require.PROOF]
    assert [s.min_requests for s in walk.steps] == [None, 7, 7, 7, None]
    assert [s.title for s in walk.steps[:2]] == ["step 1 (dogfood)", "step 2 (1 %)"]
    assert (len(walk), walk.at(9).index) == (5, 5)
    course = CompiledSchedule.of(made)
    assert [course.next_weight(index) for index in (0, 1, 4, 5)] == [0, 1, 100, 100]
    assert course.routes == tuple(step.exposure for step in walk.steps)


def test_of_more_steps_than_there_may_be_not_many_more_are_made() -> None:
    many = [{"ramp": {"from": 2 * n + 0.001, "to": 2 * n + 1, "by": 0.001, "bake": "1m"}} for n in range(50)]
    assert MAX_STEPS < len(StepList.of(schedule(steps=many))) <= 2 * MAX_STEPS + 1
