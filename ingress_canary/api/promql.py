"""PromQL limits before parsing: queries that are too long or too deep, and costly regular expressions.

Its time grows with the square of the nesting, and a regular expression of ten characters may cost it 40 ms, so that a
few kilobytes of one tenant's could stop the daemon for all. Decided on the text alone: ``schedule.py`` refuses a query
by it, and ``domain/metrics/promql.py`` asks again when the variables are filled in.
"""

import re
from collections.abc import Mapping

from ingress_canary.api.model import FieldFault

MAX_BYTES = 16_000
"""Of a query in UTF-8: VictoriaMetrics takes 16 KiB by default (-search.maxQueryLen), the others more."""
MAX_LEVELS = 25
"""The deepest of 1,448 published alerts and recording rules (kube-prometheus, awesome-prometheus-alerts) has 14."""
MOST_TOGETHER = 16_384
"""Characters of all queries of a schedule, each variable counted as PER_VARIABLE more: to parse them, with their
variables filled in for both sides too, takes a pass some 30 ms of CPU at the worst, once for each content."""
PER_VARIABLE = 64
CHEAP_REGEXES = 512
"""Characters of all regular expressions of a query, each with 16 more, that the parser compiles in a few ms."""

# nothing in these is tried twice, whatever is written; the parser takes a backslash for an escape in backquotes too,
# which Prometheus does not
_STRING = r""""(?:\\.|[^"\\])*+"?|'(?:\\.|[^'\\])*+'?|`(?:\\.|[^`\\])*+`?"""
_COMMENT = r"\#[^\r\n]*+"
_NESTING = re.compile(
    rf"""
    (?P<passed>{_STRING} | {_COMMENT})
    | (?P<opening>[(\[{{])
    | (?P<closing>[)\]}}])
    | (?P<operator>[-+*/%^] | [=!<>]= | [<>] | (?<![\w:])(?i:and|or|unless|atan2)(?![\w:]))
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_REGEX = re.compile(rf"(?P<matches>[=!]~(?:\s|{_COMMENT})*+)(?P<regex>{_STRING})|{_STRING}|{_COMMENT}", re.DOTALL)
_COSTLY = re.compile(r"\\[A-Za-z]|\{|\(\?|^`")
"""Classes such as ``\\w``, counted repetitions and flags; and backquotes, in which the parser knows no ``\\d``."""


def query_fault(query: str) -> FieldFault | None:
    """Return why a query is too long or too deep to be parsed, with a remedy; None when it is not."""
    if (size := len(query.encode(errors="replace"))) > MAX_BYTES:
        remedy = "shorten it, or let Prometheus record parts of it"
        return FieldFault(f"has {size} bytes, and {MAX_BYTES} are the most", remedy)
    if (levels := nesting(query)) > MAX_LEVELS:
        counted = "brackets, functions, signs and the operators of a chain count"
        return FieldFault(
            f"is nested {levels} levels deep, and {MAX_LEVELS} are the most ({counted})",
            "let Prometheus record parts of it by a rule, and query what is recorded",
        )
    return None


def length(query: str) -> int:
    """Return the characters of a query as a schedule's queries are measured together."""
    return len(query) + PER_VARIABLE * query.count("{{")


def nesting(query: str) -> int:
    """Return an upper bound of the depth of a query's syntax tree.

    Each bracket is one, round what is deepest in it, and so is each operator beside it, signs included: ``a^b^c`` and
    ``a+b+c`` make trees as deep as they are long. Matchers do not nest.
    """
    around = [_Level("")]
    for token in _NESTING.finditer(query):
        match token.lastgroup:
            case "opening":
                # a range or a subquery is written behind what it holds
                around[-1].operators += token[0] == "["
                around.append(_Level(token[0]))
            case "closing" if len(around) > 1:
                _close(around)
            case "operator" if around[-1].bracket != "{":
                around[-1].operators += 1
            case _:
                pass
    while len(around) > 1:
        _close(around)
    return around[0].depth


class _Level:
    """The part of a query between two brackets."""

    __slots__ = ("bracket", "deepest", "operators")

    def __init__(self, bracket: str) -> None:
        self.bracket, self.operators, self.deepest = bracket, 0, 0

    @property
    def depth(self) -> int:
        return self.operators + self.deepest


def _close(around: list[_Level]) -> None:
    inner = around.pop()
    around[-1].deepest = max(around[-1].deepest, 1 + inner.depth)


def without_costly_regexes(query: str) -> tuple[str, dict[str, str]]:
    """Return a query whose regular expressions are placeholders, and the matchers' ends that these stand for.

    Where they are cheap, they stay: the parser then tells those that are none. Where they are not, Prometheus tells. A
    placeholder is no regular expression: the parser would compile it, as often as it stands there.
    """
    regexes = [match["regex"] for match in _REGEX.finditer(query) if match["regex"] is not None]
    if sum(len(regex) + 16 for regex in regexes) <= CHEAP_REGEXES and not any(map(_COSTLY.search, regexes)):
        return query, {}
    # longer than what the query may have of the same form
    mark = "~" * (1 + max(map(len, re.findall("~+", query))))
    numbers: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        if match["regex"] is None:
            return match[0]
        negation = "" if match["matches"].startswith("=") else "!"
        return negation + numbers.setdefault(match[0], f'="{mark}{len(numbers)}"')

    text = _REGEX.sub(placeholder, query)
    return text, {name: matcher for matcher, name in numbers.items()}


def with_regexes(text: str, matchers: Mapping[str, str]) -> str:
    """Return what became of such a query with the matchers for their placeholders."""
    return re.sub(r'!?(="~+[0-9]+")', lambda match: matchers.get(match[1], match[0]), text) if matchers else text
