"""Test against real servers: our source against Prometheus 3 and VictoriaMetrics, our CRDs against Kubernetes.

The servers are built from Go modules into a cache (``programs.py``), once; Kubernetes' API server of custom resources
gets Debian's etcd (``api_server.py``). The tests are the ones that run in CI against Debian's Prometheus and the lab's
API server: the environment names another server to them. By hand, as ``make real``: building takes a quarter of an hour
of both cores, and CI would learn nothing new from it every day. ARGS="--only victoria-metrics" for one of them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from api_server import api_server
from programs import APISERVER, PROGRAMS, PROMETHEUS, VICTORIA, CannotBuild, Program, build, cache_folder, missing
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parents[2]
SUITES: Mapping[str, Sequence[str]] = {
    PROMETHEUS.name: (
        "tests/e2e/test_prometheus.py", "tests/e2e/test_prometheus_memory.py", "tests/e2e/test_observed.py",
        "tests/e2e/test_hostile_data.py", "tests/e2e/test_real_prometheus.py",
    ),
    VICTORIA.name: (
        "tests/e2e/test_prometheus.py", "tests/e2e/test_prometheus_memory.py", "tests/e2e/test_real_prometheus.py",
    ),
    APISERVER.name: ("tests/lab/test_api_contract.py", "tests/lab/test_crd_contract.py"),
}  # fmt: skip
"""What is tested against each program."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests against one program came to."""

    passed: int
    skipped: int
    failed: int
    seconds: float


def tested(program: Program, binary: Path, words: Sequence[str]) -> Outcome:
    """Run the tests against a program that is built."""
    print(f"{program.name} {program.version}: testing", flush=True)
    with ExitStack() as running:
        room = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="ingress-canary-real-")))
        if program is APISERVER:
            named = {"E2E_KUBECONFIG": str(running.enter_context(api_server(binary, room)))}
        else:
            named = {"E2E_PROMETHEUS": str(binary)}
        report, began = room / "report.xml", time.monotonic()
        # one after the other: whole clusters at once take cores from the server that is tested
        command = [sys.executable, "-m", "pytest", "-q", "-rfE", f"--junit-xml={report}", *SUITES[program.name], *words]
        code = subprocess.run(command, cwd=HERE, env=os.environ | named, check=False).returncode
        seconds = time.monotonic() - began
        if not report.exists():
            raise SystemExit(f"real: pytest exited with {code} before any test")
        counted = next(ET.parse(report).iter("testsuite")).attrib  # noqa: S314 - pytest's own
    failed, skipped = int(counted["failures"]) + int(counted["errors"]), int(counted["skipped"])
    return Outcome(int(counted["tests"]) - failed - skipped, skipped, failed, seconds)


def main() -> int:
    """Build, test, print what came of it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [program.name for program in PROGRAMS]
    parser.add_argument("--only", action="append", choices=names, help="one of them; may be repeated")
    parser.add_argument("--build-only", action="store_true", help="test nothing")
    options, words = parser.parse_known_args()
    for sentence in (wanting := missing()):
        print(f"real: {sentence}", file=sys.stderr)
    if wanting:
        return 2
    cache = cache_folder()
    print(f"programs are built in {cache} (INGRESS_CANARY_REAL names another folder)", flush=True)
    table = Table("program", "version", "built in", "passed", "skipped", "failed", "tested in")
    well = True
    for program in PROGRAMS:
        if options.only and program.name not in options.only:
            continue
        outcome: Outcome | None = None
        try:
            seconds = build(program, cache)
            built = "was there" if seconds is None else f"{seconds:.0f} s"
            if not options.build_only:
                outcome = tested(program, program.binary(cache), words)
        except CannotBuild as error:
            print(f"real: {program.name} {program.version} cannot be built: {error}", file=sys.stderr)
            built = "cannot be built"
        well = well and built != "cannot be built" and not (outcome and outcome.failed)
        counts = (outcome.passed, outcome.skipped, outcome.failed, f"{outcome.seconds:.0f} s") if outcome else "----"
        table.add_row(program.name, program.version, built, *map(str, counts))
    Console().print(table)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
