"""``record`` and ``backtest`` as a person runs them."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from ingress_canary.whatif.backtest.recording import RecordedTick, RecordingHeader, parsed
from tests.adapters.test_scrape import CANARY, Controller, Site, site
from tests.whatif.test_commands import SCHEDULE, run
from tests.whatif.traces import BUCKETS, HEADER, HOUR, Span, ticks

__all__ = ["site"]

# nearly every test starts the program, and a second of that is Python's imports
pytestmark = pytest.mark.slow

PROGRAM = "from ingress_canary.cli.main import main; main()"
RAISED = SCHEDULE.replace(
    "[{weight: 5, bake: 5m}, {weight: 20, bake: 5m}]", "[{weight: 50, bake: 10m}, {weight: 100, bake: 30m}]"
)
"""The schedule of ``test_backtest.py``: 620 s, then 1,820 s."""
LATENCY = "  - {name: latency, objective: 99, maxBurn: 2, sli: {latency: {threshold: 500ms}}}\n"
DEADLINE = 60.0
"""Seconds after which a condition is not awaited any more."""


def recording(room: Path, hours: float, *spans: Span) -> str:
    file = room / "web.jsonl"
    file.write_text("".join(f"{one.line()}\n" for one in (HEADER, *ticks(hours, *spans))))
    return str(file)


def test_a_backtest_is_written_as_text(tmp_path: Path) -> None:
    everything = Span(1800 + HOUR + 1500, 1800 + HOUR + 1800, bad=1000)
    file = recording(tmp_path, 3.1, everything, Span(3 * HOUR, 3 * HOUR + 60, is_recorded=False))
    done = run("backtest", "-", file, "--every", "1h", "--regression", "100%", "--regression", "5pp", stdin=RAISED)
    assert (done.returncode, done.stderr) == (0, ""), "there is no progress bar off a terminal"
    lines = [re.sub("  +", "  ", line.strip()) for line in done.stdout.splitlines()]
    assert lines[:-2] == [
        f"CanarySchedule six over {file}, seed 1",
        "shop/web, 2026-01-01T00:00:00Z to 2026-01-01T03:06:00Z: 1,111 ticks of 10s, 6 more are unknown",
        "3 starts",
        "healthy canaries: 1 promoted, 1 rolled back, 0 held until a person comes, 1 cut off by the recording's end",
        "promoted after 40m40s",
        "rolled back without cause:",
        "start 2026-01-01T01:30:00Z, at 2026-01-01T01:55:10Z (25m10s), step 2 (100 %): "
        + done.stdout.partition("step 2 (100 %): ")[2].partition("\n")[0],
        "held at a step beyond its bake from 1 start, for 1m:",
        "start 2026-01-01T02:30:00Z, step 2 (100 %), for 1m: "
        + done.stdout.partition("for 1m: ")[2].partition("\n")[0],
        "REGRESSION  CAUGHT  PROMOTED  HELD  TIME TO ROLLBACK  CANARY REQUESTS  BAD ONES",
    ]
    assert "availability: canary" in done.stdout
    assert lines[-2].startswith("100%  100%  0  0  10s  ")
    assert lines[-1].startswith("+5pp  100%  0  0  20s  ")


def test_a_backtest_is_json_for_machines(tmp_path: Path) -> None:
    file = recording(tmp_path, 3.4, Span(1800 + HOUR + 1500, 1800 + HOUR + 1800, bad=1000))
    args = ("backtest", "-", file, "--every", "1h", "--seed", "7", "-o", "json")
    done = run(*args, stdin=RAISED + LATENCY)
    assert (done.returncode, done.stderr) == (0, "")
    got = json.loads(done.stdout)
    assert {name: got[name] for name in ("ingress", "since", "until", "ticks", "unknownTicks", "starts", "seed")} == {
        "ingress": "shop/web", "since": "2026-01-01T00:00:00Z", "until": "2026-01-01T03:24:00Z", "ticks": 1225,
        "unknownTicks": 0, "starts": 3, "seed": 7,
    }  # fmt: skip
    (alarm,) = got["healthy"]["rollbacks"]
    assert (alarm["start"], alarm["at"], alarm["seconds"], alarm["step"]) == (
        "2026-01-01T01:30:00Z", "2026-01-01T01:55:10Z", 1510, "step 2 (100 %)"
    )  # fmt: skip
    assert [one["regression"] for one in got["regressions"]] == ["+0.5pp", "+1pp", "+5pp", "100%"]
    assert (got["regressions"][3]["caughtShare"], got["regressions"][3]["rollbackSeconds"]["p95"]) == (1.0, 10.0)
    assert run(*args, stdin=RAISED + LATENCY).stdout == done.stdout


def test_what_is_assumed_is_reported(tmp_path: Path) -> None:
    text = RAISED.replace(
        "[{weight: 50,", "[{weight: 0, header: {name: X-Canary}, bake: 5m, require: NoFail}, {weight: 50,"
    )
    text += "  - {name: own, objective: 99, sli: {prometheus: {bad: b, total: t}}}\n"
    file = tmp_path / "web.jsonl"
    beside = [tick._replace(canary=3) if place < 245 else tick for place, tick in enumerate(ticks(3.4))]
    file.write_text("".join(f"{one.line()}\n" for one in (HEADER, *beside)))
    done = run("backtest", "-", str(file), "--every", "1h", "--regression", "100%", stdin=text)
    assert done.stderr.splitlines() == [
        "note: own: left out, a backtest judges requests and latency thresholds",
        "note: in 20.0% of the ticks a canary had a part of the requests: stable's part alone is used",
        "note: steps of weight 0 are taken to get 1 requests/s by header or cookie (--forced-rps)",
    ]


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        (("backtest", "-"), 64, "name a file of record, or say --prometheus and --ingress"),
        (("backtest", "-", "FILE", "--prometheus", "http://127.0.0.1:9"), 64, "name a file of record, or say --prom"),
        (("backtest", "-", "--prometheus", "http://127.0.0.1:9"), 64, "--prometheus and --ingress are given together"),
        (("backtest", "-", "--prometheus", "nowhere", "--ingress", "a/b"), 64, "--prometheus-url: is no address"),
        (("backtest", "-", "--prometheus", "http://127.0.0.1:9", "--ingress", "a/b"), 1, "Prometheus: connection ref"),
        (("backtest", "-", "FILE", "--every", "0s"), 64, "a span is such as 30d, 12h or 90m, at most 366d; got '0s'"),
        (("backtest", "-", "FILE", "--every", "999d"), 64, "a span is such as 30d, 12h or 90m, at most 366d; got"),
        (("backtest", "-", "FILE", "--regression", "much"), 64, "a share is written 0.1% or 0.001; got 'much'"),
        (("backtest", "-", "FILE", "--regression", "0pp"), 64, "a regression is written 1pp, 100% or slow:1pp"),
        (("backtest", "-", "FILE", "--regression", "fast:1pp"), 64, "a regression is written 1pp, 100% or slow:1pp"),
        (("backtest", "-", "/none.jsonl"), 1, "/none.jsonl: cannot be read: No such file or directory"),
        (("backtest", "-", "FILE", "--warm-up", "2h"), 1, "is too short for a rollout after the warm-up; record for"),
        (("record", "--ingress", "web", "--out", "OUT"), 64, "an Ingress is written namespace/name, such as shop/che"),
        (("record", "--ingress", "a/b", "--out", "FILE", "http://127.0.0.1:9/metrics"), 1, "is there already; name a"),
        (("record", "--ingress", "a/b", "--out", "/none/x", "http://127.0.0.1:9/m"), 1, "/none/x: cannot be written"),
        (("record", "--ingress", "a/b", "--out", "OUT", "--since", "1d"), 64, "--since goes with --prometheus"),
        (("record", "--ingress", "a/b", "--out", "OUT", "--prometheus", "http://127.0.0.1:9", "--for", "1d"), 64,
         "--prometheus knows the past: say --since, without URLs and --for"),
        (("record", "--ingress", "a/b", "--out", "OUT", "--kubeconfig", "/none"), 1, "the kubeconfig /none does not e"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_reported(args: tuple[str, ...], code: int, why: str, tmp_path: Path) -> None:
    places = {"FILE": recording(tmp_path, 1), "OUT": str(tmp_path / "out.jsonl")}
    done = run(*(places.get(arg, arg) for arg in args), stdin=RAISED)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("error: ")
    assert why in done.stderr


def test_a_schedule_of_thresholds_alone_is_refused(tmp_path: Path) -> None:
    slos = RAISED.partition("  slos:")[0] + "  slos: [{name: a, sli: {prometheusThreshold: {query: q, max: 1}}}]\n"
    done = run("backtest", "-", recording(tmp_path, 1), stdin=slos)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no SLO of it counts requests" in done.stderr


@asynccontextmanager
async def recorder(site: Site, out: Path, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A ``record`` of these pages that is under way, each of which counts ten requests more whenever it is read."""

    async def answer(request: web.Request) -> web.StreamResponse:
        controller = site.controllers[0]
        controller.serve(9, slow=1)
        controller.serve(1, status="503")
        controller.serve(2, canary=CANARY)
        return await controller.metrics(request)

    site.controllers = [Controller(started=datetime.now(UTC) - timedelta(hours=1))]
    site.controllers[0].serve(10_000)
    site.controllers[0].answer = answer
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, "record", f"{site.base}/0/metrics", "--ingress", "shop/web", "--out", str(out),
        "--interval", "2s", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def entries(out: Path) -> list[RecordedTick]:
    header: RecordingHeader | None = None
    found = []
    for line in out.read_text().splitlines():
        match parsed(line, header):
            case RecordingHeader() as later:
                header = later
            case tick:
                found.append(tick)
    return found


