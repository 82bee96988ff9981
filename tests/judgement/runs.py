"""Many runs of a cell, each drawn from a seed of its own, and whether what came out is what must."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import NamedTuple, TypeVar

from scipy.stats import binom

from tests.judgement import in_arrays, latencies, walked
from tests.judgement.cells import Answer, Case, Cell, boundary, cells, distributions, strata
from tests.judgement.latencies import LatencySituation
from tests.judgement.peers import CONTESTS, Outcomes, PeerRow, peer_rows
from tests.judgement.quiet import QUIET, QuietRow
from tests.judgement.traffic import Judged

T = TypeVar("T")
LUCK = 0.999
"""Chance with which a share that is exactly at its bound stays within what is accepted of some runs."""
PART = 100
"""Runs that are judged side by side."""
ALL = [*cells(), *strata(), *distributions(), *boundary()]
"""Every cell; processes find theirs by its place."""


class Row(NamedTuple):
    """What came of a cell."""

    cell: Cell
    runs: int
    answer: Answer
    holds: bool

    def __str__(self) -> str:
        """Return what came out."""
        return f"{self.cell.name}: {self.answer.text}"


def row(cell: Cell, judged: Sequence[Judged]) -> Row:
    """Return what came of some runs of a cell; a share may exceed its bound by what chance explains."""
    answer, most = cell.ask(judged), cell.most
    if cell.share:
        most = binom.ppf(LUCK, len(judged), cell.most) / len(judged)
    return Row(cell, len(judged), answer, bool(answer.number <= most))


def play(case: Case, seed: int, runs: range) -> list[Judged]:
    """Return what some runs of a case came to: in arrays, where requests are of one kind."""
    if isinstance(case, LatencySituation):
        return [latencies.judged(case, seed, run) for run in runs]
    if case.told_apart:
        return [walked.judged(case, seed, run) for run in runs]
    return in_arrays.judged(case, seed, runs)


class Runs:
    """So many runs of everything, on every core."""

    def __init__(self, pool: Executor, runs: int, seed: int) -> None:
        self.pool, self.seed = pool, seed
        self.parts = [range(first, min(first + PART, runs)) for first in range(0, runs, PART)]

    def cells(self) -> Iterator[Row]:
        """Yield the row of every cell; cells that ask of the same case have it played once."""
        places = {cell.case: place for place, cell in enumerate(ALL)}
        submitted = {case: self._submitted(_of_cell, place) for case, place in places.items()}
        for cell in ALL:
            yield row(cell, _all_of(submitted[cell.case]))

    def quiet(self) -> Iterator[QuietRow]:
        """Yield the row of every quiet cell."""
        submitted = [self._submitted(_of_quiet, place) for place in range(len(QUIET))]
        for cell, futures in zip(QUIET, submitted, strict=True):
            yield QuietRow.of(cell, _all_of(futures))

    def contests(self) -> Iterator[PeerRow]:
        """Yield the rows of every contest."""
        submitted = [
            [self._submitted(_of_contest, place, canary) for canary in range(1 + len(contest.worse))]
            for place, contest in enumerate(CONTESTS)
        ]
        for contest, canaries in zip(CONTESTS, submitted, strict=True):
            joined = [Outcomes.joined([part.result() for part in futures]) for futures in canaries]
            yield from peer_rows(contest, joined, LUCK)

    def _submitted(self, play_part: Callable[..., T], *place: int) -> list[Future[T]]:
        """Have some runs played, in parts; processes find what by its place."""
        return [self.pool.submit(play_part, self.seed, part, *place) for part in self.parts]


def _all_of(futures: Sequence[Future[list[Judged]]]) -> list[Judged]:
    return [judged for part in futures for judged in part.result()]


def _of_cell(seed: int, runs: range, place: int) -> list[Judged]:
    return play(ALL[place].case, seed, runs)


def _of_quiet(seed: int, runs: range, place: int) -> list[Judged]:
    return play(QUIET[place].situation, seed, runs)


def _of_contest(seed: int, runs: range, place: int, canary: int) -> Outcomes:
    return Outcomes.of(CONTESTS[place].canaries[canary], seed, runs)
