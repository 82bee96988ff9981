"""Readings from the rows of a tick's queries, one per target. Used by ``source.py``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import nan

from ingress_canary.adapters.prometheus.client import Row
from ingress_canary.adapters.prometheus.controller_processes import Process, is_of_others, named, sample_of
from ingress_canary.adapters.prometheus.queries import Dialect
from ingress_canary.adapters.prometheus.user_queries import Turns
from ingress_canary.adapters.scrape.metrics_page import UNKNOWN_TYPE
from ingress_canary.domain.metrics.samples import Instance, OrphanTypes, Reading, Series, Target

NOBODY = "", ""
"""Namespace and name of a series that names no Ingress."""
OTHERS = (
    "are of other scrapes than the one that was seen first: servers with different data share the address, or a "
    "deduplication changes replicas"
)
START_JITTER = 5.0
"""Seconds by which the start that a process tells may be off."""


@dataclass(frozen=True, slots=True)
class QueryAnswers:
    """The answers to all queries of one tick, in Prometheus's time."""

    at: datetime
    """When, on the daemon's clock."""
    processes: Mapping[str, tuple[Process, float | None]]
    """Each process that was scraped, with its start if it tells."""
    rows: Mapping[str, Sequence[Row] | str]
    """By family; why there are none where it is a text."""
    bounds: frozenset[float]
    """Bucket bounds that there are besides those of the rows."""
    every: float
    """Seconds between two scrapes."""
    sampled_every: timedelta
    """The same on the daemon's clock."""
    instant: Callable[[float], datetime]
    """Where seconds since 1970 lie on the daemon's clock."""
    own: Mapping[str, Sequence[Series]] = field(default_factory=dict)
    """The users' own counters, by selector."""
    followed: Turns = field(default_factory=dict)
    """Through which job they are read."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Answers to the users' own queries."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Users' queries without an answer, and why."""
    missing: str | None = None
    """Processes that are scraped and cannot be used, and why."""


def starts(
    processes: Mapping[str, Process], rows: Sequence[Row] | str, dialect: Dialect
) -> dict[str, tuple[Process, float | None]]:
    """Return each process with its start; None where it is unknown, or from a later scrape than the process's."""
    known = {} if isinstance(rows, str) else {dialect.split(row.labels)[1]: row.samples[-1][1] for row in rows}
    begun: dict[str, tuple[Process, float | None]] = {}
    for name, process in processes.items():
        start = known.get(process.scrape)
        begun[name] = process, start if start is not None and 0 <= start <= process.at else None
    return begun


def readings(targets: Sequence[Target], answers: QueryAnswers, dialect: Dialect) -> dict[Target, Reading]:
    """Return the reading of each target."""
    exposition = dialect.exposition
    series: dict[tuple[str, str], list[Series]] = {}
    failed = {family: rows for family, rows in answers.rows.items() if isinstance(rows, str)}
    faults, elsewhere = _faults(answers, dialect), dict[tuple[str, str], str]()
    for family in (exposition.requests, exposition.durations, exposition.buckets):
        for row, process in _of_processes(family, answers, dialect):
            place = _place(row, dialect)
            if (sample_series := _one(family, row, process, answers, dialect)) is not None:
                series.setdefault(place, []).append(sample_series)
            elif is_of_others(row, process, answers.every):
                elsewhere.setdefault(place, f"Prometheus: the samples of {family} {OTHERS}")
    # a fault that names no Ingress may be of any
    failed |= faults.get(NOBODY, {})
    orphans: dict[tuple[str, str], set[str]] = {}
    for row, process in _of_processes(exposition.orphan, answers, dialect):
        sample_series, place = _one(exposition.orphan, row, process, answers, dialect), _place(row, dialect)
        if sample_series is not None:
            lacking = orphans.setdefault(place, set())
            if sample_series.value > 0:
                lacking.add(sample_series.labels.get(exposition.orphan_type, UNKNOWN_TYPE))
    instances = tuple(
        Instance(process.instance, None if start is None else answers.instant(start))
        for process, start in answers.processes.values()
    )
    buckets = answers.rows.get(exposition.buckets, ())
    bounds = answers.bounds if isinstance(buckets, str) else answers.bounds | bounds_of(buckets, dialect)
    failed |= answers.failed
    return {
        target: Reading(
            at=answers.at,
            instances=instances,
            series=tuple(
                member
                for member in series.get((target.namespace, target.ingress), ())
                if member.family != exposition.buckets or target.has_bound(_bound(member.labels))
            )
            + tuple(member for selector in {*target.totals, *target.parts} for member in answers.own.get(selector, ())),
            bounds=bounds,
            orphaned=_types(orphans.get((target.namespace, target.shadow))),
            note=answers.missing,
            missing=answers.missing or elsewhere.get((target.namespace, target.ingress)),
            failed=failed | faults.get((target.namespace, target.ingress), {}),
            values=answers.values,
            sampled_every=answers.sampled_every,
        )
        for target in targets
    }


def _types(lacking: set[str] | None) -> OrphanTypes | None:
    return None if lacking is None else tuple(sorted(lacking))


def _place(row: Row, dialect: Dialect) -> tuple[str, str]:
    """Return namespace and name of the Ingress that a row is about."""
    own, _ = dialect.split(row.labels)
    return own.get(dialect.exposition.namespace, ""), own.get(dialect.exposition.ingress, "")


def _faults(answers: QueryAnswers, dialect: Dialect) -> dict[tuple[str, str], dict[str, str]]:
    """Return the families that are unusable for an Ingress, because one of its series is, and why."""
    faults: dict[tuple[str, str], dict[str, str]] = {}
    for family, rows in answers.rows.items():
        for row in () if isinstance(rows, str) else rows:
            if row.fault is not None:
                faults.setdefault(_place(row, dialect), {})[family] = f"Prometheus: {row.fault}"
    return faults


def _of_processes(family: str, answers: QueryAnswers, dialect: Dialect) -> Iterator[tuple[Row, Process]]:
    """Yield a family's usable rows that come from the scrape by which their process is read."""
    rows = answers.rows.get(family, ())
    for row in () if isinstance(rows, str) else rows:
        name, scrape = named(row, dialect)
        process, _ = answers.processes.get(name, (None, None))
        # a process that has ended, or another scrape of one that is read already
        if process is not None and process.scrape == scrape and row.fault is None:
            yield row, process


def _one(family: str, row: Row, process: Process, answers: QueryAnswers, dialect: Dialect) -> Series | None:
    """Return a series as of the newest scrape of its process; None where that scrape did not have it."""
    sample, (_, start) = sample_of(row, process, answers.every / 2), answers.processes[process.name]
    if sample is None or (start is not None and sample[0] < min(start + START_JITTER, process.at)):
        return None  # not in the newest scrape any more, or left over from before the process's start
    own, _ = dialect.split(row.labels)
    return Series(family, process.instance, own, sample[1], answers.instant(sample[0]))


def _bound(labels: Mapping[str, str], bound: str = "le") -> float:
    try:
        return float(labels.get(bound, ""))
    except ValueError:
        return nan


def bounds_of(rows: Sequence[Row], dialect: Dialect) -> frozenset[float]:
    """Return the bucket bounds of some rows, in seconds."""
    return frozenset(_bound(dialect.split(row.labels)[0]) for row in rows)
