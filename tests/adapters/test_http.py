"""No session of the daemon's keeps what a server asks it to keep: it asks for many tenants."""

import ast
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

import ingress_canary
from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.gates import gate_session
from ingress_canary.adapters.http import http_session
from ingress_canary.adapters.probe import HttpProber
from ingress_canary.adapters.scrape import ControllerScrape, static_addresses
from ingress_canary.domain.metrics.samples import Target
from ingress_canary.domain.traffic.probe import ProbeRequest
from ingress_canary.settings import load
from ingress_canary.sources import client_of

PACKAGE = Path(ingress_canary.__file__).parent
WEB = Target("shop", "web", "web", "web-canary", frozenset())


class Sticky:
    """A server that gives every client a cookie, and keeps what clients sent; one for all hosts and paths."""

    def __init__(self) -> None:
        self.url = ""
        self.cookies: list[str | None] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.cookies.append(request.headers.get("Cookie"))
        response = web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})
        response.set_cookie("INGRESSCOOKIE", "stable")
        return response


@pytest.fixture
async def server() -> AsyncIterator[Sticky]:
    sticky = Sticky()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", sticky.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    # aiohttp's own jar keeps no cookie of a bare address
    await web.TCPSite(runner, "localhost", 0).start()
    sticky.url = f"http://localhost:{runner.addresses[0][1]}"
    yield sticky
    await runner.cleanup()


def prometheus_session() -> aiohttp.ClientSession:
    return client_of(load({"prometheus_url": "http://localhost"}, None))[1]


@pytest.mark.parametrize("session_of", [http_session, gate_session, prometheus_session])
async def test_a_cookie_that_was_set_is_not_sent(
    server: Sticky, session_of: Callable[[], aiohttp.ClientSession]
) -> None:
    async with session_of() as session:
        for _ in range(2):
            async with session.get(server.url) as answer:
                assert "INGRESSCOOKIE" in answer.cookies
    assert server.cookies == [None, None]


async def test_neither_probes_nor_pages_send_what_another_was_given_and_a_probes_own_cookie_is_sent(
    server: Sticky,
) -> None:
    async with http_session() as session:
        prober = HttpProber(session, SystemClock())
        pages = static_addresses([f"{server.url}/metrics"])
        for cookie in ({}, {"Cookie": "canary=always"}):
            await prober.ask(ProbeRequest(f"{server.url}/", "shop.example", cookie, "X-Version", "v2", 5))
            await ControllerScrape(session, SystemClock(), lambda: pages, if_none="").read([WEB])
    assert server.cookies == [None, None, "canary=always", None]


def test_no_other_module_makes_a_session() -> None:
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE)
        if place.parts[0] == "lab" or place == Path("adapters/http.py"):
            continue
        calls = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        made = {ast.unparse(call) for call in calls} & {"aiohttp.ClientSession", "ClientSession", "aiohttp.request"}
        assert not made, f"{place}: make it by adapters.http.http_session, which keeps no cookie"
