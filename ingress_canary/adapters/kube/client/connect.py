"""Connection to the API server and credentials: in-cluster or from a kubeconfig, by kubernetes.aio's own loaders.

``app.py`` calls :func:`connect` once. kubernetes.aio is imported here, when it is called, and nowhere else, and of it
no more than is used (``library.py``).
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from ingress_canary import __version__
from ingress_canary.adapters.http import http_session
from ingress_canary.adapters.kube.client.client import KubeClient, Observe, Tls, unobserved
from ingress_canary.adapters.kube.client.kubeconfig import kube_context
from ingress_canary.adapters.kube.client.library import import_parts_alone
from ingress_canary.adapters.tls import TlsContext, TlsOptions
from ingress_canary.ports import Unavailable

if TYPE_CHECKING:
    from kubernetes.aio.client.configuration import Configuration

_RELOAD_AFTER = 10.0
"""Seconds between two reads of the kubeconfig, however many requests are rejected."""
_DEAD_AFTER = 30
"""Seconds until a peer that acknowledges nothing is given up: two keep-alive probes, or unsent data."""


async def connect(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    request_timeout: float = 10.0,
    observe: Observe = unobserved,
) -> KubeClient:
    """Return a client of the API server; nothing is requested yet.

    ``kubeconfig`` is a path, or several as in KUBECONFIG; None takes the pod's service account. ``request_timeout`` in
    seconds bounds each ordinary request. Tokens are refreshed: a service account's once a minute from its file, a
    kubeconfig's (exec plugins and OIDC included) after the API server has rejected it, or its certificate was not
    believed. Certificates are read again once their files have changed.
    Raises Unavailable when the configuration cannot be loaded.
    """
    if kubeconfig and not _exists(kubeconfig):
        raise Unavailable(f"the kubeconfig {kubeconfig} does not exist")
    import_parts_alone()
    from kubernetes.aio.client.configuration import Configuration  # noqa: PLC0415
    from kubernetes.aio.config import load_incluster_config  # noqa: PLC0415

    configuration = Configuration()
    credentials = None
    try:
        meant = kube_context(kubeconfig, context)
        credentials = _Kubeconfig(kubeconfig, meant.name) if kubeconfig else None
        if credentials is None:
            load_incluster_config(client_configuration=configuration)
        else:
            await credentials.load(configuration)
            configuration.refresh_api_key_hook = credentials.refresh
        configuration.proxy = configuration.proxy or _proxy(configuration.host)
        headers = [("User-Agent", f"ingress-canary/{__version__}"), *meant.impersonation()]
        tls = _tls(configuration)
    except Exception as error:  # files and plugins: they may fail in any way
        if not kubeconfig:
            raise Unavailable(f"no kubeconfig, and no service account of a pod: {error}") from error
        raise Unavailable(f"cannot load the cluster's address and credentials from {kubeconfig}: {error}") from error
    rejected = credentials.reject if credentials else lambda: None
    return KubeClient(
        _pool(headers), configuration, tls=tls, timeout=request_timeout, observe=observe, rejected=rejected
    )


def _proxy(url: str) -> str | None:
    """Return the environment's proxy for an address (HTTPS_PROXY, NO_PROXY and the like), read once.

    aiohttp would read it with each request, and add the entries of a .netrc to our credentials.
    """
    where = urlsplit(url)
    return None if proxy_bypass(where.netloc) else getproxies().get(where.scheme)


def _exists(kubeconfig: str) -> bool:
    """Return whether any of the files exists; the loader's own message would not say that none does."""
    return any(Path(path).exists() for path in kubeconfig.split(os.pathsep))


class _Kubeconfig:
    """A kubeconfig that is reloaded after its credentials, or the server's certificate, were rejected."""

    def __init__(self, path: str, context: str | None) -> None:
        self._path = path
        self._context = context
        self._lock = asyncio.Lock()
        self._rejected = False
        self._reloaded = -_RELOAD_AFTER

    async def load(self, configuration: "Configuration") -> None:
        """Write address and credentials into ``configuration``."""
        from kubernetes.aio.config import load_kube_config  # noqa: PLC0415

        await load_kube_config(
            config_file=self._path, context=self._context, client_configuration=configuration, persist_config=False
        )

    def reject(self) -> None:
        """Record a 401 or a failed handshake, so that the next request reloads the kubeconfig."""
        self._rejected = True

    async def refresh(self, configuration: "Configuration") -> None:
        """Reload the credentials if needed; the client calls this before each request."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._rejected and now - self._reloaded >= _RELOAD_AFTER:
                self._rejected, self._reloaded = False, now
                await self.load(configuration)


def _tls(configuration: "Configuration") -> Tls:
    """Return what gives each request its TLS, as kubernetes.aio does; without TLS aiohttp's own, loaded already."""
    if urlsplit(configuration.host).scheme == "http":
        return lambda: True
    return TlsContext(
        lambda: TlsOptions(
            ca_file=configuration.ssl_ca_cert,
            ca_data=configuration.ca_cert_data,
            cert_file=configuration.cert_file,
            key_file=configuration.key_file,
            verify=configuration.verify_ssl,
            strict=not configuration.disable_strict_ssl_verification,
        )
    ).current


def _pool(headers: Sequence[tuple[str, str]]) -> aiohttp.ClientSession:
    """Return the connection pool, which adds these headers and differs from the library's own in three ways.

    Unlimited, because every watch holds one; with dead-peer detection, because a watch may be silent for a minute;
    and without aiohttp's silent second attempt of a GET, which would double the rate of every failing watch.
    """
    connector = aiohttp.TCPConnector(limit=0, socket_factory=_socket)
    pool = http_session(connector, headers=headers)
    pool._retry_connection = False  # noqa: SLF001 - no public way; a test counts the attempts
    return pool


def _socket(
    address: tuple[socket.AddressFamily | int, socket.SocketKind | int, int, str, tuple[object, ...]],
) -> socket.socket:
    family, kind, protocol, _, _ = address
    connection = socket.socket(family, kind, protocol)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, seconds in (
        ("TCP_KEEPIDLE", _DEAD_AFTER // 3),
        ("TCP_KEEPINTVL", _DEAD_AFTER // 3),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", _DEAD_AFTER * 1000),
    ):
        if hasattr(socket, option):  # Linux has all of them, others some
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    return connection
