"""Run the quick tests and the cluster tests while two processes keep both cores busy: nothing may fail.

    python scripts/test_under_load.py --quick 10 --clusters 2

Clusters run two at a time here, because the burners take half of each core. Both are in one session of their own, which
Linux's scheduler may count as one competitor however many processes are in it; the tests are another. Burners and tests
end with this program, however that ends. Prints each run's seconds and how it ended; exit code 1 when one failed.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
BURNERS = """
import os, sys
parent = int(sys.argv[1])
if not os.fork():
    parent = os.getsid(0)
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""
"""Two processes in one session, which end by themselves once this one is gone: it may be killed."""
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - |$)", re.MULTILINE)


class Run(NamedTuple):
    """One run of a make target."""

    target: str
    seconds: float
    code: int
    failed: list[str]
    """What pytest named as failed."""


@contextmanager
def busy() -> Iterator[None]:
    """Keep two cores busy meanwhile."""
    burners = subprocess.Popen([sys.executable, "-c", BURNERS, str(os.getpid())], start_new_session=True)
    try:
        yield
        # what has ended early has burnt nothing
        assert burners.poll() is None, "the burners have ended"
    finally:
        os.killpg(burners.pid, signal.SIGKILL)
        burners.wait()


def ran(target: str) -> Run:
    """Run a make target, show what it prints, and return how it ended."""
    began, lines = time.monotonic(), []
    command = ["make", "--no-print-directory", target, "AT_ONCE=2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line)
        except BaseException:
            process.terminate()  # make ends what it runs
            raise
    return Run(target, time.monotonic() - began, process.returncode, FAILED.findall("".join(lines)))


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", type=int, default=1, help="how many times the quick tests are run")
    parser.add_argument("--clusters", type=int, default=1, help="how many times the cluster tests are run")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with busy():
        runs = [ran(target) for target in ["test"] * wanted.quick + ["test-clusters"] * wanted.clusters]
    print(f"\n{'run':>3}  {'target':14}  {'seconds':>7}  failed")
    for number, run in enumerate(runs, 1):
        ended = ", ".join(run.failed) or ("none" if run.code == 0 else f"exit code {run.code}")
        print(f"{number:3}  {run.target:14}  {run.seconds:7.0f}  {ended}")
    return int(any(run.code for run in runs))


if __name__ == "__main__":
    sys.exit(main())
