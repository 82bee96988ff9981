"""Users' queries: a closed set of variables, and counters that can be followed series by series."""

import time
from collections.abc import Callable, Iterator

import promql_parser
import pytest

from ingress_canary.api.model import FieldFault
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.promql import VARIABLES, counter_faults, fill, is_sided, selector, value_faults
from ingress_canary.domain.metrics.samples import Side
from ingress_canary.domain.metrics.templates import names
from ingress_canary.domain.status.unsupported import unsupported_schedule
from tests.domain.world import schedule

VALUES = {"namespace": "shop", "stableService": "web", "canaryService": "web-canary", "revision": 'v"1\\'}


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the parser is given, as it comes."""
    seen: list[str] = []
    parse = promql_parser.parse

    def noted(query: str) -> promql_parser.Expr:
        seen.append(query)
        return parse(query)

    monkeypatch.setattr(promql_parser, "parse", noted)
    return seen


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


def test_only_some_variables_distinguish_the_sides() -> None:
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
        ("sum(x", "this parser does not know it: unclosed left parenthesis; correct it"),
        ('x{a="{{track}}"}', "unknown variable {{track}}; there are {{side}}, {{service}}"),
        ('x{a="{{}}"}', "unknown variable {{}}"),
        ('x{a="{{side}"}', "has {{ that belongs to no variable; write variables with two braces"),
        ('x{a="{side}}"}', "has }} that belongs to no variable; write variables with two braces"),
        ('x{a="{{side}}",b="{{"}', "has {{ that belongs to no variable"),
    ],
)
def test_what_is_no_counter_is_refused_with_a_remedy(query: str, fault: str) -> None:
    (found,) = counter_faults(query)
    assert str(found).startswith(fault)
    assert found.remedy


@pytest.mark.parametrize("query", ["x", "sum(rate(x[5m])) / 2", "avg_over_time(x[1m])", "scalar(x)"])
def test_a_threshold_takes_any_query_with_a_number(query: str) -> None:
    assert list(value_faults(query)) == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [("1", "has no number"), ("x[5m]", "has no number"), ("x(", "this parser does not know it")],
)
def test_a_threshold_without_a_number_is_refused(query: str, fault: str) -> None:
    (found,) = value_faults(query)
    assert found.what.startswith(fault)


def test_blanks_without_end_are_looked_through_once() -> None:
    template = "x{{" + " " * 600
    began = time.process_time()
    assert names(template) == []
    assert time.process_time() - began < 0.05


@pytest.mark.parametrize(
    ("query", "raw"),
    [
        (r'sum(x{a=~"\\w{3}",b="c"})', r'x{a=~"\\w{3}",b="c"}'),
        (r'x{a=~`\d+`,b!~"(?i)c"}', r'x{a=~`\d+`,b!~"(?i)c"}'),
        ('x{a=~"regex0",b=~"c{2}"}', 'x{a=~"regex0",b=~"c{2}"}'),
    ],
)
def test_costly_regular_expressions_are_asked_as_they_are_written(query: str, raw: str) -> None:
    assert selector(query) == raw


def test_a_regular_expression_that_is_none_is_refused() -> None:
    (message,) = counter_faults('x{a=~"(b"}')
    assert str(message).startswith("this parser does not know it: illegal regex for (b; correct it")


@pytest.mark.parametrize(
    "query",
    [
        'label_replace(x, "a", "$1", "b", `(\\d+)`)', "rate(x[5m+1m])", "rate(x[5m] smoothed)", "x / 1_000",
        "holt_winters(x[5m], 0.5, 0.5)",
    ],
)  # fmt: skip
def test_what_some_prometheus_takes_is_not_called_wrong(query: str) -> None:
    (fault,) = value_faults(query)
    assert fault.what.startswith("this parser does not know it: ")
    assert "where Prometheus itself takes it, write plain numbers" in fault.remedy


@pytest.mark.parametrize("faults", [counter_faults, value_faults])
def test_a_query_that_is_too_deep_is_refused_before_it_is_parsed(
    faults: Callable[[str], Iterator[FieldFault]], parses: list[str]
) -> None:
    (message,) = faults("-" * 26 + "deep")
    assert message.what.startswith("is nested 26 levels deep, and 25 are the most")
    with pytest.raises(ValueError, match="is nested 26 levels deep"):
        selector(fill("{{revision}}deep", {"revision": "(" * 26}, Side.CANARY))
    assert parses == []


def test_a_content_is_parsed_once_for_all_that_ask_and_with_any_answer(parses: list[str]) -> None:
    asked = {"bad": 'sum(once_bad{a="{{side}}"})', "total": 'rate(once_all{a="{{side}}"}[1m])'}
    slos = [
        {"name": "own", "objective": 99, "sli": {"prometheus": asked}},
        {"name": "load", "sli": {"prometheusThreshold": {"query": "max(once_load", "max": 1}}},
    ]
    for _ in range(3):  # daemons' terms, each of which reads the schedule anew
        spec = schedule(slos=slos)
        assert {fault.field for fault in unsupported_schedule(spec)} == {
            "spec.slos[0].sli.prometheus.total", "spec.slos[1].sli.prometheusThreshold.query",
        }  # fmt: skip
        for _ in range(3):  # readings
            measures = SliSet.of(spec.slos, spec.analysis)
            questions = measures.questions(VALUES)
            assert questions.parts == ('once_bad{a="canary"}', 'once_bad{a="stable"}')
            assert questions.totals == ('rate(once_all{a="canary"}[1m])', 'rate(once_all{a="stable"}[1m])')
    assert sorted(parses) == sorted(set(parses))
    assert len(parses) == 5


def test_the_parser_compiles_none_of_many_regular_expressions(parses: list[str]) -> None:
    query = "sum(x{" + ",".join(f'a{n}=~"b{n % 3}"' for n in range(100, 400)) + ',c!~"d"})'
    assert selector(query) == query[4:-1]
    assert not [text for text in parses if "=~" in text or "!~" in text]
