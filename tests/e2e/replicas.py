"""Two daemons that lead in turn, what befalls the one that leads, and what the API server has accepted of whom."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from ingress_canary.api import LEADER_ANNOTATION
from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi import AuditRecord
from ingress_canary.lab.process import DaemonProcess
from tests.e2e.conftest import SCALE, until
from tests.e2e.line import Line
from tests.e2e.witness import WEIGHT
from tests.forked import ForkedDaemon

LEASE = 2.0
"""Real seconds."""
WITHIN = 90.0
NAMES = ("a", "b")

Moment = Callable[[AuditRecord], bool]


class Blow(StrEnum):
    """What befalls a leader."""

    KILLED = "killed"
    FROZEN = "frozen"
    CUT = "every connection broken"
    DEAD = "the line dead, what is sent comes later"


@dataclass(frozen=True)
class Written:
    """A write of a rollout's status or of its shadow that the API server has accepted."""

    user: str
    what: str
    """status or shadow."""
    verb: str
    term: str | None
    """Where the write is a stamp."""
    weight: float | None = None
    """Where a shadow's write carries one; -1 of a deletion."""

    @classmethod
    def of(cls, record: AuditRecord) -> "Written | None":
        """Return what a write that was accepted does; None for anything else than status and shadow."""
        metadata = (record.body or {}).get("metadata") or {}
        annotations = metadata.get("annotations") or {}
        match record.resource, record.subresource:
            case "canaryrollouts", "status":
                return cls(record.user, "status", record.verb, record.body["status"].get("leader"))
            case "ingresses", "":
                weight = -1.0 if record.verb == "delete" else annotations.get(WEIGHT)
                term = annotations.get(LEADER_ANNOTATION)
                return cls(record.user, "shadow", record.verb, term, None if weight is None else float(weight))
            case _:
                return None


@dataclass
class Replicas:
    """Both, on one lab: each with a token and a line of its own."""

    lab: Lab
    daemons: dict[str, DaemonProcess] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)
    """What was accepted, in the order of acceptance."""
    blows: list[tuple[Blow, str]] = field(default_factory=list)
    _next: tuple[Blow, Moment] | None = None

    @property
    def leader(self) -> str:
        """Whose the lease is now."""
        leases = self.lab.api.store.list("leases", "ingress-canary")
        return str(leases[0]["spec"]["holderIdentity"]) if leases else ""

    async def led(self) -> str:
        """Wait until somebody leads, and return who."""
        await until(lambda: self.leader, WITHIN)
        return self.leader

    async def taken_over(self, before: str) -> str:
        """Wait until another one has stamped the rollout, and its shadow if there is one; return who."""
        (other,) = set(NAMES) - {before}

        def stamped() -> bool:
            shadow = self.lab.shadow()
            mark = shadow["metadata"].get("annotations", {}).get(LEADER_ANNOTATION, "") if shadow else other
            return str(self.lab.status().get("leader", "")).startswith(other) and mark.startswith(other)

        await until(lambda: self.leader == other and stamped(), WITHIN)
        return other

    async def strike(self, blow: Blow, moment: Moment | None = None) -> str:
        """Let a blow befall the leader, at once or right after a write of its own; return who it was."""
        struck = len(self.blows) + 1
        if moment is None:
            self._fall(blow, await self.led())
        else:
            self._next = (blow, moment)
            await until(lambda: len(self.blows) == struck, WITHIN)
        return self.blows[-1][1]

    async def recover(self, name: str) -> None:
        """Undo the last blow."""
        blow, _ = self.blows[-1]
        match blow:
            case Blow.KILLED:
                await self.daemons[name].wait()
                await self.daemons[name].start()
                await self.daemons[name].ready()
            case Blow.FROZEN:
                self.daemons[name].signal(signal.SIGCONT)
            case Blow.CUT | Blow.DEAD:
                self.lines[name].mend()

    def committed(self, record: AuditRecord) -> None:
        """Keep the books, and strike when it is time."""
        written = Written.of(record)
        if record.user not in NAMES or written is None:
            return
        self.written.append(written)
        if self._next is not None and record.user == self.leader and self._next[1](record):
            blow, _ = self._next
            self._next = None
            self._fall(blow, record.user)

    def _fall(self, blow: Blow, name: str) -> None:
        self.blows.append((blow, name))
        match blow:
            case Blow.KILLED:
                self.daemons[name].kill()
            case Blow.FROZEN:
                self.daemons[name].signal(signal.SIGSTOP)
            case Blow.CUT:
                self.lines[name].cut()
            case Blow.DEAD:
                self.lines[name].deaden()


@asynccontextmanager
async def replicas(lab: Lab, room: Path, lease: float) -> AsyncIterator[Replicas]:
    """Start two daemons on a lab, with a lease of so many real seconds; none outlives the context, however it ends."""
    both, epoch = Replicas(lab), datetime.now(UTC)
    lab.api.on_commit.append(both.committed)
    async with AsyncExitStack() as stack:
        for name in NAMES:
            line = both.lines[name] = await stack.enter_async_context(Line(lab.api.url))
            kubeconfig = lab.api.write_kubeconfig(room / name, token=name)
            kubeconfig.write_text(kubeconfig.read_text().replace(lab.api.url, line.url))
            daemon = both.daemons[name] = ForkedDaemon(
                kubeconfig, room / f"{name}.log", scale=SCALE, epoch=epoch, warm_up="30s", identity=name,
                leader_election="true", lease_duration=f"{lease:g}s", request_timeout="5s",
            )  # fmt: skip
            stack.push_async_callback(_ended, daemon)
            await daemon.start()
            await daemon.ready()
        yield both


async def _ended(daemon: DaemonProcess) -> None:
    if daemon.running:
        daemon.signal(signal.SIGCONT)
        daemon.kill()
        await daemon.wait()


def assert_one_writer(written: list[Written]) -> None:
    """Fail when a rollout's status or shadow was written by another than the one that stamped it last."""
    office = {"status": "", "shadow": ""}
    for number, one in enumerate(written):
        if one.term is not None:
            assert one.term.startswith(f"{one.user} since "), f"write {number} is a stamp of another's term: {one}"
            office[one.what] = one.user
        # a shadow that the new leader has not stamped yet is still the old one's; the status comes first
        allowed = {office["status"], office["shadow"]} if one.what == "shadow" else {office["status"]}
        assert one.user in allowed or allowed == {""}, f"write {number} after another's stamp: {one}"
        if one.what == "shadow" and one.verb in ("create", "delete"):
            office["shadow"] = one.user


def weights(written: list[Written]) -> list[float]:
    """Return what shadows were given, in order; -1 where one was removed."""
    return [one.weight for one in written if one.what == "shadow" and one.weight is not None]
