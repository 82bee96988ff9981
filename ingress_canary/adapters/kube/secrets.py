"""Secrets by name, for gates, notifications and metrics sources: read when needed, never listed or watched.

RBAC grants ``get`` on named Secrets only, so there is no cache to watch them with; what was read is kept for a minute,
so that a gate that is asked at every tick costs one request a minute.
"""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Mapping

from ingress_canary.adapters.kube.client.client import KubeClient
from ingress_canary.adapters.kube.client.resources import SECRETS
from ingress_canary.domain.objects.metadata import Key

KEPT = 60.0
"""Real seconds for which a Secret is taken to be as it was read."""


class KubeSecrets:
    """Implements ports.Secrets."""

    def __init__(self, client: KubeClient) -> None:
        self._session = client
        self._read: dict[Key, tuple[float, Mapping[str, str]]] = {}

    async def read(self, key: Key) -> Mapping[str, str]:
        """Return the entries of a Secret as text, without binary ones. Raises ClusterError."""
        now = asyncio.get_running_loop().time()
        self._read = {known: kept for known, kept in self._read.items() if now - kept[0] < KEPT}
        if key not in self._read:
            body = await self._session.request("GET", SECRETS.path(key.namespace, key.name))
            data = body.get("data") or {}
            self._read[key] = now, {name: text for name in data if (text := _text(data[name])) is not None}
        return self._read[key][1]


def _text(encoded: object) -> str | None:
    try:
        return b64decode(str(encoded), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
