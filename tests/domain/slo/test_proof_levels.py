"""Proof levels: what is shown beside the evidence is what the tests of the plan decide by, for every kind of SLI."""

from typing import Any

import pytest

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.sli import SequentialTest, Sli
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.slo.proof_levels import proof_levels

KINDS: dict[str, dict[str, Any]] = {
    "requests": {"objective": 99.5, "sli": {"requests": {}}},
    "latency": {"objective": 99, "sli": {"latency": {"threshold": "500ms"}}},
    "latencyDistribution": {"sli": {"latencyDistribution": {}}},
    "prometheus": {"objective": 99, "sli": {"prometheus": {"bad": "bad", "total": "total"}}},
    "prometheusThreshold": {"sli": {"prometheusThreshold": {"query": "max(load)", "max": 1}}},
}
EVERY_SET = [tuple(list(KINDS)[: last + 1]) for last in range(len(KINDS))] + [(kind,) for kind in KINDS]


def test_every_kind_is_here() -> None:
    assert KINDS.keys() == Sli.models().keys()


@pytest.mark.parametrize("kinds", EVERY_SET, ids="+".join)
def test_the_levels_are_those_of_the_plan(kinds: tuple[str, ...]) -> None:
    slos = [{"name": kind.lower(), **KINDS[kind]} for kind in kinds]
    spec = ScheduleSpec.model_validate(
        {"steps": [{"weight": 10, "bake": "5m"}], "slos": slos, "analysis": {"alpha": 0.02, "beta": 0.1}}
    )
    plan = CompiledSchedule.of(spec).plan
    absolute, relative, passing = SequentialTest
    tested = {
        objective.name: {
            absolute: objective.design.log_fail, relative: objective.design.log_fail, passing: objective.design.log_pass
        }
        for objective in plan.objectives
    }  # fmt: skip
    compared = {test.name: {relative: test.log_fail} for test in plan.distributions}
    assert proof_levels(spec) == {**tested, **compared, **{bound.name: {} for bound in plan.bounds}}
