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

    def failed(self, *, ceiling: float = CEILING) -> None:
        """Record a failure: the next wait is as long as ``pause_after`` says, with jitter."""
        self.failures += 1
        jittered = pause_after(self.failures, ceiling) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
        self._next = max(self._next, asyncio.get_running_loop().time() + jittered)


def pause_after(failures: int, ceiling: float) -> float:
    """Return the seconds to wait after so many failures in a row: one, then ever twice as long, up to ``ceiling``."""
    return min(ceiling, 2.0 ** min(failures - 1, 10))
