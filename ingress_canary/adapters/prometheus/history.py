"""Readings of the past, out of one longer look: what ``source.py`` would have read at each of some instants.

A process is read through the scrape that is followed now, so that the present goes on where its past ends. No await.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from ingress_canary.adapters.prometheus.client import Row
from ingress_canary.adapters.prometheus.own import counters, scrapes
from ingress_canary.adapters.prometheus.processes import PATIENCE, Process, named, processes
from ingress_canary.adapters.prometheus.queries import Dialect
from ingress_canary.adapters.prometheus.readings import START_JITTER, Look, bounds_of
from ingress_canary.domain.evidence import STALE_AT_LEAST
from ingress_canary.domain.samples import Instance, Reading, Series, Target

PORTION = 5000
"""Targets times instants of which the past is asked for at once: with some dozens of series each, a few MiB."""
ROUNDING = 0.005
"""Seconds by which an instant may have moved on its way through the daemon's clock."""

Rows = Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Memory:
    """The rows of a longer look."""

    scraped: Rows
    """The family that tells which processes were scraped."""
    families: Rows
    totals: Rows
    """By selector of the users' own."""
    parts: Rows


class Line(NamedTuple):
    """One series of a process, ready to be read at any instant."""

    family: str
    process: Process
    labels: Mapping[str, str]
    """Those that the controller wrote."""
    times: Sequence[float]
    row: Row


def portioned(targets: Sequence[Target]) -> list[list[Target]]:
    """Return the targets that want to know of the past, in portions of a size that can be answered."""
    portions, size = list[list[Target]](), 0
    for target in sorted({target for target in targets if target.past}):
        if not portions or size + len(target.past) > PORTION:
            portions, size = [*portions, []], 0
        portions[-1].append(target)
        size += len(target.past)
    return portions


def remembered(
    target: Target, wall: Sequence[float], memory: Memory, now: Look, dialect: Dialect, within: float
) -> Iterator[Reading]:
    """Yield a target's reading of each instant of which something is known.

    ``wall`` holds its instants in real seconds since 1970, ``now`` is the present look, and ``within`` the seconds
    that a sample may lie before the instant at which it is read.
    """
    rows = [row for found in memory.scraped.values() for row in found]
    followed = {name: process for name, (process, _) in now.processes.items()}
    known = processes(rows, dialect, followed, float("inf")) | followed
    scraped = {
        name: [at for at, _ in row.samples]
        for row in rows
        for name, scrape in (named(row, dialect),)
        if known[name].scrape == scrape
    }
    lines = list(_lines(target, memory, known, dialect))
    bounds = now.bounds | bounds_of(memory.families.get(dialect.exposition.buckets, ()), dialect)
    for past, moment in zip(target.past, wall, strict=True):
        at = datetime.fromtimestamp(past, UTC)
        upto = moment + ROUNDING
        oldest = at - max(2 * now.sampled_every, STALE_AT_LEAST)
        newest = {name: times[seen - 1] for name, times in scraped.items() if (seen := bisect_right(times, upto))}
        present = {name: last for name, last in newest.items() if now.instant(last) >= oldest}
        if not present:
            continue
        own = _own(memory, now, dialect, upto, within)
        yield Reading(
            at=at,
            instances=tuple(_instance(name, last, known, now) for name, last in present.items()),
            series=(*_series(lines, present, now), *own),
            bounds=bounds,
            sampled_every=now.sampled_every,
        )


def _lines(target: Target, memory: Memory, known: Mapping[str, Process], dialect: Dialect) -> Iterator[Line]:
    """Yield the series of a target that the followed scrapes have."""
    exposition = dialect.exposition
    place = target.namespace, target.ingress
    for family in (exposition.requests, exposition.durations, exposition.buckets):
        for row in memory.families.get(family, ()):
            own, scrape = dialect.split(row.labels)
            if (own.get(exposition.namespace), own.get(exposition.ingress)) != place:
                continue
            if family == exposition.buckets and not bounds_of([row], dialect) <= target.bounds:
                continue
            process = known.get(named(row, dialect)[0])
            if process is not None and process.scrape == scrape:
                yield Line(family, process, own, [at for at, _ in row.samples], row)


def _series(lines: Sequence[Line], present: Mapping[str, float], now: Look) -> Iterator[Series]:
    """Yield what each process's newest scrape had."""
    for line in lines:
        last = present.get(line.process.name)
        index = bisect_right(line.times, last) - 1 if last is not None else -1
        if last is None or index < 0:
            continue
        at, value = line.row.samples[index]
        start = _start(line.process.name, last, now)
        if last - at < now.every / 2 and (start is None or at >= min(start + START_JITTER, last)):
            yield Series(line.family, line.process.instance, line.labels, value, now.instant(at))


def _instance(name: str, last: float, known: Mapping[str, Process], now: Look) -> Instance:
    start = _start(name, last, now)
    return Instance(known[name].instance, None if start is None else now.instant(start))


def _start(name: str, last: float, now: Look) -> float | None:
    """Return when a process began, where it had by then; what it was before it restarted is not known any more."""
    start = now.processes[name][1] if name in now.processes else None
    return start if start is not None and start <= last else None


def _own(memory: Memory, now: Look, dialect: Dialect, upto: float, within: float) -> Iterator[Series]:
    """Yield the users' own counters as the scrapes before an instant left them."""
    if not memory.totals:
        return
    totals, parts = _cut(memory.totals, upto, within), _cut(memory.parts, upto, within)
    last = scrapes(totals, dialect.replicas, PATIENCE * now.every)
    found = counters({**totals, **parts}, last, dialect.replicas, now.instant)
    for series in found.values():
        yield from series


def _cut(answers: Rows, upto: float, within: float) -> dict[str, list[Row]]:
    """Return the rows with what they held in the time before an instant."""
    return {
        selector: [
            Row(row.labels, samples)
            for row in rows
            if (samples := [one for one in row.samples if upto - within < one[0] <= upto])
        ]
        for selector, rows in answers.items()
    }
