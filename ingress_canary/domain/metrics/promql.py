"""PromQL that users write: its variables, and the counters that can be taken from it.

``lint`` and the daemon refuse by it what could not work (``unsupported.py``), ``kinds/counters.py`` and
``kinds/gauge.py`` fill it in. Parsed offline by promql-parser, which follows Prometheus's own grammar, once for each
content and within the bounds of ``api/promql.py``: whatever a tenant writes, it costs all others a few milliseconds,
once.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import promql_parser
from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    VectorSelector,
)

from ingress_canary.api.model import FieldFault
from ingress_canary.api.promql import MAX_BYTES, query_fault, with_regexes, without_costly_regexes
from ingress_canary.domain.metrics.remembered import remembered
from ingress_canary.domain.metrics.samples import Side
from ingress_canary.domain.metrics.templates import names, render, unclosed, unknown

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "side": "canary or stable: the query is asked once for each",
        "service": "the Service of that side",
        "namespace": "namespace of the rollout",
        "ingress": "the primary Ingress",
        "stableService": "Service of stable",
        "canaryService": "Service of the canary",
        "canaryUpstream": "the canary's upstream, as the controllers' label canary has it",
        "revision": "what is rolled out",
    }
)
"""The closed set of variables, written as ``{{side}}``, with their meaning (docs/howto/own-metrics.md)."""
BOUND = re.compile(r"""\b(le|quantile)\s*=~?\s*(["'`])([\d.|]+)\2""")
"""A matcher of bounds by their text."""
REMEMBERED = 64 * 1024 * 1024
"""Bytes that the results of each function here may take that has them remembered: those of some 300 schedules with as
long queries as there may be, and of tens of thousands with usual ones."""
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
FILTERED = "write > bool for 1 or 0, or leave the comparison out and say min or max"
"""What to do with a query whose comparison leaves out what it does not hold of."""
UNKNOWN = (
    "correct it; where Prometheus itself takes it, write plain numbers and durations, strings in double quotes, "
    "functions by their names in Prometheus 3, or record it by a rule and ask for that by prometheusThreshold"
)
"""What to do with PromQL that promql-parser refuses: it does not know all that some version of Prometheus takes."""
SIDED = frozenset({"side", "service"})
"""Without any of them a query speaks of the canary alone, and there is no relative test."""


def is_sided(template: str) -> bool:
    """Return whether a query is sent once for each side (canary and stable)."""
    return any(name in SIDED for name in names(template))


@remembered(REMEMBERED)
def _filled(template: str, values: frozenset[tuple[str, str]]) -> str:
    # what is too long for a server need not be whole, and may be twenty times as long as its template
    return render(template, dict(values), _escaped)[: MAX_BYTES + 1]


def _escaped(value: str) -> str:
    """Return a value escaped for the quotes of a matcher."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def fill(template: str, values: Mapping[str, str], side: Side) -> str:
    """Return a query with its variables filled in for one side."""
    service = values.get("canaryService" if side is Side.CANARY else "stableService", "")
    return _filled(template, frozenset({**values, "side": side.value, "service": service}.items()))


class Parsed(NamedTuple):
    """The parser's result for a rendered query. The syntax tree is not kept: it would be many times as large."""

    selector: str = ""
    """The raw counters that it names, if it is of a counter."""
    metric: str = ""
    """Their metric's name, or the pattern of it."""
    is_filtered: bool = False
    """Whether it answers nothing where a comparison does not hold."""
    not_counter: FieldFault | None = None
    """Why it is no counter; None when it is one."""
    not_value: FieldFault | None = None
    """Why its answer is no number of the present."""


@remembered(REMEMBERED)
def parsed(query: str) -> Parsed:
    """Return the parser's result for a query, errors included; cached for the whole process."""
    fault = query_fault(query)
    if fault is not None:
        return Parsed(not_counter=fault, not_value=fault)
    cheap, regexes = without_costly_regexes(query)
    try:
        expression = promql_parser.parse(cheap)
    except ValueError as error:
        fault = FieldFault(f"this parser does not know it: {error}", UNKNOWN)
        return Parsed(not_counter=fault, not_value=fault)
    selector, not_counter = _counter(expression)
    return Parsed(
        with_regexes(selector, regexes), _metric(expression), _is_filtered(expression), not_counter=not_counter,
        not_value=_not_value(expression),
    )  # fmt: skip


def _aggregated(expression: promql_parser.Expr) -> promql_parser.Expr:
    """Return what stands within all parentheses and aggregations."""
    while isinstance(expression, ParenExpr | AggregateExpr):
        expression = expression.expr
    return expression


def _is_filtered(expression: promql_parser.Expr) -> bool:
    expression = _aggregated(expression)
    if not isinstance(expression, BinaryExpr) or str(expression.op) not in COMPARISONS:
        return False
    return expression.modifier is None or not expression.modifier.return_bool


def _metric(expression: promql_parser.Expr) -> str:
    expression = _aggregated(expression)
    if not isinstance(expression, VectorSelector):
        return ""
    named = (matcher.value for matcher in expression.matchers.matchers if matcher.name == "__name__")
    return str(expression.name or next(named, ""))


def _counter(expression: promql_parser.Expr) -> tuple[str, FieldFault | None]:
    """Return the argument of ``sum(...)``, and why it is no counter."""
    while isinstance(expression, ParenExpr | AggregateExpr):
        if isinstance(expression, AggregateExpr) and str(expression.op) != "sum":
            break
        expression = expression.expr
    if not isinstance(expression, VectorSelector):
        return "", FieldFault(
            "is not a counter",
            'write its selector, such as errors_total{service="x"}, or the sum of one: rates, '
            "arithmetic and increase() hide resets, and are taken here, series by series",
        )
    if expression.offset is not None or expression.at is not None:
        return "", FieldFault("looks at another time", "remove offset and @")
    return str(expression.prettify()), None


def _not_value(expression: promql_parser.Expr) -> FieldFault | None:
    if isinstance(expression, NumberLiteral | StringLiteral | MatrixSelector):
        return FieldFault("has no number of Prometheus as its answer", 'write a query such as max(load{service="x"})')
    return None


def selector(query: str) -> str:
    """Return the raw counters that a rendered query names: the argument of ``sum(...)``. Raises ValueError."""
    found = parsed(query)
    if found.not_counter is not None:
        raise ValueError(str(found.not_counter))
    return found.selector


def is_filtered(query: str) -> bool:
    """Return whether a query answers nothing where its comparison does not hold, as ``max(x) > 100`` does."""
    return parsed(query).is_filtered


def bound_notes(template: str) -> Iterator[FieldFault]:
    """Yield each whole number among a query's bounds: Prometheus 3 stores them with a decimal, whatever is exposed."""
    for label, _, values in BOUND.findall(template):
        for value in values.split("|"):
            if value.isdigit():
                what = f'{label}="{value}" finds nothing on Prometheus 3, which stores it as "{value}.0"'
                yield FieldFault(what, f'write {label}=~"{value}([.]0)?", which every version understands')


def metric_name(template: str) -> str:
    """Return the name of the metric that a counter query selects; empty where it is no such query."""
    return parsed(example(template)).metric


def counter_faults(template: str) -> Iterator[FieldFault]:
    """Yield the faults of a counter query."""
    yield from _variable_faults(template) or _said(parsed(example(template)).not_counter)


def value_faults(template: str) -> Iterator[FieldFault]:
    """Yield the faults of a threshold query."""
    yield from _variable_faults(template) or _said(parsed(example(template)).not_value)


def one_sided(part: str, total: str) -> bool:
    """Return whether only one of two counters differs by side: their ratio would mix the canary's events with all."""
    return is_sided(part) != is_sided(total)


def _variable_faults(template: str) -> list[FieldFault]:
    return [*unknown(template, VARIABLES), *unclosed(template, ("{{", "}}"))]


def example(template: str) -> str:
    """Return a query with any variables filled in."""
    return fill(template, dict.fromkeys(VARIABLES, "x"), Side.CANARY)


def _said(fault: FieldFault | None) -> tuple[FieldFault, ...]:
    return () if fault is None else (fault,)
