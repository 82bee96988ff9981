"""What a backtest of a month costs: it must be tried without a second thought."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ingress_canary.whatif.backtest.recording import RecordedTick, RecordingHeader
from tests.whatif.traces import BEGIN

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[2] / "config/samples/canaryschedule-standard-web.yaml"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
DAYS, PER_DAY = 30, 8640
CPU, MEMORY = 60.0, 300.0
"""Seconds of all processes together, and MiB of this one and two at work beside it."""
SMALL = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
"""A process has the size of the one that forked it for its own largest one; this is small."""
MEASURED = """
import resource, sys
from ingress_canary.cli.main import main
if __name__ == "__main__":
    try:
        main()
    finally:
        own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu = sum(one.ru_utime + one.ru_stime for one in (own, others))
        print(cpu, (own.ru_maxrss + 2 * others.ru_maxrss) / 1024, file=sys.stderr)
"""


def month(file: Path) -> None:
    """Write thirty days of ten seconds: days and nights of 90 to 210 requests/s, 0.1 % bad and 0.2 % slow."""
    rng = np.random.default_rng(1)
    rates = 1500 * (1 + 0.4 * np.sin(np.arange(PER_DAY) / PER_DAY * 2 * np.pi))
    requests = rng.poisson(rates)
    bad, slow = rng.binomial(requests, 0.001), rng.binomial(requests, 0.002)
    day = []
    for n, e, late in zip(requests.tolist(), bad.tolist(), slow.tolist(), strict=True):
        buckets = [*(n * share // 100 for share in (5, 10, 30, 50, 80, 95)), n - late, n - late // 2, n, n, n]
        counts = {"200": n - e - n // 100, "404": n // 100} | ({"503": e} if e else {})
        line = RecordedTick(0.0, counts, {"200": [n, *(min(n, fast) for fast in buckets)]}).line()
        day.append(line.removeprefix('{"t":0.0'))
    with file.open("w") as out:
        out.write(RecordingHeader("shop/web", 10, BOUNDS).line() + "\n")
        for tick in range(DAYS * PER_DAY):
            out.write(f'{{"t":{BEGIN + 10 * (tick + 1)}{day[tick % PER_DAY]}\n')


def test_a_month_with_four_regressions_takes_less_than_a_minute(tmp_path: Path) -> None:
    month(tmp_path / "month.jsonl")
    (tmp_path / "measured.py").write_text(MEASURED)
    done = subprocess.run(
        [sys.executable, "-c", SMALL, sys.executable, tmp_path / "measured.py", "backtest", SAMPLE,
         tmp_path / "month.jsonl", "--every", "12h", "-o", "json"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(SAMPLE.parents[2])},
    )  # fmt: skip
    got = json.loads(done.stdout)
    assert (got["ticks"], got["starts"], len(got["regressions"])) == (DAYS * PER_DAY, 60, 4)
    assert (got["healthy"]["promoted"] + got["healthy"]["cutOff"], got["healthy"]["rolledBack"]) == (60, 0)
    assert got["regressions"][3]["caughtShare"] == 1
    cpu, memory = map(float, done.stderr.split())
    assert cpu < CPU
    assert memory < MEMORY
