"""PromQL that users write: its variables, and what of it can be counted.

``lint`` and the daemon refuse by it what could not work (``support.py``), ``measures.py`` fills it in. Parsed offline
by promql-parser, which follows Prometheus's own grammar.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

import promql_parser
from promql_parser import AggregateExpr, NumberLiteral, ParenExpr, StringLiteral, VectorSelector

from ingress_canary.domain.samples import Side
from ingress_canary.domain.templates import names, render, unclosed, unknown

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
SIDED = frozenset({"side", "service"})
"""Without any of them a query speaks of the canary alone, and there is no relative test."""


def is_sided(template: str) -> bool:
    """Return whether a query is asked once for each side."""
    return any(name in SIDED for name in names(template))


@lru_cache(maxsize=4096)
def _filled(template: str, values: frozenset[tuple[str, str]]) -> str:
    return render(template, dict(values), _escaped)


def _escaped(value: str) -> str:
    """Return a value as it stands between the quotes of a matcher."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def fill(template: str, values: Mapping[str, str], side: Side) -> str:
    """Return a query with its variables filled in for one side."""
    service = values.get("canaryService" if side is Side.CANARY else "stableService", "")
    return _filled(template, frozenset({**values, "side": side.value, "service": service}.items()))


@lru_cache(maxsize=4096)
def selector(query: str) -> str:
    """Return the raw counters that a filled-in query names: the inside of ``sum(...)``. Raises ValueError."""
    expression = promql_parser.parse(query)
    while isinstance(expression, ParenExpr | AggregateExpr):
        if isinstance(expression, AggregateExpr) and str(expression.op) != "sum":
            break
        expression = expression.expr
    if not isinstance(expression, VectorSelector):
        raise ValueError(
            'is not a counter; write its selector, such as errors_total{service="x"}, or the sum of one: rates, '
            "arithmetic and increase() hide resets, and are taken here, series by series"
        )
    if expression.offset is not None or expression.at is not None:
        raise ValueError("looks at another time; remove offset and @")
    return str(expression.prettify())


def _value(query: str) -> None:
    """Take a query whose answer is a number of the present. Raises ValueError."""
    expression = promql_parser.parse(query)
    if isinstance(expression, NumberLiteral | StringLiteral | promql_parser.MatrixSelector):
        raise ValueError('has no number of Prometheus as its answer; write a query such as max(load{service="x"})')


def counter_faults(template: str) -> Iterator[str]:
    """Yield what is wrong with the query of a counter: a message and its remedy."""
    yield from _faults(template, selector)


def value_faults(template: str) -> Iterator[str]:
    """Yield what is wrong with the query of a threshold."""
    yield from _faults(template, _value)


def one_sided(part: str, total: str) -> bool:
    """Return whether only one of two counters is told by side: a share of everybody's events, not of the canary's."""
    return is_sided(part) != is_sided(total)


def _faults(template: str, check: Callable[[str], object]) -> Iterator[str]:
    wrong = [*unknown(template, VARIABLES), *unclosed(template, ("{{", "}}"))]
    if wrong:
        yield from wrong
        return
    try:
        check(fill(template, dict.fromkeys(VARIABLES, "x"), Side.CANARY))
    except ValueError as error:
        text = str(error)
        yield text if "; " in text else f"is not PromQL: {text}; correct it"
