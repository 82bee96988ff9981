"""A server for messages on loopback, for the tests of notifications."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def webhook(serve: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Yield the address of a server that answers each POST by ``serve``."""
    runner = web.AppRunner(web.Application(), shutdown_timeout=0, access_log=None)
    runner.app.router.add_post("/{path:.*}", serve)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"json://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
