"""HTTP sessions of the daemon: every client of it, the Kubernetes API's too, uses one that is made here."""

from collections.abc import Sequence

import aiohttp


def http_session(
    connector: aiohttp.BaseConnector | None = None,
    *,
    auto_decompress: bool = True,
    headers: Sequence[tuple[str, str]] = (),
) -> aiohttp.ClientSession:
    """Return an HTTP session that stores no cookies.

    One session asks for many tenants: a cookie that one server sets would be sent to another on the same host, and an
    affinity cookie of stable would keep every later probe on stable.
    """
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=auto_decompress,
        headers=headers,
    )
