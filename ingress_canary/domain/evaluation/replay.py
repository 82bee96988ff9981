"""Replay after a restart: samples from before the first reading, taken from a source with history.

Two kinds of sessions want it: one whose rollout has not begun learns from the half hour before how stable's errors
come, instead of waiting for a warm-up; one that a checkpoint continues takes in what has come since. The past is
replayed tick by tick through the code that judges the present, so that the verdict is that of an uninterrupted run. A
source without a memory gives none: then the present is a new starting point. ``engine/loop.py`` asks for it,
``reconcile/evidence.py`` replays it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ingress_canary.domain.evaluation.evaluation import CountReading, Evaluation, EvidenceMode, TickInputs, tick
from ingress_canary.domain.evaluation.resume import Resume
from ingress_canary.domain.metrics.counting import advance
from ingress_canary.domain.metrics.samples import Reading

LEARNT_FROM = 1800.0
"""Seconds before a rollout from which phi is taken (judging.md)."""
REMEMBERED = 3600.0
"""Seconds that are taken in after a restart, at most: of a longer gap the newest."""
GONE = 300.0
"""Seconds by which a process's newest sample is older than the newest of all when it is taken for gone."""


def instants(evaluation: Evaluation, now: datetime, interval: float) -> tuple[float, ...]:
    """Return the instants before its first reading that an evaluation needs, in rising seconds of the epoch.

    After a restart each process's newest counted sample is one of them: it is where counting goes on.
    """
    until = now.timestamp()
    if evaluation.resume is not None:
        every = {at.timestamp() for at in evaluation.resume.counted.values()}
        counted = {at for at in every if at >= max(every) - GONE}
        since = max(min(counted), until - REMEMBERED)
        exact = {at for at in counted if since <= at < until}
    elif evaluation.unread and not evaluation.analysis.step:
        since, exact = until - LEARNT_FROM, set[float]()
    else:
        return ()
    return tuple(sorted(exact | set(_grid(since, until, interval))))


def _grid(since: float, until: float, interval: float) -> Iterator[float]:
    at = since
    while at < until:
        yield at
        at += interval


def tick_with_past(
    evaluation: Evaluation, reading: Reading, at: TickInputs, count: CountReading = advance
) -> Evaluation:
    """Return the evaluation after a reading; after its first one also with the past readings that the source has.

    ``count`` may know already what ``advance`` would return.
    """
    if reading.error is not None:
        return tick(evaluation, reading, at, count)
    resume, unread = evaluation.resume, evaluation.unread
    evaluation = evaluation._replace(resume=None, unread=False)
    # what was asked of the canary before it is not known
    then = at._replace(probe=None)
    if resume is not None and reading.past:
        return _rebuilt(evaluation, resume, reading, at, then)
    if unread and at.mode is EvidenceMode.WARMING:
        for past in reading.past:
            evaluation = tick(evaluation, past, then)
    return tick(evaluation, reading, at, count)


def _rebuilt(evaluation: Evaluation, resume: Resume, reading: Reading, at: TickInputs, then: TickInputs) -> Evaluation:
    """Return the evaluation with the readings since the checkpoint added.

    Neither bake nor hold go on in a time in which nobody could have acted. A fail of that time stands, whatever has
    come after it: an uninterrupted run would have acted on it.
    """
    baked, held, known = evaluation.baked, evaluation.held, set[str]()
    evaluation = evaluation._replace(settled_from=resume.settled_from)
    looks = [track.recent.now.at for track in evaluation.analysis.tracks if track.ticks]
    for past in reading.past:
        uncounted = _uncounted(past, resume, known)
        if looks and past.at.timestamp() <= max(looks):
            # the last reading had these samples: counting continues from them
            book, _ = advance(evaluation.book, uncounted, then.signals, then.compiled.measures, timedelta(0))
            evaluation = evaluation._replace(book=book)
            continue
        evaluation = tick(evaluation, uncounted, then)
        evaluation = evaluation._replace(last=None, baked=baked, held=held)
        if evaluation.analysis.failed:
            return evaluation
    return tick(evaluation, _uncounted(reading, resume, known), at)


def _uncounted(reading: Reading, resume: Resume, known: set[str]) -> Reading:
    """Return a reading without samples that are older than those that were counted.

    A process is ``known`` from its first sample on that is left: were it known before, its counters would be new, and
    be counted from 0.
    """
    series = []
    for sample_series in reading.series:
        since = resume.since(sample_series.instance)
        if since is None or since <= sample_series.at:
            series.append(sample_series)
    known |= {sample_series.instance for sample_series in series}
    instances = tuple(
        instance for instance in reading.instances if instance.name in known or resume.since(instance.name) is None
    )
    return reading._replace(series=tuple(series), instances=instances)