async def test_pages_are_recorded_for_as_long_as_wanted(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "web.jsonl"
    async with recorder(site, out, "--for", "4s") as process:
        _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, f"{out}: 3 ticks of shop/web, 1 of them unknown\n")
    first, *others = entries(out)
    assert (first.requests, first.latency) == (None, None)
    per_tick = {"200": 9, "503": 1}, {"200": [9, 8, 8, 9], "503": [1, 1, 1, 1]}, 2
    assert [(tick.requests, tick.latency, tick.canary) for tick in others] == [per_tick] * 2
    assert len(BUCKETS) == 2


@pytest.mark.parametrize("name", ["web.jsonl", "web.jsonl.gz"])
async def test_ctrl_c_leaves_a_whole_file(name: str, site: Site, tmp_path: Path) -> None:
    out = tmp_path / name
    async with recorder(site, out) as process, asyncio.timeout(DEADLINE):
        # the first reading takes the page twice, to know its buckets
        while site.controllers[0].counted and max(sum(one) for one in site.controllers[0].counted.values()) < 10_040:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 0
    assert err.decode().startswith(f"{out}: ")
    done = run("backtest", "-", str(out), stdin=RAISED)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is too short for a rollout after the warm-up" in done.stderr


async def test_a_page_that_is_gone_is_a_gap_and_is_said_once(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "web.jsonl"
    async with recorder(site, out, "--for", "1h") as process, asyncio.timeout(DEADLINE):
        while len(out.read_text().splitlines() if out.exists() else ()) < 3:
            await asyncio.sleep(0.02)

        async def gone(request: web.Request) -> web.StreamResponse:
            return web.Response(status=503)

        answering, site.controllers[0].answer = site.controllers[0].answer, gone
        while sum(not tick.requests for tick in entries(out)) < 3:
            await asyncio.sleep(0.02)
        site.controllers[0].answer = answering
        while entries(out)[-1].requests is None:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    lost, back, ended = err.decode().splitlines()
    assert lost.startswith("note: 20")
    assert "answered 503 at" in lost
    assert back.endswith("Z: there are data again")
    assert ended.endswith(" of them unknown")
