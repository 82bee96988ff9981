"""Calendar of windows and freezes: when a rollout may advance. Pure; used by ``decision/rules/calendar.py``.

Local times are turned into instants here and nowhere else. An hour that a change to summer time leaves out is over at
once: what begins or ends in it does so at the change. Of an hour that comes twice, ranges mean the first; a freeze that
ends in it lasts until its second end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from ingress_canary.api.schedule import Day, Windows

ORDER = tuple(Day)
DAY = timedelta(days=1)
AHEAD = 16
"""Days looked ahead for the next range: each comes once a week, but for one that a change of the clock swallows."""
FOREVER = timedelta(days=28)
"""Ranges that follow one another without a gap for so long have no end."""


class Span(NamedTuple):
    """A half-open interval of time: its start, and the first instant after it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze as instants."""

    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a rollout may advance. Instants are in UTC."""

    zone: ZoneInfo
    windows: Windows
    freezes: tuple[Frozen, ...]
    _days: dict[date, tuple[Span, ...]] = field(default_factory=dict, compare=False, repr=False)
    """The ranges of each day that was asked for: a rollout that waits asks at every tick."""

    @classmethod
    def of(cls, windows: Windows) -> Self:
        """Return the calendar of a schedule."""
        zone = ZoneInfo(windows.timezone)
        freezes = (
            Frozen(Span(_instant(_local(freeze.from_), zone), _instant(_local(freeze.to), zone, fold=1)), freeze.reason)
            for freeze in windows.freezes
        )
        return cls(zone, windows, tuple(sorted(freezes, key=lambda freeze: freeze.span)))

    def frozen(self, at: datetime) -> Frozen | None:
        """Return the freeze in force at an instant: of several the one that ends last."""
        in_force = [freeze for freeze in self.freezes if freeze.span.start <= at < freeze.span.end]
        return max(in_force, key=lambda freeze: freeze.span.end, default=None)

    def open(self, at: datetime) -> bool:
        """Return whether a rollout may advance at an instant."""
        return self.frozen(at) is None and (not self.windows.allow or self._range(at) is not None)

    def opens(self, at: datetime, lasting: timedelta = timedelta(0)) -> datetime | None:
        """Return the first instant from ``at`` on from which it stays open for that long; None when there is none."""
        # each round passes a freeze or a range: more of both than there are cannot come before an answer
        for _ in range(2 * len(self.freezes) + AHEAD * len(self.windows.allow) + 2):
            freeze = self.frozen(at)
            opening = None if freeze is not None else self._opening(at)
            if freeze is not None:
                at = freeze.span.end
            elif opening is None:
                return None
            elif opening > at:
                at = opening
            else:
                closes = self.closes(at)
                if closes is None or closes - at >= lasting:
                    return at
                at = closes
        return None

    def closes(self, at: datetime) -> datetime | None:
        """Return when the window that is open at an instant ends; None when it does not."""
        freezes = [freeze.span.start for freeze in self.freezes if freeze.span.start > at]
        end = self._range_end(at) if self.windows.allow else None
        return min([*freezes, *([end] if end is not None else [])], default=None)

    def longest(self) -> timedelta | None:
        """Return the length of the longest window in a week without a clock change; None when it never closes."""
        ends: list[timedelta] = []
        plain = Calendar(ZoneInfo("UTC"), self.windows, ())
        monday = datetime(2026, 1, 5, tzinfo=UTC)
        for span in plain._spans(monday.date(), 7):
            end = plain._range_end(span.start)
            if end is None:
                return None
            ends.append(end - span.start)
        return max(ends, default=None)

    def format_time(self, at: datetime) -> str:
        """Return an instant as text in the calendar's time zone."""
        return at.astimezone(self.zone).strftime("%a %Y-%m-%d %H:%M ") + self.windows.timezone

    def _opening(self, at: datetime) -> datetime | None:
        """Return the first instant from ``at`` on inside a range, freezes not considered."""
        if not self.windows.allow or self._range(at) is not None:
            return at
        first = at.astimezone(self.zone).date()
        return min((span.start for span in self._spans(first, AHEAD) if span.start > at), default=None)

    def _range(self, at: datetime) -> Span | None:
        """Return the range in force at an instant: of several the one that ends last."""
        # a range that began yesterday may run over midnight, and two days ago where the clock was changed
        first = at.astimezone(self.zone).date() - 2 * DAY
        return max((s for s in self._spans(first, 4) if s.start <= at < s.end), key=lambda s: s.end, default=None)

    def _range_end(self, at: datetime) -> datetime | None:
        """Return the end of the ranges that follow one another from an open instant on; None when they never end."""
        end = at
        while (span := self._range(end)) is not None:
            end = span.end
            if end - at > FOREVER:
                return None
        return end

    def _spans(self, first: date, days: int) -> Iterator[Span]:
        """Yield the ranges that begin on some days."""
        for day in (first + number * DAY for number in range(days)):
            if day not in self._days:
                self._days[day] = tuple(self._of_day(day))
            yield from self._days[day]

    def _of_day(self, day: date) -> Iterator[Span]:
        for allowed in self.windows.allow:
            if ORDER[day.weekday()] not in allowed.days:
                continue
            start, end = time.fromisoformat(allowed.from_), time.fromisoformat(allowed.to)
            last = day if end > start else day + DAY
            span = Span(
                _instant(datetime.combine(day, start), self.zone), _instant(datetime.combine(last, end), self.zone)
            )
            if span.start < span.end:
                yield span


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _instant(local: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """Return the instant of a local time; for a local time that a clock change skips, the change itself."""
    at = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == local:
        return at
    # left out: read by the offset of after it lies before the change, and by that of before after it
    before, after = (local.replace(tzinfo=zone, fold=offset_fold).astimezone(UTC) for offset_fold in (1, 0))
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        before, after = (middle, after) if middle.astimezone(zone).replace(tzinfo=None) < local else (before, middle)
    return after.replace(microsecond=0)
