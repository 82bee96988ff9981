"""Windows of a CanarySchedule: when a rollout may advance, and when nothing may."""

import re
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from ingress_canary.api.model import InvalidValue, Model
from ingress_canary.api.units import (
    as_begun,
)


class Day(StrEnum):
    """A day of the week."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


Minute = Annotated[str, Field(max_length=5, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


def _of_the_calendar(value: object, info: ValidationInfo) -> object:
    """Refuse years outside the supported calendar; in a rollout that began with them, they are clamped."""
    year = value[:4] if isinstance(value, str) and re.match("[0-9]{4}-", value) else "2000"
    if "2000" <= year <= "2199":
        return value
    if as_begun(info):
        return "2000-01-01T00:00" if year < "2000" else "2199-12-31T00:00"
    raise ValueError(f"the year must be 2000 to 2199; got {value}")


LocalTime = Annotated[
    str,
    Field(max_length=19, pattern=r"^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"),
    BeforeValidator(_of_the_calendar),
]


class AllowedRange(Model):
    """Hours of some days in which a rollout may advance; ``to`` before ``from`` runs over midnight."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]
    """Days on which the range begins."""
    from_: Minute = Field(alias="from")
    """Local time of day."""
    to: Minute
    """Local time of day."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.from_ == self.to:
            remedy = "write two times: a range to an earlier time runs over midnight"
            raise InvalidValue(f"the range is empty: from and to are {self.to}", remedy, "to")
        return self


def _instant(member: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(f"no such time: {text}", "write a date of the calendar", member) from None


class Freeze(Model):
    """A span of time in which no rollout advances."""

    from_: LocalTime = Field(alias="from")
    """Local time."""
    to: LocalTime
    """Local time."""
    reason: Annotated[str, Field(max_length=256)] = ""
    """Reason of the freeze, shown in messages."""

    @model_validator(mode="after")
    def _forward(self, info: ValidationInfo) -> Self:
        begins, ends = _instant("from", self.from_), _instant("to", self.to)
        if begins >= ends and not as_begun(info):
            raise InvalidValue("the freeze ends before it begins", "write a time after from", "to")
        return self


class Windows(Model):
    """When a rollout may advance. Analysis and rollback never stop."""

    timezone: Annotated[str, Field(max_length=64)] = "UTC"
    """IANA name of the time zone of all these times."""
    allow: Annotated[list[AllowedRange], Field(max_length=32)] = []
    """Hours in which a rollout may advance; always when empty."""
    freezes: Annotated[list[Freeze], Field(max_length=64)] = []
    """Times in which no rollout advances, even inside ``allow``."""
    finish_in_window: bool = False
    """Do not enter a step whose bake cannot end inside the window."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            near = [*get_close_matches(self.timezone, available_timezones(), 1), "Europe/Berlin"][0]
            remedy = f"write an IANA name such as {near}"
            raise InvalidValue(f"unknown time zone `{self.timezone}`", remedy, "timezone") from None
        return self
