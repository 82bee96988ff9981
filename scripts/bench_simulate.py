"""What many simulated rollouts cost in CPU, beside another checkout: the standard sample, healthy, on all cores.

Both trees run with this interpreter and its packages, in turn, so that what the machine does meanwhile meets both. What
is counted are user and system seconds of the command and of the processes that it starts; its start is measured by
itself, with one rollout. Run as ``make bench-simulate ARGS="--baseline TREE"``; without a baseline only this tree is
measured.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent.parent
SAMPLE = "config/samples/canaryschedule-standard-web.yaml"
TRAFFIC = ("--rps", "150", "--baseline", "0.1%", "--canary", "0.1%", "--latency-slow-ratio", "0.2%:0.2%")
WANTED = 10
"""How many times less CPU than the baseline it is to take."""


class Cost(NamedTuple):
    """What a command took, in seconds."""

    cpu: float
    real: float


def cost(tree: Path, runs: int) -> Cost:
    """Simulate so many rollouts with the program of a tree."""
    # Python looks for a module that it runs in the working directory first
    program = [sys.executable, "-m", "ingress_canary", "simulate", SAMPLE, *TRAFFIC, "--runs", str(runs)]
    began = perf_counter()
    process = subprocess.Popen(program, cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # of a process that is waited for, with those that it has waited for itself
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise SystemExit(f"{tree}: simulate exited with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, perf_counter() - began)


def measure(baseline: Path | None, runs: int, times: int) -> bool:
    """Print what both trees take, in turn; return whether this one is as much cheaper as it is to be."""
    trees = [HERE, *([baseline] if baseline else [])]
    costs: dict[Path, list[Cost]] = {tree: [] for tree in trees}
    # the first one compiles the modules
    starts = {tree: min(cost(tree, 1).cpu for _ in range(3)) for tree in trees}
    for turn in range(times):
        for tree in trees:
            costs[tree].append(cost(tree, runs))
            name = "baseline" if tree == baseline else "this tree"
            print(
                f"turn {turn + 1}, {name}: {costs[tree][-1].cpu:.1f} s of CPU, {costs[tree][-1].real:.1f} s", flush=True
            )
    table = Table("", "CPU", "from", "to", "a rollout", "start", "real time")
    medians = []
    for tree in trees:
        cpu = [one.cpu for one in costs[tree]]
        medians.append(statistics.median(cpu))
        table.add_row(
            "baseline" if tree == baseline else "this tree",
            f"{medians[-1]:.1f} s", f"{min(cpu):.1f} s", f"{max(cpu):.1f} s", f"{1000 * medians[-1] / runs:.1f} ms",
            f"{starts[tree]:.2f} s", f"{statistics.median(one.real for one in costs[tree]):.1f} s",
        )  # fmt: skip
    Console().print(table)
    if baseline is None:
        return True
    ratio = medians[1] / medians[0]
    print(f"{ratio:.1f} times less CPU than the baseline, of {runs} rollouts (at least {WANTED})")
    return ratio >= WANTED


def main() -> int:
    """Measure as the command line says; return 1 where it costs too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", type=Path, help="another checkout, to compare with")
    parser.add_argument("--runs", type=int, default=2000, help="rollouts (default 2000)")
    parser.add_argument("--times", type=int, default=3, help="turns (default 3)")
    options = parser.parse_args()
    baseline = options.baseline.resolve() if options.baseline else None
    return 0 if measure(baseline, options.runs, options.times) else 1


if __name__ == "__main__":
    sys.exit(main())
