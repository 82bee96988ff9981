"""Whose pass comes first: what a reading says is failing now; it is counted once, and the pass is none the wiser."""

from dataclasses import replace
from datetime import timedelta

from structlog.testing import capture_logs

from ingress_canary.domain.decision.observation import wanted
from ingress_canary.domain.evaluation.evaluation import Mode, Tick, tick
from ingress_canary.domain.metrics.samples import Reading
from ingress_canary.domain.objects.views import Ingress
from ingress_canary.engine.state.reading_count import errors, ticked
from ingress_canary.engine.state.rollout_state import Entry
from tests.domain.world import INTERVAL, ROUTER, World, at_step


def looked(world: World) -> tuple[Entry, Tick, Reading]:
    """Return the entry of a rollout that has been judged before, what its next tick needs, and the newest reading."""
    course, status = world.course, world.status
    assert course is not None
    assert status.step is not None
    primary = Ingress.of(world.primary)
    signals, step = ROUTER.signals(primary, world.spec), course.walk.at(status.step.index)
    world.now += timedelta(seconds=INTERVAL)
    reading = world.read()
    entry = Entry("uid", session=world.session, reading=reading, counting=(signals, course.measures))
    return entry, Tick(course, signals, Mode.of(status), step, wanted(status), False, INTERVAL), reading


def test_the_largest_part_of_the_canarys_requests_that_is_bad_counts() -> None:
    world = at_step(1)
    world.step(4)
    world.traffic.canary, world.traffic.stable = 0.5, 0.9
    assert errors(looked(world)[0], INTERVAL) == 0.5


def test_a_canary_without_errors_is_nothing_to_hurry_for() -> None:
    world = at_step(1)
    world.step(4)
    assert errors(looked(world)[0], INTERVAL) == 0


def test_what_cannot_be_counted_yet_is_nothing_to_hurry_for() -> None:
    world = at_step(1)
    world.traffic.canary = 1
    entry, _, _ = looked(world)
    assert errors(replace(entry, clock_set=True), INTERVAL) == 0
    assert errors(replace(entry, session=None), INTERVAL) == 0
    assert errors(replace(entry, reading=None), INTERVAL) == 0
    assert errors(replace(entry, counting=None), INTERVAL) == 0
    world.outage = "refused"
    assert errors(looked(world)[0], INTERVAL) == 0


def test_the_pass_sees_what_it_would_have_seen_and_nothing_is_counted_twice() -> None:
    world = at_step(1)
    world.step(4)
    world.traffic.canary = 0.1
    entry, at, reading = looked(world)
    assert entry.session is not None
    alone = tick(entry.session, reading, at)
    assert errors(entry, INTERVAL) > 0
    assert ticked(entry, entry.session, reading, at) == alone
    assert ticked(entry, alone, reading, at).analysis.canary_requests == alone.analysis.canary_requests


def test_after_the_clock_was_set_counters_get_a_new_starting_point() -> None:
    world = at_step(1)
    world.step(4)
    entry, at, reading = looked(world)
    assert entry.session is not None
    entry.clock_set = True
    after = ticked(entry, entry.session, reading, at)
    assert not entry.clock_set
    assert after.analysis.canary_requests == entry.session.analysis.canary_requests


def test_a_look_that_cannot_be_judged_is_missing_data_and_takes_nothing_away() -> None:
    world = at_step(1)
    world.step(4)
    entry, at, reading = looked(world)
    assert entry.session is not None
    # as a settle beyond the calendar did before durations were bounded
    analysis = at.course.spec.analysis.model_copy(update={"settle": timedelta.max})
    broken = replace(at.course, spec=at.course.spec.model_copy(update={"analysis": analysis}))
    before = entry.session
    with capture_logs() as lines:
        after = ticked(entry, before, reading, at._replace(course=broken))
        again = ticked(entry, after, reading, at._replace(course=broken))
    assert (after.analysis, after.baked, after.held) == (before.analysis, before.baked, before.held)
    assert after.no_data is not None
    assert "could not be judged: OverflowError" in after.no_data
    assert (after.no_data_since, after.last, again) == (reading.at, None, after)
    assert [line["log_level"] for line in lines] == ["error"]
    world.session = after
    assert world.pass_().status.reason == "NoData"
    world.action = "abort#1"
    assert world.pass_().status.phase == "RolledBack"
    assert ticked(entry, after, reading, at).no_data is None
