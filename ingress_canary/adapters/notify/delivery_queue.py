"""Delivery queue of notifications: in order, one at a time, retried with back-off until they expire.

``outbox.py`` has one for each Secret and one for each address, so that one that is dead delays no other.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")

QUEUED = 100
"""What waits at most in one mailbox; beyond this the oldest is dropped."""
TRIED_FOR = 900.0
"""Real seconds for which one is tried, waiting for its turn included."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Real seconds between two tries, before jitter."""

log = structlog.get_logger(__name__)


class Undelivered(Exception):
    """A message was not delivered; the text says why, without secrets."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        super().__init__(why)
        self.again = again
        """Whether another try may help."""


class DeliveryQueue(Generic[T]):
    """The queue of one destination."""

    def __init__(
        self,
        deliver: Callable[[T], Awaitable[None]],
        faltered: Callable[[T, Undelivered], None],
        gave_up: Callable[[T, Undelivered], None],
        emptied: Callable[[], None],
    ) -> None:
        """``deliver`` raises Undelivered; ``faltered`` is called at the first failure after a success."""
        self._deliver, self._faltered, self._gave_up, self._emptied = deliver, faltered, gave_up, emptied
        self._queue: deque[tuple[T, float]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._carried = 0
        self.failing = False
        """Whether the last try failed."""

    def __len__(self) -> int:
        """Return how many messages wait or are being delivered."""
        return len(self._queue) + self._carried

    def put(self, item: T) -> int:
        """Queue a message to be delivered in the background; return how many were dropped for it."""
        dropped = self.drop() if len(self._queue) >= QUEUED else 0
        self._queue.append((item, asyncio.get_running_loop().time()))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return dropped

    def drop(self) -> int:
        """Drop the messages that have waited longest; return how many."""
        if not self._queue:
            return 0
        self._queue.popleft()
        return 1

    async def stop(self) -> None:
        """Stop at once, without delivering the rest."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._queue.clear()
        self._carried = 0

    async def _run(self) -> None:
        while self._queue:
            item, since = self._queue.popleft()
            self._carried = 1
            await self._carry(item, since)
            self._carried = 0
        self._task = None
        self._emptied()

    async def _carry(self, item: T, since: float) -> None:
        pause = FIRST_PAUSE
        while (problem := await self._try(item)) is not None:
            if not self.failing:
                self._faltered(item, problem)
            self.failing = True
            wait = pause * random.uniform(0.5, 1)  # noqa: S311 - spreads load, hides nothing
            if not problem.again or asyncio.get_running_loop().time() + wait > since + TRIED_FOR:
                self._gave_up(item, problem)
                return
            await asyncio.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)
        self.failing = False

    async def _try(self, item: T) -> Undelivered | None:
        try:
            await self._deliver(item)
        except Undelivered as problem:
            return problem
        except Exception as error:  # noqa: BLE001 - one message that cannot be sent must not stop the others
            # what a library says may hold the address
            return Undelivered(f"{type(error).__name__}; this is a fault of the program", again=False)
        return None
