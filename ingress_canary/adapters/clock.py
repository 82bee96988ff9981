"""Clocks, real and compressed: the only place that reads the machine's clocks.

``app.py`` gives the engine one of the two: the real one, or, for demos and rehearsals, one that runs faster.
What talks to the network (time-outs, leases, Events) stays in real time whichever is used.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from ingress_canary.domain.objects.metadata import EPOCH


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await asyncio.sleep(seconds)

    def at(self, wall: datetime) -> datetime:
        """Return ``wall``: this clock shows real time."""
        return wall

    def wall(self, instant: datetime) -> datetime:
        """Return ``instant``: this clock shows real time."""
        return instant


class CompressedClock:
    """Time that runs ``scale`` times as fast as real time, and agrees with it at ``epoch``.

    Two processes with the same scale and epoch show the same time, so that a restart shortens nothing.
    """

    def __init__(self, scale: float, epoch: datetime) -> None:
        if scale <= 0:
            raise ValueError(f"time runs forwards: the scale must be above 0, got {scale:g}")
        self._scale = scale
        self._epoch = epoch

    def now(self) -> datetime:
        """Return the instant on this clock, in UTC."""
        return self.at(datetime.now(UTC))

    def monotonic(self) -> float:
        """Return this clock's seconds that never jump."""
        return time.monotonic() * self._scale

    async def sleep(self, seconds: float) -> None:
        """Wait for that many of this clock's seconds."""
        await asyncio.sleep(seconds / self._scale)

    def at(self, wall: datetime) -> datetime:
        """Return where a real instant lies on this clock; 1970 when it lies before the calendar began."""
        try:
            return self._epoch + timedelta(seconds=(wall - self._epoch).total_seconds() * self._scale)
        except OverflowError:
            return EPOCH

    def wall(self, instant: datetime) -> datetime:
        """Return the real time of an instant of this clock."""
        return self._epoch + (instant - self._epoch) / self._scale
