"""Past readings of one Ingress over days, for ``record --prometheus`` and ``backtest --prometheus``.

What ``source.py`` would have read at each instant, span by span: raw samples, not Prometheus's own ``increase``, so
that resets and replicas are counted by our rules. A span whose answers are too long is asked for in halves.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingress_canary.adapters.prometheus.client import AS_SCRAPED, PrometheusClient, Row, milliseconds
from ingress_canary.adapters.prometheus.controller_processes import PATIENCE, Process, processes
from ingress_canary.adapters.prometheus.errors import AnswerTooLong, PrometheusError
from ingress_canary.adapters.prometheus.queries import Dialect
from ingress_canary.adapters.prometheus.range_readings import RangeReadings, RangeRows
from ingress_canary.adapters.prometheus.readings import QueryAnswers, bounds_of, starts
from ingress_canary.domain.metrics.counting import STALE_AT_LEAST
from ingress_canary.domain.metrics.samples import Reading, Target
from ingress_canary.domain.traffic.router.nginx.metric_families import RELOADED

SPAN = 3600.0
"""Seconds that are asked for at once, at most."""
WITHIN = 60.0
"""Seconds that a query over a span may take."""
LONGEST_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer: some 250,000 samples, which take ten times as much once they are read."""
NO_PROCESSES: Mapping[str, Process] = {}


@dataclass(frozen=True, slots=True)
class PastSpan:
    """The instants of a span, in seconds since 1970."""

    instants: Sequence[float]

    @property
    def seconds(self) -> float:
        """From the first instant to the last one."""
        return self.instants[-1] - self.instants[0]

    def halves(self) -> tuple["PastSpan", "PastSpan"]:
        """Return both halves."""
        middle = len(self.instants) // 2
        return PastSpan(self.instants[:middle]), PastSpan(self.instants[middle:])


@dataclass(frozen=True, slots=True)
class PastReader:
    """Reads the past of one Ingress."""

    client: PrometheusClient
    dialect: Dialect
    target: Target
    every: float
    """Seconds between two scrapes."""

    async def readings(self, instants: Sequence[float]) -> AsyncIterator[Reading]:
        """Yield the reading of each instant, those without data included. Raises PrometheusError."""
        known = NO_PROCESSES
        for span in _spans(instants):
            waiting = [span]
            while waiting:
                part = waiting.pop()
                try:
                    found = await self._span(part, known)
                except AnswerTooLong:
                    if len(part.instants) == 1:
                        raise
                    waiting += reversed(part.halves())
                    continue
                if found is None:
                    for at in part.instants:
                        yield self._nothing(at)
                    continue
                known = dict(known) | dict(found.known)
                read = {reading.at.timestamp(): reading for reading in found.readings(*self._wanted(found, part))}
                for at in part.instants:
                    yield read.get(at) or self._nothing(at)

    def _wanted(self, found: RangeReadings, part: PastSpan) -> tuple[Target, Sequence[float], float]:
        target = self.target._replace(past=tuple(part.instants), bounds=found.bounds)
        return target, part.instants, self._back

    @property
    def _back(self) -> float:
        """Seconds by which a sample may lie before the instant at which it is read."""
        return max(2 * self.every, STALE_AT_LEAST.total_seconds()) + self.every

    async def _span(self, part: PastSpan, known: Mapping[str, Process]) -> RangeReadings | None:
        """Return what is known of a span; None where no controller was scraped. Raises PrometheusError."""
        dialect, target, exposition = self.dialect, self.target, self.dialect.exposition
        until, seconds = part.instants[-1], part.seconds + self._back
        scraped, began, requests, durations, bounds = await asyncio.gather(
            self._ask(dialect.scraped(seconds), until),
            self._ask(dialect.started(), until),
            self._ask(dialect.family(exposition.requests, [target], seconds), until),
            self._ask(dialect.family(exposition.durations, [target], seconds), until),
            self._ask(dialect.bounds([target]), until),
        )
        if not scraped:
            return None
        found = frozenset(bound for bound in bounds_of(bounds, dialect) if bound < float("inf"))
        buckets = list[Row]()
        if found:
            buckets = await self._ask(dialect.buckets([target._replace(bounds=found)], seconds), until)
        now = QueryAnswers(
            at=_instant(until), rows={}, bounds=found, every=self.every, sampled_every=timedelta(seconds=self.every),
            processes=starts(processes(scraped, dialect, known, PATIENCE * self.every), began, dialect),
            instant=_instant,
        )  # fmt: skip
        families = {exposition.requests: requests, exposition.durations: durations, exposition.buckets: buckets}
        return RangeReadings.of(RangeRows({RELOADED: scraped}, families, {}, {}, {}), now, dialect)

    async def _ask(self, query: str, at: float) -> list[Row]:
        try:
            async with asyncio.timeout(WITHIN):
                return await self.client.query(query, time=f"{at:.3f}", timeout=milliseconds(WITHIN), **AS_SCRAPED)
        except TimeoutError:
            raise PrometheusError(f"no answer within {WITHIN:g} s") from None

    def _nothing(self, at: float) -> Reading:
        return Reading(
            _instant(at), error="no controller was scraped at this time", sampled_every=timedelta(seconds=self.every)
        )


def _spans(instants: Sequence[float]) -> list[PastSpan]:
    spans, first = list[PastSpan](), 0
    for place, at in enumerate(instants):
        if at - instants[first] >= SPAN:
            spans.append(PastSpan(instants[first:place]))
            first = place
    return [*spans, PastSpan(instants[first:])] if instants else spans


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
