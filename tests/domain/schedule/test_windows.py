"""The calendar: local hours, midnights, changes to and from summer time, freezes. Instants are given in UTC."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress_canary.api.windows import Windows
from ingress_canary.domain.schedule.windows import OPENINGS, WEEKS, Calendar
from tests.domain.schedule.plain_calendar import PlainCalendar

WORK = [{"days": ["Mon", "Tue", "Wed", "Thu"], "from": "09:00", "to": "16:00"}]
NIGHT = [{"days": ["Fri"], "from": "22:00", "to": "02:00"}]
TWO = [{"days": ["Mon"], "from": "09:00", "to": "12:00"}, {"days": ["Mon"], "from": "13:00", "to": "17:00"}]
JOINED = [{"days": ["Mon"], "from": "09:00", "to": "12:00"}, {"days": ["Mon"], "from": "12:00", "to": "17:00"}]
OVERLAPPING = [{"days": ["Mon"], "from": "09:00", "to": "14:00"}, {"days": ["Mon"], "from": "12:00", "to": "13:00"}]
EVER = [{"days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "from": "00:00", "to": "12:00"},
        {"days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "from": "12:00", "to": "00:00"}]  # fmt: skip
SUNDAY = [{"days": ["Sun"], "from": "01:30", "to": "04:00"}]
IN_GAP = [{"days": ["Sun"], "from": "02:15", "to": "02:45"}]
FROM_GAP = [{"days": ["Sun"], "from": "02:30", "to": "04:00"}]
TO_GAP = [{"days": ["Sun"], "from": "01:00", "to": "02:30"}]
YEAR_END = {"from": "2026-12-18T00:00", "to": "2027-01-04T00:00", "reason": "year end"}
BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def calendar(zone: str = "UTC", allow: Any = (), freezes: Any = ()) -> Calendar:
    return Calendar.of(Windows.model_validate({"timezone": zone, "allow": list(allow), "freezes": list(freezes)}))


CASES = [
    # zone, ranges, freezes, instant, open?, next change: closes when open, opens when not
    ("UTC", [], [], "2026-03-02T03:00", True, None),
    ("UTC", WORK, [], "2026-03-02T09:00", True, "2026-03-02T16:00"),
    ("UTC", WORK, [], "2026-03-02T08:59", False, "2026-03-02T09:00"),
    ("UTC", WORK, [], "2026-03-02T15:59", True, "2026-03-02T16:00"),
    ("UTC", WORK, [], "2026-03-02T16:00", False, "2026-03-03T09:00"),
    ("UTC", WORK, [], "2026-03-05T16:00", False, "2026-03-09T09:00"),
    ("UTC", WORK, [], "2026-03-07T12:00", False, "2026-03-09T09:00"),
    ("UTC", NIGHT, [], "2026-03-06T23:00", True, "2026-03-07T02:00"),
    ("UTC", NIGHT, [], "2026-03-07T01:59", True, "2026-03-07T02:00"),
    ("UTC", NIGHT, [], "2026-03-07T02:00", False, "2026-03-13T22:00"),
    ("UTC", NIGHT, [], "2026-03-06T01:00", False, "2026-03-06T22:00"),
    ("UTC", TWO, [], "2026-03-02T12:30", False, "2026-03-02T13:00"),
    ("UTC", TWO, [], "2026-03-02T11:00", True, "2026-03-02T12:00"),
    ("UTC", TWO, [], "2026-03-02T17:00", False, "2026-03-09T09:00"),
    ("UTC", JOINED, [], "2026-03-02T10:00", True, "2026-03-02T17:00"),
    ("UTC", OVERLAPPING, [], "2026-03-02T12:30", True, "2026-03-02T14:00"),
    ("UTC", EVER, [], "2026-03-02T00:00", True, None),
    # zones: the same instant, other hours
    (BERLIN, WORK, [], "2026-03-02T08:00", True, "2026-03-02T15:00"),
    (BERLIN, WORK, [], "2026-07-06T07:00", True, "2026-07-06T14:00"),
    (NEW_YORK, WORK, [], "2026-03-02T13:59", False, "2026-03-02T14:00"),
    (NEW_YORK, WORK, [], "2026-07-06T13:00", True, "2026-07-06T20:00"),
    ("Asia/Kolkata", WORK, [], "2026-03-02T03:30", True, "2026-03-02T10:30"),
    # to summer time: Berlin on 2026-03-29, 02:00 becomes 03:00 at 01:00 UTC; New York on 2026-03-08 at 07:00 UTC
    (BERLIN, SUNDAY, [], "2026-03-29T00:30", True, "2026-03-29T02:00"),
    (BERLIN, SUNDAY, [], "2026-03-29T02:00", False, "2026-04-04T23:30"),
    (BERLIN, IN_GAP, [], "2026-03-29T00:00", False, "2026-04-05T00:15"),
    (BERLIN, FROM_GAP, [], "2026-03-29T00:59:59", False, "2026-03-29T01:00"),
    (BERLIN, FROM_GAP, [], "2026-03-29T01:00", True, "2026-03-29T02:00"),
    (BERLIN, TO_GAP, [], "2026-03-29T00:59", True, "2026-03-29T01:00"),
    (BERLIN, TO_GAP, [], "2026-03-29T01:00", False, "2026-04-04T23:00"),
    (NEW_YORK, FROM_GAP, [], "2026-03-08T06:30", False, "2026-03-08T07:00"),
    (NEW_YORK, FROM_GAP, [], "2026-03-08T07:00", True, "2026-03-08T08:00"),
    (NEW_YORK, WORK, [], "2026-03-09T13:00", True, "2026-03-09T20:00"),
    # from summer time: Berlin on 2026-10-25, 03:00 becomes 02:00 at 01:00 UTC; New York on 2026-11-01 at 06:00 UTC
    (BERLIN, SUNDAY, [], "2026-10-24T23:30", True, "2026-10-25T03:00"),
    (BERLIN, SUNDAY, [], "2026-10-25T01:30", True, "2026-10-25T03:00"),
    (BERLIN, IN_GAP, [], "2026-10-25T00:15", True, "2026-10-25T00:45"),
    (BERLIN, IN_GAP, [], "2026-10-25T01:15", False, "2026-11-01T01:15"),
    (BERLIN, TO_GAP, [], "2026-10-25T00:30", False, "2026-11-01T00:00"),
    (NEW_YORK, [{"days": ["Sun"], "from": "01:15", "to": "01:45"}], [], "2026-11-01T05:15", True, "2026-11-01T05:45"),
    (NEW_YORK, [{"days": ["Sun"], "from": "01:15", "to": "01:45"}], [], "2026-11-01T06:15", False, "2026-11-08T06:15"),
    (NEW_YORK, NIGHT, [], "2026-03-07T06:59", True, "2026-03-07T07:00"),
    # a change by half an hour: Lord Howe on 2026-04-05, 02:00 becomes 01:30 at 15:00 UTC of the day before
    (LORD_HOWE, SUNDAY, [], "2026-04-04T14:30", True, "2026-04-04T17:30"),
    (LORD_HOWE, SUNDAY, [], "2026-10-03T15:00", True, "2026-10-03T17:00"),
    # freezes
    ("UTC", [], [YEAR_END], "2026-12-17T23:59", True, "2026-12-18T00:00"),
    ("UTC", [], [YEAR_END], "2026-12-18T00:00", False, "2027-01-04T00:00"),
    ("UTC", WORK, [YEAR_END], "2026-12-31T10:00", False, "2027-01-04T09:00"),
    ("UTC", WORK, [YEAR_END], "2026-12-17T15:00", True, "2026-12-17T16:00"),
    (BERLIN, [], [YEAR_END], "2026-12-17T23:00", False, "2027-01-03T23:00"),
    ("UTC", [], [YEAR_END, {"from": "2027-01-03T00:00", "to": "2027-01-06T00:00"}], "2026-12-20T00:00", False,
     "2027-01-06T00:00"),
    ("UTC", WORK, [{"from": "2026-03-02T10:00", "to": "2026-03-02T11:00"}], "2026-03-02T09:30", True,
     "2026-03-02T10:00"),
    ("UTC", WORK, [{"from": "2026-03-02T10:00", "to": "2026-03-02T11:00"}], "2026-03-02T10:30", False,
     "2026-03-02T11:00"),
    (BERLIN, [], [{"from": "2026-10-25T01:00", "to": "2026-10-25T02:30"}], "2026-10-25T01:29", False,
     "2026-10-25T01:30"),
    (BERLIN, [], [{"from": "2026-03-29T01:00", "to": "2026-03-29T02:30"}], "2026-03-29T00:59", False,
     "2026-03-29T01:00"),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "allow", "freezes", "instant", "is_open", "then"), CASES)
def test_it_is_open_when_the_clock_on_the_wall_says_so(
    zone: str, allow: Any, freezes: Any, instant: str, is_open: bool, then: str | None
) -> None:
    found, now = calendar(zone, allow, freezes), at(instant)
    assert found.open(now) is is_open
    change = found.closes(now) if is_open else found.opens(now)
    assert change == (at(then) if then else None)


def test_there_are_enough_cases_of_two_zones_with_summer_time() -> None:
    assert len(CASES) >= 40
    assert {BERLIN, NEW_YORK} <= {case[0] for case in CASES}


def test_a_window_that_is_too_short_is_passed_over() -> None:
    allow = [{"days": ["Mon"], "from": "09:00", "to": "10:00"}, {"days": ["Wed"], "from": "09:00", "to": "17:00"}]
    found = calendar(allow=allow, freezes=[{"from": "2026-03-04T12:00", "to": "2026-03-04T13:00"}])
    monday = at("2026-03-02T09:30")
    assert found.opens(monday) == monday
    assert found.opens(monday, timedelta(minutes=30)) == monday
    assert found.opens(monday, timedelta(hours=2)) == at("2026-03-04T09:00")
    assert found.opens(monday, timedelta(hours=4)) == at("2026-03-04T13:00")
    assert found.opens(monday, timedelta(hours=5)) == at("2026-03-11T09:00")
    assert found.opens(monday, timedelta(hours=9)) is None
    assert found.longest() == timedelta(hours=8)


def test_a_range_that_no_clock_ever_shows_is_found_in_the_week_after() -> None:
    assert calendar(BERLIN, IN_GAP).opens(at("2026-03-28T00:00")) == at("2026-04-05T00:15")


def test_without_ranges_nothing_ends() -> None:
    assert calendar().longest() is None
    assert calendar(allow=EVER).longest() is None
    assert calendar(allow=NIGHT).longest() == timedelta(hours=4)


def test_people_read_their_own_clock() -> None:
    assert calendar(BERLIN).format_time(at("2026-07-06T07:00")) == "Mon 2026-07-06 09:00 Europe/Berlin"


@pytest.mark.parametrize("zone", ["Europe/Berln", "", "../../etc/passwd", "Europe"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        calendar(zone)


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        ({"from": "2026-02-30T00:00", "to": "2026-03-01T00:00"}, "write a date of the calendar"),
        ({"from": "2026-03-02T00:00", "to": "2026-03-02T00:00"}, "write a time after from"),
    ],
)
def test_a_freeze_that_is_none_is_refused(freeze: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        calendar(freezes=[freeze])


def test_a_range_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="the range is empty"):
        calendar(allow=[{"days": ["Mon"], "from": "09:00", "to": "09:00"}])


days = st.lists(st.sampled_from(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]), min_size=1, max_size=7)
minutes = st.integers(0, 1439).map(lambda m: f"{m // 60:02}:{m % 60:02}")
ranges = st.builds(lambda d, f, t: {"days": d, "from": f, "to": t}, days, minutes, minutes).filter(
    lambda one: one["from"] != one["to"]
)
starts = st.datetimes(at("2026-01-01").replace(tzinfo=None), at("2027-12-31").replace(tzinfo=None))
freezes = st.builds(
    lambda start, hours: {
        "from": start.strftime("%Y-%m-%dT%H:%M"), "to": (start + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M"),
    },
    starts, st.integers(1, 400),
)  # fmt: skip

ZONES = [BERLIN, NEW_YORK, LORD_HOWE, "UTC", "Pacific/Apia", "Africa/Casablanca", "America/Santiago", "America/Havana"]
CHANGES = [at(text) for text in ("2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00", "2026-11-01T06:00",
                                 "2026-04-04T15:00", "2026-10-03T15:30", "2026-09-06T04:00", "2026-04-05T03:00",
                                 "2026-03-08T05:00", "2026-02-15T02:00", "2026-03-22T02:00")]  # fmt: skip
near_changes = st.builds(lambda change, hours: change + timedelta(minutes=30 * hours), st.sampled_from(CHANGES),
                         st.integers(-400, 60))  # fmt: skip
instants = st.one_of(starts.map(lambda one: one.replace(tzinfo=UTC)), near_changes)
near_freezes = st.builds(
    lambda start, length: {"from": f"{start:%Y-%m-%dT%H:%M}", "to": f"{start + length:%Y-%m-%dT%H:%M}"},
    near_changes, st.integers(1, 20_000).map(lambda count: timedelta(minutes=count)),
)  # fmt: skip


@settings(max_examples=30)
@given(
    st.sampled_from(ZONES), st.lists(ranges, max_size=4), st.lists(st.one_of(freezes, near_freezes), max_size=4),
    st.lists(instants, min_size=1, max_size=4), st.sampled_from([0.0, 0.3, 0.9, 1.0, 2.5]),
)  # fmt: skip
def test_it_answers_as_one_that_tries_every_range_of_every_day(
    zone: str, allow: Any, frozen: Any, asked: list[datetime], share: float
) -> None:
    found = calendar(zone, allow, frozen)
    plain = PlainCalendar(found.windows)
    assert found.longest() == plain.longest()
    longest = found.longest()
    lasting = (timedelta(hours=24) if longest is None else longest) * share
    for now in asked:
        assert found.open(now) is plain.open(now)
        if found.open(now):
            assert found.closes(now) == plain.closes(now)
        if share <= 1 or longest is None:
            assert found.opens(now, lasting) == plain.opens(now, lasting)
        elif not frozen:
            assert found.opens(now, lasting) is None
        assert found.opens(now) == plain.opens(now)


EVERY_DAY = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
WORST = {
    "timezone": BERLIN, "finishInWindow": True,
    "allow": [{"days": EVERY_DAY, "from": f"{n * 44 // 60:02}:{n * 44 % 60:02}",
               "to": f"{(n + 1) * 44 // 60:02}:{(n + 1) * 44 % 60:02}"} for n in range(32)],
    "freezes": [{"from": f"{day}T10:20", "to": f"{day}T10:40"}
                for day in (f"2026-{n // 28 + 3:02}-{n % 28 + 1:02}" for n in range(64))],
}  # fmt: skip
"""As many ranges and freezes as the schema takes: ranges that follow one another, and a freeze in each day."""


def _calls(work: Callable[[], object]) -> int:
    """Return how many functions are called."""
    count = 0

    def called(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_a_look_at_the_worst_calendar_costs_little() -> None:
    found, now = Calendar.of(Windows.model_validate(WORST)), at("2026-03-02T09:29:30")
    bake = timedelta(hours=160)
    first = _calls(lambda: found.opens(now, bake))
    assert found.opens(now, bake) is None
    # trying every range of every day anew takes millions
    assert 100 < first < 100_000
    later = _calls(lambda: [found.opens(now + timedelta(seconds=n), bake) for n in range(1000)])
    assert later < 5_000, "what holds is remembered"
    look = _calls(lambda: (found.open(now), found.closes(now), found.frozen(now)))
    assert look < 20_000


def test_what_is_remembered_is_bounded() -> None:
    found, now = Calendar.of(Windows.model_validate(WORST)), at("2026-03-02T09:29:30")
    for days in range(2 * OPENINGS):
        found.opens(now + timedelta(days=days), timedelta(seconds=days))
    assert len(found._weeks) <= WEEKS
    assert len(found._openings) <= OPENINGS


def test_a_clock_that_is_set_back_is_asked_anew() -> None:
    found = calendar(allow=WORK)
    assert found.opens(at("2026-03-05T16:00")) == at("2026-03-09T09:00")
    assert found.opens(at("2026-03-05T12:00")) == at("2026-03-05T12:00")
    assert found.opens(at("2026-03-09T16:00")) == at("2026-03-10T09:00")


@given(
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, "UTC", "Pacific/Apia"]), st.lists(ranges, max_size=4),
    st.lists(freezes, max_size=3), starts.map(lambda one: one.replace(tzinfo=UTC)),
)  # fmt: skip
def test_nothing_changes_between_now_and_the_next_change(zone: str, allow: Any, frozen: Any, now: datetime) -> None:
    found = calendar(zone, allow, frozen)
    is_open = found.open(now)
    change = found.closes(now) if is_open else found.opens(now)
    assert found.opens(now) == now if is_open else change is not None
    if change is None:
        return
    assert change > now
    assert found.open(change) is not is_open
    for part in range(1, 10):
        assert found.open(now + (change - now) * part / 10) is is_open
