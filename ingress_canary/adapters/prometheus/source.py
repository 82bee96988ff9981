"""Prometheus source (ports.MetricsSource): one query per tick and metric family, for all rollouts together.

1. Which controllers are scraped, and when last? Without them nothing else is asked, but when one was in some minutes.
2. Everything else at once: their starts, requests, latencies, and their word on the shadows. Asked later, it shows at
   least the scrapes that the first answer showed: a series that is missing there was not there, and counts as 0.
3. Users' own queries, in what is left of the time: whoever asks what is slow has no data, and nobody else
   (``user_asking.py``).
4. Each process as its newest scrape left it, cut up by target (``readings.py``).

What a target wants to know of the past is queried separately, once a rollout begins or the daemon restarts
(``range_readings.py``).

A family whose query fails is missing with its reason, and what does not need it is judged all the same. All queries of
a tick have the same window: a deduplication of replicas may choose another replica for another window.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import Final

from ingress_canary.adapters.prometheus.answer_budget import AnswerBudget
from ingress_canary.adapters.prometheus.client import AS_SCRAPED, PrometheusClient, Row, milliseconds
from ingress_canary.adapters.prometheus.controller_processes import PATIENCE, Process, processes
from ingress_canary.adapters.prometheus.errors import PrometheusError
from ingress_canary.adapters.prometheus.queries import SEEN_WITHIN, Dialect
from ingress_canary.adapters.prometheus.range_readings import RangeReadings, RangeRows, portioned
from ingress_canary.adapters.prometheus.readings import QueryAnswers, bounds_of, readings, starts
from ingress_canary.adapters.prometheus.user_asking import PAST_BYTES, LateAskers, UserAsking, asker_of
from ingress_canary.adapters.prometheus.user_queries import Answers, Turn, counters, numbers, scrapes, turns
from ingress_canary.domain.metrics.capabilities import EVERYTHING, Capabilities
from ingress_canary.domain.metrics.counter_state import FORGET_AFTER
from ingress_canary.domain.metrics.counting import STALE_AT_LEAST
from ingress_canary.domain.metrics.samples import Reading, Series, Target
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.traffic.router.nginx.metric_families import RELOADED
from ingress_canary.engine.faults import SourceFaults
from ingress_canary.ports import Clock

PAST_AT_ONCE = 2
"""Portions of targets whose past is asked for at the same time."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How often Prometheus scrapes, and how long it may take to answer: real seconds."""

    every: float = 30
    within: float = 5
    """Time for all queries of a tick."""


