"""Many runs of a cell, each drawn from a seed of its own, and whether what came out is what must."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from tests.judgement.canary import Judged
from tests.judgement.cells import Answer, Cell, boundary, cells, distributions, strata

LUCK = 0.999
"""Chance with which a share that is exactly at its bound stays within what is accepted of some runs."""
ALL = [*cells(), *strata(), *distributions(), *boundary()]
"""Every cell; processes find theirs by its place."""


class Row(NamedTuple):
    """What came of a cell."""

    cell: Cell
    runs: int
    answer: Answer
    holds: bool


def row(cell: Cell, judged: Sequence[Judged]) -> Row:
    """Return what came of some runs of a cell; a share may exceed its bound by what chance explains."""
    answer, most = cell.ask(judged), cell.most
    if cell.share:
        most = binom.ppf(LUCK, len(judged), cell.most) / len(judged)
    return Row(cell, len(judged), answer, bool(answer.number <= most))


def play(cell: Cell, seed: int, runs: range) -> list[Judged]:
    """Return some runs of a cell."""
    return [cell.play(np.random.default_rng([seed, run])) for run in runs]


def rows(runs: int, seed: int) -> Iterator[Row]:
    """Yield the row of every cell, on every core; cells that ask of the same play have it played once."""
    parts = [range(first, min(first + 10, runs)) for first in range(0, runs, 10)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        submitted = {
            cell.play: [pool.submit(_part, place, seed, part) for part in parts]
            for place, cell in {cell.play: (place, cell) for place, cell in enumerate(ALL)}.values()
        }
        for cell in ALL:
            yield row(cell, [judged for part in submitted[cell.play] for judged in part.result()])


def _part(place: int, seed: int, runs: range) -> list[Judged]:
    return play(ALL[place], seed, runs)
