"""``lint --prometheus``: the server's word on each query, at its line, and no word of it where it does not answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingress_canary.cli.lint_prometheus import taken_by
from ingress_canary.lint.check import lint_texts
from ingress_canary.lint.findings import LintFinding, LintSeverity

SCHEDULE = """apiVersion: ingress-canary.io/v1alpha1
kind: CanarySchedule
metadata: {name: own}
spec:
  steps: [{weight: 10, bake: 5m}]
  slos:
  - name: payments
    objective: 99
    sli:
      prometheus:
        bad: failed_total{service="{{service}}"}
        total: payments_total{service="{{service}}"}
  - name: again
    objective: 99
    sli: {prometheus: {bad: 'failed_total{service="{{service}}"}', total: 'payments_total{service="{{service}}"}'}}
  - name: load
    sli:
      prometheusThreshold: {query: 'max(load{pod=~"x.*"})', max: 1}
"""
REFUSED = "1:10: parse error: error parsing regexp"


class Parser:
    """A server that answers what a test sets, and what it was asked."""

    def __init__(self) -> None:
        self.asked = list[tuple[str, str]]()
        self.status, self.words = 400, REFUSED

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked.append((str(form["query"]), str(form["time"])))
        if "(load" not in str(form["query"]):
            return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})
        return web.json_response({"status": "error", "errorType": "bad_data", "error": self.words}, status=self.status)


@pytest.fixture
async def parser() -> Parser:
    return Parser()


@pytest.fixture
async def url(parser: Parser) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/api/v1/query", parser.answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


def found_by(url: str, settings: Path | None = None) -> list[LintFinding]:
    with taken_by(url, settings) as taken:
        return [one for one in lint_texts([("own.yaml", SCHEDULE)], [taken]) if one.severity is LintSeverity.ERROR]


async def test_what_the_server_refuses_is_found_at_its_line_with_its_words(parser: Parser, url: str) -> None:
    (finding,) = await asyncio.to_thread(found_by, url)
    assert (finding.line, finding.field) == (18, "spec.slos[2].sli.prometheusThreshold.query")
    assert finding.message == f"the server does not take it: {REFUSED}"
    assert parser.asked == [
        ('failed_total{service="x"}', "0"), ('payments_total{service="x"}', "0"), ('max(load{pod=~"x.*"})', "0"),
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "words"), [(503, "shutting down"), (400, ""), (401, "no token")])
async def test_an_answer_that_says_nothing_of_the_query_ends_the_command(
    parser: Parser, url: str, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser.status, parser.words = status, words
    with pytest.raises(Exception) as ended:  # noqa: PT011 - typer's own, whose code is asked for
        await asyncio.to_thread(found_by, url)
    assert getattr(ended.value, "exit_code", None) == 1
    assert f"error: Prometheus: answered {status}" in capsys.readouterr().err


async def test_wrong_settings_are_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception) as ended:  # noqa: PT011
        await asyncio.to_thread(found_by, "http://127.0.0.1:1", tmp_path / "none.yaml")
    assert getattr(ended.value, "exit_code", None) == 64
    assert "none.yaml" in capsys.readouterr().err