class PrometheusSource:
    """Implements ports.MetricsSource over Prometheus's HTTP API."""

    capabilities: Final[Capabilities] = EVERYTHING

    def __init__(
        self, client: PrometheusClient, clock: Clock, dialect: Dialect | None = None, sampling: Sampling | None = None
    ) -> None:
        self._client = client
        self._clock = clock
        self._dialect = dialect or Dialect()
        self._sampling = sampling or Sampling()
        self._faults = SourceFaults()
        self._late = LateAskers()
        self._known: dict[str, Process] = {}
        """Every process as it was read last, for as long as its counters are remembered."""
        self._followed: Mapping[tuple[str, str], Turn] = {}
        """By query of the users' own and instance: the job that is followed."""

    async def read(self, targets: Sequence[Target]) -> Mapping[Target, Reading]:
        """Return a reading of every target."""
        at = self._clock.now()
        self._faults.begin()
        deadline = asyncio.get_running_loop().time() + self._sampling.within
        within = max(2 * self._sampling.every, STALE_AT_LEAST.total_seconds()) + self._sampling.within
        raw = f"[{ceil(within)}s]"
        scraped = await self._scraped(deadline, within)
        if isinstance(scraped, str):
            return dict.fromkeys(targets, Reading(at, error=scraped))
        try:
            present, sampled, missing = self._present(at, scraped)
        except PrometheusError as error:
            return dict.fromkeys(targets, Reading(at, error=Message(MessageKey.PROMETHEUS_FAULT, why=error.why)))
        portions = self._dialect.portions(sorted(set(targets)))
        began, answers, memories = await asyncio.gather(
            self._try(deadline, self._dialect.started()),
            asyncio.gather(*(self._look(deadline, portion, within) for portion in portions)),
            self._memories(deadline, at, targets, within),
        )
        self._late.begin({asker_of(target) for target in targets})
        asking = UserAsking(self._try_own, targets, self._late)
        value_answers, (totals, parts), memories = await asyncio.gather(
            asking.answers(deadline, targets, "values"),
            asking.counters(deadline, targets, raw),
            self._with_own(deadline, at, memories, within),
        )
        process_starts = starts(present, began, self._dialect)
        every = self._sampling.every
        # some seconds of work for as many series as there may be
        own, self._followed = await asyncio.to_thread(self._own, totals, {**totals, **parts})
        values, failed = numbers(value_answers)
        failed |= {query: why for query, why in (*totals.items(), *parts.items()) if isinstance(why, str)}
        tick_answers = QueryAnswers(
            at, process_starts, {}, frozenset(), every, sampled, self._instant, own=own, values=values, failed=failed,
            missing=missing, followed=self._followed,
        )  # fmt: skip
        read: dict[Target, Reading] = {}
        for portion, (rows, bounds) in zip(portions, answers, strict=True):
            read |= readings(portion, replace(tick_answers, rows=rows, bounds=bounds), self._dialect)
        for portion, memory in memories:
            read |= await self._with_past({target: read[target] for target in portion}, memory, tick_answers, within)
        return read

    async def _scraped(self, deadline: float, within: float) -> Sequence[Row] | str:
        """Return the controllers that were scraped; where none was, those of the last minutes, to report their age."""
        rows = await self._try(deadline, self._dialect.scraped(within))
        return rows or await self._try(deadline, self._dialect.scraped(SEEN_WITHIN))

    async def _with_past(
        self, read: Mapping[Target, Reading], memory: RangeRows | str, answers: QueryAnswers, within: float
    ) -> dict[Target, Reading]:
        """Return the readings with the past readings that their targets need."""
        past = memory if isinstance(memory, str) else self._made_ready(memory, answers)
        completed = dict[Target, Reading]()
        for target, reading in read.items():
            before = past if isinstance(past, str) else self._before(target, past, within)
            if isinstance(before, str):
                why = f"what came before cannot be had, and is learnt or counted anew: {before}"
                completed[target] = reading._replace(note=f"{reading.note}; {why}" if reading.note else why)
                continue
            completed[target] = reading._replace(past=before)
            # some milliseconds of work each: others wait
            await asyncio.sleep(0)
        return completed

    def _made_ready(self, memory: RangeRows, answers: QueryAnswers) -> RangeReadings | str:
        try:
            return RangeReadings.of(memory, answers, self._dialect)
        except Exception as error:  # noqa: BLE001 - logged there, and reported as missing data
            return self._faults.words("the past", error)

    def _before(self, target: Target, past: RangeReadings, within: float) -> tuple[Reading, ...] | str:
        """Return the past readings that a target needs, or why there are none."""
        missing = past.memory.missing(target)
        if missing is not None:
            return missing
        try:
            wall = [self._clock.wall(datetime.fromtimestamp(at, UTC)).timestamp() for at in target.past]
            return tuple(past.readings(target, wall, within))
        except Exception as error:  # noqa: BLE001 - logged there, and reported as missing data
            return self._faults.words(f"the past of {target.namespace}/{target.ingress}", error)

    async def _memories(
        self, deadline: float, at: datetime, targets: Sequence[Target], within: float
    ) -> list[tuple[Sequence[Target], RangeRows | str]]:
        """Return the range answers for targets that need past readings, or why there are none."""
        turns = asyncio.Semaphore(PAST_AT_ONCE)

        async def one(portion: Sequence[Target]) -> RangeRows | str:
            seconds = self._since(portion, at, within)
            async with turns:
                scraped, families = await asyncio.gather(
                    self._try(deadline, self._dialect.scraped(seconds)),
                    self._all(deadline, self._counts(portion, seconds)),
                )
            needed = {RELOADED: scraped, **families}
            failed = next((why for why in needed.values() if isinstance(why, str)), None)
            return failed or RangeRows(_answered({RELOADED: scraped}), _answered(families), {}, {}, {})

        portions = portioned(targets)
        return list(zip(portions, await asyncio.gather(*map(one, portions)), strict=True))

    async def _with_own(
        self, deadline: float, at: datetime, memories: Sequence[tuple[Sequence[Target], RangeRows | str]], within: float
    ) -> list[tuple[Sequence[Target], RangeRows | str]]:
        """Return the range answers with those to the users' own counters."""
        targets = [target for portion, _ in memories for target in portion]
        asking = UserAsking(self._try_own, targets, self._late, PAST_BYTES)

        async def one(portion: Sequence[Target], memory: RangeRows | str) -> RangeRows | str:
            if isinstance(memory, str):
                return memory
            raw = f"[{ceil(self._since(portion, at, within))}s]"
            totals, parts = await asking.counters(deadline, portion, raw)
            own = {query: why for query, why in (*totals.items(), *parts.items()) if isinstance(why, str)}
            return replace(memory, totals=_answered(totals), parts=_answered(parts), failed=own)

        completed = await asyncio.gather(*(one(*memory) for memory in memories))
        return [(portion, memory) for (portion, _), memory in zip(memories, completed, strict=True)]

    def _since(self, portion: Sequence[Target], at: datetime, within: float) -> float:
        """Return how far back the targets' past reaches, in seconds."""
        oldest = datetime.fromtimestamp(min(target.past[0] for target in portion), UTC)
        return (self._clock.wall(at) - self._clock.wall(oldest)).total_seconds() + within

    def _own(
        self, totals: Answers, both: Answers
    ) -> tuple[Mapping[str, tuple[Series, ...]], Mapping[tuple[str, str], Turn]]:
        """Return the series of users' own counters, and the job that each query follows from now on."""
        replicas, patience = self._dialect.replicas, PATIENCE * self._sampling.every
        last = scrapes(totals, replicas, patience)
        followed = turns(both, last, replicas, self._followed, patience)
        return counters(both, last, replicas, followed, self._instant), followed

    async def _try_own(self, query: str, budget: AnswerBudget) -> Sequence[Row] | str:
        return await self._try(None, query, apart=False, budget=budget)

    def _present(self, at: datetime, rows: Sequence[Row]) -> tuple[dict[str, Process], timedelta, str | None]:
        """Return the processes that were scraped just now, the span between two scrapes, and what is missing.

        Raises PrometheusError when there is no such process.
        """
        every = self._sampling.every
        scraped = processes(rows, self._dialect, self._known, PATIENCE * every)
        if not scraped:
            raise PrometheusError(
                f"no controller was scraped in the last {SEEN_WITHIN} s: there is no "
                f"{RELOADED}{{{self._dialect.matchers}}}; see its page of targets, and --prometheus-matchers"
            )
        newest = max(process.at for process in scraped.values())
        sampled = self._instant(newest + every) - self._instant(newest)
        oldest = at - max(2 * sampled, STALE_AT_LEAST)
        present = {
            name: process
            for name, process in scraped.items()
            if oldest <= self._instant(process.at) <= at + STALE_AT_LEAST
        }
        if not present:
            raise PrometheusError(self._out_of_time(at, self._instant(newest)))
        behind = {name: self._known[name].at - process.at for name, process in present.items() if name in self._known}
        # a replica that is late by less has nothing new: its samples are older than those that were counted
        older = {name for name, seconds in behind.items() if seconds >= every}
        usable = {name: process for name, process in present.items() if name not in older}
        ahead = {name: process for name, process in usable.items() if behind.get(name, 0) <= 0}
        forgotten = max(process.at for process in present.values()) - FORGET_AFTER.total_seconds()
        self._known = {name: process for name, process in (self._known | ahead).items() if process.at > forgotten}
        if not older:
            return usable, sampled, None
        why = (
            f"the newest scrape of {', '.join(sorted(older))} is older than one that was read before: "
            "do servers with different data share the address? Or does a deduplication change between replicas?"
        )
        if not usable:
            raise PrometheusError(f"out of order: {why}")
        return usable, sampled, f"Prometheus: {why}"

    def _out_of_time(self, at: datetime, newest: datetime) -> Message:
        """Return the fault of a scrape whose time is not recent, or lies in the future."""
        age = (at - newest).total_seconds()
        if age < 0:
            return Message(MessageKey.SCRAPE_AHEAD, ahead=-age)
        return Message(MessageKey.STALE_SCRAPE, age=age, every=self._sampling.every)

    async def _look(
        self, deadline: float, targets: Sequence[Target], seconds: float
    ) -> tuple[Mapping[str, Sequence[Row] | str], frozenset[float]]:
        """Return each family's rows, or why there are none; and all bucket bounds where a needed one is missing."""
        orphans = {self._dialect.exposition.orphan: self._dialect.orphans(targets, seconds)}
        rows = await self._all(deadline, self._counts(targets, seconds) | orphans, by_row=True)
        return rows, await self._bounds(deadline, targets, rows)

    def _counts(self, targets: Sequence[Target], seconds: float) -> dict[str, str]:
        """Return the query of each metric family that is counted."""
        dialect, exposition = self._dialect, self._dialect.exposition
        queries = {exposition.requests: dialect.family(exposition.requests, targets, seconds)}
        if any(target.bounds or target.every_bound for target in targets):
            queries[exposition.durations] = dialect.family(exposition.durations, targets, seconds)
            queries[exposition.buckets] = dialect.buckets(targets, seconds)
        return queries

    async def _all(
        self, deadline: float, queries: Mapping[str, str], *, by_row: bool = False
    ) -> dict[str, Sequence[Row] | str]:
        answers = await asyncio.gather(*(self._try(deadline, query, by_row=by_row) for query in queries.values()))
        return dict(zip(queries, answers, strict=True))

    async def _bounds(
        self, deadline: float, targets: Sequence[Target], rows: Mapping[str, Sequence[Row] | str]
    ) -> frozenset[float]:
        """Return the existing bucket bounds; queried only where a bound that an SLO needs is missing."""
        exposition = self._dialect.exposition
        wanted = {bound for target in targets for bound in target.bounds}
        buckets = rows.get(exposition.buckets, "")
        if not wanted or isinstance(buckets, str) or not rows[exposition.durations]:
            return frozenset()
        if wanted <= bounds_of(buckets, self._dialect):
            return frozenset()
        answer = await self._try(deadline, self._dialect.bounds(targets))
        return frozenset() if isinstance(answer, str) else bounds_of(answer, self._dialect)

    async def _try(
        self, deadline: float | None, query: str, *, by_row: bool = False, apart: bool = True,
        budget: AnswerBudget | None = None,
    ) -> Sequence[Row] | str:  # fmt: skip
        """Return the rows of a query's answer, or why there are none.

        With ``by_row`` they hold those, too, that cannot be used; with ``apart`` those of each replica: of the
        controllers' one is followed here, while a user's query may add up what it finds. Without a deadline the caller
        has one.
        """
        ask = self._client.query_by_row if by_row else self._client.query
        try:
            return await self._ask(deadline, partial(ask, query, budget, **(AS_SCRAPED if apart else {})))
        except PrometheusError as error:
            return f"Prometheus: {error}"
        except Exception as error:  # noqa: BLE001 - logged there, and reported as missing data
            return f"Prometheus: the query cannot be answered: {self._faults.words(query, error)}"

    async def _ask(self, deadline: float | None, ask: Callable[..., Awaitable[Sequence[Row]]]) -> Sequence[Row]:
        within = self._sampling.within
        try:
            async with asyncio.timeout_at(deadline):
                return await ask(timeout=milliseconds(within))
        except TimeoutError:
            raise PrometheusError(
                f"no answer within {within:g} s; is it overloaded? See --prometheus-timeout"
            ) from None

    def _instant(self, seconds: float) -> datetime:
        """Return the instant on the daemon's clock of seconds since 1970."""
        return self._clock.at(datetime.fromtimestamp(seconds, UTC))


def _answered(answers: Mapping[str, Sequence[Row] | str]) -> dict[str, Sequence[Row]]:
    """Return the answers that are not errors."""
    return {query: rows for query, rows in answers.items() if not isinstance(rows, str)}
