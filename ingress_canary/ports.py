"""Ports: the narrow interfaces that the engine needs of the outside world, and the errors that they may raise.

Adapters implement them (``adapters/``), ``app.py`` wires them, tests drive them over real HTTP. The types that they
speak of are not imported: commands need the errors alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from ingress_canary.api.rollout_status import RolloutStatus
    from ingress_canary.domain.gates.request import GateCall
    from ingress_canary.domain.gates.schedule import GateAnswer
    from ingress_canary.domain.metrics.capabilities import Capabilities
    from ingress_canary.domain.metrics.samples import Reading, Target
    from ingress_canary.domain.objects.cluster_view import ClusterView
    from ingress_canary.domain.objects.ingress import ShadowObject
    from ingress_canary.domain.objects.metadata import Json, Key
    from ingress_canary.domain.objects.resource import Resource
    from ingress_canary.domain.objects.workload import Workload
    from ingress_canary.domain.slo.proof_levels import ProofLevels
    from ingress_canary.domain.status.notices import Notice
    from ingress_canary.domain.traffic.probe import ProbeAnswer, ProbeRequest
    from ingress_canary.domain.workload.release_ownership import OwnedPart


class ClusterError(Exception):
    """A request to the API server failed."""


class Conflict(ClusterError):
    """The object has changed since it was read (409): read it again and decide again."""


class Missing(ClusterError):
    """The object does not exist (404), or is another one of the same name (a uid precondition failed)."""


class Refused(ClusterError):
    """The API server, an admission webhook or a policy rejected it (400, 403, 422): a retry will not help."""


class Unavailable(ClusterError):
    """No usable answer: refused connection, time-out, 429, 5xx, or a body that is not the API's."""


class Deposed(ClusterError):
    """Another process leads, or may lead by now: nothing was sent, or the result is ignored."""


class Leadership(Protocol):
    """Leader election among several processes. Real time, whichever clock the engine runs on."""

    @property
    def problem(self) -> str | None:
        """Why this process cannot take part in the election; None when it can."""

    def left(self) -> float:
        """Return for how many seconds this process may write; it may not when that is 0 or less."""

    async def acquire(self) -> str:
        """Wait until this process leads; return the id of its term, empty when nobody else ever writes."""

    async def hold(self) -> None:
        """Keep the leadership; returns when it is lost."""

    def grace(self) -> float:
        """Return for how many seconds this process, which led last and does no more, may take a failing canary off.

        0 or less where it may not: it has not led, its time is over, or another process is known to have led since.
        """

    async def release(self) -> None:
        """End a term, if there is one, so that another process can begin at once."""


class Cluster(Protocol):
    """The Kubernetes API: caches to read from, conditional writes. Reads cost no request."""

    @property
    def view(self) -> ClusterView:
        """The cluster's objects as the caches hold them now."""

    def rollouts(self) -> Iterable[Key]:
        """Return every CanaryRollout in scope."""

    def owners(self) -> Iterable[Key]:
        """Return every CanaryRollout that a possible shadow names as its owner, deleted ones included."""

    def rollout(self, key: Key) -> Json | None:
        """Return a CanaryRollout as it is, unknown fields included; never modified by the caller."""

    def schedule(self, key: Key) -> Json | None:
        """Return a CanarySchedule as it is."""

    def subscribe(self, changed: Callable[[Key], None]) -> Callable[[], None]:
        """Call ``changed`` with the key of each rollout that a watch event may concern; the result unsubscribes."""

    async def patch_status(self, rollout: Json, patch: Json) -> Json:
        """Merge ``patch`` into the rollout's status if it is still at ``rollout``'s resourceVersion.

        Returns the stored object, which the cache holds from then on. Raises ClusterError.
        """

    async def clear_action(self, rollout: Json) -> Json:
        """Remove the action annotation if the rollout is still at its resourceVersion. Raises ClusterError."""

    async def read_shadows(self, key: Key) -> None:
        """Read the objects of this name, of all kinds of shadows, into the caches, which may be behind.

        One that is not there any more is left to the watches. Raises ClusterError.
        """

    async def read_workload(self, kind: str, key: Key) -> None:
        """Read a workload into the caches, which may be behind. Raises ClusterError.

        One that is not there any more is left to the watches.
        """

    async def create_shadow(self, resource: Resource, manifest: Json) -> ShadowObject:
        """Create the shadow, of this kind, in one call. Raises ClusterError; Conflict when the name is taken."""

    async def patch_shadow(self, shadow: ShadowObject, patch: Json) -> ShadowObject:
        """Merge ``patch`` into a shadow if it is still at its uid and resourceVersion. Raises ClusterError."""

    async def delete_shadow(self, shadow: ShadowObject, *, even_changed: bool = True) -> ShadowObject | None:
        """Delete a shadow if it still has its uid; an absent one is a success.

        One that has changed since it was read is deleted too; without ``even_changed`` that raises Conflict.
        Returns the object where a finalizer holds it: it is still there, and served. Raises ClusterError.
        """

    async def set_images(self, workload: Workload, images: Mapping[str, str]) -> None:
        """Give containers of a workload's pod template these images, by name, if it is still at its resourceVersion.

        The containers exist. Raises ClusterError.
        """

    async def stamp_workload(self, workload: Workload, leader: str) -> None:
        """Write a leader's term onto a workload, not its pods, if it is still at its uid and resourceVersion.

        Raises ClusterError.
        """

    async def set_replicas(self, workload: Workload, replicas: int) -> None:
        """Scale a workload if it is still at its resourceVersion. Raises ClusterError."""

    async def release_ownership(self, owned: OwnedPart) -> None:
        """Remove the daemon's updates of this part from a workload's managedFields, and change nothing else.

        Reads the workload anew. Raises ClusterError; Refused where an answer still has them.
        """


