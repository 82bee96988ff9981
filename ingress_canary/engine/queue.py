"""The keyed queue between watch events and passes: one pass a key at a time, a key waits at most once.

An event that comes while its key is being served makes one more pass afterwards; a delayed key that is asked for
sooner is served sooner. Delays are real time: they space retries, they do not scale with schedules.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class KeyedQueue(Generic[K]):
    """A first-in first-out queue without doubles."""

    def __init__(self) -> None:
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()
        self._serving: set[K] = set()
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._since: dict[K, float] = {}
        self._bell = asyncio.Event()

    def add(self, key: K, delay: float = 0) -> None:
        """Ask for a pass, at once or after ``delay`` real seconds."""
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
        if key in self._serving:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._since[key] = loop.time()
            self._ready.append(key)
            self._bell.set()

    async def get(self) -> K:
        """Wait for the next key; the caller says :meth:`done` when its pass is over."""
        while not self._ready:
            self._bell.clear()
            await self._bell.wait()
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._since.pop(key, None)
        self._serving.add(key)
        return key

    def done(self, key: K) -> None:
        """End the pass of a key; it waits again if it was asked for meanwhile."""
        self._serving.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def close(self) -> None:
        """Cancel the timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def __len__(self) -> int:
        """Return how many keys wait for a pass."""
        return len(self._ready)

    def oldest(self) -> float:
        """Return for how many real seconds the oldest waiting key has waited."""
        if not self._ready:
            return 0.0
        return asyncio.get_running_loop().time() - self._since[self._ready[0]]
