"""Seven cells of the acceptance table, each 200 times and tick by tick; ``make judge`` has all of them."""

import pytest

from tests.judgement import walked
from tests.judgement.cells import Cell, cells, distributions
from tests.judgement.runs import play, row
from tests.judgement.traffic import Situation

RUNS, SEED = 200, 1
IN_CI = (
    "100 % bad after a warm-up", "5 % bad after the same, 10/s", "3 % bad from minute 25", "identical 10 %, 1/s",
    "cold start", "incident of 60 s x 30 % on both sides, 100/s x 5%", "incident each 5 min",
)  # fmt: skip
CHOSEN = [next(cell for cell in cells() if cell.name.startswith(name)) for name in IN_CI]
FEWER = 40
"""Runs of a cell whose latencies are drawn one by one."""


@pytest.mark.parametrize("cell", [*distributions()], ids=lambda cell: cell.name)
@pytest.mark.slow
def test_a_distribution_is_judged_as_it_must_be(cell: Cell) -> None:
    made = row(cell, play(cell.case, SEED, range(FEWER)))
    assert made.holds, f"{made.answer.text}, must be at most {cell.most}"


@pytest.mark.slow
@pytest.mark.parametrize("cell", CHOSEN, ids=lambda cell: cell.name)
def test_a_cell_is_judged_as_it_must_be(cell: Cell) -> None:
    assert isinstance(cell.case, Situation)
    made = row(cell, [walked.judged(cell.case, SEED, run) for run in range(RUNS)])
    assert made.holds, f"{made.answer.text}, must be at most {cell.most}"
