"""What a command costs in CPU, beside another checkout: ``--help``, ``lint`` of the samples, ``status`` on the lab.

Both trees run with this interpreter and its packages, in turn, so that what the machine does meanwhile meets both. The
median of user and system seconds is printed, and the ratio to the other tree with what it may be at most.
Run as ``make bench-cli ARGS="--baseline TREE"``; without a baseline only this tree is measured.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess

HERE = Path(__file__).parent.parent
SCALE = 20.0
SCHEDULE = {
    "steps": [{"weight": 10, "bake": "10h"}, {"weight": 50, "bake": "10h"}],
    "slos": [{"name": "availability", "objective": 99.5, "sli": {"requests": {}}}],
}
WORKLOADS = {"canary": {"name": "checkout-canary"}, "stable": {"name": "checkout"}}


def commands(kubeconfig: Path) -> Mapping[str, tuple[float | None, Sequence[str]]]:
    """Return the commands with what each may cost at most as a share of the baseline's."""
    samples = sorted(str(file) for file in (HERE / "config/samples").glob("*.yaml"))
    cluster = ("--kubeconfig", str(kubeconfig))
    return {
        "--help": (0.28, ["--help"]),
        "status -A": (0.45, ["status", "-A", *cluster]),
        "status NAME": (0.45, ["status", "checkout", "-n", "shop", *cluster]),
        "status -o yaml": (0.45, ["status", "-A", "-o", "yaml", *cluster]),
        "lint samples": (0.6, ["lint", *samples]),
    }


def cpu_seconds(tree: Path, words: Sequence[str]) -> float:
    """Run a command of a tree and return the user and system seconds of its process."""
    # Python looks for a module that it runs in the working directory first
    program = [sys.executable, "-m", "ingress_canary", *words]
    process = subprocess.Popen(program, cwd=tree, stdout=subprocess.DEVNULL)
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise SystemExit(f"{tree}: ingress-canary {' '.join(words)} exited with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


async def measure(trees: Sequence[Path], times: int) -> None:
    """Print what each command costs."""
    table = Table("command", *("baseline" if tree != HERE else "this tree" for tree in trees), "ratio", "at most")
    with tempfile.TemporaryDirectory() as home:
        async with Lab(scale=SCALE, seed=7) as lab:
            kubeconfig = lab.api.write_kubeconfig(Path(home) / "kubeconfig")
            await _begin_rollout(lab, Path(home))
            for name, (most, words) in commands(kubeconfig).items():
                seconds: dict[Path, list[float]] = {tree: [] for tree in trees}
                for turn in range(times + 1):
                    for tree in trees:
                        cost = await asyncio.to_thread(cpu_seconds, tree, words)
                        # the first compiles the modules
                        seconds[tree] += [cost] if turn else []
                medians = [statistics.median(seconds[tree]) for tree in trees]
                ratio = f"{medians[-1] / medians[0]:.2f}" if len(trees) > 1 else "-"
                table.add_row(name, *(f"{median:.3f} s" for median in medians), ratio, f"{most:g}")
    Console().print(table)


async def _begin_rollout(lab: Lab, home: Path) -> None:
    """Bring a rollout to its first step, and leave it there without a daemon."""
    kubeconfig = lab.api.write_kubeconfig(home / "daemon")
    daemon = DaemonProcess(kubeconfig, home / "daemon.log", scale=SCALE, epoch=datetime.now(UTC), warm_up="30s")
    lab.create("canaryrollouts", manifests.rollout("checkout", SCHEDULE, workload=WORKLOADS))
    async with daemon, asyncio.timeout(60):
        await daemon.ready()
        while lab.status().get("weight") != 10:
            await asyncio.sleep(0.05)


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", type=Path, help="another checkout, to compare with")
    parser.add_argument("--times", type=int, default=11, help="runs of each command (default 11)")
    options = parser.parse_args()
    baseline = [options.baseline.resolve()] if options.baseline else []
    asyncio.run(measure([*baseline, HERE], options.times))


if __name__ == "__main__":
    main()
