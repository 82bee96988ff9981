"""Leader election loop: follow, lead, follow again, with a new engine for each term of leadership.

``app.py`` starts it once the caches are full: they stay warm while another process leads, and the process that takes
over reads its evidence from the last checkpoint.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable

import structlog

from ingress_canary.engine.loop import Engine
from ingress_canary.ports import Leadership, Telemetry

log = structlog.get_logger(__name__)

AFTER_A_FAULT = 1.0
"""Real seconds until leadership is sought again after a fault of our own."""


class SoleLeader:
    """Leadership without an election: this process always leads; implements ports.Leadership."""

    problem: str | None = None

    def left(self) -> float:
        """Return infinity: the term does not end."""
        return math.inf

    async def acquire(self) -> str:
        """Return at once, with an empty term."""
        return ""

    async def hold(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Give nothing back."""


class LeaderLoop:
    """Runs an engine while this process leads."""

    def __init__(self, leadership: Leadership, engine_of: Callable[[str], Engine], telemetry: Telemetry) -> None:
        """``engine_of`` makes the engine of a term."""
        self._leadership, self._engine_of, self._telemetry = leadership, engine_of, telemetry
        self.engine: Engine | None = None
        """The one that runs; None while another process leads."""

    def start(self) -> None:
        """Start taking part in the election; returns at once."""
        self._task = asyncio.create_task(self._run(), name="succession")

    async def stop(self) -> None:
        """Stop the engine while the lease is still renewed, then release it, so that another can lead at once."""
        if self.engine is not None:
            await self.engine.stop()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._leadership.release()

    async def _run(self) -> None:
        while True:
            try:
                await self._serve(await self._leadership.acquire())
            except Exception:
                # a process that neither leads nor follows would appear healthy
                log.exception("leadership failed, seeking it again")
                await asyncio.sleep(AFTER_A_FAULT)

    async def _serve(self, term: str) -> None:
        """Serve one term, until it is lost."""
        if term:
            log.info("leading", term=term)
        engine = self.engine = self._engine_of(term)
        engine.start()
        self._telemetry.leads(leading=True)
        try:
            await self._leadership.hold()
            log.warning("leadership lost, following", term=term)
        finally:
            self.engine = None
            self._telemetry.leads(leading=False)
            await engine.abandon()
