"""Leader election by a Lease: one of several replicas writes, and knows by its own clock until when it may.

``app.py`` makes it, ``engine/leadership/leader_loop.py`` asks it. Written here because
``kubernetes.aio.leaderelection`` cannot create a Lease, goes on as leader while the API server hangs or refuses, and
never releases.

A leader counts from before it asked for a renewal, a follower from when it saw one: so the leader's time is over
first, whatever either machine's calendar says. All times are real ones, also where the daemon's clock runs faster.
"""

import asyncio
import math
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.kube.cache.store import version_of
from ingress_canary.adapters.kube.client import errors
from ingress_canary.adapters.kube.client.client import MERGE_PATCH, KubeClient
from ingress_canary.adapters.kube.client.errors import Denied, Garbled
from ingress_canary.adapters.kube.client.resources import LEASES
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.ports import ClusterError, Conflict, Missing

RENEWALS = 4
"""How often a lease is renewed within its duration, and the part of it that one request may take."""
MARGIN = 0.2
"""Part of the duration at whose end nothing is written any more: the server has it to be done with what was sent."""
GRACE = 60.0
"""Real seconds after the end of a lease in which its last holder may still take a failing canary off (ADR 30)."""
WATCH_SECONDS = 300

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as it was last read."""

    version: str
    """The resourceVersion; empty while there is no such object."""
    uid: str
    holder: str
    since: str
    """When the holder took it."""
    seconds: float
    transitions: int

    @classmethod
    def of(cls, body: Json) -> "Record":
        """Return the record of a Lease object. Raises Garbled."""
        spec, meta, version = body.get("spec") or {}, body["metadata"], version_of(body)
        try:
            return cls(
                version, str(meta["uid"]), spec.get("holderIdentity") or "", spec.get("acquireTime") or "",
                float(spec.get("leaseDurationSeconds") or 0), int(spec.get("leaseTransitions") or 0),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise Garbled(f"the lease cannot be read: {type(error).__name__}: {error}") from error


class Lease:
    """One process's part in the election; implements ports.Leadership."""

    def __init__(self, client: KubeClient, namespace: str, name: str, identity: str, duration: float) -> None:
        """``identity`` is unique to this process; ``duration`` is in seconds."""
        self._session = client
        self._namespace, self._name, self._identity = namespace, name, identity
        self._duration = duration
        self._every = duration / RENEWALS
        self._term = duration * (1 - MARGIN)
        self._clock = SystemClock()
        self._record: Record | None = None
        self._seen = -math.inf
        """When the record was last seen to change, or, when it is our own, from when on it holds."""
        self._spec: Json = {}
        """What we wrote when we took the lease."""
        self._until = -math.inf
        self._term_began = ""
        """When we last took the lease, as it says."""
        self._grace_until = -math.inf
        self.problem: str | None = None
        """What keeps this process from taking part, with the remedy where there is one."""

    def left(self) -> float:
        """Return for how many real seconds this process may still write; it may not when that is 0 or less."""
        return self._until - self._clock.monotonic()

    def grace(self) -> float:
        """Return for how many real seconds the last leader may take a failing canary off; it may not when 0 or less."""
        record = self._record
        if record is None or (record.holder, record.since) != (self._identity, self._term_began):
            return 0.0
        return self._grace_until - self._clock.monotonic()

    async def acquire(self) -> str:
        """Wait until this process leads, and return the unique id of its term."""
        while True:
            try:
                await self._look()
                taken = self._vacant_in() <= 0 and await self._take()
                self.problem = None
                if taken:
                    self._term_began = self._spec["acquireTime"]
                    return f"{self._identity} since {self._term_began}"
                await self._until_vacant()
            except (ClusterError, TimeoutError) as error:
                self._tell(error)
                # several replicas that fail together must not come back together
                await self._clock.sleep(random.uniform(0.5, 1) * self._every)  # noqa: S311 - spreads load

    async def hold(self) -> None:
        """Renew the lease until it is lost. Nothing may be written once this returns."""
        pause = self._due()
        while self.left() > 0:
            await self._clock.sleep(min(pause, self.left()))
            # frozen for too long, another may have it by now
            if self.left() <= 0:
                break
            try:
                async with asyncio.timeout(self.left()):
                    await self._renew()
                self.problem, pause = None, self._due()
            except (ClusterError, TimeoutError) as error:
                self._tell(error)
                pause = self._every / RENEWALS
        # seen so soon after the end that no other can have taken it: what the caches have is from before that
        in_time = self.left() > -self._duration * MARGIN
        self._grace_until = self._until + GRACE if in_time else -math.inf
        self._until = -math.inf

    async def release(self) -> None:
        """Release the lease, so that another process need not wait for its expiry; on failure it expires."""
        held, self._until = self.left() > 0, -math.inf
        if held:
            with suppress(ClusterError, TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._update(holderIdentity="", leaseDurationSeconds=1)

    async def _take(self) -> bool:
        """Try to take a vacant lease; another process may be faster. Raises ClusterError."""
        before, sent, now = self._record, self._clock.monotonic(), self._stamp()
        self._spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": before.transitions + 1 if before else 0,
        }
        try:
            await self._write(self._spec)
        except Conflict:
            return False
        self._holds_from(sent)
        return True

    async def _renew(self) -> None:
        """Renew the lease; afterwards it is held or known to be another's. Unknown when it raises ClusterError."""
        sent = self._clock.monotonic()
        if await self._update(renewTime=self._stamp()):
            self._holds_from(sent)
        else:
            self._until = -math.inf

    def _holds_from(self, sent: float) -> None:
        self._until = sent + self._term

    def _due(self) -> float:
        """Return the seconds until the next renewal: counted from when the last was sent, however late its answer."""
        return self._every - (self._term - self.left())

    async def _update(self, **changes: Any) -> bool:
        """Write to the held lease; False when another process holds it by now. Raises ClusterError."""
        try:
            await self._write(changes)
        except (Conflict, Missing):
            await self._look()
            record = self._record
            if record is None or (record.holder, record.since) != (self._identity, self._term_began):
                return False
            # somebody has annotated or deleted it, or the answer to a write of ours was lost
            await self._write(changes)
        return True

    async def _write(self, changes: Json) -> None:
        """Write to the lease if it is at the version last read, or create it. Raises ClusterError."""
        record = self._record
        if record is not None and record.version:
            body: Json = {"metadata": {"uid": record.uid, "resourceVersion": record.version}, "spec": changes}
            path = LEASES.path(self._namespace, self._name)
            stored = await self._ask("PATCH", path, body=body, content_type=MERGE_PATCH)
        else:
            body = {
                "apiVersion": f"{LEASES.group}/{LEASES.version}",
                "kind": LEASES.kind,
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": {**self._spec, **changes},
            }
            stored = await self._ask("POST", LEASES.path(self._namespace), body=body)
        self._note(Record.of(stored))

    async def _look(self) -> None:
        try:
            self._note(Record.of(await self._ask("GET", LEASES.path(self._namespace, self._name))))
        except Missing:
            self._gone()

    async def _ask(self, method: str, path: str, **options: Any) -> Json:
        """Return the answer to one request, each with a bound of its own. Raises ClusterError, TimeoutError.

        Slow answers cost no safety: a write counts from before it was sent, and what comes after that is over is void.
        """
        async with asyncio.timeout(self._every):
            return await self._session.request(method, path, **options)

    async def _until_vacant(self) -> None:
        """Watch the lease until it was released, has expired, or the watch has ended."""
        record = self._record
        if record is None or not record.version:
            # while a deleted lease would still last, its holder goes on
            await self._clock.sleep(max(self._vacant_in(), self._every / RENEWALS))
            return
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={self._name}",
            "resourceVersion": record.version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        at_most, loop = 2.0 * WATCH_SECONDS, asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(self._vacant_in()) as limit,
                self._session.lines(LEASES.path(self._namespace), query, idle=at_most, total=at_most) as lines,
            ):
                async for line in lines:
                    self._take_note(errors.parse(line, "watch leases"))
                    if self._vacant_in() <= 0:
                        return
                    limit.reschedule(loop.time() + self._vacant_in())
            await self._clock.sleep(self._every / RENEWALS)

    def _take_note(self, event: Json) -> None:
        """Apply one event of the watch. Raises ClusterError."""
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                self._note(Record.of(event.get("object") or {}))
            case "DELETED":
                self._gone()
            case _:
                raise errors.from_event(event.get("object"), "watch leases")

    def _note(self, record: Record) -> None:
        if self._record is None or (record.uid, record.version) != (self._record.uid, self._record.version):
            self._record, self._seen = record, self._clock.monotonic()

    def _gone(self) -> None:
        if self._record is not None:
            self._record = replace(self._record, version="")

    def _vacant_in(self) -> float:
        """Return the seconds until the lease expires by this process's clock; 0 when nobody holds it."""
        record = self._record
        if record is None or not record.holder:
            return 0.0
        return self._seen + record.seconds - self._clock.monotonic()

    def _stamp(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _tell(self, error: Exception) -> None:
        remedy = ""
        if isinstance(error, Denied):
            remedy = f"; grant create, get, watch and patch on leases in {self._namespace}"
        elif isinstance(error, Missing):
            remedy = f"; create the namespace {self._namespace}, or set --namespace to the daemon's own"
        problem = f"{str(error) or 'no answer in time'}{remedy}"
        if self.problem is None:
            log.warning("the lease cannot be had, or renewed", error=problem)
        self.problem = problem
