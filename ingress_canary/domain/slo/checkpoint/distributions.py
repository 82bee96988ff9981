"""Distributions of a checkpoint: the evidence of each SLO that compares a histogram, by its name, and back.

A part of its own behind the others, and none at all without such an SLO; used by ``checkpoint.py``.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from math import inf
from typing import Any

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.checkpoint.row import LARGEST_SQUARE
from ingress_canary.domain.slo.checkpoint.values import floats, integers, listed, seconds
from ingress_canary.domain.slo.dispersion import Dispersion, ErrorSums
from ingress_canary.domain.slo.distribution.distribution_check import DistributionCheck
from ingress_canary.domain.slo.distribution.tails import DistributionTest, Tail, TailMark
from ingress_canary.domain.slo.sequential_tests import GRID
from ingress_canary.domain.slo.wealth import Wealth


def distributions_of(checks: Sequence[DistributionCheck]) -> dict[str, Any]:
    """Return the evidence of each check by its SLO's name, without those that know no bound yet."""
    return {
        check.test.name: [
            check.bounds, check.ticks, float(check.weight), [_tail_row(tail) for tail in check.tails],
            [[None if mark.at == -inf else mark.at, mark.totals] for mark in check.marks],
        ]
        for check in checks
        if check.bounds
    }  # fmt: skip


def checks_of(stored: object, tests: Sequence[DistributionTest], step: int) -> tuple[DistributionCheck, ...]:
    """Return the check of each test at a step; one that is not stored begins anew. None is fresh until its next tick.

    Raises ValueError or TypeError for anything that :func:`distributions_of` never returns.
    """
    if not isinstance(stored, Mapping):
        raise TypeError("expected the evidence of each SLO by its name")
    return tuple(_check(stored.get(test.name), test, step) for test in tests)


def _check(document: object, test: DistributionTest, step: int) -> DistributionCheck:
    if document is None:
        return DistributionCheck(test, step=step)
    bounds, judged, weight, rows, marks, *_ = listed(document)
    known, (ticks,) = floats(bounds), integers([judged], 1)
    tails = tuple(_tail(row, test.steps) for row in listed(rows))
    if not known or sorted(set(known)) != known or len(known) != len(tails):
        raise ValueError("the numbers contradict each other")
    if any(not max(1, step) <= tail.wealth.begun <= test.steps for tail in tails):
        raise ValueError("the numbers contradict each other")
    kept = tuple(_mark(mark, len(known)) for mark in listed(marks))
    if not kept:
        raise ValueError("a mark is missing")
    return DistributionCheck(test, tuple(known), tails, kept, step, ticks, weight=floats([weight], 1)[0])


def _tail_row(tail: Tail) -> list[Any]:
    wealth, dispersion = tail.wealth, tail.dispersion
    return [
        [wealth.begun, wealth.ticks], wealth.bets, tail.total, tail.step, astuple(dispersion.sums),
        [dispersion.requests.tolist(), dispersion.bad.tolist(), dispersion.since, dispersion.known, dispersion.before],
    ]  # fmt: skip


def _tail(row: object, steps: int) -> Tail:
    placed, bets, total, step, sums, stable, *_ = listed(row)
    begun, ticks = integers(placed, 2)
    requests, bad, since, known, before = listed(stable, 5)
    if len(listed(requests)) != len(listed(bad)):
        raise ValueError("the numbers contradict each other")
    dispersion = Dispersion(
        array("Q", integers(requests)), array("Q", integers(bad)), None if since is None else seconds(since),
        seconds(known), ErrorSums(*integers(sums, 6, LARGEST_SQUARE)), integers([before], 1)[0],
    )  # fmt: skip
    return Tail(Wealth(floats(bets, GRID), begun, steps, ticks), dispersion, _counts(total), _counts(step))


def _mark(mark: object, bounds: int) -> TailMark:
    at, totals = listed(mark, 2)
    counts = tuple(_counts(total) for total in listed(totals))
    if len(counts) not in (0, bounds):
        raise ValueError("the numbers contradict each other")
    return TailMark(-inf if at is None else seconds(at), counts)


def _counts(value: object) -> Counts:
    n, e, m, f = integers(value, 4)
    if e > n or f > m:
        raise ValueError("more slow requests than requests")
    return Counts(n, e, m, f)
