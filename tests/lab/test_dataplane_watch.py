"""List and watch against a small server that speaks the plain Kubernetes protocol, misbehaving on request."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from ingress_canary.lab.dataplane import Kind
from ingress_canary.lab.listener import LOOPBACK, Listener
from tests.lab.dataplane_shop import CLASS, Json, Shop, canary_ingress, ingress, open_shop, path, service, until

WEB = ingress("web", path("stable"))
TOO_OLD = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "metadata": {}}}


@dataclass
class Api:
    """Objects by kind; events wait in a queue for the one watch on each kind; odd answers go before both."""

    objects: dict[str, list[Json]] = field(default_factory=dict)
    events: dict[str, asyncio.Queue[Json | None]] = field(default_factory=dict)
    odd: dict[str, list[web.Response]] = field(default_factory=dict)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    tokens: set[str | None] = field(default_factory=set)

    def queue(self, kind: str) -> asyncio.Queue[Json | None]:
        return self.events.setdefault(kind, asyncio.Queue())

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        verb = "watch" if request.query.get("watch") == "true" else "list"
        self.seen[verb, request.path] += 1
        self.tokens.add(request.headers.get("Authorization"))
        if odd := self.odd.get(request.path):
            return odd.pop(0)
        if verb == "list":
            items = self.objects.get(request.path, [])
            return web.json_response({"kind": "List", "metadata": {"resourceVersion": "7"}, "items": items})
        response = web.StreamResponse()
        await response.prepare(request)
        while event := await self.queue(request.path).get():
            line = json.dumps(event).encode() + b"\n"
            # split in the middle, as networks do
            await response.write(line[:20])
            await response.write(line[20:])
        return response


def event(kind: str, body: Json, version: str = "8") -> Json:
    return {"type": kind, "object": body | {"metadata": body["metadata"] | {"resourceVersion": version}}}


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[Api, Shop]]:
    api = Api()
    listener = Listener(api.handle)
    await listener.open()
    async with open_shop(time_scale=100.0) as shop:
        api.objects = {
            Kind.INGRESS: [WEB],
            Kind.INGRESS_CLASS: [CLASS],
            Kind.SERVICE: [service("stable"), service("canary")],
            Kind.ENDPOINT_SLICE: [
                shop.stable.endpoint_slice("shop", "stable"),
                shop.canary.endpoint_slice("shop", "canary"),
            ],
        }
        shop.plane.watch(f"http://{LOOPBACK}:{listener.port}", {"Authorization": "Bearer data-plane"})
        yield api, shop
    await listener.close()


async def serves(shop: Shop, wanted: str) -> None:
    await until(shop.version, lambda version: version == wanted)


async def test_changes_arrive_by_event() -> None:
    async with watched() as (api, shop):
        await serves(shop, "v1")
        api.queue(Kind.INGRESS).put_nowait(event("ADDED", canary_ingress()))
        await serves(shop, "v2")
        api.queue(Kind.INGRESS).put_nowait(event("MODIFIED", canary_ingress(canary_weight="0"), "9"))
        await serves(shop, "v1")
        api.queue(Kind.INGRESS).put_nowait(event("DELETED", WEB, "10"))
        await serves(shop, "404")
        assert api.seen == Counter({(verb, kind): 1 for kind in Kind for verb in ("list", "watch")})
        assert api.tokens == {"Bearer data-plane"}


async def test_a_stream_that_ends_is_taken_up_where_it_was() -> None:
    async with watched() as (api, shop):
        bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "12"}}}
        for one in (bookmark, None, event("ADDED", canary_ingress(), "13")):
            api.queue(Kind.INGRESS).put_nowait(one)
        await serves(shop, "v2")
        assert api.seen["list", Kind.INGRESS] == 1
        assert api.seen["watch", Kind.INGRESS] == 2


async def test_an_expired_version_is_listed_again() -> None:
    async with watched() as (api, shop):
        await serves(shop, "v1")
        api.objects[Kind.INGRESS] = [WEB, canary_ingress()]
        api.queue(Kind.INGRESS).put_nowait(TOO_OLD)
        await serves(shop, "v2")


async def test_an_api_that_answers_nonsense_is_asked_again_ever_more_slowly() -> None:
    async with watched() as (api, shop):
        await serves(shop, "v1")
        api.objects[Kind.INGRESS] = [WEB, canary_ingress()]
        html = [web.Response(status=502, text="<html>"), web.Response(text="<html>", content_type="text/html")]
        api.odd[Kind.INGRESS] = [*html, web.Response(status=410), web.Response()]
        api.queue(Kind.INGRESS).put_nowait(TOO_OLD)
        await serves(shop, "v2")
        assert api.seen["list", Kind.INGRESS] <= 6
