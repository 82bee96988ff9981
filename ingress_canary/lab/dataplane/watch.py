"""Watch of one kind of object over the plain Kubernetes protocol, for ``plane.py``.

Small on purpose: whatever goes wrong, the answer is to list again, a little later each time.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

import aiohttp

from ingress_canary.lab.dataplane.objects import Json, Kind

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds before the next list after a failure; doubled each time until an event comes."""

TIMEOUT = aiohttp.ClientTimeout(sock_connect=5, sock_read=None)


class Relist(Exception):
    """The watch cannot go on from where it is."""


async def follow(
    api: str, kind: Kind, apply: Callable[[Kind, Iterable[Json]], None], headers: Mapping[str, str]
) -> None:
    """Call ``apply`` with all objects of a kind whenever one has changed, until cancelled."""
    pause = FIRST_PAUSE
    async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
        while True:
            try:
                objects, version = await _list(session, api + kind)
                apply(kind, objects.values())
                async for event in _events(session, api + kind, version):
                    pause = FIRST_PAUSE
                    _note(objects, event)
                    apply(kind, objects.values())
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, Relist):
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)


async def _list(session: aiohttp.ClientSession, url: str) -> tuple[dict[str, Json], str]:
    async with session.get(url, raise_for_status=True) as response:
        body = await response.json()
    return {_key(item): item for item in body["items"]}, body["metadata"]["resourceVersion"]


async def _events(session: aiohttp.ClientSession, url: str, version: str) -> AsyncIterator[Json]:
    """Yield changes from ``version`` on, over as many streams as it takes. Raises Relist when that is too old."""
    while True:
        params = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        began = version
        async with session.get(url, params=params, raise_for_status=True) as response:
            async for line in _lines(response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise Relist(str(event["object"]))
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    yield event
        if version == began:
            raise Relist("the stream ended without an event")


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


def _note(objects: dict[str, Json], event: Json) -> None:
    if event["type"] == "DELETED":
        objects.pop(_key(event["object"]), None)
    else:
        objects[_key(event["object"])] = event["object"]


def _key(body: Json) -> str:
    meta = body["metadata"]
    return f"{meta.get('namespace', '')}/{meta['name']}"
