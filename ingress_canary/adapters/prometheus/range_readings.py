"""Range readings for replay: what ``source.py`` would have read at each past instant.

A process is read through the scrape that is followed now, so that the present goes on where its past ends. No await.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Self

from ingress_canary.adapters.prometheus.client import Row
from ingress_canary.adapters.prometheus.controller_processes import PATIENCE, Process, named, processes
from ingress_canary.adapters.prometheus.queries import Dialect
from ingress_canary.adapters.prometheus.readings import START_JITTER, QueryAnswers, bounds_of
from ingress_canary.adapters.prometheus.user_queries import counters, scrapes, turns
from ingress_canary.domain.metrics.counting import STALE_AT_LEAST
from ingress_canary.domain.metrics.samples import Instance, Reading, Series, Target

PORTION = 5000
"""Targets times instants of which the past is asked for at once: with some dozens of series each, a few MiB."""
EVERY_BOUND = 5
"""How many times as many series a target has that needs the buckets of all bounds."""
ROUNDING = 0.005
"""Seconds by which an instant may have moved when converted by the daemon's clock."""

Rows = Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class RangeRows:
    """The rows of a range query."""

    scraped: Rows
    """The family that tells which processes were scraped."""
    families: Rows
    totals: Rows
    """By selector of the users' own."""
    parts: Rows
    failed: Mapping[str, str]
    """Queries of the users' own without an answer, and why."""

    def missing(self, target: Target) -> str | None:
        """Return why the range of a target is missing; other targets may have theirs."""
        return next((self.failed[query] for query in (*target.totals, *target.parts) if query in self.failed), None)


class SeriesLine(NamedTuple):
    """One series of a process that can be read at any instant."""

    family: str
    process: Process
    labels: Mapping[str, str]
    """Those that the controller wrote."""
    times: Sequence[float]
    row: Row


def portioned(targets: Sequence[Target]) -> list[list[Target]]:
    """Return the targets that need past readings, in portions of a size that Prometheus can answer."""
    portions, size = list[list[Target]](), 0
    for target in sorted({target for target in targets if target.past}, key=lambda one: (one.every_bound, one)):
        # one that needs all buckets would have those of the others read too
        alike = bool(portions) and portions[-1][0].every_bound == target.every_bound
        weight = len(target.past) * (EVERY_BOUND if target.every_bound else 1)
        if not alike or size + weight > PORTION:
            portions, size = [*portions, []], 0
        portions[-1].append(target)
        size += weight
    return portions


