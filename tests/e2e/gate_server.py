"""A receiver of gates as a team would run one, which answers what the test says and remembers what it was asked."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

KEY = "s3cret"
HANG = 0
"""Instead of a status code: take the question and never answer."""


@dataclass
class GateServer:
    """Answers each gate by its name, 200 by default."""

    codes: dict[str, int] = field(default_factory=dict)
    """Status code by gate; a page of HTML where it is negative."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    open: int = 0
    """Questions without an answer yet, whose sender still waits."""
    unsigned: int = 0
    """Questions without a good signature."""

    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{gate}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self._runner.cleanup()

    def gate(self, name: str, when: str, *, quick: bool = False, **members: Any) -> dict[str, Any]:
        """Return the gate of this name in a schedule; ``quick`` gives up soon, all are soon asked again."""
        port = self._runner.addresses[0][1]
        times = {"timeout": "500ms" if quick else "30s", "backoff": "5s"}
        return {"name": name, "when": when, "url": f"http://127.0.0.1:{port}/{name}", **times, **members}

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return what one gate was asked, in order."""
        return [one for one in self.asked if one["gate"] == name]

    def from_each(self, what: Callable[[dict[str, Any]], Any]) -> list[Any]:
        """Return something of each question."""
        return [what(one) for one in self.asked]

    async def _serve(self, request: web.Request) -> web.Response:
        text, stamp = await request.text(), request.headers["X-Ingress-Canary-Timestamp"]
        good = hmac.new(KEY.encode(), f"{stamp}.{text}".encode(), hashlib.sha256).hexdigest()
        received = request.headers.get("X-Ingress-Canary-Signature", "")
        self.unsigned += not hmac.compare_digest(received, f"sha256={good}")
        body = json.loads(text)
        self.asked.append(body)
        code = self.codes.get(body["gate"], 200)
        if code == HANG:
            self.open += 1
            try:
                await self._over.wait()
            finally:
                self.open -= 1
        if code < 0:
            return web.Response(status=-code, text="<html><h1>Log in</h1></html>", content_type="text/html")
        return web.json_response({"message": f"{body['gate']} says {code}"}, status=code)
