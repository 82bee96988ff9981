"""Windows and freezes stop advancing, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.windows import Calendar
from ingress_canary.domain.status.unsupported import unsupported_schedule
from tests.domain.world import BEGIN, INTERVAL, World, at_step, schedule

MINUTE = timedelta(minutes=1)
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def clock(at: datetime) -> str:
    return at.strftime("%H:%M")


def closing(after: timedelta, for_: timedelta = timedelta(minutes=30), **windows: Any) -> World:
    """Return a world with a daily window that is open but for a gap that begins some time after now."""
    allow = [{"days": DAYS, "from": clock(BEGIN + after + for_), "to": clock(BEGIN + after)}]
    return World(schedule=schedule(windows={"allow": allow, **windows}))


def test_a_rollout_begins_when_the_window_opens_and_learns_until_then() -> None:
    world = closing(-10 * MINUTE)
    world.until(lambda w: w.status.reason == Reason.OUTSIDE_WINDOW)
    assert world.status.message == "the window is closed; goes on at Mon 2026-03-02 10:20 UTC"
    assert world.shadow is None
    assert world.decisions[-1].wants_evidence
    world.until(lambda w: w.weight == 5)
    assert world.now - BEGIN == timedelta(minutes=20)


def test_a_step_that_passed_waits_for_the_morning_and_its_time_is_not_held_against_it() -> None:
    world = closing(2 * MINUTE, timedelta(hours=8))
    world.until(lambda w: w.status.reason == Reason.OUTSIDE_WINDOW)
    assert world.status.phase is Phase.PROGRESSING
    held = world.status.step.held_seconds if world.status.step else None
    world.step(100)
    assert world.weight == 5
    assert world.status.step is not None
    assert world.status.step.held_seconds == held


def test_a_step_is_not_entered_that_could_not_end() -> None:
    world = closing(4 * MINUTE, finishInWindow=True)
    world.until(lambda w: w.status.reason == Reason.OUTSIDE_WINDOW, ticks=60)
    assert world.now < BEGIN + 4 * MINUTE
    assert "step 3 takes at least 1m15s, and the window closes at Mon 2026-03-02 10:04 UTC" in world.status.message
    assert world.status.message.endswith("goes on at Mon 2026-03-02 10:34 UTC")
    world.until(lambda w: w.weight == 100)
    assert world.now == BEGIN + 34 * MINUTE


def test_a_freeze_says_why_and_until_when() -> None:
    freeze = {"from": "2026-03-02T10:02", "to": "2026-03-02T10:30", "reason": "board meeting"}
    world = World(schedule=schedule(windows={"freezes": [freeze]}))
    world.until(lambda w: w.status.reason == Reason.FROZEN)
    when = "Mon 2026-03-02 10:30 UTC"
    assert world.status.message == f"frozen (board meeting) until {when}; goes on at {when}"
    world.until(lambda w: w.status.phase is Phase.PROMOTING)


def test_a_freeze_everywhere_is_reported_at_once_and_lifted_at_once() -> None:
    world = at_step(2)
    world.frozen = "incident 4711"
    world.step(3)
    assert world.status.reason == Reason.FROZEN
    assert world.status.message.startswith("nothing advances anywhere: incident 4711; step 2 (50 %): availability")
    world.step(50)
    assert world.weight == 50
    assert {c.type: (c.status, c.message) for c in world.status.conditions}["Frozen"] == ("True", "incident 4711")
    world.frozen = None
    world.step()
    assert world.weight == 100
    assert {c.type: c.status for c in world.status.conditions}["Frozen"] == "False"


def test_what_has_not_begun_and_what_is_paused_report_it_and_what_is_at_rest_does_not() -> None:
    world = World(frozen="incident")
    world.until(lambda w: w.status.reason == Reason.FROZEN)
    assert world.shadow is None
    world.frozen = None
    world.until(lambda w: w.weight == 5)
    world.action = "pause#1"
    world.frozen = "another"
    world.step()
    assert world.status.reason == Reason.PAUSED_BY_USER
    assert {c.type: c.message for c in world.status.conditions}["Frozen"] == "another"
    world.action = "abort#2"
    world.step(2)
    assert world.status.phase is Phase.ROLLED_BACK
    world.frozen = "a third"
    world.settle()
    assert {c.type: c.message for c in world.status.conditions}["Frozen"] == "another"


@pytest.mark.parametrize("closed", ["window", "freeze", "daemon"])
def test_a_failing_canary_is_rolled_back_as_fast_as_ever(closed: str) -> None:
    closings: dict[str, dict[str, Any]] = {
        "window": {"allow": [{"days": DAYS, "from": "09:00", "to": "10:01"}]},
        "freeze": {"freezes": [{"from": "2026-03-02T10:01", "to": "2026-03-03T00:00"}]},
    }
    world = World(schedule=schedule(windows=closings.get(closed, {}))).until(lambda w: w.weight == 5)
    world.frozen = "incident" if closed == "daemon" else None
    world.until(lambda w: w.now >= BEGIN + 2 * MINUTE)
    began = world.now
    world.traffic.canary = 0.5
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=20)
    assert world.status.reason == Reason.SLO_VIOLATED
    assert world.now - began == timedelta(seconds=INTERVAL)


def test_after_a_retreat_the_canary_comes_back_in_open_hours() -> None:
    allow = [{"days": DAYS, "from": "09:00", "to": "10:10"}, {"days": DAYS, "from": "11:00", "to": "12:00"}]
    world = World(schedule=schedule(onNoData="Retreat", windows={"allow": allow})).until(lambda w: w.weight == 50)
    world.outage = "down"
    world.until(lambda w: w.shadow is None)
    world.until(lambda w: w.now >= BEGIN + 10 * MINUTE)
    world.outage = None
    world.until(lambda w: w.status.reason == Reason.OUTSIDE_WINDOW)
    world.until(lambda w: w.weight == 50)
    assert world.now >= BEGIN + timedelta(hours=1)


def test_a_person_may_resume_at_any_hour() -> None:
    world = closing(3 * MINUTE).until(lambda w: w.weight == 5)
    world.annotate(canary_weight="0")
    world.settle()
    assert (world.status.reason, world.weight) == (Reason.INTERVENED, 0)
    world.until(lambda w: w.now >= BEGIN + 4 * MINUTE)
    world.action = "resume#1"
    world.step()
    assert world.weight == 5


def test_a_step_that_fits_no_window_is_refused() -> None:
    allow = [{"days": ["Mon"], "from": "09:00", "to": "10:00"}]
    long = [{"weight": 5, "bake": "1m"}, {"name": "night", "weight": 50, "bake": "1h"}]
    (fault,) = unsupported_schedule(schedule(steps=long, windows={"allow": allow, "finishInWindow": True}))
    assert fault.field == "spec.windows"
    assert fault.what == "finishInWindow: step 2 (night) takes 1h15s, no window more than 1h"
    assert list(unsupported_schedule(schedule(steps=long, windows={"allow": allow}))) == []
    assert list(unsupported_schedule(schedule(steps=long, windows={"finishInWindow": True}))) == []
    every = [{"days": DAYS, "from": "00:00", "to": "12:00"}, {"days": DAYS, "from": "12:00", "to": "00:00"}]
    assert list(unsupported_schedule(schedule(steps=long, windows={"allow": every, "finishInWindow": True}))) == []


minutes = st.integers(0, 1439).map(lambda m: f"{m // 60:02}:{m % 60:02}")
ranges = st.builds(lambda f, t: {"days": DAYS, "from": f, "to": t}, minutes, minutes).filter(
    lambda one: one["from"] != one["to"]
)


@settings(max_examples=30)
@given(
    st.lists(ranges, min_size=1, max_size=3), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    st.booleans(), st.datetimes(BEGIN.replace(tzinfo=None), BEGIN.replace(year=2027, tzinfo=None)),
    st.lists(st.sampled_from([10, 10, 10, 10, 600, 3600, -600]), min_size=30, max_size=60),
)  # fmt: skip
def test_no_weight_rises_outside_a_window_whatever_the_clock_does(
    allow: Any, zone: str, finish: bool, begin: datetime, leaps: list[int]
) -> None:
    windows = {"allow": allow, "timezone": zone, "finishInWindow": finish}
    world = World(schedule=schedule(windows=windows), now=begin.replace(tzinfo=UTC))
    assert world.schedule is not None
    assert world.schedule.windows is not None
    calendar, before = Calendar.of(world.schedule.windows), 0.0
    for leap in leaps:
        world.now += timedelta(seconds=leap)
        world.pass_(world.read())
        world.settle()
        assert world.weight <= before or calendar.open(world.now)
        before = world.weight
