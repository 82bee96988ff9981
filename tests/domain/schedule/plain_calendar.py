"""Calendar that tries every range of every day anew, one after the other: slow, and plain enough to be believed.

``test_windows.py`` compares the calendar of the package with it.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingress_canary.api.windows import Day, Windows
from ingress_canary.domain.schedule.windows import instant_of

ORDER = tuple(Day)
DAY = timedelta(days=1)
AHEAD = 16
FOREVER = timedelta(days=28)
ROUNDS = 20_000


class Span(NamedTuple):
    """A half-open interval of instants."""

    start: datetime
    end: datetime


class PlainCalendar:
    """Answers as ``Calendar`` does."""

    def __init__(self, windows: Windows) -> None:
        self.zone = ZoneInfo(windows.timezone)
        self.windows = windows
        self.freezes = [
            Span(
                instant_of(datetime.fromisoformat(freeze.from_), self.zone),
                instant_of(datetime.fromisoformat(freeze.to), self.zone, fold=1),
            )
            for freeze in windows.freezes
        ]

    def frozen(self, at: datetime) -> Span | None:
        """Return the freeze in force at an instant."""
        return max((span for span in self.freezes if span.start <= at < span.end), key=lambda s: s.end, default=None)

    def open(self, at: datetime) -> bool:
        """Return whether a rollout may advance at an instant."""
        return self.frozen(at) is None and (not self.windows.allow or self.range(at) is not None)

    def opens(self, at: datetime, lasting: timedelta = timedelta(0)) -> datetime | None:
        """Return the first instant from ``at`` on from which it stays open for that long."""
        for _ in range(ROUNDS):
            freeze = self.frozen(at)
            opening = None if freeze is not None else self.opening(at)
            if freeze is not None:
                at = freeze.end
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
        """Return when the window that is open at an instant ends."""
        freezes = [span.start for span in self.freezes if span.start > at and span.start < span.end]
        end = self.range_end(at) if self.windows.allow else None
        return min([*freezes, *([end] if end is not None else [])], default=None)

    def longest(self) -> timedelta | None:
        """Return the length of the longest window in a week without a clock change."""
        ends: list[timedelta] = []
        plain = PlainCalendar(self.windows.model_copy(update={"timezone": "UTC", "freezes": []}))
        for span in plain.spans(date(2026, 1, 5), 7):
            end = plain.range_end(span.start)
            if end is None:
                return None
            ends.append(end - span.start)
        return max(ends, default=None)

    def opening(self, at: datetime) -> datetime | None:
        """Return the first instant from ``at`` on inside a range, freezes not considered."""
        if not self.windows.allow or self.range(at) is not None:
            return at
        first = at.astimezone(self.zone).date()
        return min((span.start for span in self.spans(first, AHEAD) if span.start > at), default=None)

    def range(self, at: datetime) -> Span | None:
        """Return the range in force at an instant: of several the one that ends last."""
        first = at.astimezone(self.zone).date() - 2 * DAY
        return max((s for s in self.spans(first, 4) if s.start <= at < s.end), key=lambda s: s.end, default=None)

    def range_end(self, at: datetime) -> datetime | None:
        """Return the end of the ranges that follow one another from an open instant on."""
        end = at
        while (span := self.range(end)) is not None:
            end = span.end
            if end - at > FOREVER:
                return None
        return end

    def spans(self, first: date, days: int) -> Iterator[Span]:
        """Yield the ranges that begin on some days."""
        for day in (first + number * DAY for number in range(days)):
            for allowed in self.windows.allow:
                if ORDER[day.weekday()] not in allowed.days:
                    continue
                start, end = time.fromisoformat(allowed.from_), time.fromisoformat(allowed.to)
                last = day if end > start else day + DAY
                span = Span(
                    instant_of(datetime.combine(day, start), self.zone),
                    instant_of(datetime.combine(last, end), self.zone),
                )
                if span.start < span.end:
                    yield span
