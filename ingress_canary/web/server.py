"""HTTP server of the daemon: /metrics, /healthz and /readyz. Started first and stopped last by ``app.py``."""

from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

Problems = Callable[[], Sequence[str]]


def make_app(registry: CollectorRegistry, not_ready: Problems, troubles: Problems) -> web.Application:
    """Return the application.

    ``not_ready`` says what is still missing; nothing means ready. ``troubles`` are what a daemon that is ready all the
    same cannot do at this moment: no other replica would fare better, so they take none out of service.
    """

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        missing = not_ready()
        if missing:
            return web.Response(status=503, text="".join(f"not ready: {why}\n" for why in missing))
        return web.Response(text="".join(["ok\n", *(f"trouble: {why}\n" for why in troubles())]))

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


class WebServer:
    """Serves an application on one address."""

    def __init__(self, app: web.Application, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port = host or "0.0.0.0", int(port)  # noqa: S104 - a pod's probes come from outside it
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> int:
        """Start serving and return the port. Raises OSError when the address is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop serving."""
        await self._runner.cleanup()
