"""An engine over one rollout of a shop that is a few values: its passes are the daemon's own, and nothing waits.

What a pass costs is the CPU of the thread of the event loop: what runs in another thread holds up nobody.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ingress_canary.adapters.kube.client.errors import parse
from ingress_canary.domain.gates.request import GateCall
from ingress_canary.domain.metrics.capabilities import EVERYTHING, Capabilities
from ingress_canary.domain.metrics.samples import Instance, Reading, Series, Target
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.domain.objects.resource import Resource
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.status.notices import Notice
from ingress_canary.domain.traffic.probe import ProbeRequest
from ingress_canary.domain.traffic.router.choice import Routers
from ingress_canary.domain.traffic.router.nginx.router import NginxRouter
from ingress_canary.domain.workload.release_ownership import OwnedPart
from ingress_canary.engine.loop import Engine
from ingress_canary.engine.options import Options
from ingress_canary.lab import manifests
from ingress_canary.lab.kubeapi.storage.patches import merge
from ingress_canary.ports import Asked, Event, Outlets
from tests.domain.cluster_view import ClusterView
from tests.domain.shop import ingress_class, pods, service
from tests.worst.values import Worst, copied

KEY = Key(manifests.NAMESPACE, "checkout")
BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
TICK = timedelta(seconds=10)


class StandingClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at_now = BEGIN

    def now(self) -> datetime:
        return self.at_now

    def monotonic(self) -> float:
        return (self.at_now - BEGIN).total_seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()

    def at(self, wall: datetime) -> datetime:
        return wall

    def wall(self, instant: datetime) -> datetime:
        return instant


class Silent:
    """Whoever is told, or asked, beside the API: nobody answers."""

    capabilities: Capabilities = EVERYTHING

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None

    def record(self, event: Event) -> None:
        pass

    def notify(self, notice: Notice) -> None:
        pass

    async def read(self, targets: Any) -> Mapping[Target, Reading]:
        raise NotImplementedError


class Unanswered:
    """A client of probes and gates whose calls nobody answers."""

    async def ask(self, call: GateCall | ProbeRequest) -> Any:
        await asyncio.Event().wait()


class SmallCluster:
    """Implements ports.Cluster over a handful of manifests, and writes at once."""

    def __init__(self, names: Json, body: Json) -> None:
        self.body = body
        sides = [names["stableService"], names["canaryService"]]
        primary = manifests.ingress(names["ingresses"][0], backend=sides[0])
        self._manifests: list[Json] = [
            {**primary, "metadata": {**primary["metadata"], "uid": "primary"}}, ingress_class(),
            *(of for net, side in enumerate(sides) for of in (service(side), pods(side, f"10.{net}.0.1"))),
            *(_deployed(ref) for ref in (body["spec"].get("workload") or {}).values() if "name" in ref),
        ]  # fmt: skip
        self.shadow: Json | None = None
        self._changed()

    def _changed(self) -> None:
        self.view = ClusterView([*self._manifests, *([self.shadow] if self.shadow else [])])

    def rollouts(self) -> Iterable[Key]:
        return [KEY]

    def owners(self) -> Iterable[Key]:
        return []

    def rollout(self, key: Key) -> Json | None:
        return self.body if key == KEY else None

    def schedule(self, key: Key) -> Json | None:
        return None

    def subscribe(self, changed: Callable[[Key], None]) -> Callable[[], None]:
        return lambda: None

    async def patch_status(self, rollout: Json, patch: Json) -> Json:
        self.body = {**rollout, "status": merge(rollout.get("status") or {}, patch)}
        return self.body

    async def clear_action(self, rollout: Json) -> Json:
        return rollout

    async def create_shadow(self, resource: Resource, manifest: Json) -> ShadowObject:
        self.shadow = {**manifest, "kind": "Ingress", "metadata": {**manifest["metadata"], "uid": "shadow"}}
        self._changed()
        return Ingress.of(self.shadow)

    async def patch_shadow(self, shadow: ShadowObject, patch: Json) -> ShadowObject:
        self.shadow = merge(self.shadow, patch)
        self._changed()
        return Ingress.of(self.shadow)

    async def delete_shadow(self, shadow: ShadowObject) -> ShadowObject | None:
        self.shadow = None
        self._changed()
        return None

    async def set_images(self, workload: Workload, images: Mapping[str, str]) -> None:
        pass

    async def stamp_workload(self, workload: Workload, leader: str) -> None:
        pass

    async def set_replicas(self, workload: Workload, replicas: int) -> None:
        pass

    async def release_ownership(self, owned: OwnedPart) -> None:
        pass


def _deployed(ref: Json) -> Json:
    body = manifests.deployment(ref["name"], f"app:{ref['name'][-1]}")
    ready = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}
    return {
        **body,
        "kind": ref.get("kind", "Deployment"),
        "metadata": {**body["metadata"], "generation": 1},
        "status": ready,
    }


class SmallEngine:
    """The engine, and what its passes cost."""

    def __init__(self, one: Worst, names: Json) -> None:
        names = {**names, **{member: one.spec[member] for member in names if member in one.spec}}
        body = copied({**manifests.rollout(KEY.name, {}), "spec": one.whole_spec(names)})
        body["metadata"] |= {"uid": "rollout", "generation": 1, "creationTimestamp": "2026-03-02T09:00:00Z"}
        if one.status:
            # as the daemon reads an answer of the API
            body["status"] = parse(json.dumps(one.status).encode(), "the status")
        self.clock, self.cluster = StandingClock(), SmallCluster(names, body)
        self._names = names
        self._requests = 0
        self.new_term()

    def new_term(self) -> None:
        """Lead anew, as a process does that has lost its lease: what a term remembers is gone."""
        silent: Any = Silent()
        asked = Asked(Unanswered(), Unanswered())
        self.engine = Engine(
            self.cluster, (silent,), asked, Routers(usual=NginxRouter()), self.clock, Outlets(silent, silent), silent,
            Options(sources=(EVERYTHING,), warm_up=0),
        )  # fmt: skip

    async def pass_(self) -> float:
        """Make one pass, and return the CPU of the event loop's thread that it took, in seconds."""
        before = time.thread_time()
        await self.engine.reconcile(KEY)
        return time.thread_time() - before

    async def tick(self) -> float:
        """Let a tick go by with its reading, and return what its pass cost."""
        self.clock.at_now += TICK
        state = self.engine.states.get(KEY)
        if state is not None:
            state.reading = self._reading()
        return await self.pass_()

    def _reading(self) -> Reading:
        self._requests += 500
        labels = {"namespace": KEY.namespace, "ingress": self._names["ingresses"][0], "status": "200"}
        labels["service"] = self._names["stableService"]
        upstream = f"{KEY.namespace}-{self._names['canaryService']}-80"
        series = tuple(
            Series(
                "nginx_ingress_controller_requests", "pod", {**labels, "canary": side}, self._requests, self.clock.now()
            )
            for side in ("", upstream)
        )
        return Reading(self.clock.now(), (Instance("pod", BEGIN - timedelta(days=1)),), series)
