"""What a source remembers takes the place of a warm-up, and of what a restart has missed, to the last request."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.evaluation.replay import LEARNT_FROM, REMEMBERED, instants
from ingress_canary.domain.evaluation.resume import ANYONE, MOST_NAMED, Resume
from ingress_canary.domain.metrics.counter_state import CounterState, Sample
from ingress_canary.domain.metrics.counting import CounterBook
from ingress_canary.domain.metrics.samples import Instance, Reading, Series, Side
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.slo.checkpoint.checkpoint import encode
from ingress_canary.domain.slo.gaps import Gaps
from tests.domain.world import BEGIN, INTERVAL, SCHEDULE, Traffic, World, at_step, deployment, schedule

LONG = schedule(steps=[{"weight": 20, "bake": "10h"}, {"weight": 50, "bake": "10h"}])


class Remembering:
    """A world whose source remembers each tick's reading; ``gone`` is the time in which no daemon reads the source."""

    def __init__(self, lag: float = 0, **world: Any) -> None:
        self.world = at_step(1, **{"schedule": LONG, **world})
        self.memory: list[Reading] = []
        self.lag = timedelta(seconds=lag)
        """How old the samples are at each reading."""

    def step(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            self.pass_by()
            self.world.pass_(self.memory[-1])
            self.world.settle()

    def pass_by(self, ticks: int = 1) -> None:
        """Let traffic flow without a reading."""
        for _ in range(ticks):
            self.world.now += timedelta(seconds=INTERVAL)
            reading = self.world.read()
            aged = tuple(one._replace(at=one.at - self.lag) for one in reading.series)
            self.memory.append(reading._replace(series=aged))

    def crash(self, gone: int) -> None:
        """Die, and be started again after so many ticks; the first pass comes before the first reading."""
        self.world.crash()
        self.pass_by(gone)
        self.world.settle()

    def take_reading(self, remembers: Callable[[Reading], bool] = lambda _: True) -> None:
        """Take the next reading, with what the source remembers of the instants that are wanted."""
        self.pass_by()
        assert self.world.evaluation is not None
        wanted = instants(self.world.evaluation, self.world.now, INTERVAL)
        past = []
        for at in wanted:
            seen = [one for one in self.memory[:-1] if (one.at - self.lag).timestamp() <= at]
            if seen and remembers(seen[-1]):
                past.append(seen[-1]._replace(at=datetime.fromtimestamp(at, UTC)))
        self.world.pass_(self.memory[-1]._replace(past=tuple(past)))
        self.world.settle()

    @property
    def state(self) -> object:
        assert self.world.evaluation is not None
        analysis = self.world.evaluation.analysis
        return (
            [
                # the starting point of a restart is a reading that adds nothing, and others may come a little earlier
                (
                    track.total, track.step, track.absolute,
                    track.relative._replace(gaps=Gaps(track.relative.gaps.now)),
                    track.recent.now[1:],
                )
                for track in analysis.tracks
            ],
            [(tail.total, tail.step, tail.wealth) for check in analysis.distributions for tail in check.tails],
            analysis.verdicts,
            analysis.canary_requests,
            analysis.stable_requests,
            self.world.evaluation.settling,
        )  # fmt: skip


@pytest.mark.parametrize(("lived", "gone", "lag"), [(5, 0, 0), (9, 1, 3), (13, 7, 9), (9, 40, 0), (11, 40, 5)])
def test_a_restart_reaches_the_state_of_an_uninterrupted_run(lived: int, gone: int, lag: float) -> None:
    one, other = Remembering(lag), Remembering(lag)
    for each in (one, other):
        each.world.traffic.canary = each.world.traffic.stable = 0.001
        each.step(lived)
    one.crash(gone)
    one.take_reading()
    other.step(gone + 1)
    assert one.state == other.state
    one.step(5)
    other.step(5)
    assert one.state == other.state


@pytest.mark.parametrize(("lived", "gone", "lag"), [(5, 0, 0), (9, 1, 3), (13, 7, 9), (9, 40, 0)])
def test_the_evidence_of_a_distribution_is_that_of_an_uninterrupted_run(lived: int, gone: int, lag: float) -> None:
    shape = {"name": "shape", "settle": "15s", "sli": {"latencyDistribution": {}}}
    both = schedule(steps=[{"weight": 20, "bake": "10h"}], slos=[*SCHEDULE["slos"], shape])
    slow = {"": 0.05, "shop-checkout-canary-80": 0.09}
    one, other = (Remembering(lag, schedule=both, traffic=Traffic(slow=slow)) for _ in range(2))
    for each in (one, other):
        each.step(lived)
    one.crash(gone)
    one.take_reading()
    other.step(gone + 1)
    assert one.state == other.state
    assert one.world.evaluation is not None
    assert one.world.evaluation.analysis.distributions[0].seen.e > 0


def test_neither_bake_nor_hold_go_on_while_no_daemon_lives() -> None:
    one = Remembering()
    one.step(20)
    stored = one.world.status.step
    assert stored is not None
    one.crash(30)
    one.take_reading()
    assert one.world.evaluation is not None
    assert (one.world.evaluation.baked, one.world.evaluation.held) == (stored.baked_seconds, stored.held_seconds)
    one.step(1)
    assert one.world.evaluation.baked == stored.baked_seconds + INTERVAL


def test_a_fail_while_no_daemon_lived_ends_the_rollout_although_the_canary_has_recovered() -> None:
    one = Remembering()
    one.step(9)
    one.world.crash()
    one.world.traffic.canary = 0.5
    one.pass_by(2)
    failed_at = one.world.now
    one.world.traffic.canary = 0.0
    one.pass_by(200)
    one.world.settle()
    one.take_reading()
    assert (one.world.status.phase, one.world.status.reason) == (Phase.ROLLED_BACK, "SLOViolated")
    first = next(
        decision.evaluation
        for decision in one.world.decisions
        if decision.evaluation and decision.evaluation.analysis.failed
    )
    assert first.analysis.first_fail_at is not None
    assert first.analysis.first_fail_at <= failed_at


def test_without_a_memory_the_first_reading_is_a_starting_point_and_the_rollout_settles_anew() -> None:
    one = Remembering()
    one.step(9)
    before = one.world.status.slos[0].canary.total
    one.crash(5)
    one.take_reading(lambda _: False)
    assert one.world.evaluation is not None
    assert (one.world.evaluation.settling, one.world.evaluation.resume) == (True, None)
    one.step(2)
    assert one.world.evaluation.analysis.tracks[0].total.n <= before + 2 * 400


def test_what_is_stored_is_taken_in_however_often_the_daemon_dies_before_its_first_reading() -> None:
    one, other = Remembering(), Remembering()
    for each in (one, other):
        each.step(9)
    one.crash(2)
    one.world.outage = "down"
    one.step(8)  # a checkpoint is written meanwhile, and nobody is served
    one.world.outage = None
    one.memory[-8:] = []
    one.crash(1)
    one.take_reading()
    other.step(4)
    assert one.world.evaluation is not None
    assert other.world.evaluation is not None
    assert one.world.evaluation.analysis.tracks[0].total == other.world.evaluation.analysis.tracks[0].total


@pytest.mark.parametrize("change", ["skipped weight", "stable", "revision"])
def test_what_has_changed_meanwhile_is_not_judged_by_what_came_before(
    change: Literal["skipped weight", "stable", "revision"],
) -> None:
    one = Remembering()
    one.step(9)
    one.world.crash()
    match change:
        case "skipped weight":
            one.world.annotate(canary_weight="70")
        case "stable":
            one.world.stable = deployment("checkout", "app:v3")
        case "revision":
            one.world.canary = deployment("checkout-canary", "app:v3")
    one.world.traffic.canary = 1.0
    one.pass_by(30)
    one.world.traffic.canary = 0.0
    one.world.settle()
    one.take_reading()
    assert one.world.status.phase is not Phase.ROLLED_BACK
    assert one.world.evaluation is not None
    assert one.world.evaluation.resume is None


def test_a_half_hour_of_history_takes_the_place_of_the_warm_up_and_sets_phi() -> None:
    world, memory = World(warm_up=120), []
    for number in range(200):
        world.now += timedelta(seconds=INTERVAL)
        world.traffic.stable = 0.0 if number % 10 else 0.01
        memory.append(world.read())
    world.traffic.stable = 0.001
    world.settle()
    assert world.evaluation is not None
    wanted = instants(world.evaluation, world.now, INTERVAL)
    assert len(wanted) == LEARNT_FROM / INTERVAL
    past = tuple(one for one in memory if one.at.timestamp() in wanted)
    world.now += timedelta(seconds=INTERVAL)
    world.pass_(world.read()._replace(past=past))
    assert world.status.reason != "WarmingUp"
    world.settle()
    assert world.status.step is not None
    assert world.evaluation.analysis.tracks[0].phi > 5
    assert instants(world.evaluation, world.now, INTERVAL) == ()


def test_a_short_history_is_a_part_of_the_warm_up() -> None:
    world, memory = World(warm_up=120), []
    for _ in range(5):
        world.now += timedelta(seconds=INTERVAL)
        memory.append(world.read())
    world.settle()
    world.now += timedelta(seconds=INTERVAL)
    world.pass_(world.read()._replace(past=tuple(memory)))
    assert (world.status.reason, world.evaluation and world.evaluation.warmed) == ("WarmingUp", 50)


def test_without_a_warm_up_no_history_is_judged() -> None:
    world = World(warm_up=0)
    world.traffic.stable = 0.9
    past = []
    for _ in range(20):
        world.now += timedelta(seconds=INTERVAL)
        past.append(world.read())
    world.settle()
    world.now += timedelta(seconds=INTERVAL)
    world.pass_(world.read()._replace(past=tuple(past)))
    assert world.evaluation is not None
    assert world.evaluation.analysis.tracks[0].total.m == 0


# --- which instants are wanted


def resumed(**counted: float) -> Evaluation:
    resume = Resume(BEGIN, {name: BEGIN + timedelta(seconds=at) for name, at in counted.items()})
    return Evaluation.new(CompiledSchedule.of(LONG))._replace(resume=resume)


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def test_each_process_s_newest_counted_sample_is_an_instant_that_is_wanted() -> None:
    wanted = instants(resumed(a=0, b=7.5, c=2), after(30), INTERVAL)
    assert [at - BEGIN.timestamp() for at in wanted] == [0, 2, 7.5, 10, 20]


def test_a_process_that_was_gone_long_before_makes_nothing_of_it_be_asked_for_again() -> None:
    assert instants(resumed(gone=0, a=1000, b=995), after(1020), INTERVAL) == instants(
        resumed(a=1000, b=995), after(1020), INTERVAL
    )


def test_of_a_long_gap_the_newest_hour_is_wanted_and_of_the_future_nothing() -> None:
    wanted = instants(resumed(a=0), after(10_000), INTERVAL)
    assert (wanted[0] - BEGIN.timestamp(), len(wanted)) == (10_000 - REMEMBERED, REMEMBERED / INTERVAL)
    assert instants(resumed(a=100), after(50), INTERVAL) == ()


# --- nothing is counted twice


def read(at: float, **pods: tuple[float, float]) -> Reading:
    """Return a reading: by pod, when its sample was taken and its canary requests."""
    labels = {"namespace": "shop", "ingress": "checkout", "service": "checkout", "status": "200"}
    series = tuple(
        Series(
            "nginx_ingress_controller_requests",
            pod,
            {**labels, "canary": "shop-checkout-canary-80"},
            value,
            after(when),
        )
        for pod, (when, value) in pods.items()
    )
    return Reading(after(at), tuple(Instance(pod, BEGIN - timedelta(days=1)) for pod in pods), series)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 50)), min_size=1, max_size=4),
    st.integers(1, 12), st.integers(0, 15), st.booleans(),
)  # fmt: skip
@settings(max_examples=25)
def test_every_request_counts_once_wherever_the_daemon_dies(
    pods: list[tuple[int, int]], lived: int, gone: int, many: bool
) -> None:
    """Pods are scraped at moments of their own; the daemon reads every 10 s, dies and reads the rest."""
    world = at_step(1, schedule=LONG)
    start = (world.now - BEGIN).total_seconds()

    def seen(at: float) -> Reading:
        """The newest scrape of each pod, every 10 s from its own offset on."""
        found = {}
        for number, (offset, rate) in enumerate(pods):
            when = at - (at - offset) % 10
            found[f"pod-{number}"] = (when, rate * (when - start + 100))
        return read(at, **found)

    for _ in range(lived + 4):
        world.now += timedelta(seconds=INTERVAL)
        world.pass_(seen((world.now - BEGIN).total_seconds()))
        world.settle()
    died = (world.now - BEGIN).total_seconds()
    stored, text = world.status, world.evaluation
    assert text is not None
    course = world.course
    assert course is not None
    checkpoint = text.checkpoint
    if many:  # too many processes to be distinguished
        resume = Resume.of(text.book, text.settled_from)
        assert resume is not None
        newest = Resume(resume.settled_from, {ANYONE: max(resume.counted.values())})
        checkpoint = encode(text.analysis, newest.encode())
    world.status = stored.model_copy(update={"analysis_state": checkpoint})
    world.crash()
    world.now += timedelta(seconds=INTERVAL * gone + 3)
    world.settle()
    assert world.evaluation is not None
    wanted = instants(world.evaluation, world.now, INTERVAL)
    past = tuple(seen(at - BEGIN.timestamp()) for at in wanted)
    now = (world.now - BEGIN).total_seconds()
    world.pass_(seen(now)._replace(past=past))
    before, counted = text.analysis.tracks[0].total.n, world.evaluation.analysis.tracks[0].total.n
    last = {number: now - (now - offset) % 10 for number, (offset, _) in enumerate(pods)}
    then = {number: died - (died - offset) % 10 for number, (offset, _) in enumerate(pods)}
    exact = before + sum(rate * (last[n] - then[n]) for n, (_, rate) in enumerate(pods))
    if many:
        assert before <= counted <= exact
    else:
        assert counted == exact


