"""Marks of a checkpoint row: what ``recent.py`` knows of the last minutes, as differences, which are short.

The first release kept the ticks of the last minute without the canary's bad requests, and nothing else; they stay where
they were, and what is known besides is stored behind them.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import Any

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.checkpoint.values import integers, listed, seconds
from ingress_canary.domain.slo.recent import BEGINNING, MINUTE, Mark, Recent


def ticks_of(recent: Recent) -> list[list[float]]:
    """Return the ticks of the last minute: when each ended, canary requests, stable ones and bad ones."""
    marks = (recent.earlier[-1], *recent.minute)
    spans = [(mark.at, mark.since(before)) for before, mark in pairwise(marks)]
    return [[at, since.n, since.m, since.f] for at, since in spans]


def marks_of(recent: Recent) -> list[Any]:
    """Return what :func:`ticks_of` does not have: the canary's bad requests, the earlier marks, stable's window."""
    bad = [mark.since(before).e for before, mark in pairwise((recent.earlier[-1], *recent.minute))]
    instants = [None if mark.at == -inf else mark.at for mark in recent.earlier]
    return [bad, instants, _differences([mark[1:] for mark in recent.earlier]), _differences(recent.stable)]


def recent_of(ticks: object, marks: object, total: Counts) -> Recent:
    """Return what is known of the last minutes; ``total`` are the requests that were judged.

    Raises ValueError or TypeError for what :func:`ticks_of` and :func:`marks_of` never return.
    """
    bad, instants, earlier, stable = listed(marks, 4)
    at = [-inf if instant is None else seconds(instant) for instant in listed(instants)]
    before = [Mark(instant, *counts) for instant, counts in zip(at, _sums(earlier, 4), strict=True)]
    window = [(m, f) for m, f in _sums(stable, 2)]
    if not before or not window:
        raise ValueError("a mark is missing")
    minute = _minute(ticks, integers(bad), before[-1])
    newest = minute[-1] if minute else before[-1]
    if (newest.n, newest.e) != (total.n, total.e):
        raise ValueError("the numbers contradict each other")
    return Recent(minute, tuple(before), tuple(window))


def recent_of_ticks(ticks: object, total: Counts) -> Recent:
    """Return what a row of the first release knows of the last minutes."""
    known = [integers(listed(tick, 4)[1:], 3) for tick in listed(ticks)]
    if not known:
        return Recent(earlier=(Mark(-inf, *total),))
    n, m, f = (sum(counts) for counts in zip(*known, strict=True))
    # stable's before the rollout are among these, and not in the total
    before = Mark(0, max(0, total.n - n), total.e, max(0, total.m - m), max(0, total.f - f))
    # how many of the canary's were bad in each tick it did not keep
    minute = _minute(ticks, [0] * len(known), before)
    return Recent(minute, (BEGINNING, before._replace(at=minute[0].at - MINUTE)))


def _minute(ticks: object, bad: Sequence[int], base: Mark) -> tuple[Mark, ...]:
    """Return the marks of ticks that follow a mark."""
    minute, last = list[Mark](), base
    for tick, e in zip(listed(ticks), bad, strict=True):
        at, *counts = listed(tick, 4)
        n, m, f = integers(counts, 3)
        last = Mark(seconds(at), last.n + n, last.e + e, last.m + m, last.f + f)
        minute.append(last)
    return tuple(minute)


def _differences(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the first row, and of each other one the difference to the one before."""
    return [list(rows[0]), *([y - x for x, y in zip(a, b, strict=True)] for a, b in pairwise(rows))]


def _sums(rows: object, width: int) -> list[list[int]]:
    """Return the rows of which these are the differences."""
    steps = [integers(row, width) for row in listed(rows)]
    return list(accumulate(steps, lambda sums, step: [x + y for x, y in zip(sums, step, strict=True)]))
