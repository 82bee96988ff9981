"""Back-off of a watch: at most one request a second, fewer while it fails. Used by ``listwatch.py``."""

import asyncio
import random

INTERVAL = 1.05
"""Seconds between two requests of one watch, list and watch together; above 1, for the network's jitter."""
CEILING = 15.0
"""Longest wait after failures, in seconds: a cache that is older than that is of little use for a rollback."""


class RetryPace:
    """Spaces the requests of one watch, in real time."""

    def __init__(self) -> None:
        self._next = 0.0
        self.failures = 0
        """How many failures there were since it last worked."""

    async def turn(self) -> None:
        """Wait until the next request may be sent, and count it as sent."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._next - loop.time()))
        self._next = loop.time() + INTERVAL

    def worked(self) -> None:
        """Record a success."""
        self.failures = 0

    def failed(self, *, at_least: float = 0.0) -> None:
        """Record a failure: the next wait is twice the last one, ``at_least`` these seconds, with jitter."""
        self.failures += 1
        delay = max(at_least, min(CEILING, 2.0 ** min(self.failures - 1, 10)))
        jittered = delay * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
        self._next = max(self._next, asyncio.get_running_loop().time() + jittered)