def test_a_pod_that_has_counted_is_not_new_before_its_own_sample_comes() -> None:
    """Else the first sample that is left of it would count from 0."""
    session = at_step(1, schedule=LONG)
    for at in (10, 20, 30, 40):
        session.now += timedelta(seconds=10)
        session.pass_(read((session.now - BEGIN).total_seconds(), a=((session.now - BEGIN).total_seconds(), 1000 + at)))
        session.settle()
    assert session.evaluation is not None
    counted = session.evaluation.analysis.tracks[0].total.n
    end = (session.now - BEGIN).total_seconds()
    state = session.evaluation.checkpoint
    session.status = session.status.model_copy(update={"analysis_state": state})
    session.crash()
    session.now += timedelta(seconds=10)
    session.settle()
    empty = Reading(after(end - 5), (Instance("a", BEGIN - timedelta(days=1)),))
    late = read(end + 5, a=(end + 5, 1500))
    session.pass_(read(end + 10, a=(end + 10, 1600))._replace(past=(empty, late)))
    assert session.evaluation.analysis.tracks[0].total.n == counted + 100


# --- as text


def book(*names: str) -> CounterBook:
    sample = Sample(BEGIN, Side.CANARY, "200", (1.0,))
    return CounterBook(requests=CounterState(samples={(name, frozenset()): sample for name in names}))


