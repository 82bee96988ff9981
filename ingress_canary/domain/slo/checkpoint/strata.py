"""Strata of a checkpoint row: what the relative test knows besides its bets on all of them together, and back.

``[[name, *block, m, f, *judged], ...]`` in the order in which they were seen, the numbers of those that are bet on by
themselves, their wealth where there has been evidence, and the gaps. Used by ``row.py``.
"""

from collections.abc import Mapping
from math import inf
from typing import Any

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.checkpoint.values import floats, integers, listed, seconds
from ingress_canary.domain.slo.gaps import Gap, Gaps
from ingress_canary.domain.slo.relative_test import MOST_APART, MOST_STRATA, RelativeTest, Stratum
from ingress_canary.domain.slo.sequential_tests import GRID
from ingress_canary.domain.slo.wealth import Wealth


def strata_of(test: RelativeTest) -> list[Any]:
    """Return what a checkpoint keeps of the relative test besides the row's own bets."""
    number = {name: place for place, name in enumerate(test.strata)}
    return [
        [[name, *known.block, known.m, known.f, *known.judged] for name, known in test.strata.items()],
        [number[name] for name in test.chosen],
        [[number[name], wealth.ticks, wealth.bets] for name, wealth in test.apart.items()],
        [
            [*test.gaps.now],
            [*test.gaps.step],
            [[None if at == -inf else at, *gap] for at, gap in test.gaps.marks],
        ],
    ]


def relative_of(together: Wealth, strata: object) -> RelativeTest:
    """Return the relative test of a row. Raises ValueError or TypeError for what :func:`strata_of` never returns."""
    rows, chosen, apart, gaps = listed(strata, 4)
    known = dict(_stratum(row) for row in listed(rows))
    by_itself = integers(chosen)
    if len(known) != len(rows) or len(known) > MOST_STRATA or len(by_itself) > MOST_APART:
        raise ValueError("the numbers contradict each other")
    if any(place >= len(known) for place in by_itself):
        raise ValueError("a stratum is missing")
    names = list(known)
    test = RelativeTest(together, known, tuple(names[place] for place in by_itself))
    test = test._replace(together=together._replace(log_share=test.unbet.log_share))
    numbered = {place: names[place] for place in by_itself}
    return test._replace(apart=dict(_wealth(test, numbered, row) for row in listed(apart)), gaps=_gaps(gaps))


def relative_of_first_release(together: Wealth, total: Counts, step: Counts) -> RelativeTest:
    """Return the relative test of a row without strata: both sides as a whole make one block."""
    now = Gap().plus(total) if total.n and total.m else Gap()
    of_step = Gap().plus(step) if step.n and step.m else Gap()
    before = Gap(now.excess - of_step.excess, now.n - of_step.n) if now.n else Gap()
    return RelativeTest(together, gaps=Gaps(now, before))


def _stratum(row: object) -> tuple[str, Stratum]:
    name, *numbers = listed(row, 11)
    if not isinstance(name, str):
        raise TypeError("expected a name")
    counts = integers(numbers, 10)
    return name, Stratum(Counts(*counts[:4]), counts[4], counts[5], Counts(*counts[6:]))


def _wealth(test: RelativeTest, numbered: Mapping[int, str], row: object) -> tuple[str, Wealth]:
    place, ticks, bets = listed(row, 3)
    place, ticks = integers([place, ticks], 2)
    if place not in numbered:
        raise ValueError("nothing is bet on this stratum by itself")
    return numbered[place], test.single._replace(bets=floats(bets, GRID), ticks=ticks)


def _gaps(gaps: object) -> Gaps:
    now, step, marks = listed(gaps, 3)
    each = [listed(mark, 3) for mark in listed(marks)]
    instants = [-inf if at is None else seconds(at) for at, *_ in each]
    if not instants:
        raise ValueError("a mark is missing")
    return Gaps(_gap(now), _gap(step), tuple((at, _gap(gap)) for at, (_, *gap) in zip(instants, each, strict=True)))


def _gap(gap: object) -> Gap:
    excess, n = listed(gap, 2)
    return Gap(floats([excess], 1)[0], integers([n], 1)[0])
