"""The wire between one daemon and the API server: can be cut, or go dead without a word, and be mended."""

import asyncio
import ssl
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class Line:
    """A TCP proxy on loopback, on a port of its own or on one that is given; it speaks TLS with an ``identity``."""

    def __init__(self, url: str, port: int = 0, identity: ssl.SSLContext | None = None) -> None:
        where = urlsplit(url)
        self.identity = identity
        self._own = port
        self._host, self._port = where.hostname, where.port
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._own, ssl=self.identity)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        self.mend()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """What the daemon is given as the API server."""
        scheme = "https" if self.identity else "http"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection, and new ones as soon as they are made."""
        self._refusing = True
        for end in list(self._ends):
            end.transport.abort()

    def deaden(self) -> None:
        """Let nothing through any more, in either direction, and say nothing of it: what is sent arrives later."""
        self._open.clear()

    def mend(self) -> None:
        """Let everything through again, with what was held up."""
        self._refusing = False
        self._open.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()  # as from a server that is away
            return
        self._ends |= {writer, back}
        for task in (self._carry(reader, back), self._carry(there, writer)):
            carrying = asyncio.create_task(task)
            self._tasks.add(carrying)
            carrying.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # a broken connection, or an alert of TLS
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
            await self._open.wait()
        self._ends.discard(writer)
        writer.close()
