"""Proxy: forwards requests to the side that the balancer draws, and counts them as ingress-nginx does.

One per controller pod. What is counted against which side follows the order of nginx's phases: CORS preflights, what
a snippet returns, redirects and a missing stable side come before the draw; a backend that refuses or is slow comes
after it.
"""

import asyncio
import random
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from ingress_canary.lab.dataplane.balancer import BackendSide, Balancer, Sticky, advance, choose
from ingress_canary.lab.dataplane.metrics import ControllerMetrics, CountedRequest
from ingress_canary.lab.dataplane.routes import DEFAULT_UPSTREAM, Location, Routes

CLIENT_CLOSED = 499
TRIES = 3
"""Peers that are tried for one request: nginx's proxy_next_upstream_tries."""
TIMEOUT = aiohttp.ClientTimeout(sock_connect=5, sock_read=60)

_NEVER_RETRIED = frozenset({"POST", "PATCH", "LOCK"})
_ONE_HOP = (
    hdrs.CONNECTION,
    hdrs.KEEP_ALIVE,
    hdrs.TRANSFER_ENCODING,
    hdrs.TE,
    hdrs.TRAILER,
    hdrs.UPGRADE,
    hdrs.CONTENT_LENGTH,
)


class Proxy:
    """The traffic side of a controller pod."""

    def __init__(self, session: aiohttp.ClientSession, metrics: ControllerMetrics, rng: random.Random) -> None:
        self._session = session
        self._metrics = metrics
        self._rng = rng
        self._routes = Routes((), (), {})
        self._balancers: Mapping[str, Balancer] = {}

    def configure(self, routes: Routes) -> None:
        """Take new routes into use at once."""
        self._metrics.reloaded(routes.orphans, self._routes.ingresses - routes.ingresses)
        self._routes = routes
        self._balancers = advance(self._balancers, routes.upstreams)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        host = request.host.partition(":")[0].lower()
        location = self._routes.locate(host, request.raw_path.partition("?")[0])
        if location is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        exchange = _Exchange(self._rng, self._session, request, location)
        if self._routes.passes_through(location):
            return await exchange.pass_through(self._balancers)
        clock = asyncio.get_running_loop().time
        began, status = clock(), CLIENT_CLOSED  # unless an answer is made before the client goes away
        try:
            response = await exchange.answer(self._balancers)
            status = response.status
            return response
        finally:
            if self._routes.counts(host):
                label = location.labels
                series = CountedRequest(
                    exchange.canary,
                    host,
                    label.ingress,
                    request.method,
                    label.namespace,
                    label.path,
                    label.service,
                    str(status),
                )
                self._metrics.count(series, clock() - began, exchange.upstream_seconds)


class _Exchange:
    """One request while it is being answered."""

    def __init__(
        self, rng: random.Random, session: aiohttp.ClientSession, request: web.BaseRequest, location: Location
    ) -> None:
        self._rng = rng
        self._session = session
        self._request = request
        self._location = location
        self.canary = ""
        """The canary's upstream once it has been drawn."""
        self.upstream_seconds: float | None = None

    async def answer(self, balancers: Mapping[str, Balancer]) -> web.Response:
        """Return the answer to the client."""
        location = self._location
        if location.cors and self._request.method == hdrs.METH_OPTIONS:
            return web.Response(status=HTTPStatus.NO_CONTENT)
        for header, status in location.returns:
            if header in self._request.headers:
                return web.Response(status=status)
        if location.redirect:
            return _redirect(location.redirect.status, location.redirect.url)
        if location.force_ssl_redirect and self._request.headers.get(hdrs.X_FORWARDED_PROTO, "http") == "http":
            path = self._request.raw_path.removesuffix("/")
            return _redirect(HTTPStatus.PERMANENT_REDIRECT, f"https://{self._request.host.partition(':')[0]}{path}")
        if location.backend == DEFAULT_UPSTREAM:
            return web.Response(status=HTTPStatus.NOT_FOUND, text="default backend - 404")
        stable = balancers.get(location.backend)
        if stable is None:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        canary = balancers.get(stable.alternative) if stable.alternative else None
        side = choose(stable, canary, self._request.headers, lambda total: self._rng.randint(1, total))
        if canary is None or side is BackendSide.STABLE:
            return await self._forward(stable)
        self.canary = canary.name
        return await self._forward(canary)

    async def pass_through(self, balancers: Mapping[str, Balancer]) -> web.Response:
        """Return the stable side's answer, with nothing decided and nothing counted."""
        stable = balancers.get(self._location.backend)
        return await self._forward(stable) if stable else web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)

    async def _forward(self, balancer: Balancer) -> web.Response:
        request = self._request
        body = await request.read() if request.can_read_body else None
        headers = _end_to_end(request.headers)
        headers["X-Forwarded-For"] = headers["X-Real-IP"] = request.remote or ""
        key = balancer.sticky.read(request.headers)[0] if balancer.sticky else ""
        issued = "" if key else str(self._rng.getrandbits(64))
        clock = asyncio.get_running_loop().time
        began, tried = clock(), set[str]()
        try:
            for _ in range(TRIES):
                peer = self._peer(balancer, key or issued, tried)
                try:
                    response = await self._fetch(peer, headers, body)
                except aiohttp.ClientConnectorError:
                    tried.add(peer)
                except TimeoutError:
                    return web.Response(status=HTTPStatus.GATEWAY_TIMEOUT)
                except aiohttp.ClientError:
                    if request.method in _NEVER_RETRIED:
                        break
                    tried.add(peer)
                else:
                    if balancer.sticky and issued:
                        self._issue(response, balancer.sticky, issued)
                    return response
            return web.Response(status=HTTPStatus.BAD_GATEWAY)
        finally:
            self.upstream_seconds = clock() - began

    def _peer(self, balancer: Balancer, key: str, tried: set[str]) -> str:
        """Return an endpoint: by the affinity key where there is one, at random otherwise."""
        left = [endpoint for endpoint in balancer.endpoints if endpoint not in tried] or balancer.endpoints
        if balancer.sticky:
            return max(left, key=lambda endpoint: random.Random(f"{key} {endpoint}").random())
        return self._rng.choice(left)

    async def _fetch(self, peer: str, headers: CIMultiDict[str], body: bytes | None) -> web.Response:
        url = URL(f"http://{peer}{self._request.raw_path}", encoded=True)
        async with self._session.request(
            self._request.method, url, headers=headers, data=body, allow_redirects=False
        ) as upstream:
            payload = await upstream.read()
            return web.Response(status=upstream.status, body=payload, headers=_end_to_end(upstream.headers))

    def _issue(self, response: web.Response, sticky: Sticky, key: str) -> None:
        location = self._location
        if (location.host, location.path) in sticky.affinity.locations:
            response.set_cookie(sticky.affinity.cookie, f"{key}|{sticky.mark}", path=location.path, httponly=True)


def new_session() -> aiohttp.ClientSession:
    """Return the connections of one proxy to its endpoints: kept open, without cookies or decoding of their own."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=(hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE),
        timeout=TIMEOUT,
    )


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in _ONE_HOP:
        kept.popall(name, None)
    return kept


def _redirect(status: int, to: str) -> web.Response:
    return web.Response(status=status, headers={hdrs.LOCATION: to})
