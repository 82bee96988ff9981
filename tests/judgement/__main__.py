"""Print the acceptance table of the judge as Markdown: ``make judge`` writes docs/reference/judgement.md with it.

    python -m tests.judgement [--runs 200] [--seed 1]

Progress goes to stderr; fails when a cell is not as it must be.
"""

import argparse
import sys
from collections.abc import Sequence

from tests.judgement.runs import ALL, Row, rows

HEAD = """# How well the canary is judged

Measured, not derived: `make judge` draws traffic with a generator of its own, judges it by the code of the daemon, and
writes this page. {runs} runs a cell, seed {seed}; a look each 10 s, theta 1 % (99.9 x 10), alpha 1 %, beta 5 %, five
steps, settle 15 s, 0.1 % bad on a healthy side, 30 minutes of warm-up, unless the cell says otherwise. Times are from
the regression's onset to the decision and include settling. A share holds where it is within its bound or above it by
what chance explains in 999 of 1,000 cases. What the letters mean, and why: [how a canary is judged](../judging.md).

| cell | measured | must be | holds |
|---|---|---|---|
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.judgement")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    made = list[Row]()
    for number, row in enumerate(rows(given.runs, given.seed), 1):
        made.append(row)
        sys.stderr.write(f"{number} of {len(ALL)}: {row.cell.name}: {row.answer.text}\n")
    sys.stdout.write(HEAD.format(runs=given.runs, seed=given.seed) + "".join(_lines(made)))
    return 0 if all(row.holds for row in made) else 1


def _lines(made: Sequence[Row]) -> list[str]:
    return [
        f"| {row.cell.name} | {row.answer.text} | <= {_bound(row)} | {'yes' if row.holds else '**no**'} |\n"
        for row in made
    ]


def _bound(row: Row) -> str:
    return f"{row.cell.most:.1%}" if row.cell.share else f"{row.cell.most:g} s"


if __name__ == "__main__":
    sys.exit(main())
