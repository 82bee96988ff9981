"""Rules of CRDs in CEL, as far as ours go: comparisons, logic, arithmetic, lists, ``has``, ``filter`` and durations.

Used by ``schema.py``. A rule in other words is refused with its CRD, so that none is passed over.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

Variables = Mapping[str, Any]
Term = Callable[[Variables], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?) | (?P<text>'[^'\\]*'|"[^"\\]*") | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>&& | \|\| | [=!<>]= | [-+*/<>!()\[\].,]))""",
    re.VERBOSE,
)
_ENDS = "end of the rule"
_BINARY: tuple[Mapping[str, Callable[[Any, Any], Any]], ...] = (
    {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
     "in": lambda one, many: one in many},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
)  # fmt: skip
"""Operators by how tightly they bind, the loosest first; ``&&`` and ``||`` are looser still."""
_CONSTANTS = {"true": True, "false": False, "null": None}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|ms|s|m|h)")
_SPANS = re.compile(rf"0|(?:{_SPAN.pattern})+")
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class UnknownRule(ValueError):
    """Raised for a rule that is not in the words that are known here."""


class Unevaluable(Exception):
    """Raised where a rule cannot be evaluated; the message says why, as a real API server does."""


class NoSuchKey(Unevaluable):
    """Raised where a rule asks for a field that is absent."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such key: {name}")


@lru_cache(maxsize=1024)
def compiled(rule: str) -> Term:
    """Return the rule as a function of its variables, such as ``self``. Raises UnknownRule."""
    return _Parser(rule).whole()


class _Parser:
    """Parser by recursive descent; what it returns for a part of a rule is a function that evaluates it."""

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while rule[place:].strip():
            found = _TOKEN.match(rule, place)
            if found is None:
                raise UnknownRule(f"{rule}: what is {rule[place:]!r}?")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()
        self._tokens.append(("end", _ENDS))
        self._next = 0

    def whole(self) -> Term:
        term = self._either()
        self._expect(_ENDS)
        return term

    def _either(self) -> Term:
        terms = [self._both()]
        while self._takes("||"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else lambda known: any(term(known) for term in terms)

    def _both(self) -> Term:
        terms = [self._binary(0)]
        while self._takes("&&"):
            terms.append(self._binary(0))
        return terms[0] if len(terms) == 1 else lambda known: all(term(known) for term in terms)

    def _binary(self, level: int) -> Term:
        if level == len(_BINARY):
            return self._unary()
        term = self._binary(level + 1)
        while (sign := self._tokens[self._next][1]) in _BINARY[level]:
            self._next += 1
            term = _applied(_BINARY[level][sign], term, self._binary(level + 1))
        return term

    def _unary(self) -> Term:
        if self._takes("!"):
            return _applied(operator.not_, self._unary())
        if self._takes("-"):
            return _applied(operator.neg, self._unary())
        term = self._primary()
        while self._takes("."):
            name = self._name()
            term = self._call(term, name) if self._takes("(") else _applied(_member(name), term)
        return term

    def _call(self, term: Term, method: str) -> Term:
        """Return a method's call, after its opening parenthesis."""
        if method == "filter":
            variable = self._name()
            self._expect(",")
            passes = self._either()
            self._expect(")")
            return lambda known: [one for one in term(known) if passes({**known, variable: one})]
        if method != "size":
            raise UnknownRule(f"{self._rule}: what is .{method}()?")
        self._expect(")")
        return _applied(len, term)

    def _primary(self) -> Term:
        group, text = self._tokens[self._next]
        self._next += 1
        if group == "number":
            number = float(text) if "." in text else int(text)
            return lambda _: number
        if group == "text":
            return lambda _: text[1:-1]
        if text == "(":
            term = self._either()
            self._expect(")")
            return term
        if text == "[":
            terms = self._listed("]")
            return lambda known: [term(known) for term in terms]
        if group != "name":
            raise UnknownRule(f"{self._rule}: what is {text!r}?")
        if text in _CONSTANTS:
            return lambda _: _CONSTANTS[text]
        if not self._takes("("):
            return lambda known: known[text]
        return self._has() if text == "has" else self._function(text)

    def _has(self) -> Term:
        """Return whether a field is there, after the macro's opening parenthesis."""
        inner = self._either()
        self._expect(")")

        def has(known: Variables) -> bool:
            try:
                inner(known)
            except NoSuchKey:
                return False
            return True

        return has

    def _function(self, name: str) -> Term:
        if name not in _FUNCTIONS:
            raise UnknownRule(f"{self._rule}: what is {name}()?")
        return _applied(_FUNCTIONS[name], *self._listed(")"))

    def _listed(self, end: str) -> list[Term]:
        terms: list[Term] = []
        while not self._takes(end):
            if terms:
                self._expect(",")
            terms.append(self._either())
        return terms

    def _name(self) -> str:
        group, text = self._tokens[self._next]
        if group != "name":
            raise UnknownRule(f"{self._rule}: a name is missing at {text!r}")
        self._next += 1
        return text

    def _takes(self, sign: str) -> bool:
        taken = self._tokens[self._next][1] == sign
        self._next += taken
        return taken

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise UnknownRule(f"{self._rule}: {sign!r} is missing at {self._tokens[self._next][1]!r}")


def _applied(function: Callable[..., Any], *terms: Term) -> Term:
    return lambda known: function(*(term(known) for term in terms))


def _member(name: str) -> Callable[[Any], Any]:
    def member(value: Any) -> Any:
        if name not in value:
            raise NoSuchKey(name)
        return value[name]

    return member


def _duration(text: str) -> timedelta:
    """Return a span as Go parses it. Raises Unevaluable."""
    if not _SPANS.fullmatch(text):
        raise Unevaluable("type conversion error from 'string' to 'google.protobuf.Duration'")
    return timedelta(seconds=sum(float(count) * _UNITS[unit] for count, unit in _SPAN.findall(text)))


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"double": float, "int": int, "size": len, "duration": _duration}
