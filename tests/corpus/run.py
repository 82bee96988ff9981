"""Run a group of rollouts from its plan, and record what each round has led to."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from tests.corpus.daemon import BEGIN, Cluster, start
from tests.corpus.loop import JumpingLoop
from tests.corpus.shop import FREEZE, HOME, PAGES, PORT, SHOP, Shop, ingress_class, namespaces

Json = dict[str, Any]

ROUND = 10.0137
"""Seconds; a little more than the daemon's interval, so that its ticks and the script never fall together."""
MOST_EVENTS = 28
"""Of one rollout: beyond 30 in a real minute the daemon delays them."""
FIELDS = (
    "phase", "reason", "weight", "routing", "step", "revision", "stableRevision", "failedRevision", "observedShare",
    "baseline", "pause", "approval", "copying", "scale", "notReadySince", "finishing", "startedAt", "finishedAt",
    "observedGeneration", "alerts",
)  # fmt: skip


class World:
    """The cluster, the controllers' pages and the daemon of one group."""

    def __init__(self, plan: Json, loop: JumpingLoop, folder: Path) -> None:
        self._plan, self._loop, self._folder = plan, loop, folder
        self._cluster = Cluster()
        self._source = "up"
        self._restarts = [0.0] * PAGES
        self.shops = {one["name"]: Shop(one, self._cluster) for one in plan["rollouts"]}

    async def run(self) -> list[Json]:
        """Return the passes, by rollout and round."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._loop.ports[PORT] = runner.addresses[0][1]
        try:
            async with self._cluster:
                return await self._rounds()
        finally:
            await runner.cleanup()

    async def _rounds(self) -> list[Json]:
        for body in namespaces():
            self._cluster.create("namespaces", body)
        self._cluster.create("ingressclasses", ingress_class())
        for shop in self.shops.values():
            shop.populate()
        self._cluster.age()
        await self._start()
        for shop in self.shops.values():
            shop.begin()
            if shop is next(iter(self.shops.values())):
                # the first makes the ticks begin; all others are there by the second, and not by chance by the first
                await asyncio.sleep(1)
        passes: list[Json] = []
        events: dict[str, int] = dict.fromkeys(self.shops, 0)
        for number in range(1, self._plan["rounds"] + 1):
            world = self._plan.get("world", {}).get(str(number), [])
            for action in world:
                await self._do(*action)
            did = {}
            for name, shop in self.shops.items():
                did[name] = shop.script()
                shop.reconcile()
                shop.serve()
            await asyncio.sleep(ROUND)
            writes = self._cluster.written()
            for name, shop in self.shops.items():
                found = seen(shop, [one for one in writes if concerns(one, name)])
                passes.append(
                    {"group": self._plan["group"], "rollout": name, "round": number, "did": did[name], **found}
                )
                events[name] += len(found["events"])
        assert max(events.values()) <= MOST_EVENTS, f"too many Events to be sure of their order: {events}"
        await self._daemon.stop()
        order = list(self.shops)
        return sorted(passes, key=lambda one: (order.index(one["rollout"]), one["round"]))

    async def _start(self) -> None:
        pages = ",".join(f"http://127.0.0.1:{PORT}/metrics/{page}" for page in range(PAGES))
        settings = {"interval": "10s", "warm_up": "20s", "scrape_urls": pages, **self._plan.get("settings", {})}
        self._daemon = await start(self._loop, self._cluster.kubeconfig(self._folder), **settings)

    async def _do(self, what: str, *args: Any) -> None:
        """Let one thing happen to the whole world."""
        match what, *args:
            case "source", state:
                self._source = state
            case "controller", page:
                self._restarts[page] = self._loop.time()
                for shop in self.shops.values():
                    for key in [key for key in shop.counts if key[0] == page]:
                        del shop.counts[key]
            case "freeze", reason:
                self._cluster.patch("namespaces", HOME, {"metadata": {"annotations": {FREEZE: reason}}}, "")
            case "refuse", code, message, which:
                self._cluster.refuse(code, message, which)
            case ("heal",):
                self._cluster.heal()
            case "create", plural, body:
                self._cluster.create(plural, body)
            case "patch", plural, name, namespace, change:
                self._cluster.patch(plural, name, change, namespace)
            case ("daemon",):
                await self._daemon.stop()
                await self._start()
            case _:
                raise ValueError(f"nothing is known of {what} {args}")

    async def _answer(self, request: web.Request) -> web.Response:
        """Answer as controllers, gates and applications do."""
        _, kind, *rest = request.path.split("/")
        match kind, *rest:
            case "metrics", page:
                return self._page(int(page))
            case "gate", name, gate:
                code, text = self.shops[name].gates.get(gate, (200, "fine"))
                return web.Response(status=code, text=text)
            case "probe", name:
                says = self.shops[name].probe
                return web.Response(status=503 if says == "down" else 200, headers={"X-Version": says})
            case _:
                return web.Response(status=404)

    def _page(self, page: int) -> web.Response:
        if self._source in ("down", f"down {page}"):
            return web.Response(status=503)
        if self._source == "html":
            return web.Response(text="<html>sign in</html>", content_type="text/html")
        began = BEGIN.timestamp() - 86400 if not self._restarts[page] else BEGIN.timestamp() + self._restarts[page]
        lines = [f"process_start_time_seconds {began:.3f}"]
        for shop in self.shops.values():
            lines += shop.lines(page)
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")


def concerns(write: Json, name: str) -> bool:
    """Return whether a write is about a rollout."""
    if write["resource"] == "events":
        return bool(((write["body"] or {}).get("involvedObject") or {}).get("name") == name)
    return write["name"] in (name, f"{name}-canary")


def seen(shop: Shop, writes: list[Json]) -> Json:
    """Return what there is to see of a rollout after a round; texts apart from what is decided."""
    status = shop.status
    events = [one["body"] for one in writes if one["resource"] == "events" and one["verb"] == "create"]
    conditions, history = status.get("conditions") or [], status.get("history") or []
    slos, gates = status.get("slos") or [], status.get("gates") or []
    action = dict(status.get("lastAction") or {})
    texts = {
        "message": status.get("message", ""),
        "lastAction": action.pop("result", ""),
        **{f"condition {one['type']}": one.get("message", "") for one in conditions},
        **{f"slo {one['name']}": one.get("message", "") for one in slos},
        **{f"gate {one['name']}": one.get("message", "") for one in gates},
        **{f"event {one['reason']} {n}": one.get("message", "") for n, one in enumerate(sorted(events, key=told))},
        **{f"history {one['at']} {one['reason']}": one.get("message", "") for one in history},
    }
    undo = (status.get("copying") or {}).get("undo") or {}
    if undo:
        texts["undo"] = undo.get("message", "")
    shadow = shop.shadow
    decided = {name: status[name] for name in FIELDS if name in status}
    if undo:
        decided["copying"] = {**decided["copying"], "undo": {"reason": undo["reason"]}}
    made = {
        **decided,
        "lastAction": action,
        "history": [without(one, "message") for one in history],
        "conditions": [without(one, "message") for one in conditions],
        "slos": [without(one, "message") for one in slos],
        "gates": [without(one, "message", "question") for one in gates],
        "schedule": (status.get("schedule") or {}).get("hash"),
        "shadow": None if shadow is None else shape(shadow),
        "workloads": {side: workload(shop, side) for side in ("stable", "canary")},
        "events": sorted([one["type"], one["reason"]] for one in events),
        # two changes that are seen by one pass or by two are stored by one write or by two alike: sets have no order
        "writes": [one for one, _ in groupby(wrote(one) for one in writes if one["resource"] != "events")],
        "texts": {key: text for key, text in texts.items() if text},
    }
    return {key: value for key, value in made.items() if value is not None}


def told(event: Json) -> tuple[str, str]:
    return event["reason"], event["message"]


def without(one: Json, *names: str) -> Json:
    return {key: value for key, value in one.items() if key not in names}


def shape(shadow: Json) -> Json:
    """Return what controllers read of a shadow."""
    meta = shadow["metadata"]
    return {"annotations": meta.get("annotations") or {}, "labels": meta.get("labels") or {}, "spec": shadow["spec"]}


def workload(shop: Shop, side: str) -> Json | None:
    found = shop.cluster.get("deployments", shop.side(side), SHOP)
    if found is None:
        return None
    containers = found["spec"]["template"]["spec"]["containers"]
    return {"replicas": found["spec"]["replicas"], "images": [one["image"] for one in containers]}


def wrote(write: Json) -> str:
    """Return a write in short: the verb, the resource and the answer."""
    part = f"/{write['part']}" if write["part"] else ""
    return f"{write['verb']} {write['resource']}{part} {write['code']}"


def run(plan: Json) -> list[Json]:
    """Return the passes of one group."""
    logs = structlog.get_config()
    loop = JumpingLoop()
    try:
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(World(plan, loop, Path(folder)).run())
    finally:
        structlog.configure(**logs)


def packed(passes: list[Json]) -> Iterator[str]:
    """Yield a line for each pass: of each rollout what differs from its pass before."""
    last: Json = {}
    for one in passes:
        before = last if (last.get("group"), last.get("rollout")) == (one["group"], one["rollout"]) else {}
        kept = {"group", "rollout", "round"}
        changes = {key: value for key, value in one.items() if key in kept or value != before.get(key, ...)}
        changes |= dict.fromkeys(before.keys() - one.keys())
        last = one
        yield json.dumps(changes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def unpacked(lines: list[Json]) -> Iterator[Json]:
    """Yield the passes in full: what is null is no longer there."""
    last: Json = {}
    for line in lines:
        same = (last.get("group"), last.get("rollout")) == (line["group"], line["rollout"])
        last = {key: value for key, value in {**(last if same else {}), **line}.items() if value is not None}
        yield last
