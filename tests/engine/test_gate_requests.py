"""The asker beside the passes: one question at a time for each gate, in time, and none that is no longer wanted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from ingress_canary.adapters.clock import CompressedClock
from ingress_canary.api.gate import GateVerdict, GateWhen
from ingress_canary.domain.gates.request import GateCall
from ingress_canary.domain.gates.schedule import GateAnswer
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.engine.gate_requests import APART, AT_ONCE, GateRequests
from ingress_canary.engine.state.rollout_state import RolloutStates
from tests.e2e.conftest import until

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
KEY = Key("shop", "checkout")
CLOCK = CompressedClock(1000, BEGIN)


@dataclass
class Keeper:
    """Answers on request."""

    asked: list[GateCall] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    cut: int = 0

    async def ask(self, call: GateCall) -> GateAnswer:
        self.asked.append(call)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cut += 1
            raise
        return GateAnswer(call.question, GateVerdict.PASSED, "", CLOCK.now())


@dataclass
class Counted:
    """The only metric that matters here."""

    outcomes: list[tuple[str, str]] = field(default_factory=list)

    def gate_answered(self, when: str, outcome: str) -> None:
        self.outcomes.append((when, outcome))


@dataclass
class Desk:
    keeper: Keeper
    webhooks: GateRequests
    ledger: RolloutStates
    passes: list[Key]
    telemetry: Counted


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    keeper, ledger, passes, telemetry = Keeper(), RolloutStates(), list[Key](), Counted()
    ledger.state_of(KEY, "uid")
    made = Desk(
        keeper, GateRequests(keeper, ledger, CLOCK, telemetry, passes.append), ledger, passes, telemetry  # type: ignore[arg-type]
    )  # fmt: skip
    yield made
    await made.webhooks.stop()


def call(gate: str = "qa", after: float = 0, question: str = "q1") -> GateCall:
    due = CLOCK.now() + timedelta(seconds=after)
    return GateCall(KEY, gate, GateWhen.BEFORE_STEP, question, "http://qa/", "{}", due, 10)


async def test_an_answer_is_kept_for_the_pass_that_it_asks_for(desk: Desk) -> None:
    desk.keeper.open.set()
    desk.webhooks.want(KEY, call())
    await until(lambda: desk.passes)
    entry = desk.ledger.get(KEY)
    assert entry is not None
    assert entry.answers["qa"].verdict is GateVerdict.PASSED
    assert desk.telemetry.outcomes == [("beforeStep", "passed")]


async def test_a_gate_that_hangs_is_asked_once_and_keeps_no_other_from_its_turn(desk: Desk) -> None:
    first = call()
    for _ in range(5):
        desk.webhooks.want(KEY, first, call("other"))
        await asyncio.sleep(0)
    assert sorted(one.gate for one in desk.keeper.asked) == ["other", "qa"]


async def test_a_question_waits_for_its_time_and_is_asked_as_the_newest_pass_wants_it(desk: Desk) -> None:
    later = call(after=200)
    desk.webhooks.want(KEY, later)
    await asyncio.sleep(0)
    assert desk.keeper.asked == []
    desk.webhooks.want(KEY, replace(later, body='{"new":1}'))
    await until(lambda: desk.keeper.asked)
    assert later.due <= CLOCK.now()
    assert [one.body for one in desk.keeper.asked] == ['{"new":1}']


async def test_a_question_that_is_due_sooner_is_asked_sooner(desk: Desk) -> None:
    desk.webhooks.want(KEY, call(after=10_000_000))
    desk.webhooks.want(KEY, call(question="q2"))
    await until(lambda: desk.keeper.asked)
    assert [one.question for one in desk.keeper.asked] == ["q2"]


async def test_what_is_no_longer_wanted_is_not_asked_and_can_be_wanted_again(desk: Desk) -> None:
    once = call(after=20)
    desk.webhooks.want(KEY, once)
    desk.webhooks.want(KEY)
    await CLOCK.sleep(200)
    assert desk.keeper.asked == []
    desk.webhooks.want(KEY, once)
    await until(lambda: desk.keeper.asked)


async def test_passes_that_want_ever_new_questions_do_not_make_a_gate_answer_all_the_time(desk: Desk) -> None:
    slow = CompressedClock(10, BEGIN)
    webhooks = GateRequests(desk.keeper, desk.ledger, slow, desk.telemetry, desk.passes.append)  # type: ignore[arg-type]
    desk.keeper.open.set()
    began = slow.monotonic()
    for number in range(300):
        webhooks.want(KEY, replace(call(question=f"q{number}"), due=slow.now()))
        await asyncio.sleep(0.001)
    spent = slow.monotonic() - began
    await webhooks.stop()
    assert 1 <= len(desk.keeper.asked) <= spent / APART + 1


async def test_no_more_than_a_bounded_number_are_in_flight(desk: Desk) -> None:
    desk.webhooks.want(KEY, *(call(f"gate-{number}") for number in range(AT_ONCE + 5)))
    await until(lambda: len(desk.keeper.asked) == AT_ONCE)
    await CLOCK.sleep(100)
    assert len(desk.keeper.asked) == AT_ONCE
    desk.keeper.open.set()
    await until(lambda: len(desk.passes) == AT_ONCE + 5)


async def test_the_end_of_a_term_cuts_what_is_in_flight_and_asks_nothing_more(desk: Desk) -> None:
    desk.webhooks.want(KEY, call(), call("late", after=10_000))
    await until(lambda: desk.keeper.asked)
    await desk.webhooks.stop()
    assert desk.webhooks._turns == {}
    assert desk.keeper.cut == 1
    assert [one.gate for one in desk.keeper.asked] == ["qa"]
    assert desk.passes == []
