"""Sample line of a metrics page: one line of the Prometheus text format, parsed in full.

``metrics_page.py`` calls it for the lines that it keeps.
"""

import re
from collections.abc import Mapping
from sys import intern
from typing import NamedTuple

from ingress_canary.domain.metrics.samples import SeriesIdentity

_VALUE = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*+"
_LINE = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*+)(?:\{{((?:{_NAME}={_VALUE},?+)*+)\}})?[ \t]+(\S++)(?:[ \t]+(-?[0-9]++))?"
    r"(?:[ \t]+#.*)?[ \t]*"
)
_LABEL = re.compile(rf"({_NAME})=({_VALUE})")
_ESCAPE = re.compile(r"\\(.)")


class PageError(Exception):
    """The page cannot be used; the message says why and what to do."""


class SampleLine(NamedTuple):
    """A parsed sample."""

    family: str
    labels: Mapping[str, str]
    value: float
    millis: float | None
    """The sample's own timestamp, since 1970, if it has one; infinite where it has too many digits."""
    identity: SeriesIdentity | None = None
    """For :class:`Series`, kept with what is known by its text."""


def parse_line(raw: bytes) -> SampleLine:
    """Return a sample line's content; an exemplar after it is ignored. Raises PageError."""
    try:
        match = _LINE.fullmatch(raw.decode())
        if match is None:
            raise PageError(f"not a line of the Prometheus text format: {excerpt(raw)}")
        value = float(match[3])
    except ValueError:  # no number, or no UTF-8
        raise PageError(f"not a line of the Prometheus text format: {excerpt(raw)}") from None
    # a page says the same few words thousands of times: each is kept once
    labels = {intern(name): intern(_unescape(quoted)) for name, quoted in _LABEL.findall(match[2] or "")}
    return SampleLine(match[1], labels, value, float(match[4]) if match[4] else None)


def _unescape(quoted: str) -> str:
    text = quoted[1:-1]
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def excerpt(raw: bytes) -> str:
    """Return the beginning of a line, for a message."""
    text = raw[:120].decode(errors="replace")
    return f"{text}..." if len(raw) > 120 else text
