"""``record`` and ``backtest`` of what a real Prometheus remembers: hours that were written into it beforehand."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.e2e.prometheus_server import HOW, Prometheus, binary
from tests.whatif.test_backtest_commands import LATENCY, RAISED, entries

pytestmark = pytest.mark.slow

FAMILY = "nginx_ingress_controller_"
SCRAPE = 30
HOURS = 3
BOUNDS = ("0.25", "0.5", "+Inf")
SETTINGS = "prometheus-scrape-interval: 30s\n"


@dataclass
class ScrapedPod:
    """A controller pod as two jobs scrape it, so that each of its requests is in the data twice."""

    name: str
    started: float
    counted: dict[str, list[int]] = field(default_factory=dict)
    """By the controller's own labels: requests, slow ones."""

    def serve(
        self, requests: int, *, slow: int = 0, status: str = "200", canary: str = "", service: str = "web"
    ) -> None:
        own = (
            f'ingress="web",exported_namespace="shop",exported_service="{service}",canary="{canary}",status="{status}"'
        )
        counted = self.counted.setdefault(own, [0, 0])
        counted[0] += requests
        counted[1] += slow

    def samples(self, at: float) -> Iterator[tuple[str, str, float]]:
        """Yield family, labels and value of each sample of a scrape."""
        for job in ("nginx", "nginx-too"):
            scrape = f'job="{job}",instance="{self.name}:10254",namespace="ingress-nginx"'
            pod = f'{scrape},controller_pod="{self.name}",controller_namespace="ingress-nginx"'
            yield "process_start_time_seconds", scrape, self.started
            yield f"{FAMILY}config_last_reload_successful", pod, 1
            for own, (requests, slow) in self.counted.items():
                labels = f"{pod},{own}"
                yield f"{FAMILY}requests", labels, requests
                yield f"{FAMILY}request_duration_seconds_count", labels, requests
                for bound in BOUNDS:
                    fast = requests - (slow if bound in ("0.25", "0.5") else 0)
                    yield f"{FAMILY}request_duration_seconds_bucket", f'{labels},le="{bound}"', fast


def history(until: float) -> Iterator[tuple[float, list[tuple[str, str, float]]]]:
    """Yield the scrapes of three hours: 3,000 requests each, one bad and two slow; twice one pod begins anew."""
    first, other = ScrapedPod("pod-a", until - 9e5), ScrapedPod("pod-b", until - 9e5)
    since = until - HOURS * 3600
    for number in range(HOURS * 3600 // SCRAPE):
        at = since + number * SCRAPE
        if number in (100, 250):
            first.counted.clear()
            first.started = at - SCRAPE + 7
        first.serve(1999, slow=2)
        first.serve(1, status="503")
        other.serve(1000)
        other.serve(50, service="api")
        if 40 <= number < 50:
            other.serve(9, canary="shop-web-canary-80")
        # for ten minutes nobody scrapes
        if not 150 <= number < 170:
            yield at, [*first.samples(at), *other.samples(at)]


def open_metrics(until: float) -> str:
    """Return the history in the format that promtool takes, a family after the other."""
    by_family: dict[str, list[str]] = {}
    for at, samples in history(until):
        for family, labels, value in samples:
            by_family.setdefault(family, []).append(f"{family}{{{labels}}} {value} {at:.0f}")
    return "\n".join(line for lines in by_family.values() for line in lines) + "\n# EOF\n"


@pytest.fixture
async def remembering(tmp_path: Path) -> Any:
    """A Prometheus that remembers the last three hours, and scrapes nothing."""
    binary()
    promtool = shutil.which("promtool")
    assert promtool is not None, HOW
    until = datetime.now(UTC).timestamp() // SCRAPE * SCRAPE
    (tmp_path / "history").write_text(open_metrics(until))
    made = await asyncio.to_thread(
        subprocess.run,
        [promtool, "tsdb", "create-blocks-from", "openmetrics", tmp_path / "history", tmp_path / "data"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    nobody = SimpleNamespace(plane=SimpleNamespace(pods=()))
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    async with Prometheus(nobody, tmp_path) as server:  # type: ignore[arg-type]
        yield server


async def icanary(*words: str, stdin: str = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingress_canary", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_past_is_counted_by_our_own_rules(remembering: Prometheus, tmp_path: Path) -> None:
    out, settings = tmp_path / "web.jsonl", str(tmp_path / "settings.yaml")
    where = ("--prometheus", remembering.url, "--ingress", "shop/web", "--service", "web", "--settings", settings)
    code, _, err = await icanary("record", *where, "--since", "2h50m", "--out", str(out))
    assert code == 0, err
    known = [tick for tick in entries(out) if tick.requests is not None]
    totals = {"200": 0, "503": 0, "slow": 0, "timed": 0, "canary": 0}
    for tick in known:
        assert tick.requests is not None
        assert tick.latency is not None
        for status in ("200", "503"):
            totals[status] += tick.requests.get(status, 0)
            timed, quarter, half = tick.latency.get(status, (0, 0, 0))
            assert quarter == half
            totals["slow"] += timed - half
            totals["timed"] += timed
        totals["canary"] += tick.canary
    # a scrape adds one of these, whichever of the two jobs is read, over restarts and over the time without scrapes;
    # what came in it is counted by the scrape after it
    scrapes = totals["503"]
    assert 320 <= scrapes <= 341
    assert totals == {
        "200": 2999 * scrapes, "503": scrapes, "slow": 2 * scrapes, "timed": 3000 * scrapes, "canary": 90
    }  # fmt: skip
    usual = [tick.requests for tick in known if tick.requests]
    assert usual.count({"200": 2999, "503": 1}) >= len(usual) - 3
    assert len(known) < len(entries(out)) - 15, "the time without scrapes is unknown"


async def test_a_schedule_is_held_against_the_past_in_one_go(remembering: Prometheus, tmp_path: Path) -> None:
    settings = str(tmp_path / "settings.yaml")
    where = ("--prometheus", remembering.url, "--ingress", "shop/web", "--settings", settings, "--since", "2h50m")
    code, out, err = await icanary(
        "backtest", "-", *where, "--every", "1h", "--regression", "100%", "-o", "json", stdin=RAISED + LATENCY
    )
    assert code == 0, err
    got = json.loads(out)
    assert (got["ingress"], got["intervalSeconds"]) == ("shop/web", 30)
    assert got["healthy"]["rolledBack"] == 0
    assert got["healthy"]["promoted"] >= 1
    (everything,) = got["regressions"]
    assert everything["caughtShare"] == 1
    assert everything["rollbackSeconds"]["p95"] <= 60
    code, out, err = await icanary(
        "backtest", "-", "--prometheus", remembering.url, "--ingress", "shop/other", "--since", "1h", stdin=RAISED
    )
    assert (code, out) == (1, "")
    assert "nothing is known of SLO availability: no series yet for Ingress shop/other" in err
