"""Gates over real HTTP: whatever a server does, an answer comes in time, and only 2xx and 409 mean anything."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.gates import HttpGateClient, gate_session
from ingress_canary.api.gate import GateVerdict, GateWhen, SecretKey
from ingress_canary.domain.gates.request import GateCall, signature
from ingress_canary.domain.gates.schedule import GateAnswer
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.ports import Missing

PASSED, REJECTED, UNKNOWN = GateVerdict.PASSED, GateVerdict.REJECTED, GateVerdict.UNKNOWN
BODY = '{"version":"v1","name":"caf\u00e9"}'
GENEROUS = 30.0


class Vault:
    """The Secrets of a namespace."""

    async def read(self, key: Key) -> Mapping[str, str]:
        if key == Key("shop", "slow"):
            await asyncio.sleep(60)
        if key != Key("shop", "qa"):
            raise Missing(f"get secrets {key}: not found")
        return {"hmac": "s3cret", "empty": ""}


async def drip(request: web.Request) -> web.StreamResponse:
    """Answer 200 at once, and then a byte at a time for ever."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b".")
        await asyncio.sleep(0.05)


async def huge(request: web.Request) -> web.StreamResponse:
    """Answer with more than anybody wants to read."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b"y" * 65536)


async def serve(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/hang":
            await asyncio.sleep(60)
        case "/drip":
            return await drip(request)
        case "/huge":
            return await huge(request)
        case "/redirect":
            raise web.HTTPTemporaryRedirect("/200")
        case "/broken":
            assert request.transport is not None
            request.transport.abort()
        case "/html":
            return web.Response(text="<!doctype html><h1>Log in</h1>", content_type="text/html")
        case "/gzip":
            return web.Response(body=b"\x1f\x8b nonsense", headers={"Content-Encoding": "gzip"})
        case "/cookie":
            return web.Response(text=request.headers.get("Cookie", "none"), headers={"Set-Cookie": "session=1"})
        case "/echo":
            shown = ("content-type", "idempotency-key", "user-agent")
            echo = {"method": request.method, "body": await request.text()}
            return web.Response(text=json.dumps(echo | {name: request.headers[name] for name in shown}))
        case "/signed":
            stamp, received = (request.headers[f"X-Ingress-Canary-{name}"] for name in ("Timestamp", "Signature"))
            fresh = abs(datetime.now(UTC).timestamp() - int(stamp)) < 300
            good = received == signature("s3cret", stamp, await request.text())
            return web.Response(status=200 if fresh and good else 401)
    return web.Response(status=int(request.path[1:4]), text=request.path[4:].lstrip("/"))


@pytest.fixture
async def server() -> AsyncIterator[str]:
    runner = web.AppRunner(web.Application(), shutdown_timeout=0, handler_cancellation=True)
    runner.app.router.add_route("*", "/{path:.*}", serve)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def call_to(url: str, timeout: float = GENEROUS, secret: SecretKey | None = None) -> GateCall:
    rollout = Key("shop", "checkout")
    return GateCall(rollout, "qa", GateWhen.BEFORE_STEP, "id-1", url, BODY, datetime.now(UTC), timeout, secret)


async def ask(url: str, **members: Any) -> GateAnswer:
    call = call_to(url, **members)
    async with gate_session() as session:
        return await HttpGateClient(session, SystemClock(), Vault()).ask(call)


@pytest.mark.parametrize(
    ("path", "verdict", "expected"),
    [
        ("/200/fine", PASSED, "fine"),
        ("/204", PASSED, "204"),
        ("/409/behind", REJECTED, "behind"),
        ("/500", UNKNOWN, "500"),
        ("/401", UNKNOWN, "401"),
        ("/redirect", UNKNOWN, "307 (redirects are not followed)"),
        ("/html", UNKNOWN, "200 with an HTML page"),
        ("/broken", UNKNOWN, "ServerDisconnectedError"),
        ("/gzip", PASSED, "nonsense"),
    ],
)
async def test_each_answer_means_what_it_means(server: str, path: str, verdict: GateVerdict, expected: str) -> None:
    answer = await ask(server + path)
    assert (answer.verdict, answer.question) == (verdict, "id-1")
    assert expected in answer.message


@pytest.mark.parametrize("path", ["/hang", "/drip"])
async def test_an_answer_that_does_not_end_in_time_is_none(server: str, path: str) -> None:
    answer = await ask(server + path, timeout=0.3)
    assert (answer.verdict, answer.message) == (UNKNOWN, "no whole answer within 0.3 s")


async def test_no_more_is_read_of_an_answer_than_can_be_shown(server: str) -> None:
    answer = await ask(f"{server}/huge")
    assert answer.verdict is PASSED
    assert len(answer.message) == 256


async def test_nobody_there_is_unknown(server: str) -> None:
    for url in ("http://127.0.0.1:1/", "http://nobody.invalid/", "http://[/", "https" + server[4:]):
        answer = await ask(url)
        assert answer.verdict is UNKNOWN
        assert answer.message


async def test_a_question_says_what_it_is(server: str) -> None:
    answer = await ask(f"{server}/echo")
    asked = json.loads(answer.message)
    assert asked["body"] == BODY
    assert asked["method"] == "POST"
    assert asked["content-type"] == "application/json"
    assert asked["idempotency-key"] == "id-1"
    assert asked["user-agent"].endswith("(gate)")


async def test_a_question_carries_nothing_of_the_last(server: str) -> None:
    call = call_to(f"{server}/cookie")
    async with gate_session() as session:
        keeper = HttpGateClient(session, SystemClock(), Vault())
        assert [(await keeper.ask(call)).message for _ in range(2)] == ["none", "none"]


async def test_a_question_is_signed_with_the_entry_of_the_secret(server: str) -> None:
    assert (await ask(f"{server}/signed", secret=SecretKey(name="qa", key="hmac"))).verdict is PASSED


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (SecretKey(name="none", key="hmac"), "it was not asked: secretRef: get secrets shop/none: not found"),
        (SecretKey(name="qa", key="other"), "secretRef: Secret shop/qa has no entry other; add it"),
        (SecretKey(name="qa", key="empty"), "secretRef: Secret shop/qa has no entry empty; add it"),
    ],
)
async def test_what_cannot_be_signed_is_not_sent(server: str, secret: SecretKey, expected: str) -> None:
    answer = await ask(f"{server}/200", secret=secret)
    assert answer.verdict is UNKNOWN
    assert expected in answer.message


async def test_a_secret_that_does_not_come_counts_against_the_time_out_too(server: str) -> None:
    answer = await ask(f"{server}/200", timeout=0.3, secret=SecretKey(name="slow", key="hmac"))
    assert answer.message == "no whole answer within 0.3 s"
