"""Requests to webhook gates, sent in the background: a gate that hangs delays only its own answer.

A pass says what is wanted, an answer asks for another pass. Each process keeps its own time here: what is waited for
is in the rollout's status, so that the next process goes on where this one ended.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ingress_canary.domain.gates.request import GateCall
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.engine.state.rollout_state import RolloutStates
from ingress_canary.ports import Clock, GateClient, Telemetry

AT_ONCE = 64
"""Questions in flight; the others wait for their turn."""
APART = 1.0
"""Seconds of the clock between two questions to a gate about a rollout, whatever passes want: some cannot be stored."""


@dataclass(slots=True)
class _GateQueue:
    """The pending question to one gate: not yet due, or waiting for its answer."""

    task: asyncio.Task[None]
    due: datetime
    sent: bool = False


class GateRequests:
    """Sends one question at a time for each gate of each rollout."""

    def __init__(
        self,
        keeper: GateClient,
        states: RolloutStates,
        clock: Clock,
        telemetry: Telemetry,
        answered: Callable[[Key], None],
    ) -> None:
        """``answered`` is called with the key of each rollout that has a new answer."""
        self._keeper, self._states, self._clock, self._telemetry = keeper, states, clock, telemetry
        self._answered = answered
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._wanted: dict[Key, dict[str, GateCall]] = {}
        self._turns: dict[tuple[Key, str], _GateQueue] = {}
        self._sent: dict[tuple[Key, str], float] = {}
        """When each was asked last, in the clock's monotonic seconds; forgotten once that no longer matters."""

    def want(self, key: Key, *calls: GateCall) -> None:
        """Set the questions of a rollout, each sent when it is due; replaces earlier ones and returns at once."""
        wanted = {call.gate: call for call in calls}
        for gate in {*wanted, *self._wanted.get(key, ())}:
            turn, call = self._turns.get((key, gate)), wanted.get(gate)
            if turn is not None and not turn.sent and (call is None or call.due != turn.due):
                turn.task.cancel()
                del self._turns[key, gate]
                turn = None
            if turn is None and call is not None:
                self._turns[key, gate] = _GateQueue(asyncio.create_task(self._ask(key, gate, call.due)), call.due)
        if wanted:
            self._wanted[key] = wanted
        else:
            self._wanted.pop(key, None)

    async def stop(self) -> None:
        """Cancel the requests in flight."""
        self._wanted.clear()
        tasks = [turn.task for turn in self._turns.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, key: Key, gate: str, due: datetime) -> None:
        me = asyncio.current_task()
        try:
            wait = (due - self._clock.now()).total_seconds()
            wait = max(wait, self._sent.get((key, gate), -APART) + APART - self._clock.monotonic())
            if wait > 0:
                await self._clock.sleep(wait)
            async with self._at_once:
                await self._send(key, gate)
        finally:
            # another one may have taken the turn by now
            turn = self._turns.get((key, gate))
            if turn is not None and turn.task is me:
                del self._turns[key, gate]
        self._answered(key)

    async def _send(self, key: Key, gate: str) -> None:
        """Send the question as the newest pass set it."""
        call = self._wanted.get(key, {}).get(gate)
        if call is None:
            return
        self._turns[key, gate].sent = True
        now = self._clock.monotonic()
        self._sent = {question: at for question, at in self._sent.items() if now - at < APART} | {(key, gate): now}
        answer = await self._keeper.ask(call)
        self._telemetry.gate_answered(call.when, answer.verdict)
        state = self._states.get(key)
        if state is not None:
            state.answers[gate] = answer
