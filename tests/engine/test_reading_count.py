"""Whose pass comes first: what a reading says is failing now; it is counted once, and the pass is none the wiser."""

from dataclasses import replace
from datetime import timedelta

from ingress_canary.domain.evaluation.evaluation import EvidenceMode, TickInputs
from ingress_canary.domain.metrics.counting import advance
from ingress_canary.domain.metrics.samples import Reading
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.reconcile.evidence import take_evidence
from ingress_canary.domain.schedule.steps import wanted_exposure
from ingress_canary.engine.state.reading_count import largest_bad_share
from ingress_canary.engine.state.rollout_state import RolloutState
from tests.domain.world import INTERVAL, ROUTER, World, at_step


def looked(world: World) -> tuple[RolloutState, TickInputs, Reading]:
    """Return the entry of a rollout that has been judged before, what its next tick needs, and the newest reading."""
    course, status = world.course, world.status
    assert course is not None
    assert status.step is not None
    primary = Ingress.of(world.primary)
    signals, step = ROUTER.signals(primary, world.spec), course.walk.at(status.step.index)
    world.now += timedelta(seconds=INTERVAL)
    reading = world.read()
    entry = RolloutState("uid", evaluation=world.evaluation, reading=reading, counting=(signals, course.measures))
    return (
        entry,
        TickInputs(course, signals, EvidenceMode.of(status), step, wanted_exposure(status), False, INTERVAL),
        reading,
    )


def test_the_largest_part_of_the_canarys_requests_that_is_bad_counts() -> None:
    world = at_step(1)
    world.step(4)
    world.traffic.canary, world.traffic.stable = 0.5, 0.9
    assert largest_bad_share(looked(world)[0], INTERVAL) == 0.5


def test_a_canary_without_errors_is_nothing_to_hurry_for() -> None:
    world = at_step(1)
    world.step(4)
    assert largest_bad_share(looked(world)[0], INTERVAL) == 0


def test_what_cannot_be_counted_yet_is_nothing_to_hurry_for() -> None:
    world = at_step(1)
    world.traffic.canary = 1
    entry, _, _ = looked(world)
    assert largest_bad_share(replace(entry, clock_set=True), INTERVAL) == 0
    assert largest_bad_share(replace(entry, evaluation=None), INTERVAL) == 0
    assert largest_bad_share(replace(entry, reading=None), INTERVAL) == 0
    assert largest_bad_share(replace(entry, counting=None), INTERVAL) == 0
    world.outage = "refused"
    assert largest_bad_share(looked(world)[0], INTERVAL) == 0


def test_the_pass_sees_what_it_would_have_seen_and_nothing_is_counted_twice() -> None:
    world = at_step(1)
    world.step(4)
    world.traffic.canary = 0.1
    entry, at, reading = looked(world)
    assert entry.evaluation is not None
    alone = take_evidence(entry.evaluation, reading, at)
    assert largest_bad_share(entry, INTERVAL) > 0
    again = take_evidence(entry.evaluation, reading, at, lambda *of: entry.memo.of(advance, *of))
    assert again == alone
    twice = take_evidence(alone.evaluation, reading, at).evaluation
    assert twice.analysis.canary_requests == alone.evaluation.analysis.canary_requests
