"""The models refuse what cannot be meant, and read what a newer version wrote."""

from typing import Any

import pytest
from pydantic import ValidationError

from ingress_canary.api.rollout import CanaryRollout, RolloutSpec
from ingress_canary.api.schedule import ScheduleSpec

Spec = dict[str, Any]

SLO: Spec = {"name": "availability", "objective": 99.9, "sli": {"requests": {}}}
STEP: Spec = {"weight": 5, "bake": "10m"}


def a_schedule(**members: object) -> Spec:
    return {"steps": [STEP], "slos": [SLO]} | members


def a_rollout(**members: object) -> Spec:
    return {
        "ingresses": ["shop"],
        "stableService": "shop",
        "canaryService": "shop-canary",
        "schedule": {"inline": a_schedule()},
    } | members


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (a_schedule(steps=[{"weight": 5}]), "needs a bake"),
        (a_schedule(steps=[{"bake": "1m"}]), "exactly one of weight and ramp"),
        (a_schedule(steps=[{"ramp": {"from": 1, "to": 5, "bake": "1m"}}]), "exactly one of by and factor"),
        (a_schedule(steps=[{"ramp": {"from": 5, "to": 1, "by": 1, "bake": "1m"}}]), "a ramp rises"),
        (a_schedule(steps=[{"ramp": {"from": 0, "to": 1, "by": 1, "bake": "1m"}}]), "begins above 0"),
        (a_schedule(steps=[{"bake": "1m", "ramp": {"from": 1, "to": 5, "by": 1, "bake": "1m"}}]), "move it into"),
        (a_schedule(steps=[STEP, {"weight": 4, "bake": "1m"}]), r"steps\[1\]: the weight falls from 5 to 4"),
        (a_schedule(steps=[STEP | {"header": {"name": "X", "value": "a", "pattern": "b"}}]), "exclude each other"),
        (a_schedule(slos=[SLO, SLO]), "two SLOs are named availability"),
        (a_schedule(slos=[{"name": "a", "sli": {"requests": {}}}]), "an objective is needed"),
        (a_schedule(slos=[SLO | {"sli": {"latencyDistribution": {}}}]), "latencyDistribution has no objective"),
        (a_schedule(slos=[SLO | {"objective": 100}]), "less than 100"),
        (a_schedule(slos=[SLO | {"objective": 90, "maxBurn": 10}]), "lower maxBurn"),
        (a_schedule(slos=[SLO | {"sli": {}}]), "exactly one of requests"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(spec: Spec, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ScheduleSpec.model_validate(spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (a_rollout(canaryService="shop"), "must not be stableService"),
        (a_rollout(shadow={"name": "shop"}), "must not be the primary's name"),
        (a_rollout(schedule={}), "exactly one of ref and inline"),
        (a_rollout(ingresses=["a", "b"]), "at most 1 item"),
    ],
)
def test_a_rollout_that_cannot_be_meant_is_refused(spec: Spec, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RolloutSpec.model_validate(spec)


def test_a_spec_survives_writing_and_reading() -> None:
    spec = RolloutSpec.model_validate(a_rollout(workload={"scaleCanary": {"to": 3}}, revision="v1"))
    assert RolloutSpec.model_validate(spec.dump()) == spec
    assert "minDelta" not in spec.dump()["schedule"]["inline"]["analysis"]["baseline"]


LATENCY = {"name": "fast", "objective": 99, "sli": {"latency": {"threshold": "300ms"}}}


@pytest.mark.parametrize(
    ("slo", "burn"), [(SLO, 10), (LATENCY, 1), (LATENCY | {"maxBurn": 3}, 3), (SLO | {"maxBurn": 2}, 2)]
)
def test_max_burn_is_one_for_latency_and_written_down_with_what_a_rollout_begins_with(slo: Spec, burn: float) -> None:
    spec = ScheduleSpec.model_validate(a_schedule(slos=[slo]))
    assert spec.dump()["slos"][0]["maxBurn"] == burn
    assert spec.slos[0].theta == pytest.approx(burn * (1 - slo["objective"] / 100))


@pytest.mark.parametrize(
    ("own", "for_all", "objective", "delta"),
    [
        ({}, {}, 99.9, 0.001), ({}, {}, 99.5, 0.0025), ({}, {}, 98, 0.01), ({}, {}, 99.99, 0.001),
        ({}, {"minDelta": "0.1pp"}, 98, 0.001), ({"minDelta": "0.3pp"}, {}, 98, 0.003),
        ({"minDelta": "0pp"}, {"minDelta": "2pp"}, 98, 0),
    ],
)  # fmt: skip
def test_delta_is_the_slos_own_or_that_of_all_or_half_of_what_the_objective_leaves_over(
    own: Spec, for_all: Spec, objective: float, delta: float
) -> None:
    slo = {**SLO, "maxBurn": 1, "objective": objective, **own}
    spec = ScheduleSpec.model_validate(a_schedule(slos=[slo], analysis={"baseline": for_all}))
    assert spec.slos[0].matters_from(spec.analysis.baseline) == pytest.approx(delta)


def test_the_daemon_reads_an_object_newer_than_itself() -> None:
    body = {"apiVersion": "ingress-canary.io/v1alpha1", "kind": "CanaryRollout", "spec": a_rollout(newer={"a": 1})}
    assert CanaryRollout.model_validate(body | {"status": {"newer": 1}}).spec.primary == "shop"


def test_the_shadow_is_named_after_the_primary_by_default() -> None:
    assert RolloutSpec.model_validate(a_rollout()).shadow_name == "shop-canary"
    assert RolloutSpec.model_validate(a_rollout(shadow={"name": "other"})).shadow_name == "other"
