"""Print the acceptance table of the judge as Markdown: ``make judge`` writes docs/reference/judgement.md with it.

    python -m tests.judgement [--runs 200] [--seed 1]

Progress goes to stderr; fails when a cell is not as it must be.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from tests.judgement.peers import CONTESTS, PEERS, PeerRow
from tests.judgement.quiet import FIRST_RELEASE_RUNS, QUIET, QuietRow
from tests.judgement.runs import ALL, Row, Runs

CELLS = """# How well the canary is judged

Measured, not derived: `make judge` draws traffic with a generator of its own, judges it by the code of the daemon
(many runs side by side in arrays, which tests hold against it tick by tick), and writes this page. {runs:,} runs a
cell, seed {seed}; a look each 10 s, theta 1 % (99.9 x 10), alpha 1 %, beta 5 %, five steps, settle 15 s, 0.1 % bad on
a healthy side, 30 minutes of warm-up, unless the cell says otherwise. Times are from the regression's onset to the
decision and include settling. A share holds where it is within its bound or above it by what chance explains in 999 of
1,000 cases. What the letters mean, and why: [how a canary is judged](../judging.md).

| cell | measured | must be | holds |
|---|---|---|---|
"""
QUIET_CELLS = """
## How far from what could be reached

A canary that is bad from its first request on, and nothing else happens. `bound`: the seconds of traffic that a test
needs in the mean which fails a healthy canary with a chance of 1 % at most, expects exactly this regression, and
neither waits 15 s nor looks each 10 s only: ln(1/alpha) divided by the information of a second of traffic
(Wald). The first release (commit 3fdf44c) was measured with {first_release_runs:,} runs of the same law; at most 1.1
times its median is accepted.

| cell | failed after, p50 (p95) | first release | times that | bound | holds |
|---|---|---|---|---|---|
"""
PEER_CELLS = """
## Beside the rules of others

The same traffic, an hour at one weight, judged by the rules that other tools ship. Flagger 1.44, its tutorial for
NGINX: each 10 s the success rate of the last minute, at least 99 %; after ten failed checks the canary is taken off at
the next look; no request is a failed check. Argo Rollouts 1.10, its example of a background analysis: each 5 min the
success rate of the last five, at least 95 %; four failures abort, as do five looks in a row without a request. A share
and the median of those that were caught. "at its rate": this judge with its threshold lowered until it fails as many
healthy canaries as that tool. It holds where no more healthy canaries fail than with the better of the two, or than
alpha; where at the same rate at most 10 points fewer are caught and, if all are, none later by more than a look; and
where, next to a tool that keeps alpha, no fewer are caught, nor later, as shipped.

| traffic | ingress-canary | {peers} | holds |
|---|---|---|{rules}---|
"""
T = TypeVar("T")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.judgement")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        runs = Runs(pool, given.runs, given.seed)
        cells = list(_told(runs.cells(), len(ALL)))
        quiet = list(_told(runs.quiet(), len(QUIET)))
        contests = list(_told(runs.contests(), sum(len(contest.canaries) for contest in CONTESTS)))
    peers = " | ".join(f"{rule.tool} | at its rate" for rule in PEERS)
    sys.stdout.write(CELLS.format(runs=given.runs, seed=given.seed) + "".join(map(_cell, cells)))
    sys.stdout.write(QUIET_CELLS.format(first_release_runs=FIRST_RELEASE_RUNS) + "".join(map(_quiet, quiet)))
    sys.stdout.write(
        PEER_CELLS.format(peers=peers, rules="---|" * (2 * len(PEERS) - 1)) + "".join(map(_contest, contests))
    )
    return 0 if all(row.holds for row in (*cells, *quiet, *contests)) else 1


def _told(rows: Iterable[T], number: int) -> Iterator[T]:
    """Pass rows on, and tell of each on stderr."""
    began = time.monotonic()
    for done, row in enumerate(rows, 1):
        sys.stderr.write(f"{done} of {number} after {time.monotonic() - began:.0f} s: {row}\n")
        yield row


def _cell(row: Row) -> str:
    most = f"{row.cell.most:.1%}" if row.cell.share else f"{row.cell.most:g} s"
    return f"| {row.cell.name} | {row.answer.text} | <= {most} | {_holds(holds=row.holds)} |\n"


def _quiet(row: QuietRow) -> str:
    return (
        f"| {row.cell.name} | {row.p50:g} s ({row.p95:g} s) | {row.cell.first_release:g} s | {row.ratio:.2f} | "
        f"{row.cell.bound:.3g} s | {_holds(holds=row.holds)} |\n"
    )


def _contest(row: PeerRow) -> str:
    peers = " | ".join(f"{theirs} | {matched}" for theirs, matched in zip(row.peers, row.matched, strict=True))
    return f"| {row.name} | {row.ours} | {peers} | {_holds(holds=row.holds)} |\n"


def _holds(*, holds: bool) -> str:
    return "yes" if holds else "**no**"


if __name__ == "__main__":
    sys.exit(main())
