"""Ticker: once an interval, one reading of the metrics sources for all rollouts that want evidence.

It queues a pass over each of them and decides nothing itself; it sleeps while no rollout wants evidence. Run by
``engine/loop.py``. Every rollout gets a reading each time: whatever goes wrong becomes a reading with an error.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from ingress_canary.domain.evaluation.replay import instants
from ingress_canary.domain.metrics.capabilities import Capability, source_for
from ingress_canary.domain.metrics.samples import Reading, Target
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.engine.faults import SourceFaults
from ingress_canary.engine.options import Options
from ingress_canary.engine.probe_requests import ProbeRequests
from ingress_canary.engine.queue import KeyedQueue
from ingress_canary.engine.report import Reporter
from ingress_canary.engine.state.reading_count import largest_bad_share
from ingress_canary.engine.state.rollout_state import RolloutStates
from ingress_canary.ports import Clock, MetricsSource, Telemetry

log = structlog.get_logger(__name__)

CLOCK_STEP = 5.0
"""Seconds by which wall and monotonic time may come apart between two ticks before the clock counts as set."""
AT_ONCE = 50
"""Readings that are counted before others get their turn."""


class Ticker:
    """Reads the metrics sources for all rollouts that want evidence."""

    def __init__(
        self,
        states: RolloutStates,
        queue: KeyedQueue[Key],
        sources: Sequence[MetricsSource],
        probes: ProbeRequests,
        clock: Clock,
        telemetry: Telemetry,
        reporter: Reporter,
        options: Options,
    ) -> None:
        self._states, self._queue, self._sources, self._probes = states, queue, sources, probes
        self._clock, self._telemetry, self._reporter, self._options = clock, telemetry, reporter, options
        self._capabilities = tuple(source.capabilities for source in sources)
        self._wanted = asyncio.Event()
        self._faults = SourceFaults()
        self._offset: float | None = None
        """Wall time minus monotonic time, at the last reading."""

    def wake(self) -> None:
        """Start reading the source: a rollout wants evidence."""
        self._wanted.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        interval = self._options.interval
        while True:
            await self._wanted.wait()
            before = self._clock.monotonic()
            watched = self._states.watched()
            if not watched:
                self._wanted.clear()
                continue
            await self._take(await self._look(watched))
            spent = self._clock.monotonic() - before
            await self._clock.sleep(max(interval - spent, interval / 10))

    async def _look(self, watched: Mapping[Key, Target]) -> Mapping[Key, Reading]:
        """Return a reading for each rollout from one round of requests to the source, whatever happens."""
        self._faults.begin()
        at = self._clock.now()
        try:
            self._mind_the_clock()
            self._probes.ask(self._states.probes())
            watched = {key: self._with_past(key, target, at) for key, target in watched.items()}
            readings = await self._read(at, sorted(set(watched.values())))
            self._reporter.note({reading.note for reading in readings.values() if reading.note is not None})
        except Exception as error:  # noqa: BLE001 - logged there, and reported as missing data
            return dict.fromkeys(watched, Reading(at, error=self._faults.words("the reading as a whole", error)))
        return {key: readings[target] for key, target in watched.items()}

    async def _read(self, at: datetime, targets: Sequence[Target]) -> Mapping[Target, Reading]:
        """Return a reading of every target, each from the first source that can answer it."""
        shares = dict[int, list[Target]]()
        for target in targets:
            shares.setdefault(self._source_of(target), []).append(target)
        reads = [self._read_from(self._sources[index], at, share) for index, share in shares.items()]
        # one source, as is usual, needs no task of its own
        each = [await reads[0]] if len(reads) == 1 else await asyncio.gather(*reads)
        return {target: reading for readings in each for target, reading in readings.items()}

    def _source_of(self, target: Target) -> int:
        return source_for(target.needs, self._capabilities)

    async def _read_from(
        self, source: MetricsSource, at: datetime, targets: Sequence[Target]
    ) -> Mapping[Target, Reading]:
        """Return a reading of every target, also where the source fails or leaves targets out."""
        before = self._clock.monotonic()
        try:
            read = await source.read(targets)
            unsaid = Reading(at, error="the metrics source gave no answer for this Ingress")
        except Exception as error:  # noqa: BLE001 - logged there, and reported as missing data
            why = self._faults.words("the source as a whole", error)
            read, unsaid = {}, Reading(at, error=f"reading the metrics source failed: {why}")
        readings = {target: read.get(target, unsaid) for target in targets}
        broken = sum(reading.error is not None for reading in readings.values())
        self._telemetry.source_read(at, self._clock.monotonic() - before, len(readings) - broken, broken)
        return readings

    async def _take(self, readings: Mapping[Key, Reading]) -> None:
        """Store each rollout's reading in its state, and queue a pass over it."""
        failing = dict[Key, float]()
        for number, (key, reading) in enumerate(readings.items(), 1):
            state = self._states.get(key)
            if state is not None:
                state.reading = reading
                failing[key] = largest_bad_share(state, self._options.interval)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        # rollouts that fail now are judged first; of equals the one with the strongest evidence against its canary
        for key in sorted(failing, key=lambda rollout: -failing[rollout]):
            self._queue.add(key)

    def _with_past(self, key: Key, target: Target, now: datetime) -> Target:
        """Return the target with the instants before its first reading that its evaluation needs."""
        if Capability.PAST not in self._capabilities[self._source_of(target)]:
            return target
        state = self._states.get(key)
        evaluation = state.evaluation if state is not None else None
        if evaluation is None:
            return target
        try:
            return target._replace(past=instants(evaluation, now, self._options.interval))
        except Exception as error:  # noqa: BLE001 - logged there, and reported as missing data
            # without the past, as with a source that does not know it
            self._faults.words(f"the past of {key}", error)
            return target

    def _mind_the_clock(self) -> None:
        """Give every evaluation a new starting point when the wall clock was set since the last reading."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        offset = now.timestamp() - monotonic
        if self._offset is not None and abs(offset - self._offset) > CLOCK_STEP:
            log.warning("the clock was set", by_seconds=round(offset - self._offset, 1))
            self._states.clock_was_set()
        self._offset = offset
