"""``plan --prometheus``: the traffic of the last seven days stands in for what is not given."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web

from tests.whatif.test_commands import SCHEDULE

# nearly every test starts the program, and a second of that is Python's imports
pytestmark = pytest.mark.slow

LATENCY = "  - {name: latency, objective: 99, maxBurn: 2, sli: {latency: {threshold: 500ms}}}\n"
COUNTED = 'exported_namespace=~"shop",ingress=~"web"'
WEEK: Mapping[str, float] = {
    f'requests{{{COUNTED},status!~"101|308"}}': 200.0,
    f'requests{{{COUNTED},status=~"5..",status!~"101|308"}}': 0.4,
    f'request_duration_seconds_count{{{COUNTED},status!~"101|308"}}': 190.0,
    f'request_duration_seconds_bucket{{{COUNTED},le=~"0[.]5",status!~"101|308"}}': 189.05,
}
"""By selector, behind the prefix of the families: requests a second, of which there are as many as the week is long."""


class Week:
    """A Prometheus that knows these answers and no others."""

    def __init__(self) -> None:
        self.answers = dict(WEEK)
        self.tokens: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        query = str((await request.post())["query"])
        self.tokens.append(request.headers.get("Authorization", ""))
        inner = query.partition("(increase(nginx_ingress_controller_")[2].removesuffix("[7d])))")
        assert query.startswith("sum(max by (canary, controller_class, ")
        value = self.answers.get(inner)
        result = [] if value is None else [{"metric": {}, "value": [1, str(value * 7 * 24 * 3600)]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


@pytest.fixture
async def week() -> AsyncIterator[Week]:
    made = Week()
    app = web.Application()
    app.router.add_post("/api/v1/query", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def plan(*words: str, schedule: str = SCHEDULE + LATENCY) -> tuple[int, str, str]:
    program = "from ingress_canary.cli.main import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "plan", "-", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(schedule.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_what_is_not_given_is_taken_from_the_last_week(week: Week) -> None:
    code, out, err = await plan("--prometheus", week.url, "--ingress", "shop/web")
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == [
        "CanarySchedule six: 2 steps at 200 requests/s",
        "shop/web, average of 7 days: 200 requests/s, 0.2% bad, 0.5% slow",
    ]


async def test_what_is_given_wins_and_the_settings_hold_how_to_get_in(week: Week, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    (tmp_path / "settings.yaml").write_text(f"prometheus-token-file: {tmp_path}/token\n")
    code, out, _ = await plan(
        "--prometheus", week.url, "--ingress", "shop/web", "--error-ratio", "0.1%", "-o", "json",
        "--settings", str(tmp_path / "settings.yaml"), schedule=SCHEDULE,
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["traffic"] == {
        "rps": 200.0, "errorRatio": 0.001, "latencySlowRatio": None, "burst": 1.0,
    }  # fmt: skip
    assert set(week.tokens) == {"Bearer secret"}


async def test_an_ingress_without_errors_has_none(week: Week) -> None:
    del week.answers[f'requests{{{COUNTED},status=~"5..",status!~"101|308"}}']
    _, out, _ = await plan("--prometheus", week.url, "--ingress", "shop/web", schedule=SCHEDULE)
    assert "200 requests/s, 0% bad\n" in out


@pytest.mark.parametrize(
    ("gone", "why"),
    [
        (f'requests{{{COUNTED},status!~"101|308"}}', "no request of Ingress shop/web in the last 7d; check --ingress"),
        (f'request_duration_seconds_bucket{{{COUNTED},le=~"0[.]5",status!~"101|308"}}', "there is no bucket of 0.5 s"),
    ],
)
async def test_what_prometheus_does_not_know_is_reported(week: Week, gone: str, why: str) -> None:
    del week.answers[gone]
    code, out, err = await plan("--prometheus", week.url, "--ingress", "shop/web")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"error: Prometheus: {why}")


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("--prometheus", "http://127.0.0.1:9"), 64, "--prometheus and --ingress are given together"),
        (("--ingress", "shop/web"), 64, "--prometheus and --ingress are given together"),
        (("--prometheus", "http://127.0.0.1:9", "--ingress", "web"), 64, "--ingress is written namespace/name"),
        (("--prometheus", "127.0.0.1:9", "--ingress", "shop/web"), 64, "--prometheus-url: is no address"),
        (("--prometheus", "http://127.0.0.1:9", "--ingress", "shop/web"), 1, "Prometheus: connection refused at"),
        (("--rps", "5"), 64, "say --rps and --error-ratio, or --prometheus and --ingress"),
    ],
)
async def test_what_cannot_be_asked_is_reported(words: tuple[str, ...], code: int, why: str) -> None:
    got, out, err = await plan(*words)
    assert (got, out) == (code, "")
    assert err.startswith("error: ")
    assert why in err
