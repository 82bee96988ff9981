"""The tick: whatever goes wrong in a tick, each rollout has a reading that reports it, and the ticks go on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS, Capabilities, Capability
from ingress_canary.domain.metrics.samples import Reading, Target
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.status.notices import Audience
from ingress_canary.domain.traffic.probe import ProbeAnswer, ProbeRequest
from ingress_canary.engine.options import Options
from ingress_canary.engine.probe_requests import ProbeRequests
from ingress_canary.engine.queue import KeyedQueue
from ingress_canary.engine.report import Reporter
from ingress_canary.engine.state.rollout_state import RolloutStates
from ingress_canary.engine.ticker import Ticker
from ingress_canary.ports import Outlets

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WEB, API = Target("shop", "web", "web"), Target("shop", "api", "api")
Answer = Callable[[datetime, Sequence[Target]], Mapping[Target, Reading]]


class TurnClock:
    """Time that moves by sleeping, which is done on the test's request."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept, self.go = asyncio.Event(), asyncio.Event()

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.set()
        await self.go.wait()
        self.go.clear()
        self.seconds += seconds


@dataclass
class Source:
    """A metrics source that answers as the test sets it."""

    clock: TurnClock
    answer: Answer
    capabilities: Capabilities = OF_CONTROLLERS

    async def read(self, targets: Sequence[Target]) -> Mapping[Target, Reading]:
        return self.answer(self.clock.now(), targets)


class Nobody:
    """Who is never asked."""

    async def ask(self, request: ProbeRequest) -> ProbeAnswer:
        raise AssertionError(request)


@dataclass
class Looked:
    """The only metric that matters here."""

    readings: list[tuple[int, int]] = field(default_factory=list)

    def source_read(self, at: datetime, seconds: float, answers: int, errors: int) -> None:
        self.readings.append((answers, errors))


@dataclass
class Ticking:
    ledger: RolloutStates
    queue: KeyedQueue[Key]
    source: Source
    telemetry: Looked
    clock: TurnClock

    def reading(self, name: str) -> Reading:
        entry = self.ledger.get(Key("shop", name))
        assert entry is not None
        assert entry.reading is not None
        return entry.reading

    async def tick(self) -> None:
        """Have one reading taken."""
        self.clock.slept.clear()
        self.clock.go.set()
        await self.clock.slept.wait()


@asynccontextmanager
async def ticking(answer: Answer, targets: tuple[Target, ...] = (WEB, API), **second: Answer) -> AsyncIterator[Ticking]:
    """Yield two rollouts that want evidence, after their first reading.

    Another source, by the one capability that it has, may stand behind the one that answers as controllers do.
    """
    ledger, queue, clock, telemetry = RolloutStates(), KeyedQueue[Key](), TurnClock(), Looked()
    for target in targets:
        ledger.state_of(Key("shop", target.ingress), target.ingress).target = target
    reporter = Reporter(Outlets(None, None), telemetry, clock, Audience("ingress-canary", ()))  # type: ignore[arg-type]
    source = Source(clock, answer)
    others = [Source(clock, given, frozenset({Capability(name)})) for name, given in second.items()]
    ticker = Ticker(
        ledger, queue, (source, *others), ProbeRequests(Nobody(), ledger), clock, telemetry, reporter, Options()  # type: ignore[arg-type]
    )  # fmt: skip
    ticker.wake()
    task = asyncio.create_task(ticker.run())
    try:
        async with asyncio.timeout(10):
            await clock.slept.wait()
            yield Ticking(ledger, queue, source, telemetry, clock)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def good(at: datetime, targets: Sequence[Target]) -> Mapping[Target, Reading]:
    return {target: Reading(at) for target in targets}


def raising(error: Exception) -> Answer:
    def answer(at: datetime, targets: Sequence[Target]) -> Mapping[Target, Reading]:
        raise error

    return answer


@pytest.mark.parametrize("error", [OverflowError("too large"), KeyError("le"), TimeoutError(), AssertionError("no")])
async def test_a_source_that_throws_leaves_everybody_a_reading_that_says_so(error: Exception) -> None:
    async with ticking(raising(error)) as run:
        for name in ("web", "api"):
            expected = f"reading the metrics source failed: {type(error).__name__}: {error}"
            assert (run.reading(name).error, run.reading(name).at) == (expected, BEGIN)
        assert {await run.queue.get(), await run.queue.get()} == {Key("shop", "web"), Key("shop", "api")}
        assert run.telemetry.readings == [(0, 2)]


async def test_its_traceback_is_logged_once_while_it_lasts_and_the_ticks_go_on() -> None:
    with capture_logs() as lines:
        async with ticking(raising(OverflowError("too large"))) as run:
            await run.tick()
            await run.tick()
            run.source.answer = good
            await run.tick()
            assert (run.reading("web").error, run.telemetry.readings[-1]) == (None, (2, 0))
            run.source.answer = raising(OverflowError("too large"))
            await run.tick()
    failed = [line for line in lines if line["log_level"] == "error"]
    assert [type(line["exc_info"]) for line in failed] == [OverflowError, OverflowError]


async def test_a_target_that_the_source_passes_over_is_reported_and_the_others_are_not_held_up() -> None:
    async with ticking(lambda at, targets: {WEB: Reading(at)}) as run:
        assert run.reading("web").error is None
        assert run.reading("api").error == "the metrics source gave no answer for this Ingress"
        assert run.telemetry.readings == [(1, 1)]


def marked(text: str) -> Answer:
    return lambda at, targets: {target: Reading(at, note=text) for target in targets}


ASKS = API._replace(needs=frozenset({Capability.QUERY_VALUES}))


async def test_each_rollout_is_read_from_the_first_source_that_can_answer_it() -> None:
    async with ticking(marked("pages"), (WEB, ASKS), queryValues=marked("queries")) as run:
        assert (run.reading("web").note, run.reading("api").note) == ("pages", "queries")
        assert run.telemetry.readings == [(1, 0), (1, 0)]


async def test_what_no_source_can_answer_is_read_from_the_first_of_those_that_lack_least() -> None:
    both = ASKS._replace(needs=frozenset({Capability.QUERY_VALUES, Capability.QUERY_COUNTERS, Capability.REQUESTS}))
    async with ticking(marked("pages"), (WEB, both), queryValues=marked("queries")) as run:
        assert run.reading("api").note == "pages"


async def test_a_source_that_throws_costs_only_the_rollouts_that_it_serves() -> None:
    async with ticking(marked("pages"), (WEB, ASKS), queryValues=raising(KeyError("x"))) as run:
        assert (run.reading("web").error, run.reading("web").note) == (None, "pages")
        assert run.reading("api").error == "reading the metrics source failed: KeyError: 'x'"
