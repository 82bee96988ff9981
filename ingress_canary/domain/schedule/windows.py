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

from ingress_canary.api.windows import Day, Windows

ORDER = tuple(Day)
DAY = timedelta(days=1)
AHEAD = 16 * DAY
"""How far to look for a range that is long enough: each comes once a week, but for one that a change of the clock
swallows or cuts short."""
FOREVER = 28 * DAY
"""Ranges that follow one another without a gap for so long have no end."""
ENDLESS = datetime.max.replace(tzinfo=UTC)
"""The end of what has none."""
OPENINGS = 64
"""Answers of ``opens`` that a calendar remembers: rollouts of one schedule are at different steps."""
WEEKS = 8
"""Weeks whose ranges it remembers: looks at the present need last week, this one and the next few."""


class Span(NamedTuple):
    """A half-open interval of time: its start, and the first instant after it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze as instants."""

    span: Span
    reason: str


class Opening(NamedTuple):
    """An answer of ``Calendar.opens``, which every instant from ``asked`` to ``opens`` has too."""

    asked: datetime
    opens: datetime | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a rollout may advance. Instants are in UTC.

    Rollouts that wait ask at every tick. What a look costs does not depend on what a schedule says: ranges are joined
    once in local time, and an answer is remembered while it holds.
    """

    zone: ZoneInfo
    windows: Windows
    freezes: tuple[Frozen, ...]
    _hours: tuple[tuple[timedelta, timedelta], ...] = field(init=False, compare=False, repr=False)
    """The ranges of a week as time since the midnight it begins with, joined where one follows another, in order."""
    _weeks: dict[date, tuple[Span, ...]] = field(default_factory=dict, compare=False, repr=False)
    """The ranges that begin in a week, by its Monday."""
    _openings: dict[timedelta, Opening] = field(default_factory=dict, compare=False, repr=False)
    """The last answer of ``opens`` by how long it must stay open."""

    def __post_init__(self) -> None:
        """Join the ranges."""
        object.__setattr__(self, "_hours", tuple(_joined(self.windows)))

    @classmethod
    def of(cls, windows: Windows) -> Self:
        """Return the calendar of a schedule."""
        zone = ZoneInfo(windows.timezone)
        freezes = (
            Frozen(
                Span(instant_of(_local(freeze.from_), zone), instant_of(_local(freeze.to), zone, fold=1)), freeze.reason
            )
            for freeze in windows.freezes
        )
        lasting = (freeze for freeze in freezes if freeze.span.start < freeze.span.end)
        return cls(zone, windows, tuple(sorted(lasting, key=lambda freeze: freeze.span)))

    def frozen(self, at: datetime) -> Frozen | None:
        """Return the freeze in force at an instant: of several the one that ends last."""
        in_force = [freeze for freeze in self.freezes if freeze.span.start <= at < freeze.span.end]
        return max(in_force, key=lambda freeze: freeze.span.end, default=None)

    def open(self, at: datetime) -> bool:
        """Return whether a rollout may advance at an instant."""
        return self.frozen(at) is None and (not self.windows.allow or self._range(at) is not None)

    def opens(self, at: datetime, lasting: timedelta = timedelta(0)) -> datetime | None:
        """Return the first instant from ``at`` on from which it stays open for that long; None when there is none."""
        known = self._openings.get(lasting)
        if known is not None and known.asked <= at <= (known.opens or known.asked + DAY):
            return known.opens
        opens = self._opens(at, lasting)
        if len(self._openings) >= OPENINGS:
            self._openings.clear()
        self._openings[lasting] = Opening(at, opens)
        return opens

    def closes(self, at: datetime) -> datetime | None:
        """Return when the window that is open at an instant ends; None when it does not."""
        freezes = (freeze.span.start for freeze in self.freezes if freeze.span.start > at)
        closed = self._range(at)
        end = min([*freezes, *([closed.end] if closed is not None else [])], default=ENDLESS)
        return None if end == ENDLESS else end

    def longest(self) -> timedelta | None:
        """Return the length of the longest window in a week without a clock change; None when it never closes."""
        plain = Calendar(ZoneInfo("UTC"), self.windows, ())
        monday = datetime(2026, 1, 5, tzinfo=UTC)
        ranges = [*plain._ranges(monday, monday + 7 * DAY)]
        if any(span.end == ENDLESS for span in ranges):
            return None
        return max((span.end - span.start for span in ranges), default=None)

    def format_time(self, at: datetime) -> str:
        """Return an instant as text in the calendar's time zone."""
        return at.astimezone(self.zone).strftime("%a %Y-%m-%d %H:%M ") + self.windows.timezone

    def _opens(self, at: datetime, lasting: timedelta) -> datetime | None:
        for thawed in self._thawed(at):
            if thawed.end - thawed.start < lasting:
                continue
            for span in self._ranges(thawed.start, min(thawed.end, thawed.start + AHEAD)):
                opening, closing = max(span.start, thawed.start), min(span.end, thawed.end)
                if closing == ENDLESS or closing - opening >= lasting:
                    return opening
        return None

    def _thawed(self, at: datetime) -> Iterator[Span]:
        """Yield the spans without a freeze from an instant on; the last one has no end."""
        for freeze in self.freezes:
            if at < freeze.span.start:
                yield Span(at, freeze.span.start)
            at = max(at, freeze.span.end)
        yield Span(at, ENDLESS)

    def _range(self, at: datetime) -> Span | None:
        """Return the range in force at an instant, freezes not considered."""
        return next((span for span in self._ranges(at, at + DAY) if span.start <= at), None)

    def _ranges(self, at: datetime, until: datetime) -> Iterator[Span]:
        """Yield the ranges that end after an instant and begin before another, joined where one follows another.

        The first may have begun earlier than it says.
        """
        if not self.windows.allow:
            yield Span(at, ENDLESS)
            return
        # a range that began yesterday may run over midnight, and two days ago where the clock was changed
        day = at.astimezone(self.zone).date() - 2 * DAY
        monday = day - day.weekday() * DAY
        joined: Span | None = None
        while True:
            for span in self._week(monday):
                if joined is not None and span.start <= joined.end:
                    joined = Span(joined.start, max(joined.end, span.end))
                    if joined.end - max(joined.start, at) > FOREVER:
                        yield Span(joined.start, ENDLESS)
                        return
                    continue
                if joined is not None and joined.end > at:
                    yield joined
                joined = span
                if span.start >= until:
                    return
            monday += 7 * DAY

    def _week(self, monday: date) -> tuple[Span, ...]:
        """Return the ranges that begin in a week, in order; those that a clock change swallows are none."""
        if monday not in self._weeks:
            if len(self._weeks) >= WEEKS:
                del self._weeks[next(iter(self._weeks))]
            self._weeks[monday] = tuple(self._of_week(datetime.combine(monday, time())))
        return self._weeks[monday]

    def _of_week(self, midnight: datetime) -> Iterator[Span]:
        # the last range of a week may run over Sunday's midnight
        offsets = {(midnight + number * DAY).replace(tzinfo=self.zone).utcoffset() for number in range(10)}
        if len(offsets) == 1:
            first = instant_of(midnight, self.zone)
            yield from (Span(first + start, first + end) for start, end in self._hours)
            return
        for start, end in self._hours:
            span = Span(instant_of(midnight + start, self.zone), instant_of(midnight + end, self.zone))
            if span.start < span.end:
                yield span


def _joined(windows: Windows) -> Iterator[tuple[timedelta, timedelta]]:
    """Yield the ranges that begin in a week, as time since its first midnight, joined where one follows another."""
    ranges = set[tuple[timedelta, timedelta]]()
    for allowed in windows.allow:
        start, end = (_since_midnight(text) for text in (allowed.from_, allowed.to))
        length = (end - start) % DAY
        ranges |= {(ORDER.index(day) * DAY + start, ORDER.index(day) * DAY + start + length) for day in allowed.days}
    joined: tuple[timedelta, timedelta] | None = None
    for start, end in sorted(ranges):
        if joined is not None and start <= joined[1]:
            joined = joined[0], max(joined[1], end)
            continue
        if joined is not None:
            yield joined
        joined = start, end
    if joined is not None:
        yield joined


def _since_midnight(text: str) -> timedelta:
    clock = time.fromisoformat(text)
    return timedelta(hours=clock.hour, minutes=clock.minute)


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def instant_of(local: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
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