@dataclass(frozen=True, slots=True)
class RangeReadings:
    """The answers of range queries, which can be read at any instant."""

    memory: RangeRows
    now: QueryAnswers
    """The answers of the present tick, whose past it is."""
    dialect: Dialect
    known: Mapping[str, Process]
    scraped: Mapping[str, Sequence[float]]
    """By process: when it was scraped."""
    lines: Mapping[tuple[str, str], Sequence[SeriesLine]]
    """By namespace and Ingress."""
    bounds: frozenset[float]

    @classmethod
    def of(cls, memory: RangeRows, now: QueryAnswers, dialect: Dialect) -> Self:
        """Return the range readings of these answers."""
        rows = [row for selected in memory.scraped.values() for row in selected]
        followed = {name: process for name, (process, _) in now.processes.items()}
        known = processes(rows, dialect, followed, float("inf")) | followed
        scraped = {
            name: row.scrapes
            for row in rows
            for name, scrape in (named(row, dialect),)
            if name in known and known[name].scrape == scrape
        }
        exposition = dialect.exposition
        lines = dict[tuple[str, str], list[SeriesLine]]()
        for family in (exposition.requests, exposition.durations, exposition.buckets):
            for row in memory.families.get(family, ()):
                name, scrape = named(row, dialect)
                if name in known and known[name].scrape == scrape:
                    own, _ = dialect.split(row.labels)
                    place = own.get(exposition.namespace, ""), own.get(exposition.ingress, "")
                    times = [at for at, _ in row.samples]
                    lines.setdefault(place, []).append(SeriesLine(family, known[name], own, times, row))
        bounds = now.bounds | bounds_of(memory.families.get(exposition.buckets, ()), dialect)
        return cls(memory, now, dialect, known, scraped, lines, bounds)

    def readings(self, target: Target, wall: Sequence[float], within: float) -> Iterator[Reading]:
        """Yield a target's reading of each instant that has data.

        ``wall`` holds its instants in real seconds since 1970, and ``within`` is how many seconds a sample of users'
        own counters may lie before the instant at which it is read.
        """
        now, buckets = self.now, self.dialect.exposition.buckets
        lines = [
            line
            for line in self.lines.get((target.namespace, target.ingress), ())
            if line.family != buckets or all(map(target.has_bound, bounds_of([line.row], self.dialect)))
        ]
        for past, moment in zip(target.past, wall, strict=True):
            at, upto = datetime.fromtimestamp(past, UTC), moment + ROUNDING
            oldest = at - max(2 * now.sampled_every, STALE_AT_LEAST)
            seen = {name: bisect_right(times, upto) for name, times in self.scraped.items()}
            newest = {name: self.scraped[name][index - 1] for name, index in seen.items() if index}
            present = {name: last for name, last in newest.items() if now.instant(last) >= oldest}
            if present:
                own = _own(self.memory, target, now, self.dialect, upto, within)
                yield Reading(
                    at=at,
                    instances=tuple(_instance(name, last, self.known, now) for name, last in present.items()),
                    series=(*_series(lines, present, now), *own),
                    bounds=self.bounds,
                    sampled_every=now.sampled_every,
                )


def _series(lines: Sequence[SeriesLine], present: Mapping[str, float], now: QueryAnswers) -> Iterator[Series]:
    """Yield the series of each process as its newest scrape had them."""
    for line in lines:
        last = present.get(line.process.name)
        index = bisect_right(line.times, last) - 1 if last is not None else -1
        if last is None or index < 0:
            continue
        at, value = line.row.samples[index]
        start = _start(line.process.name, last, now)
        if last - at < now.every / 2 and (start is None or at >= min(start + START_JITTER, last)):
            yield Series(line.family, line.process.instance, line.labels, value, now.instant(at))


def _instance(name: str, last: float, known: Mapping[str, Process], now: QueryAnswers) -> Instance:
    start = _start(name, last, now)
    return Instance(known[name].instance, None if start is None else now.instant(start))


def _start(name: str, last: float, now: QueryAnswers) -> float | None:
    """Return when a process started, where it had by then; an earlier start, before a restart, is no longer known."""
    start = now.processes[name][1] if name in now.processes else None
    return start if start is not None and start <= last else None


def _own(
    memory: RangeRows, target: Target, now: QueryAnswers, dialect: Dialect, upto: float, within: float
) -> Iterator[Series]:
    """Yield the user's counters of a target, as of the last scrapes before an instant."""
    if not target.totals:
        return
    totals, parts = _cut(memory.totals, upto, within), _cut(memory.parts, upto, within)
    last = scrapes(totals, dialect.replicas, PATIENCE * now.every)
    wanted = {query: rows for query, rows in (totals | parts).items() if query in (*target.totals, *target.parts)}
    followed = turns(wanted, last, dialect.replicas, now.followed, float("inf"))
    for series in counters(wanted, last, dialect.replicas, followed, now.instant).values():
        yield from series


def _cut(answers: Rows, upto: float, within: float) -> dict[str, list[Row]]:
    """Return the rows with the samples of a span before an instant."""
    return {
        selector: [
            Row(row.labels, samples)
            for row in rows
            if (samples := [sample for sample in row.samples if upto - within < sample[0] <= upto])
        ]
        for selector, rows in answers.items()
    }
