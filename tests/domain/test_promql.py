"""Users' queries: a closed set of variables, and counters that can be followed series by series."""

import pytest

from ingress_canary.domain.promql import VARIABLES, counter_faults, fill, is_sided, selector, value_faults
from ingress_canary.domain.samples import Side

VALUES = {"namespace": "shop", "stableService": "web", "canaryService": "web-canary", "revision": 'v"1\\'}


@pytest.mark.parametrize(
    ("template", "canary", "stable"),
    [
        ('x{track="{{side}}"}', 'x{track="canary"}', 'x{track="stable"}'),
        ('x{service="{{ service }}"}', 'x{service="web-canary"}', 'x{service="web"}'),
        ('x{ns="{{namespace}}"}', 'x{ns="shop"}', 'x{ns="shop"}'),
        ('x{v="{{revision}}"}', 'x{v="v\\"1\\\\"}', 'x{v="v\\"1\\\\"}'),
        ('x{v="{{ingress}}"}', 'x{v=""}', 'x{v=""}'),
    ],
)
def test_variables_are_filled_in_for_each_side(template: str, canary: str, stable: str) -> None:
    assert fill(template, VALUES, Side.CANARY) == canary
    assert fill(template, VALUES, Side.STABLE) == stable


def test_only_some_variables_tell_the_sides_apart() -> None:
    assert {name for name in VARIABLES if is_sided(f"x{{a='{{{{{name}}}}}'}}")} == {"side", "service"}


@pytest.mark.parametrize(
    ("query", "raw"),
    [
        ('x{a="b"}', 'x{a="b"}'),
        ('sum(x{a=~"b|c"})', 'x{a=~"b|c"}'),
        ("(sum by (pod) (x))", "x"),
        ('{__name__="x"}', '{__name__="x"}'),
    ],
)
def test_a_sum_is_taken_for_its_series(query: str, raw: str) -> None:
    assert selector(query) == raw


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("rate(x[5m])", "is not a counter"),
        ("sum(rate(x[5m]))", "is not a counter"),
        ("max(x)", "is not a counter"),
        ("x + y", "is not a counter"),
        ("x[5m]", "is not a counter"),
        ("1", "is not a counter"),
        ("x offset 5m", "looks at another time; remove offset and @"),
        ("x @ 5", "looks at another time; remove offset and @"),
        ("sum(x", "is not PromQL: unclosed left parenthesis; correct it"),
        ('x{a="{{track}}"}', "unknown variable {{track}}; there are {{side}}, {{service}}"),
        ('x{a="{{}}"}', "unknown variable {{}}"),
        ('x{a="{{side}"}', "has {{ that belongs to no variable; write variables with two braces"),
        ('x{a="{side}}"}', "has }} that belongs to no variable; write variables with two braces"),
        ('x{a="{{side}}",b="{{"}', "has {{ that belongs to no variable"),
    ],
)
def test_what_is_no_counter_is_refused_with_a_remedy(query: str, fault: str) -> None:
    (told,) = counter_faults(query)
    assert told.startswith(fault)
    assert "; " in told


@pytest.mark.parametrize("query", ["x", "sum(rate(x[5m])) / 2", "avg_over_time(x[1m])", "scalar(x)"])
def test_a_threshold_takes_any_query_with_a_number(query: str) -> None:
    assert list(value_faults(query)) == []


@pytest.mark.parametrize(
    ("query", "fault"), [("1", "has no number"), ("x[5m]", "has no number"), ("x(", "is not PromQL")]
)
def test_a_threshold_without_a_number_is_refused(query: str, fault: str) -> None:
    (told,) = value_faults(query)
    assert told.startswith(fault)
