"""Queue of keys between watch events and passes: one pass per key at a time, a key is queued at most once.

An event that comes while its key is being served makes one more pass afterwards; a delayed key that is asked for
sooner is served sooner. Delays are real time: they space retries, they do not scale with schedules.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

AT_A_TIME = 0.02
"""Seconds that passes take together before whatever else waits for the event loop is served."""


class KeyedQueue(Generic[K]):
    """A first-in first-out queue without duplicates."""

    def __init__(self) -> None:
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()
        self._serving: set[K] = set()
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._since: dict[K, float] = {}
        """When each key was asked for that waits, the one that waits longest coming first."""
        self._bell = asyncio.Event()
        self._closed = False

    def add(self, key: K, delay: float = 0) -> None:
        """Queue a pass, at once or after ``delay`` real seconds."""
        if self._closed:
            return
        timer = self._timers.get(key)
        loop = asyncio.get_running_loop()
        if delay > 0:
            if key in self._waiting or (timer is not None and timer.when() <= loop.time() + delay):
                return
            if timer is not None:
                timer.cancel()
            self._timers[key] = loop.call_later(delay, self.add, key)
            return
        if timer is not None:
            timer.cancel()
            del self._timers[key]
        self._since.setdefault(key, loop.time())
        if key in self._serving:
            self._again.add(key)
        elif key not in self._waiting:
            self._wait(key)

    def _wait(self, key: K) -> None:
        self._waiting.add(key)
        self._ready.append(key)
        self._bell.set()

    async def get(self) -> K | None:
        """Wait for the next key; the caller says :meth:`done` when its pass is over. None once the queue is closed."""
        while not self._ready and not self._closed:
            self._bell.clear()
            await self._bell.wait()
        if self._closed:
            return None
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._since.pop(key, None)
        self._serving.add(key)
        return key

    def done(self, key: K) -> None:
        """End the pass of a key; the key is queued again if it was added meanwhile."""
        self._serving.discard(key)
        if key in self._again:
            self._again.discard(key)
            self._wait(key)

    def close(self) -> None:
        """Drop all keys and release all waiting workers."""
        self._closed = True
        self._bell.set()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def __len__(self) -> int:
        """Return how many keys wait for a pass."""
        return len(self._ready)

    def oldest(self) -> float:
        """Return the age of the oldest queued key in real seconds, keys with a pass under way included."""
        now = asyncio.get_running_loop().time()
        return now - next(iter(self._since.values()), now)


class LoopShare:
    """Share of the event loop that passes have: those that never await would follow one another in one round of it.

    Whoever comes first has the first turn, so that no key that was taken from the queue waits for ever.
    """

    def __init__(self) -> None:
        self._first, self._free = asyncio.Lock(), asyncio.Event()
        self._free.set()
        self._spent = 0.0

    async def turn(self) -> None:
        """Wait until others have been served, if passes have just taken long."""
        async with self._first:
            await self._free.wait()

    def spent(self, seconds: float) -> None:
        """Account for a pass."""
        if not self._spent:
            asyncio.get_running_loop().call_soon(self._served)
        self._spent += seconds
        if self._spent > AT_A_TIME:
            self._free.clear()

    def _served(self) -> None:
        self._spent = 0.0
        self._free.set()
