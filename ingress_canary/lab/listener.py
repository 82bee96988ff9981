"""Listener: an HTTP server on a loopback address that can be closed and opened again on the same port.

Used by the data plane's pods and by the applications.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

LOOPBACK = "127.0.0.1"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Listener:
    """A server that is bound while it is open."""

    def __init__(self, handler: Handler, address: str = LOOPBACK) -> None:
        self._handler = handler
        self._address = address
        self._runner: web.ServerRunner | None = None
        self.port = 0
        """The port, chosen by the system when it first opens, and kept from then on."""

    async def open(self) -> None:
        """Listen; nothing when it does already. Raises OSError when the port is taken."""
        if self._runner:
            return
        # a client that goes away cancels its request, as the proxy notices
        server = web.Server(self._handler, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._address, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening, and end what is under way."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
