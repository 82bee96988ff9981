"""Probes over real HTTP: whatever a server does, an answer comes in time, and it says no more than it can."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.probe import HttpProber
from ingress_canary.domain.traffic.probe import ProbeAnswer, ProbeRequest


async def serve(request: web.Request) -> web.Response:
    match request.path:
        case "/hang":
            await asyncio.sleep(30)
        case "/redirect":
            raise web.HTTPPermanentRedirect("/canary")
        case "/broken":
            assert request.transport is not None
            request.transport.abort()
        case "/canary":
            forced = request.headers.get("X-Canary") == "always" and request.headers["Host"] == "shop.example"
            return web.Response(headers={"x-version": "v2" if forced else "v1"})
    return web.Response()


@pytest.fixture
async def server() -> AsyncIterator[str]:
    runner = web.AppRunner(web.Application(), handler_cancellation=True, shutdown_timeout=0)
    runner.app.router.add_get("/{path:.*}", serve)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def probe(url: str, host: str | None = "shop.example", timeout: float = 5.0) -> ProbeAnswer:  # noqa: ASYNC109 - the request's
    async with aiohttp.ClientSession() as session:
        asked = ProbeRequest(url, host, {"X-Canary": "always"}, "X-Version", "v2", timeout)
        return await HttpProber(session, SystemClock()).ask(asked)


async def test_the_canary_is_recognised_by_its_header_on_the_host_that_the_primary_serves(server: str) -> None:
    assert (await probe(f"{server}/canary")).by_canary is True
    other = await probe(f"{server}/canary", host=None)
    assert other.by_canary is False
    assert "said X-Version: v1" in str(other.message)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/hang", "no answer within 0.2 s"),
        ("/redirect", "answered 308"),
        ("/broken", "ServerDisconnectedError"),
    ],
)
async def test_what_goes_wrong_on_the_way_says_nothing_of_the_canary(server: str, path: str, expected: str) -> None:
    answer = await probe(server + path, timeout=0.2 if path == "/hang" else 5.0)
    assert answer.by_canary is None
    assert expected in str(answer.message)


async def test_nobody_there_and_no_address_at_all_say_nothing_either(server: str) -> None:
    refused = await probe("http://127.0.0.1:1/")
    assert (refused.by_canary, "Connect" in str(refused.message)) == (None, True)
    assert (await probe("http://[/")).by_canary is None


async def test_a_host_that_is_no_header_value_is_an_answer_too(server: str) -> None:
    assert (await probe(f"{server}/canary", host="shop\r\nX-Evil: 1")).by_canary is None
