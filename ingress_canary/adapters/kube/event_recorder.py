"""Event recorder (``ports.Recorder``): sends Kubernetes Events in the background; never delays or fails a decision.

Core ``v1`` Events, because ``count`` and ``lastTimestamp`` are what kubectl shows of repeated ones. Their times are
real ones whichever clock the engine runs on: the API server forgets Events by real time.
"""

import asyncio
import uuid
from collections import Counter, OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.kube.client.client import MERGE_PATCH, KubeClient
from ingress_canary.adapters.kube.client.resources import EVENTS
from ingress_canary.api import API_VERSION, FIELD_MANAGER, ROLLOUT_KIND
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.ports import ClusterError, Event, Missing, Unavailable

_QUEUED = 1000
"""Events that wait to be sent; beyond this the oldest is dropped."""
_SAME_FOR = 600.0
"""Seconds in which an event that repeats is counted on the one before."""
_PER_MINUTE = 30
"""Requests about one object in a minute; what repeats beyond this is still counted, with the next one sent."""
_LONGEST = 1024
"""Bytes of a message that the API server accepts."""
_LONGEST_PAUSE = 30.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sent:
    """An Event as it is stored in the cluster."""

    name: str
    count: int
    at: float


class KubeRecorder:
    """Sends Events one after the other; a repeated Event raises the count of the first."""

    def __init__(self, client: KubeClient, instance: str) -> None:
        """``instance`` is the name of this process among its replicas, usually the pod's."""
        self._session = client
        self._instance = instance[:128]
        self._clock = SystemClock()
        self._queue: deque[tuple[Event, datetime]] = deque()
        self._sent: OrderedDict[tuple[object, ...], _Sent] = OrderedDict()
        self._minute = 0
        self._spent: Counter[Key] = Counter()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Events that were never sent: too many at once, or refused."""

    def record(self, event: Event) -> None:
        """Queue an Event to be sent in the background."""
        if len(self._queue) >= _QUEUED:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append((event, self._clock.now()))
        self._work.set()
        self._idle.clear()

    def start(self) -> None:
        """Start sending; returns at once."""
        self._task = asyncio.create_task(self._run())

    async def stop(self, grace: float = 2.0) -> None:
        """Send what is queued, for ``grace`` seconds at most, then end."""
        if not self._task:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        pause = 1.0
        while True:
            await self._work.wait()
            event, at = self._queue.popleft()
            try:
                await self._send(event, at)
                pause = 1.0
            except Unavailable:
                self._put_back(event, at)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except ClusterError as error:
                self.dropped += 1
                log.debug("event_refused", reason=event.reason, about=str(event.about), error=str(error))
            if not self._queue:
                self._work.clear()
                self._idle.set()

    def _put_back(self, event: Event, at: datetime) -> None:
        # At the end: an event that the API server chokes on must not hold up the others.
        if len(self._queue) < _QUEUED and (self._clock.now() - at).total_seconds() < _SAME_FOR:
            self._queue.append((event, at))
        else:
            self.dropped += 1

    async def _send(self, event: Event, at: datetime) -> None:
        now = self._clock.monotonic()
        same = (event.about, event.uid, event.type, event.reason, *(event.dedup or (event.message,)))
        sent = self._last(same, now)
        count = sent.count + 1 if sent else 1
        if not self._may_send(event.about, now):
            if sent:
                sent.count = count
            else:
                self.dropped += 1
            return
        name = await self._patch(event, sent.name, count, at) if sent else None
        if name is None:
            name, count = await self._create(event, at), 1
        self._sent[same] = _Sent(name, count, now)
        self._sent.move_to_end(same)

    def _last(self, same: tuple[object, ...], now: float) -> _Sent | None:
        while self._sent and now - next(iter(self._sent.values())).at > _SAME_FOR:
            self._sent.popitem(last=False)
        return self._sent.get(same)

    def _may_send(self, about: Key, now: float) -> bool:
        if (minute := int(now // 60)) != self._minute:
            self._minute = minute
            self._spent.clear()
        self._spent[about] += 1
        return self._spent[about] <= _PER_MINUTE

    async def _create(self, event: Event, at: datetime) -> str:
        name = f"{event.about.name[:200].rstrip('-.')}.{uuid.uuid4().hex}"
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": event.about.namespace, "name": name},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": ROLLOUT_KIND,
                "namespace": event.about.namespace,
                "name": event.about.name,
                "uid": event.uid,
            },
            "type": event.type,
            "reason": event.reason,
            "firstTimestamp": _stamp(at),
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": self._instance,
            **_repeated(event, 1, at),
        }
        await self._session.request("POST", EVENTS.path(event.about.namespace), body=body)
        return name

    async def _patch(self, event: Event, name: str, count: int, at: datetime) -> str | None:
        """Raise the count of an Event; None when it has expired in the API server."""
        path = EVENTS.path(event.about.namespace, name)
        try:
            await self._session.request("PATCH", path, body=_repeated(event, count, at), content_type=MERGE_PATCH)
        except Missing:
            return None
        return name


def _repeated(event: Event, count: int, at: datetime) -> Json:
    message = event.message.encode(errors="replace")[:_LONGEST].decode(errors="ignore")
    return {"count": count, "lastTimestamp": _stamp(at), "message": message}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
