"""Client of the Kubernetes API: the only place that makes requests, with the credentials of kubernetes.aio.

``connect.py`` makes it; the watches, the conditional writes, the recorder and the lease use it. The library's
models and API classes stay unused: they cost time, and drop the fields that they do not know.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from ingress_canary.adapters.kube.client import errors
from ingress_canary.adapters.kube.client.resources import Call
from ingress_canary.api import FIELD_MANAGER
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.ports import Unavailable

if TYPE_CHECKING:
    from kubernetes.aio.client.configuration import Configuration

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
"""For built-in kinds only: merges lists such as containers by name."""

_JSON = "application/json"
_LONGEST_LINE = 32 * 2**20
"""In bytes; a longer line of a watch is no object, etcd stores 1.5 MiB."""

Observe = Callable[[str, str, str, float], None]
"""Told of every request: verb, resource, code (a status, or ``error``), seconds until the answer began."""

Tls = Callable[[], ssl.SSLContext | bool]
"""Return what the next request's TLS trusts and shows; True for aiohttp's own."""


def unobserved(_verb: str, _resource: str, _code: str, _seconds: float) -> None:
    """Do not observe requests."""


class KubeClient:
    """Requests to one API server. Never retries: the caller knows best what a failure means."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        configuration: "Configuration",
        *,
        tls: Tls = lambda: True,
        timeout: float = 10.0,
        observe: Observe = unobserved,
        rejected: Callable[[], None] = lambda: None,
    ) -> None:
        """``configuration`` has address, proxy and credentials, which it refreshes by itself.

        ``timeout`` in seconds bounds an ordinary request as a whole; ``rejected`` is called on a 401, and on a failed
        handshake.
        """
        self._session = session
        self._configuration = configuration
        self._tls = tls
        self._timeout = timeout
        self._observe = observe
        self._rejected = rejected

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = _JSON,
    ) -> Json:
        """Return the JSON object that the API server answered. Raises ClusterError.

        After Unavailable a write may have been done all the same.
        """
        query = dict(query or {})
        call = Call.of(method, path, query)
        if method in ("POST", "PUT", "PATCH"):
            query.setdefault("fieldManager", FIELD_MANAGER)
        if body is not None:
            errors.check_finite(body, str(call))
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._send(
                    call, method, path, query, aiohttp.ClientTimeout(), body=body, content_type=content_type
                )
                content = await answer.read()
        except errors.ON_THE_WAY as error:
            raise errors.from_exception(error, str(call)) from error
        if not answer.ok:
            raise errors.from_answer(answer.status, content, str(call))
        return errors.parse(content, str(call))

    @asynccontextmanager
    async def lines(
        self, path: str, query: Mapping[str, str], *, idle: float, total: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a watch and yield its lines as they arrive; an incomplete last line is dropped.

        Raises ClusterError; the iterator raises Silent after ``idle`` seconds without a byte or ``total``
        seconds altogether.
        """
        call = Call.of("GET", path, query)
        limits = aiohttp.ClientTimeout(total=total, sock_read=idle)
        answer: aiohttp.ClientResponse | None = None
        try:
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await self._send(call, "GET", path, query, limits)
                    refusal = None if answer.ok else await answer.read()
            except errors.ON_THE_WAY as error:
                raise errors.from_exception(error, str(call)) from error
            if refusal is not None:
                raise errors.from_answer(answer.status, refusal, str(call))
            async with aclosing(_lines(answer, str(call))) as lines:
                yield lines
        finally:
            if answer is not None:
                answer.close()

    async def _send(
        self,
        call: Call,
        method: str,
        path: str,
        query: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        *,
        body: Json | None = None,
        content_type: str = _JSON,
    ) -> aiohttp.ClientResponse:
        loop = asyncio.get_running_loop()
        configuration = self._configuration
        begun, code = loop.time(), "error"
        try:
            headers = {"Accept": _JSON, "Content-Type": content_type, **await self._credentials(call)}
            answer = await self._session.request(
                method,
                configuration.host + path + (f"?{urlencode(query)}" if query else ""),
                headers=headers,
                data=None if body is None else json.dumps(body),
                timeout=limits,
                proxy=configuration.proxy,
                proxy_headers=configuration.proxy_headers,
                server_hostname=configuration.tls_server_name,
                ssl=self._tls(),
            )
            code = str(answer.status)
        except aiohttp.ClientSSLError:
            self._rejected()
            raise
        finally:
            self._observe(call.verb, call.resource, code, loop.time() - begun)
        if answer.status == 401:
            self._rejected()
        return answer

    async def _credentials(self, call: Call) -> dict[str, str]:
        try:
            headers = await self._configuration.auth_settings()
        except Exception as error:  # credentials come from files and plugins: they may fail in any way
            raise Unavailable(f"{call}: the credentials could not be loaded: {error}") from error
        return {header["key"]: header["value"] for header in headers.values()}


async def _lines(answer: aiohttp.ClientResponse, what: str) -> AsyncGenerator[bytes, None]:
    rest = b""
    chunks = answer.content.iter_any()
    while True:
        try:
            chunk = await anext(chunks, b"")
        except TimeoutError:
            raise errors.Silent(f"{what}: silent for too long") from None
        except errors.ON_THE_WAY as error:
            raise errors.from_exception(error, what) from error
        if not chunk:
            return
        *complete, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise errors.Garbled(f"{what}: a line of more than {_LONGEST_LINE} bytes")
        for line in complete:
            if line.strip():
                yield line
