"""Checkpoint row: the evidence of one SLO as two JSON lists, and back.

The row is that of the first release, whose members go on to mean what they meant; what came later are additions, which
are stored apart. A row without them is continued with what its numbers say. Used by ``checkpoint.py``.
"""

from array import array
from dataclasses import astuple, replace
from math import log
from typing import Any

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.accumulator import Accumulator
from ingress_canary.domain.slo.checkpoint.marks import marks_of, recent_of, recent_of_ticks, ticks_of
from ingress_canary.domain.slo.checkpoint.strata import relative_of, relative_of_first_release, strata_of
from ingress_canary.domain.slo.checkpoint.values import floats, integers, listed, seconds
from ingress_canary.domain.slo.dispersion import LEARNT, Dispersion, ErrorSums
from ingress_canary.domain.slo.relative_test import RelativeTest
from ingress_canary.domain.slo.sequential_tests import GRID, Design, SharedIncident
from ingress_canary.domain.slo.wealth import FIRST, GUARD_ALTERNATIVES, STEPS, Guard, Wealth

LARGEST_SQUARE = 10**40


def row_of(accumulator: Accumulator) -> list[Any]:
    """Return the row of an accumulator."""
    dispersion, recent = accumulator.dispersion, accumulator.recent
    return [
        accumulator.absolute.begun,
        accumulator.absolute.bets,
        accumulator.relative.together.bets,
        astuple(dispersion.sums),
        accumulator.total,
        accumulator.step,
        accumulator.ticks,
        ticks_of(recent),
    ]


def additions_of(accumulator: Accumulator) -> list[Any]:
    """Return what the row of an accumulator does not have."""
    dispersion, recent, guard = accumulator.dispersion, accumulator.recent, accumulator.guard
    return [
        [accumulator.absolute.ticks, accumulator.relative.together.ticks],
        [guard.begun, guard.bets, guard.n, guard.e],
        [dispersion.requests.tolist(), dispersion.bad.tolist(), dispersion.since, dispersion.known, dispersion.before],
        accumulator.incident,
        marks_of(recent),
        accumulator.opposed,
        strata_of(accumulator.relative),
    ]


def accumulator_of(row: object, additions: object, design: Design, step: int) -> Accumulator:
    """Return the accumulator of a row, with its additions unless they are None; not fresh until its next tick.

    Raises ValueError or TypeError for anything but a row, and for numbers that contradict each other.
    """
    begun, absolute, relative, sums, total, seen, judged, ticks, *_ = listed(row)
    steps, number = integers([begun, judged], 2)
    whole, part = _counts(total), _counts(seen)
    if not max(1, step) <= steps <= design.steps or any(a > b for a, b in zip(part, whole, strict=True)):
        raise ValueError("the numbers contradict each other")
    accumulator = Accumulator(
        design,
        Wealth(floats(absolute, GRID), steps, design.steps),
        RelativeTest(Wealth(floats(relative, GRID), steps, design.steps)),
        dispersion=Dispersion(sums=ErrorSums(*integers(sums, 6, LARGEST_SQUARE))),
        total=whole,
        step=part,
        ticks=number,
    )
    if additions is None:
        return _of_first_release(accumulator, ticks, step)
    return _with_additions(accumulator, ticks, additions)


def _with_additions(accumulator: Accumulator, ticks: object, additions: object) -> Accumulator:
    """Return the accumulator of a row that has what came after the first release."""
    stakes, guard, stable, incident, marks, opposed, strata, *_ = listed(additions)
    for_absolute, for_relative = integers(stakes, 2)
    guards, bets, *settling = listed(guard, 4)
    requests, bad, since, known, *before = listed(stable, 5)
    n, e, over = listed(incident, 3)
    in_incident, bad_in_incident = integers([n, e], 2)
    if len(listed(requests)) != len(listed(bad)):
        raise ValueError("the numbers contradict each other")
    return replace(
        accumulator,
        absolute=accumulator.absolute._replace(ticks=for_absolute),
        relative=relative_of(accumulator.relative.together._replace(ticks=for_relative), strata),
        guard=Guard(floats(bets, len(GUARD_ALTERNATIVES)) if bets else (), *integers([guards, *settling], 3)),
        dispersion=accumulator.dispersion._replace(
            requests=array("Q", integers(requests)),
            bad=array("Q", integers(bad)),
            since=None if since is None else seconds(since),
            known=seconds(known),
            before=integers(before, 1)[0],
        ),
        incident=SharedIncident(in_incident, bad_in_incident, over is True),
        recent=recent_of(ticks, marks, accumulator.total),
        opposed=opposed is True,
    )


def _of_first_release(accumulator: Accumulator, ticks: object, step: int) -> Accumulator:
    """Return the accumulator of a row of the first release, which staked all at the beginning and at steps."""
    former, together = log(FIRST + STEPS), accumulator.relative.together
    return replace(
        accumulator,
        absolute=accumulator.absolute._replace(bets=[bet + former for bet in accumulator.absolute.bets]),
        relative=relative_of_first_release(
            together._replace(bets=[bet + former for bet in together.bets]), accumulator.total, accumulator.step
        ),
        guard=Guard().begin(step, accumulator.design.steps) if step else Guard(),
        # it learnt nothing more of stable's errors from the first step on
        dispersion=accumulator.dispersion._replace(known=LEARNT) if step else Dispersion(),
        recent=recent_of_ticks(ticks, accumulator.total),
    )


def _counts(value: object) -> Counts:
    n, e, m, f = integers(value, 4)
    if e > n or f > m:
        raise ValueError("more bad requests than requests")
    return Counts(n, e, m, f)