class MetricsSource(Protocol):
    """A source of evidence."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can answer: it serves the rollouts whose SLIs need nothing else."""

    async def read(self, targets: Sequence[Target]) -> Mapping[Target, Reading]:
        """Return a reading of every target from one round of requests; failures are readings with an error.

        A fault of one target's data is an error of that target alone. Whatever is raised all the same becomes an error
        of every target (``engine/ticker.py``).
        """


class Secrets(Protocol):
    """Secrets by name: each is asked for when it is needed, none is listed or watched."""

    async def read(self, key: Key) -> Mapping[str, str]:
        """Return the entries of a Secret as text, up to a minute old. Raises ClusterError."""


class Prober(Protocol):
    """A client that sends probes."""

    async def ask(self, request: ProbeRequest) -> ProbeAnswer:
        """Return the result of the probe; never raises, and returns within the request's time-out."""


class GateClient(Protocol):
    """A client that asks webhook gates."""

    async def ask(self, call: GateCall) -> GateAnswer:
        """Return the gate's answer; never raises, and returns within the call's time-out."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The clients that are called in the background, apart from the ticks."""

    prober: Prober
    gates: GateClient


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about a rollout, made by ``engine/report.py``."""

    about: Key
    uid: str
    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"
    dedup: tuple[str, ...] = field(default=())
    """Two events with the same key within the recorder's window are one."""


@dataclass(frozen=True, slots=True)
class PodAddress:
    """A ready pod with its address, found by ``adapters/kube/cache/pods.py``."""

    name: str
    """Namespace and name with a slash between."""
    host: str
    """Its IP address, of either family; IPv6 without brackets."""
    ports: Mapping[str, int]
    """Container ports by name."""


class Recorder(Protocol):
    """A sink of Kubernetes Events: never waits, never fails a decision."""

    def record(self, event: Event) -> None:
        """Queue an Event to be sent in the background."""


class Notifier(Protocol):
    """A sink of notifications: never waits, never fails a decision, sends each at most once and in order."""

    def notify(self, notice: Notice) -> None:
        """Queue a message to be sent in the background, about what is stored already."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """The sinks of what the engine reports: Events and notifications."""

    recorder: Recorder
    notifier: Notifier


class Clock(Protocol):
    """A clock. A compressed one scales schedules and evaluation; I/O time-outs stay in real time and do not use it."""

    def now(self) -> datetime:
        """Return the instant, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never jump, on the same scale as :meth:`now`."""

    async def sleep(self, seconds: float) -> None:
        """Wait for that many of this clock's seconds."""

    def at(self, wall: datetime) -> datetime:
        """Return the instant on this clock of a real-world timestamp, such as a process's start."""

    def wall(self, instant: datetime) -> datetime:
        """Return the real-world time of an instant of this clock."""


class Telemetry(Protocol):
    """The daemon's own metrics (docs/reference/metrics.md), one method for each occasion."""

    def rollout(self, key: Key, shown: Callable[[], RolloutStatus], levels: ProofLevels) -> None:
        """Show a rollout's present status, made by ``shown`` when it is read.

        ``levels`` are what its evidence is held against, where they are known.
        """

    def forget(self, key: Key) -> None:
        """Remove a rollout's series."""

    def transition(self, reason: str) -> None:
        """Count a transition."""

    def rollback(self, seconds: float) -> None:
        """Observe the time from the sample that proved a fail to the shadow's removal, in the clock's seconds."""

    def reconciled(self, seconds: float, *, failed: bool) -> None:
        """Observe one pass, and count a failed one; a pass that is repeated after a conflict is not a failure."""

    def leads(self, *, leading: bool) -> None:
        """Show whether this process leads."""

    def notified(self, result: Literal["sent", "failed", "dropped"], messages: int = 1) -> None:
        """Count notifications by outcome."""

    def source_read(self, at: datetime, seconds: float, answers: int, errors: int) -> None:
        """Observe one reading of the metrics source, and count the targets without an answer."""

    def gate_answered(self, when: str, outcome: str) -> None:
        """Count an attempt to ask a webhook gate; ``outcome`` is passed, rejected or unknown."""
