"""Leader election loop: follow, lead, follow again, with a new engine for each term of leadership.

``app.py`` starts it once the caches are full: they stay warm while another process leads, and the process that takes
over reads its evidence from the last checkpoint.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable

import structlog

from ingress_canary.engine.leadership.leader_guard import LapsedGuard
from ingress_canary.engine.loop import Engine
from ingress_canary.ports import Leadership, Telemetry

log = structlog.get_logger(__name__)

AFTER_A_FAULT = 1.0
"""Real seconds until leadership is sought again after a fault of our own."""
LOOK = 0.5
"""Real seconds between two looks whether the time of a former leader is over."""


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

    def grace(self) -> float:
        """Return 0: the term does not end."""
        return 0.0

    async def release(self) -> None:
        """Give nothing back."""


class LeaderLoop:
    """Runs an engine while this process leads, and a little longer where nobody is known to lead after it."""

    def __init__(
        self, leadership: Leadership, engine_of: Callable[[str], Engine], lapsed: LapsedGuard, telemetry: Telemetry
    ) -> None:
        """``engine_of`` makes the engine of a term, and ``lapsed`` is what it may still write afterwards."""
        self._leadership, self._engine_of, self._lapsed, self._telemetry = leadership, engine_of, lapsed, telemetry
        self.engine: Engine | None = None
        """The one that leads; None while this process does not."""
        self._outliving: asyncio.Task[None] | None = None
        """The engine of the last term, which judges without the lease."""

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
        await self._end_grace()
        await self._leadership.release()

    async def _run(self) -> None:
        while True:
            try:
                term = await self._leadership.acquire()
                await self._end_grace()
                await self._serve(term)
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
            if self._leadership.grace() > 0:
                # at once, so that nothing of a next leader is taken for what this one has seen
                engine.lapse(self._lapsed)
                self._outliving = asyncio.create_task(self._outlive(engine), name="lapsed-term")
            log.warning("leadership lost, following", term=term)
        finally:
            self.engine = None
            self._telemetry.leads(leading=False)
            if self._outliving is None:
                await engine.abandon()

    async def _outlive(self, engine: Engine) -> None:
        """Let an engine without a lease judge until its time is over, or another leads."""
        try:
            log.warning("judging without the lease, to take off what fails", seconds=round(self._leadership.grace()))
            while True:
                left = self._leadership.grace()
                if left <= 0:
                    break
                await asyncio.sleep(min(left, LOOK))
            log.warning("no longer judging without the lease")
        finally:
            await engine.abandon()

    async def _end_grace(self) -> None:
        """End the time of the last term's engine, if it still runs."""
        outliving, self._outliving = self._outliving, None
        if outliving is not None:
            outliving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await outliving
