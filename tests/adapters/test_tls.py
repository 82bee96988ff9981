"""A certificate authority that is replaced on disk is believed without a restart, and a broken file changes nothing."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from structlog.testing import capture_logs

from ingress_canary.adapters.kube.client.connect import connect
from ingress_canary.adapters.prometheus.errors import PrometheusError
from ingress_canary.adapters.tls import TlsContext, TlsOptions
from ingress_canary.ports import Unavailable
from ingress_canary.settings import load
from ingress_canary.sources import client_of
from tests.adapters.certificates import certificate, showing
from tests.adapters.scripted_api import kubeconfig

Ask = Callable[[], Awaitable[object]]


class Rotated:
    """One address whose server shows one certificate, then another one; ``ca`` is the file that clients are given."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ca = folder, folder / "ca.crt"
        self.identities = [certificate(folder, name) for name in ("former", "later")]
        self.port = 0

    async def show(self, number: int) -> None:
        """Serve with a certificate, after cutting every connection to the last server."""
        await self.close()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", _answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(
            self._runner, "127.0.0.1", self.port, ssl_context=showing(*self.identities[number]), reuse_address=True
        ).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """End the server."""
        if self.port:
            await self._runner.cleanup()

    def trust(self, number: int) -> None:
        """Replace the authority's file, as kubelet does that of a mounted ConfigMap."""
        new = self.folder / "new"
        new.write_bytes(self.identities[number][0].read_bytes())
        new.replace(self.ca)


async def _answer(request: web.Request) -> web.Response:
    empty = {"status": "success", "data": {"resultType": "vector", "result": []}}
    return web.json_response(empty if request.path.endswith("query") else {"kind": "Namespace"})


@pytest.fixture
async def rotated(tmp_path: Path) -> AsyncIterator[Rotated]:
    """The server, whose first certificate is trusted."""
    server = Rotated(tmp_path)
    server.trust(0)
    await server.show(0)
    yield server
    await server.close()


def written(server: Rotated, **authority: str) -> str:
    """Return the path of a kubeconfig with an authority."""
    body = yaml.safe_load(kubeconfig(f"https://127.0.0.1:{server.port}"))
    body["clusters"][0]["cluster"] |= authority
    path = server.folder / "kubeconfig"
    path.write_text(yaml.safe_dump(body))
    return str(path)


async def of_the_api(server: Rotated, stack: AsyncExitStack) -> Ask:
    """Ask the API server."""
    client = await connect(kubeconfig=written(server, **{"certificate-authority": str(server.ca)}))
    stack.push_async_callback(client.close)
    return lambda: client.request("GET", "/api/v1/namespaces/shop")


async def of_prometheus(server: Rotated, stack: AsyncExitStack) -> Ask:
    """Ask Prometheus."""
    flags = {"prometheus_url": f"https://127.0.0.1:{server.port}", "prometheus_ca_file": str(server.ca)}
    client, http = client_of(load(dict(flags), None))
    await stack.enter_async_context(http)
    return lambda: client.query("up")


@pytest.mark.parametrize("client", [of_the_api, of_prometheus])
async def test_a_replaced_authority_is_believed_from_the_next_connection_on(
    rotated: Rotated, client: Callable[[Rotated, AsyncExitStack], Awaitable[Ask]]
) -> None:
    async with AsyncExitStack() as stack:
        ask = await client(rotated, stack)
        await ask()
        await rotated.show(1)
        with pytest.raises((Unavailable, PrometheusError), match="certificate"):
            await ask()
        rotated.trust(1)
        await ask()


async def test_a_kubeconfig_with_another_authority_inside_is_read_again(rotated: Rotated) -> None:
    def inside(number: int) -> str:
        text = base64.b64encode(rotated.identities[number][0].read_bytes()).decode()
        return written(rotated, **{"certificate-authority-data": text})

    client = await connect(kubeconfig=inside(0))
    try:
        await client.request("GET", "/api/v1/namespaces/shop")
        await rotated.show(1)
        inside(1)
        with pytest.raises(Unavailable, match="certificate"):
            await client.request("GET", "/api/v1/namespaces/shop")
        await client.request("GET", "/api/v1/namespaces/shop")
    finally:
        await client.close()


def test_a_file_that_is_broken_or_missing_for_a_while_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    (former, _), (later, _) = certificate(tmp_path, "former"), certificate(tmp_path, "later")
    file.write_bytes(former.read_bytes())
    tls = TlsContext(lambda: TlsOptions(ca_file=file))
    first = tls.current()
    assert tls.current() is first
    with capture_logs() as logs:
        file.write_bytes(later.read_bytes()[:100])
        assert [tls.current() is first for _ in range(2)] == [True, True]
        file.unlink()
        assert tls.current() is first
    assert len(logs) == 2, "each change is told once"
    file.write_bytes(later.read_bytes())
    assert tls.current() is not first
    assert [one["subject"] for one in tls.current().get_ca_certs()] == [((("commonName", "later"),),)]
