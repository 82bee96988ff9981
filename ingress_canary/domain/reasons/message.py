"""Message: a sentence as a value, of a key and the values of its fields; text is made here, when somebody reads it.

The one form of deferred text (docs/adr/0021). Decisions, conditions and alerts hold messages, compare them as values,
and never look into a sentence; ``message_key.py`` has every sentence.
"""

from collections.abc import Callable, Mapping
from math import exp, floor, log
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from ingress_canary.api.units import MESSAGE_LENGTH, format_duration, format_percent, format_points, format_seconds
from ingress_canary.domain.reasons.message_key import CUT, LIST, MessageKey
from ingress_canary.domain.reasons.printable import printable

Substance = tuple[MessageKey, tuple[object, ...]]
"""A message without its measurements: what it says apart from numbers that change with every tick."""

LARGE_LOG_E = log(1e5)
"""E-values beyond this are written with an exponent."""


def format_e_value(log_e: float) -> str:
    """Return an E-value of at least 1 from its natural logarithm, however large: ``400`` or ``1.2e3989``."""
    if log_e < LARGE_LOG_E:
        return f"{exp(log_e):,.0f}"
    exponent = floor(log_e / log(10))
    mantissa, shift = f"{exp(log_e - exponent * log(10)):.1e}".split("e")
    return f"{mantissa}e{exponent + int(shift)}"


UNITS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "seconds": format_seconds,
        "duration": format_duration,
        "percent": format_percent,
        "points": format_points,
        "e-value": format_e_value,
    }
)
"""Formats that a template may name besides those of Python."""


class _Message(NamedTuple):
    key: MessageKey
    values: Mapping[str, object]


class Message(_Message):
    """A sentence that has not been made yet. A value may be a message too, or a tuple of them."""

    __slots__ = ()

    def __new__(cls, key: MessageKey, /, **values: object) -> Self:
        """Return the message with a value for each field of its template (a test reads every call for that)."""
        return tuple.__new__(cls, (key, values))

    def __str__(self) -> str:
        """Return the sentence, cut to what a status, a condition or an Event holds."""
        text = self._text()
        excess, yields = len(text) - MESSAGE_LENGTH, self.key.yields
        if excess <= 0:
            return text
        if yields is None:
            return text[: MESSAGE_LENGTH - len(CUT)] + CUT
        whole = format(self.values[yields])
        shorter = whole[: max(0, len(whole) - excess - len(CUT))] + CUT
        return format(Message(self.key, **{**self.values, yields: shorter}))[:MESSAGE_LENGTH]

    def __format__(self, spec: str) -> str:
        """Return the whole sentence, as a part of another."""
        return self._text()

    @property
    def substance(self) -> Substance:
        """What the message says apart from measurements: while that stays the same there is no news."""
        values = self.values
        return self.key, tuple(_substance(values[name]) for name in self.key.settled)

    def _text(self) -> str:
        values = self.values
        return "".join([before + (_field(values[name], form) if name else "") for before, name, form in self.key.parts])


def verbatim(text: str) -> Message:
    """Return the message of a text that another program or an earlier pass has made."""
    return Message(MessageKey.VERBATIM, text=text)


def _field(value: object, form: str) -> str:
    if form.startswith(LIST):
        assert isinstance(value, tuple)
        return form.removeprefix(LIST).join(_field(part, "") for part in value)
    unit = UNITS.get(form)
    if unit is not None:
        return unit(value)
    text = format(value, "" if form == CUT else form)
    # a message is made of such fields already
    return text if isinstance(value, Message) else printable(text)


def _substance(value: object) -> object:
    if isinstance(value, Message):
        return value.substance
    if type(value) is tuple:
        return tuple(_substance(part) for part in value)
    return value
