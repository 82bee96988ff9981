"""Units in manifests: durations (``90s``, ``1h30m``), weights and percentage points.

Used by every model of the contract and by anything that prints a duration to a person.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic.annotated_handlers import GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ingress_canary.api.model import closed, rule

DURATION_PATTERN = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m(?!s))?(?:([0-9]+)s)?(?:([0-9]+)ms)?")
_POINTS = re.compile(r"([0-9]+(?:\.[0-9]+)?)pp")


AS_BEGUN: Mapping[str, Any] = MappingProxyType({"begun": True})
"""Context in which what was stored when a rollout began is read: of an older release's values, those beyond today's
bounds become the bounds, because a canary that is on must be watched whatever else."""


def as_begun(info: ValidationInfo) -> bool:
    """Return whether the value belongs to a rollout that has begun, so that it must be accepted."""
    return bool(info.context and info.context.get("begun"))


def parse_duration(value: object) -> timedelta:
    """Return the span that a string like ``90s``, ``10m``, ``1h30m`` or ``500ms`` names.

    Raises ValueError with the remedy for anything else, plain numbers included: ``10`` of what?
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, str):
        raise ValueError(f"a duration is a string with a unit, such as 90s, 10m or 1h30m; got {value!r}")
    match = _DURATION.fullmatch(value)
    if not value or match is None or len(value) > 32:
        raise ValueError(f"a duration is a string with a unit, such as 90s, 10m or 1h30m; got {value!r}")
    hours, minutes, seconds, millis = (int(group or 0) for group in match.groups())
    try:
        return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)
    except OverflowError:
        raise ValueError(f"the duration {value!r} is too long") from None


def format_duration(span: timedelta) -> str:
    """Return the shortest string that :func:`parse_duration` reads back as ``span``, to the millisecond."""
    millis = round(span.total_seconds() * 1000)
    hours, millis = divmod(millis, 3_600_000)
    minutes, millis = divmod(millis, 60_000)
    seconds, millis = divmod(millis, 1000)
    parts = [(hours, "h"), (minutes, "m"), (seconds, "s"), (millis, "ms")]
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def format_seconds(seconds: float) -> str:
    """Return a number of seconds as readable text: ``1m30s``, whole seconds from 1 s on."""
    return format_duration(timedelta(seconds=round(seconds) if seconds >= 1 else round(seconds, 1)))


def parse_points(value: object) -> float:
    """Return a difference of ratios from percentage points: ``0.1pp`` is 0.001."""
    if isinstance(value, float) and 0 <= value <= 1:
        return value
    match = _POINTS.fullmatch(value) if isinstance(value, str) and len(value) <= 16 else None
    if match is None or float(match[1]) > 100:
        raise ValueError(f"a difference of ratios is written in percentage points, such as 0.1pp; got {value!r}")
    return float(match[1]) / 100


def format_points(ratio: float) -> str:
    """Return a ratio's difference in percentage points: 0.001 is ``0.1pp``."""
    return f"{round(ratio * 100, 9):g}pp"


@lru_cache(maxsize=4096)
def format_percent(ratio: float) -> str:
    """Return a ratio as a percentage: 0.1235 is ``12.4%``."""
    return f"{float(f'{ratio * 100:.3g}'):.10g}%"


def _weight(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a weight is a number of percent from 0 to 100, such as 5 or 0.5; got {value!r}")
    if not 0 <= value <= 100:
        raise ValueError(f"a weight lies between 0 and 100 percent; got {value}")
    if abs(value * 1000 - round(value * 1000)) > 1e-6:
        raise ValueError(f"a weight has at most three decimals; got {value}")
    return value


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    _schema(type="string", pattern=DURATION_PATTERN, minLength=2, maxLength=32),
]


@dataclass(frozen=True, slots=True)
class between:  # noqa: N801 - read as a word of the annotation that it stands in
    """Inclusive bounds of a :data:`Duration`: in the model, and by CEL in the CRD."""

    least: str
    most: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        bounds = f"duration(self) >= duration('{self.least}') && duration(self) <= duration('{self.most}')"
        return {**handler(core), **closed(rule(bounds, f"must be {self.least} to {self.most}"))}

    def _check(self, span: timedelta, info: ValidationInfo) -> timedelta:
        least, most = parse_duration(self.least), parse_duration(self.most)
        if least <= span <= most:
            return span
        if as_begun(info):
            return min(max(span, least), most)
        raise ValueError(f"must be {self.least} to {self.most}; got {format_duration(span)}")


LONG = between("0s", "8760h")
"""What a person may be asked to wait for: a year. Instants plus more than that soon end beyond the calendar's."""


THREE_DECIMALS = rule(
    "self * 1000.0 - double(int(self * 1000.0 + 0.5)) < 0.000001"
    " && double(int(self * 1000.0 + 0.5)) - self * 1000.0 < 0.000001",
    "a weight has at most three decimals",
)
"""Tolerant of binary fractions, as ``_weight`` is; ``multipleOf: 0.001`` rejects every number."""
Weight = Annotated[
    float, BeforeValidator(_weight), _schema(type="number", minimum=0, maximum=100, **closed(THREE_DECIMALS))
]
Points = Annotated[
    float,
    BeforeValidator(parse_points),
    PlainSerializer(format_points, return_type=str),
    _schema(type="string", pattern=r"^[0-9]+(\.[0-9]+)?pp$", maxLength=16),
]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A DNS label: the name of a Service, a namespace, an SLO or a step."""
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""A DNS subdomain: the name of an Ingress or of one of our own objects."""
MESSAGE_LENGTH = 1024
"""The longest message that a status, a condition or an Event holds, in characters."""
Text = Annotated[str, Field(max_length=MESSAGE_LENGTH)]