def test_where_it_goes_on_survives_as_text_and_stays_small() -> None:
    names = [f"ingress-nginx/ingress-nginx-controller-5c8d66c76d-{n:05}" for n in range(MOST_NAMED + 1)]
    some = Resume.of(book(*names[:MOST_NAMED]), BEGIN)
    assert some is not None
    assert Resume.decode(some.encode()) == some
    assert len(some.encode()) < 4000
    assert some.since("another") is None
    assert Resume.of(book("a", "a (scrape 2)"), BEGIN) == Resume(BEGIN, {"a": BEGIN}), "turns are not the next life's"
    many = Resume.of(book(*names), BEGIN)
    assert many is not None
    assert (dict(many.counted), many.since("another")) == ({ANYONE: BEGIN}, BEGIN)
    assert Resume.of(book(), BEGIN) is None
    assert Resume.of(book("a"), None) is None


@pytest.mark.parametrize(
    "text",
    ["", "x", "e30=", Resume(BEGIN, {}).encode(), Resume(BEGIN.replace(tzinfo=None), {"a": BEGIN}).encode()],
)
def test_what_is_no_such_text_is_nothing(text: str) -> None:
    assert Resume.decode(text) is None


@given(st.text() | st.binary().map(lambda data: data.hex()))
def test_no_text_raises(text: str) -> None:
    Resume.decode(text)
