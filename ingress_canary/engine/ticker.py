"""The tick: once an interval, one look at the metrics source for all rollouts that want evidence.

It asks for a pass over each of them and decides nothing itself; it sleeps while none wants any. ``engine.py`` runs it.
"""

import asyncio
from datetime import datetime

import structlog

from ingress_canary.domain.objects import Key
from ingress_canary.domain.replay import instants
from ingress_canary.domain.samples import Target
from ingress_canary.engine.counting import errors
from ingress_canary.engine.ledger import Ledger
from ingress_canary.engine.options import Options
from ingress_canary.engine.probes import Probes
from ingress_canary.engine.queue import KeyedQueue
from ingress_canary.engine.report import Reporter
from ingress_canary.ports import Clock, Metrics, Telemetry

log = structlog.get_logger(__name__)

CLOCK_STEP = 5.0
"""Seconds by which wall and monotonic time may come apart between two ticks before the clock counts as set."""
AT_ONCE = 50
"""Readings that are counted before others get their turn."""


class Ticker:
    """Fetches evidence."""

    def __init__(
        self,
        ledger: Ledger,
        queue: KeyedQueue[Key],
        metrics: Metrics,
        probes: Probes,
        clock: Clock,
        telemetry: Telemetry,
        reporter: Reporter,
        options: Options,
    ) -> None:
        self._ledger, self._queue, self._metrics, self._probes = ledger, queue, metrics, probes
        self._clock, self._telemetry, self._reporter, self._options = clock, telemetry, reporter, options
        self._wanted = asyncio.Event()
        self._offset: float | None = None
        """Between wall and monotonic time, at the last look."""

    def wake(self) -> None:
        """Look at the source from now on: a rollout wants evidence."""
        self._wanted.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        interval = self._options.interval
        while True:
            await self._wanted.wait()
            before = self._clock.monotonic()
            watched = self._ledger.watched()
            if not watched:
                self._wanted.clear()
                continue
            try:
                await self._look(watched)
            except Exception:
                # the source's adapter turns its errors into readings; whatever else happens must not end the ticks
                log.exception("a look at the metrics source failed")
            spent = self._clock.monotonic() - before
            await self._clock.sleep(max(interval - spent, interval / 10))

    async def _look(self, watched: dict[Key, Target]) -> None:
        """Read the source once for all, and ask for a pass over each rollout."""
        self._mind_the_clock()
        self._probes.ask(self._ledger.probes())
        at, before = self._clock.now(), self._clock.monotonic()
        if self._options.prometheus:
            watched = {key: self._with_past(key, target, at) for key, target in watched.items()}
        readings = await self._metrics.read(sorted(set(watched.values())))
        spent = self._clock.monotonic() - before
        broken = sum(reading.error is not None for reading in readings.values())
        self._telemetry.source_read(at, spent, len(readings) - broken, broken)
        self._reporter.note({reading.note for reading in readings.values() if reading.note is not None})
        failing = dict[Key, float]()
        for number, (key, target) in enumerate(watched.items(), 1):
            entry = self._ledger.get(key)
            if entry is not None and target in readings:
                entry.reading = readings[target]
                failing[key] = errors(entry, self._options.interval)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        # what is failing now is judged first; of equals what speaks most against its canary by then
        for key in sorted(failing, key=lambda one: -failing[one]):
            self._queue.add(key)

    def _with_past(self, key: Key, target: Target, now: datetime) -> Target:
        """Return the target with what its session wants to know of the time before its first look."""
        entry = self._ledger.get(key)
        session = entry.session if entry is not None else None
        return target._replace(past=instants(session, now, self._options.interval)) if session else target

    def _mind_the_clock(self) -> None:
        """Give every session a new starting point when the wall clock was set since the last look."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        offset = now.timestamp() - monotonic
        if self._offset is not None and abs(offset - self._offset) > CLOCK_STEP:
            log.warning("the clock was set", by_seconds=round(offset - self._offset, 1))
            self._ledger.clock_was_set()
        self._offset = offset
