#!/usr/bin/env bash
# promql-parser 0.12.0 (PyPI; Rust crate promql-parser): str() of a parsed query is not always that query; only
# prettify() is.
#
# Good guess: str(parse(q)) is q in canonical form, as String() of Prometheus' own parser is, so that a tool may parse,
# inspect or rewrite a query and send what is printed.
# Seen: a subquery without a resolution is printed as a range selector, which is another thing; of an expression, with a
# quoted label name, with a quotation mark in a value, or with milliseconds, what is printed is no PromQL at all.
# Who is hurt: whoever formats a parsed query into a string. prettify() of the same node is right in each case.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check promql-parser==0.12.0
"$work/venv/bin/python" - <<'PYTHON'
from promql_parser import parse

SEEN = {
    # query as documented by Prometheus: (printed, whether the printed form parses again)
    "x[5m:]": ("x{}[5m]", True),
    "rate(x[5m:])": ("rate(x{}[5m])", True),
    "max_over_time(rate(x[1m])[5m:])": ("max_over_time(rate(x{}[1m])[5m])", False),
    'x{"a.b"="c"}': ('x{a.b="c"}', False),
    'sum by ("a.b") (x)': ("sum by (a.b)(x{})", False),
    "x{a=`b\"c`}": ('x{a="b"c"}', False),
    "rate(x[500ms])": ("rate(x{}[0s])", False),
    "x[5m:1m]": ("x{}[5m:1m]", True),
}
for query, (printed, parses) in SEEN.items():
    node = parse(query)
    text = str(node)
    try:
        again = type(parse(text)).__name__
    except ValueError as error:
        again = f"refused: {error}"
    print(f"{query!r} ({type(node).__name__}) is printed as {text!r} ({again})")
    assert text == printed, (query, text)
    assert again.startswith("refused") is not parses, (query, again)
    assert parse(node.prettify()).prettify() == node.prettify(), query
assert type(parse("x[5m:]")).__name__ == "SubqueryExpr"
assert type(parse(str(parse("x[5m:]")))).__name__ == "MatrixSelector"
PYTHON
