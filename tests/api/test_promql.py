"""Queries that the parser must not see are recognised by their text alone."""

import time
from typing import Any

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingress_canary.api.promql import (
    MAX_BYTES,
    MAX_LEVELS,
    nesting,
    query_fault,
    with_regexes,
    without_costly_regexes,
)
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.sli import ThresholdSli
from ingress_canary.api.units import AS_BEGUN

JUST_PAST = {
    "brackets": lambda n: "(" * n + "x" + ")" * n,
    "signs": lambda n: "-" * n + "x",
    "signs apart": lambda n: "+ -" * (n // 2) + "-" * (n % 2) + "x",
    "functions": lambda n: "abs(" * n + "x" + ")" * n,
    "aggregations": lambda n: "sum by (a) (" * n + "x" + ")" * n,
    "grouped behind": lambda n: "sum(" * n + "x" + ") by (a)" * n,
    "powers": lambda n: "^".join(["x"] * (n + 1)),
    "sums": lambda n: " + ".join(["x"] * (n + 1)),
    "comparisons": lambda n: " >= bool ".join(["x"] * (n + 1)),
    "words": lambda n: " OR ".join(["x"] * (n + 1)),
    "unclosed": lambda n: "(" * n,
}
"""Ways in which PromQL nests: a query of ``n`` levels."""


@pytest.mark.parametrize("of", JUST_PAST.values(), ids=JUST_PAST)
def test_every_way_to_nest_is_counted_and_the_bound_is_reported_with_a_remedy(of: Any) -> None:
    assert [nesting(of(n)) for n in (1, 2, 7, MAX_LEVELS)] == [1, 2, 7, MAX_LEVELS]
    assert query_fault(of(MAX_LEVELS)) is None
    fault = str(query_fault(of(MAX_LEVELS + 1)))
    assert fault.startswith("is nested 26 levels deep, and 25 are the most (brackets, functions, signs")
    assert fault.endswith("; let Prometheus record parts of it by a rule, and query what is recorded")


@pytest.mark.parametrize(
    ("query", "levels"),
    [
        ("a and on (b) c unless on (b) d", 3),
        ('x{a!="b",c!~"d",e="f" or g=~"h"}', 1),
        ("rate(x[5m])", 3),
        ("max_over_time(rate(x[5m])[1h:1m])", 5),
        ("histogram_quantile(0.99, sum by (le) (rate(x[5m])))", 5),
        ("a / (b + c) - d", 4),
        ("(a) + (b) + (c)", 3),
        ("job:errors:or_rate5m", 0),
        ("x{a=\"((((\", b='-(-(', c=`[[[`}", 1),
        (r'x{a="\"((("}', 1),
        (r"x{a='\'(((', b=`\`(((`}", 1),
        ("x # ((( and (((\n", 0),
        ("x # '\r + y", 1),
        ('"# (" + x', 1),
        ('x{a="{{service}}"} + x{a="{{ side }}"}', 2),
        ("x)))", 0),
    ],
)
def test_only_what_nests_counts_outside_of_strings_and_comments(query: str, levels: int) -> None:
    assert nesting(query) == levels


def depth(node: Any) -> int:
    """Return the height of a syntax tree above its leaves."""
    parts = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector")]
    children = [part for part in (*parts, *getattr(node, "args", ())) if part is not None]
    return 1 + max(map(depth, children)) if children else 0


def queries() -> st.SearchStrategy[str]:
    """Small queries of every form."""

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        wrapped = st.sampled_from(["({})", "-{}", "abs({})", "sum by (a) ({})", "max_over_time(({})[5m:1m])"])
        joined = st.sampled_from(["{} + {}", "{}^{}", "{} or {}", "{} >bool {}", "{} * on (a) {}", "{} # (\n- {}"])
        return st.builds(str.format, wrapped, inner) | st.builds(str.format, joined, inner, inner)

    return st.recursive(st.sampled_from(["x", 'x{a="(",b!="c"}', "rate(x[5m])", "vector(1)"]), larger, max_leaves=8)


@given(queries())
def test_no_syntax_tree_is_deeper_than_what_is_counted(query: str) -> None:
    if nesting(query) <= MAX_LEVELS:
        assert depth(promql_parser.parse(query)) <= nesting(query)


def test_a_query_is_measured_in_bytes_as_it_is_sent() -> None:
    text = 'x{a="%s"}'
    assert query_fault(text % ("é" * ((MAX_BYTES - 8) // 2))) is None
    fault = query_fault(text % ("é" * (MAX_BYTES // 2)))
    assert str(fault) == "has 16007 bytes, and 16000 are the most; shorten it, or let Prometheus record parts of it"


def test_the_model_refuses_it_and_reads_what_a_rollout_has_begun_with() -> None:
    deep = {"query": "-" * (MAX_LEVELS + 1) + "x", "max": 1}
    with pytest.raises(ValidationError, match="is nested 26 levels deep, and 25 are the most") as refused:
        ThresholdSli.model_validate(deep)
    assert refused.value.errors()[0]["loc"] == ("query",)
    assert ThresholdSli.model_validate(deep, context=AS_BEGUN).query == deep["query"]


@pytest.mark.parametrize(
    "regex",
    [r'"\\pL{9}"', r'"\\w+"', r"'\\d{3}'", '"(?i)a"', '"a{2}"', r"`\d+`", '"' + "." * 600 + '"'],
)
def test_a_costly_regular_expression_is_not_compiled_and_comes_back_as_it_was(regex: str) -> None:
    query = f'x{{a=~{regex},b !~ # "\n {regex}, c=~"plain"}} + y{{d="=~\\"e{{3}}\\""}} # =~"'
    cheap, regexes = without_costly_regexes(query)
    assert regex not in cheap
    assert sorted(regexes.values()) == sorted([f"=~{regex}", f'!~ # "\n {regex}', '=~"plain"'])
    assert 'd="=~\\"e{3}\\""' in cheap
    assert with_regexes(cheap, regexes) == query


def test_nothing_that_is_written_is_looked_through_again_and_again() -> None:
    began = time.process_time()
    for text in ("x{a=~" + " #" * 15, "=~ #" * 15, "x{a=~" + "\n#" * 15, 'x{a=~"' + "\\" * 15, '"\\' * 15):
        without_costly_regexes(text)
        nesting(text)
    assert time.process_time() - began < 0.5


def test_as_many_cheap_ones_as_queries_have_are_left_to_the_parser_and_no_more() -> None:
    some = "x{" + ",".join(f'a{n}=~"web|api[.]v{n}|[a-z]+"' for n in range(9)) + "}"
    assert without_costly_regexes(some) == (some, {})
    assert without_costly_regexes("x{" + ",".join(['a=~""'] * 30) + "}")[1] == {'="~~0"': '=~""'}


def test_what_looks_like_a_placeholder_stays_what_it_is() -> None:
    query = r'x{a="~0",b="~~1",c!="~~~0",d=~"\\d+",e!~"\\d+"}'
    cheap, regexes = without_costly_regexes(query)
    assert cheap == 'x{a="~0",b="~~1",c!="~~~0",d="~~~~0",e!="~~~~1"}'
    assert with_regexes(cheap, regexes) == query


def scheduled(*queries: str, **context: Any) -> ScheduleSpec:
    """Return a schedule that asks these queries."""
    slos = [{"name": f"slo-{n}", "sli": {"prometheusThreshold": {"query": q, "max": 1}}} for n, q in enumerate(queries)]
    return ScheduleSpec.model_validate({"steps": [{"weight": 5, "bake": "1m"}], "slos": slos}, **context)


def test_all_queries_of_a_schedule_have_a_bound_together_and_a_rollout_that_began_beyond_it_is_served() -> None:
    long, short = "x".ljust(4096), 'x{s="{{service}}"}'
    scheduled(long, long, long, "x".ljust(4014), short)
    beyond = [long, long, long, "x".ljust(4015), short]
    with pytest.raises(ValidationError) as refused:
        scheduled(*beyond)
    assert refused.value.errors()[0]["msg"] == (
        "Value error, slos: their queries have 16385 characters together (each variable counts as 64 more), and 16384 "
        "are the most; let Prometheus record parts of them by rules, and query what is recorded"
    )
    assert len(scheduled(*beyond, context=AS_BEGUN).slos) == 5
    counters = {"name": "own", "objective": 99, "sli": {"prometheus": {"good": "g", "total": "t"}}}
    assert [query for slo in ScheduleSpec.model_validate(
        {"steps": [{"weight": 5, "bake": "1m"}], "slos": [counters]}
    ).slos for query in slo.sli.queries.values()] == ["g", "t"]  # fmt: skip
