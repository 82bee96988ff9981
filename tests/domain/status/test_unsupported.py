"""What this release does not serve yet is refused by its field, each with what to do."""

from typing import Any

import pytest

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS, Capability
from ingress_canary.domain.status.unsupported import unsupported_rollout, unsupported_schedule
from tests.domain.world import rollout, schedule

SLO: dict[str, Any] = {"name": "a", "objective": 99}


@pytest.mark.parametrize("step", ["first", "second-1", "4"])
def test_a_gate_of_a_step_that_there_is_not_is_named_with_those_that_there_are(step: str) -> None:
    steps = [{"name": "first-try", "weight": 5, "bake": "1m"}, {"ramp": {"from": 6, "to": 7, "by": 1, "bake": "1m"}}]
    gate = {"name": "qa", "when": "beforeStep", "url": "http://qa/", "steps": ["first-try", "3", step]}
    (fault,) = unsupported_schedule(schedule(steps=steps, gates=[gate]))
    assert fault.field == "spec.gates[0].steps[2]"
    assert str(fault) == f"{fault.field}: there is no step {step}; write first-try or a number from 1 to 3"


@pytest.mark.parametrize(
    ("slo", "fields"),
    [
        ({**SLO, "sli": {"prometheus": {"bad": "b", "total": "t"}}}, ["prometheus.bad", "prometheus.total"]),
        ({"name": "a", "sli": {"prometheusThreshold": {"query": "q", "max": 1}}}, ["prometheusThreshold.query"]),
    ],
    ids=["counters", "threshold"],
)
def test_users_own_queries_need_prometheus(slo: dict[str, Any], fields: list[str]) -> None:
    assert list(unsupported_schedule(schedule(slos=[slo]))) == []
    refused = list(unsupported_schedule(schedule(slos=[slo]), sources=[OF_CONTROLLERS]))
    assert [fault.field for fault in refused] == [f"spec.slos[0].sli.{field}" for field in fields]
    assert all("run the daemon with --source prometheus" in fault.remedy for fault in refused)


def test_a_second_comparison_of_the_same_distribution_is_refused() -> None:
    slos: list[dict[str, Any]] = [{"name": name, "sli": {"latencyDistribution": {}}} for name in ("shape", "again")]
    assert list(unsupported_schedule(schedule(slos=slos[:1]), sources=[OF_CONTROLLERS])) == []
    (fault,) = unsupported_schedule(schedule(slos=slos))
    assert str(fault) == "spec.slos[1].sli: compares what shape compares; remove one of them"


def test_a_distribution_needs_the_controllers_histogram() -> None:
    slos: list[dict[str, Any]] = [{"name": "shape", "sli": {"latencyDistribution": {}}}]
    (fault,) = unsupported_schedule(schedule(slos=slos), sources=[frozenset({Capability.REQUESTS})])
    assert fault.field == "spec.slos[0].sli.latencyDistribution"
    assert fault.what == "needs evidence from the ingress controllers"


@pytest.mark.parametrize(
    ("own", "field", "sided"),
    [
        ({"bad": 'x{s="{{side}}",r="bad"}', "total": "x"}, "total", "bad"),
        ({"good": 'x{s="{{service}}",r="good"}', "total": 'x{s="{{canaryService}}"}'}, "total", "good"),
        ({"bad": 'x{r="bad"}', "total": 'x{s="{{service}}"}'}, "bad", "total"),
        ({"good": 'x{r="good"}', "total": 'x{s="{{side}}"}'}, "good", "total"),
    ],
)
def test_one_counter_of_a_side_and_one_of_everybody_are_refused(own: dict[str, Any], field: str, sided: str) -> None:
    (fault,) = unsupported_schedule(schedule(slos=[{**SLO, "sli": {"prometheus": own}}]))
    assert fault.field == f"spec.slos[0].sli.prometheus.{field}"
    assert fault.what.startswith(f"has neither {{{{side}}}} nor {{{{service}}}} while {sided} has, so that")
    assert fault.remedy.startswith("tell the sides apart in both, or write {{canaryService}} in both")


def test_counters_that_both_distinguish_the_sides_or_neither_are_taken() -> None:
    for which in ("side", "service", "canaryService"):
        own = {"bad": f'x{{s="{{{{{which}}}}}",r="bad"}}', "total": f'x{{s="{{{{{which}}}}}"}}'}
        assert list(unsupported_schedule(schedule(slos=[{**SLO, "sli": {"prometheus": own}}]))) == []


def test_what_is_served_is_not_refused() -> None:
    assert list(unsupported_rollout(rollout())) == []
    assert list(unsupported_schedule(schedule())) == []


def test_a_name_too_long_for_its_shadow_asks_for_a_shorter_one() -> None:
    body = rollout().dump() | {"ingresses": ["c" * 250]}
    with pytest.raises(ValueError, match=r"shorter shadow\.name"):
        RolloutSpec.model_validate(body)
