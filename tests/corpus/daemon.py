"""The only file of the corpus that imports the package: the daemon, its settings, and the lab's API.

Whoever moves or renames one of these mends this file and no other.
"""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.app import Daemon
from ingress_canary.domain.reasons.verbs import Verb
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.lab.kubeapi import ApiError, KubeApi
from ingress_canary.lab.kubeapi.faults import Refuse, requests
from ingress_canary.logs import configure
from ingress_canary.settings import load
from tests.corpus.loop import JumpingLoop

Json = dict[str, Any]

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""The instant at which the loop's time is 0."""
WORDS: dict[str, tuple[str, ...]] = {
    "phase": tuple(map(str, Phase)), "reason": tuple(map(str, Reason)), "verb": tuple(map(str, Verb)),
}  # fmt: skip
"""What a corpus can reach."""


class LoopClock:
    """Time as the event loop has it."""

    def __init__(self, loop: JumpingLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        future = self._loop.create_future()
        timer = self._loop.call_later(seconds, future.set_result, None)
        try:
            await future
        finally:
            timer.cancel()

    def at(self, wall: datetime) -> datetime:
        return wall

    def wall(self, instant: datetime) -> datetime:
        return instant


class Cluster:
    """The lab's API, by the plurals, names and JSON of Kubernetes."""

    def __init__(self) -> None:
        self._api = KubeApi([crd(kind) for kind in KINDS])

    async def __aenter__(self) -> Self:
        await self._api.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.stop()

    def kubeconfig(self, folder: Path) -> Path:
        """Write how it is reached to a file, and return the file."""
        return self._api.write_kubeconfig(folder / "kubeconfig")

    def get(self, plural: str, name: str, namespace: str) -> Json | None:
        """Return an object; None when there is none."""
        try:
            return self._api.store.get(plural, namespace, name)
        except ApiError:
            return None

    def create(self, plural: str, body: Json) -> None:
        """Store an object; one of its name stays."""
        try:
            self._api.store.create(plural, body["metadata"].get("namespace", ""), body)
        except ApiError as error:
            if error.code != 409:
                raise

    def age(self) -> None:
        """Let what is stored be older than what comes: the API stamps real time, in whole seconds.

        Within one second an Ingress of a later name precedes, so that a shadow without its mark would own the paths.
        """
        time.sleep(1)

    def patch(self, plural: str, name: str, patch: Json, namespace: str, part: str = "") -> None:
        """Merge into an object; one that is not there stays away."""
        if self.get(plural, name, namespace) is not None:
            self._api.store.patch(plural, namespace, name, patch, subresource=part)

    def delete(self, plural: str, name: str, namespace: str) -> None:
        """Remove an object, if it is there."""
        if self.get(plural, name, namespace) is not None:
            self._api.store.delete(plural, namespace, name)

    def refuse(self, code: int, message: str, which: Json) -> None:
        """Refuse requests by verb, resource and name; a list holds several of them."""
        wanted = {key: tuple(value) if isinstance(value, list) else value for key, value in which.items()}
        self._api.faults.add(requests(**wanted), Refuse(code, message))

    def heal(self) -> None:
        """Refuse nothing any more."""
        self._api.faults.clear()

    def written(self) -> Sequence[Json]:
        """Return the writes since the last call, in order."""
        writes = [
            {"verb": one.verb, "resource": one.resource, "part": one.subresource, "name": one.name, "code": one.code,
             "body": one.body}
            for one in self._api.audit
            if one.verb in ("create", "update", "patch", "delete")
        ]  # fmt: skip
        self._api.audit.clear()
        return writes


async def start(loop: JumpingLoop, kubeconfig: Path, **settings: Any) -> Daemon:
    """Start the daemon as its settings say, on the loop's time."""
    random.seed(1)
    configure("critical")
    daemon = Daemon(
        load({"kubeconfig": str(kubeconfig), "listen": "127.0.0.1:0", "leader_election": False, **settings}, None)
    )
    daemon.clock = LoopClock(loop)
    await daemon.start()
    return daemon
