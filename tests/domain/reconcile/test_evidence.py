"""Evidence of a pass: a clock that was set, readings that cannot be judged, and counts that were drawn."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ingress_canary.domain.evaluation.evaluation import Evaluation, EvidenceMode, TickInputs, judge
from ingress_canary.domain.metrics.counting import ReadingCounts, advance
from ingress_canary.domain.metrics.samples import Counts, Reading, UnknownBound
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.reconcile.evidence import CountedReading, take_evidence
from ingress_canary.domain.schedule.steps import wanted_exposure
from tests.domain.world import INTERVAL, ROUTER, World, at_step


def looked(world: World) -> tuple[Evaluation, TickInputs, Reading]:
    """Return the evaluation of a rollout that has been judged before, what its next tick needs, and a new reading."""
    course, status = world.course, world.status
    assert course is not None
    assert status.step is not None
    assert world.evaluation is not None
    signals = ROUTER.signals(Ingress.of(world.primary), world.spec)
    world.now += timedelta(seconds=INTERVAL)
    step, wanted = course.walk.at(status.step.index), wanted_exposure(status)
    at = TickInputs(course, signals, EvidenceMode.of(status), step, wanted, False, INTERVAL)
    return world.evaluation, at, world.read()


def judged() -> World:
    """Return a world whose canary has been judged for some ticks."""
    world = at_step(1)
    world.step(4)
    return world


def test_after_the_clock_was_set_counters_get_a_new_starting_point() -> None:
    before, at, reading = looked(judged())
    counted = take_evidence(before, reading, at).evaluation
    after = take_evidence(before, reading, at, clock_set=True).evaluation
    assert after.analysis.canary_requests == before.analysis.canary_requests < counted.analysis.canary_requests


@pytest.mark.parametrize(("sampled", "looks"), [(0, 1), (INTERVAL, 3)], ids=["a page", "a store of samples"])
def test_a_bucket_may_be_late_where_a_store_shows_a_scrape_in_pieces(sampled: int, looks: int) -> None:
    evaluation, at, reading = looked(judged())
    name = next(iter(at.compiled.measures.counted))
    absent = ReadingCounts({name: UnknownBound(0.25, (0.5,))})
    for look in range(1, 5):
        now = reading._replace(
            at=reading.at + timedelta(seconds=INTERVAL * look), sampled_every=timedelta(seconds=sampled)
        )
        evaluation = judge(evaluation, now, absent, at)
        late = f"{name}: the buckets of 0.25 s are missing from this reading, and may yet come"
        wrong = f"{name}: threshold 0.25 s is not a bucket bound of the controllers' histogram: choose one of 0.5"
        assert str(evaluation.no_data) == (late if look < looks else wrong)
        assert (evaluation.misconfigured is not None) is (look >= looks)
    # one look with the bucket takes the fault back, and it must be missing as often again
    every = timedelta(seconds=sampled)
    after = reading._replace(at=reading.at + timedelta(seconds=INTERVAL * 5), sampled_every=every)
    evaluation = judge(evaluation, after, ReadingCounts({name: Counts()}), at)
    assert (evaluation.misconfigured, evaluation.no_data) == (None, None)
    again = judge(evaluation, after._replace(at=after.at + timedelta(seconds=INTERVAL)), absent, at)
    assert (again.misconfigured is None) is (looks > 1)


def test_a_reading_that_cannot_be_judged_is_missing_data_and_takes_nothing_away() -> None:
    world = judged()
    before, at, reading = looked(world)
    # as a settle beyond the calendar did before durations were bounded
    analysis = at.compiled.spec.analysis.model_copy(update={"settle": timedelta.max})
    broken = replace(at.compiled, spec=at.compiled.spec.model_copy(update={"analysis": analysis}))
    after, fault = take_evidence(before, reading, at._replace(compiled=broken))
    assert isinstance(fault, OverflowError)
    # it is told once
    assert take_evidence(after, reading, at._replace(compiled=broken)) == (after, None)
    assert (after.analysis, after.baked, after.held) == (before.analysis, before.baked, before.held)
    assert after.no_data is not None
    assert "could not be judged: OverflowError" in str(after.no_data)
    assert (after.no_data_since, after.last) == (reading.at, None)
    world.evaluation = after
    assert world.pass_().status.reason == "NoData"
    world.action = "abort#1"
    assert world.pass_().status.phase == "RolledBack"
    assert take_evidence(after, reading, at).evaluation.no_data is None


def test_counts_that_were_drawn_are_judged_as_those_of_a_reading() -> None:
    before, at, reading = looked(judged())
    _, counts = advance(before.book, reading, at.signals, at.compiled.measures, timedelta(seconds=INTERVAL))
    drawn = take_evidence(before, CountedReading(Reading(reading.at), counts), at).evaluation
    assert drawn == judge(before, Reading(reading.at), counts, at)
    assert drawn.analysis.canary_requests == take_evidence(before, reading, at).evaluation.analysis.canary_requests
