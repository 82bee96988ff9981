"""The two daemons of the campaign, each with a token, a clock and a wire of its own."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.process import DaemonProcess
from tests.adapters.certificates import certificate, showing
from tests.e2e.conftest import SCALE
from tests.e2e.line import Line
from tests.forked import ForkedDaemon

NAMES = ("a", "b")
LEASE = 3.0
"""Real seconds."""
HAS_TLS = shutil.which("openssl") is not None
"""Whether certificates can be made; the daemons speak plain HTTP otherwise."""


@dataclass
class Replica:
    """One daemon, process after process."""

    name: str
    line: Line
    kubeconfig: Path
    identities: list[tuple[Path, Path]]
    """Certificates that its line may show, with their keys; the first is the one that it shows now."""
    room: Path
    epoch: datetime
    daemon: DaemonProcess = field(init=False)

    def __post_init__(self) -> None:
        self.set_clock(timedelta(0))

    def set_clock(self, ahead: timedelta) -> None:
        """Let the next process have a clock that is so far ahead of the lab's."""
        self.daemon = ForkedDaemon(
            self.kubeconfig, self.room / f"{self.name}.log", scale=SCALE, epoch=self.epoch - ahead / (SCALE - 1),
            warm_up="30s", identity=self.name, leader_election="true", lease_duration=f"{LEASE:g}s",
            request_timeout="3s",
        )  # fmt: skip

    async def start(self) -> None:
        """Start a process, unless one runs."""
        if not self.daemon.running:
            await self.daemon.start()

    async def end(self) -> None:
        """End the process, if one runs, as a power cut would."""
        if self.daemon.running:
            self.daemon.signal(signal.SIGCONT)
            self.daemon.kill()
            await self.daemon.wait()

    def show_another_certificate(self) -> Path:
        """Let the line show its other certificate from the next connection on, and return that."""
        self.identities.reverse()
        assert self.line.identity is not None
        self.line.identity.load_cert_chain(*self.identities[0])
        return self.identities[0][0]

    def believe(self, authority: Path) -> None:
        """Replace the authority that the daemon believes, as a mounted file is replaced: at once."""
        made = self.room / f"{self.name}-authority.new"
        shutil.copyfile(authority, made)
        made.replace(self.room / f"{self.name}-authority.pem")


@dataclass
class Pair:
    """Both."""

    lab: Lab
    replicas: dict[str, Replica] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Replica:
        return self.replicas[name]

    @property
    def leader(self) -> Replica:
        """Whoever holds the Lease; the first if nobody does."""
        leases = self.lab.api.store.list("leases", "ingress-canary")
        holder = leases[0]["spec"].get("holderIdentity") if leases else ""
        return self.replicas.get(holder or "", self.replicas[NAMES[0]])

    @property
    def follower(self) -> Replica:
        """The other one."""
        (other,) = [one for one in self.replicas.values() if one is not self.leader]
        return other


@asynccontextmanager
async def pair(lab: Lab, room: Path) -> AsyncIterator[Pair]:
    """Start two daemons on a lab; none outlives the context, however it ends."""
    both, epoch = Pair(lab), datetime.now(UTC)
    async with AsyncExitStack() as stack:
        for name in NAMES:
            identities = [certificate(room, f"{name}-{number}") for number in (1, 2)] if HAS_TLS else []
            identity = showing(*identities[0]) if identities else None
            line = await stack.enter_async_context(Line(lab.api.url, identity=identity))
            kubeconfig = lab.api.write_kubeconfig(room / name, token=name)
            document = json.loads(kubeconfig.read_text())
            cluster = document["clusters"][0]["cluster"]
            cluster["server"] = line.url
            if identities:
                cluster["certificate-authority"] = str(room / f"{name}-authority.pem")
            kubeconfig.write_text(json.dumps(document))
            replica = both.replicas[name] = Replica(name, line, kubeconfig, identities, room, epoch)
            if identities:
                replica.believe(identities[0][0])
            stack.push_async_callback(replica.end)
        await asyncio.gather(*(replica.start() for replica in both.replicas.values()))
        await asyncio.gather(*(replica.daemon.ready() for replica in both.replicas.values()))
        yield both
