"""Value rules (rule 11): the values that canary annotations may have.

ingress-nginx rejects nothing: an invalid value becomes empty or 0 in silence, which turns a value match into
always/never. Pure functions of the contract's values, so that ``lint`` says the same without a cluster as preflight
does with one. Source: annotations/parser/validators.go and annotations/canary/main.go of ingress-nginx v1.15.
"""

import re
import warnings
from collections.abc import Iterator
from functools import lru_cache

from ingress_canary.api.model import FieldFault
from ingress_canary.api.schedule import HeaderRoute

_NAME = re.compile(r"[A-Za-z0-9-]+")
_BASIC = re.compile(r"[/\-._~a-zA-Z0-9:]*")
_PATTERN = re.compile(r"[/\-._~a-zA-Z0-9:^$\[\](){}*+?|&=\\]*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_TOKENS = re.compile(r"\\.|\(\?[A-Za-z]+|.", re.DOTALL)
_NOT_PCRE = re.compile(r"\\[uUNLl]|\(\?[A-Za-z]*[aLu]")
"""What Python compiles and PCRE does not."""

_BASIC_ALLOWS = "letters, digits and / - . _ ~ :"
_PATTERN_ALLOWS = _BASIC_ALLOWS + " ^ $ [ ] ( ) { } * + ? | & = \\"


def header_faults(header: HeaderRoute) -> Iterator[FieldFault]:
    """Yield the faults of a header route, by fields of the route such as ``header.name``."""
    if not _NAME.fullmatch(header.name):
        yield FieldFault(
            f"{header.name!r} is not a header name that the controller can look up",
            "use letters, digits and hyphens only",
            "header.name",
        )
    if header.value is not None and (wrong := _strange(_BASIC, header.value)):
        yield FieldFault(
            f"{header.value!r} holds {wrong}: the controller would drop the value and obey always and never instead",
            f"use only {_BASIC_ALLOWS}",
            "header.value",
        )
    if header.pattern is not None:
        yield from _pattern_faults(header.pattern)


def cookie_faults(cookie: str) -> Iterator[FieldFault]:
    """Yield the faults of a cookie route."""
    if wrong := _strange(_BASIC, cookie):
        yield FieldFault(
            f"{cookie!r} holds {wrong}: the controller would drop the cookie route",
            f"use only {_BASIC_ALLOWS}",
            "cookie",
        )


def is_integer(value: str) -> bool:
    """Return whether a weight or total is read as written, and not as 0 or 100 (Go's strconv.Atoi)."""
    return _INTEGER.fullmatch(value) is not None


def _pattern_faults(pattern: str) -> Iterator[FieldFault]:
    if wrong := _strange(_PATTERN, pattern):
        yield FieldFault(
            f"{pattern!r} holds {wrong}: the controller would drop the pattern and obey always and never instead",
            f"use only {_PATTERN_ALLOWS}; write x?x?x for x{{1,3}}, and no lookaround with !",
            "header.pattern",
        )
    elif reason := _uncompilable(pattern):
        yield FieldFault(
            f"{pattern!r} is not a regular expression ({reason}): each request with the header would go to stable",
            "correct the expression",
            "header.pattern",
        )


def _strange(allowed: re.Pattern[str], value: str) -> str | None:
    """Return the first characters that are not allowed, in readable form."""
    strange = [character for character in dict.fromkeys(value) if not allowed.fullmatch(character)]
    return " ".join("a space" if character == " " else repr(character) for character in strange[:5]) or None


@lru_cache(maxsize=1024)
def _uncompilable(pattern: str) -> str | None:
    """Return why a pattern does not compile. Python stands in for PCRE: refusing a PCRE-only pattern is safe."""
    for token in _TOKENS.findall(pattern):
        if _NOT_PCRE.fullmatch(token):
            return f"PCRE does not know {token}"
    with warnings.catch_warnings(action="ignore"):
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            return str(error)
    return None
