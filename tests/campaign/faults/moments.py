"""Kills in write windows: a daemon dies right before or right after one of its writes reaches the API server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from ingress_canary.lab.kubeapi import AuditRecord, Drop, RequestInfo
from tests.campaign.faults.kind import Injection, Kind, Predicate, Target, World, of_daemons
from tests.campaign.pair import Replica

WAITED = 3.0
"""Real seconds that a moment is waited for; the leader dies anyway when it has not come by then."""
WINDOWS: dict[str, Predicate] = {
    "a status write": of_daemons(resource="canaryrollouts", subresource="status", verb="patch"),
    "the end of an action": of_daemons(resource="canaryrollouts", subresource="", verb="patch"),
    "the shadow's creation": of_daemons(resource="ingresses", verb="create"),
    "the shadow's change": of_daemons(resource="ingresses", verb="patch"),
    "the shadow's deletion": of_daemons(resource="ingresses", verb="delete"),
    "the Lease's renewal": of_daemons(resource="leases", verb=("create", "patch", "update")),
    "a copy of images": of_daemons(resource="deployments", verb="patch"),
}


def killed(before: Predicate | None = None, after: Predicate | None = None) -> Injection:
    """Return the fault that a daemon dies before or after a write of its own is stored, and comes back."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        struck: asyncio.Future[Replica] = asyncio.get_running_loop().create_future()

        def strike(user: str) -> bool:
            if struck.done():
                return False
            world.pair[user].daemon.kill()
            struck.set_result(world.pair[user])
            return True

        with _armed(world, before, after, strike):
            await asyncio.wait([struck], timeout=WAITED)
        victim = struck.result() if struck.done() else world.pair.leader
        await victim.end()
        try:
            yield
        finally:
            await victim.start()

    return inject


class _armed:  # noqa: N801 - used like a function
    """Strike at the first write of a kind, in its window."""

    def __init__(
        self, world: World, before: Predicate | None, after: Predicate | None, strike: Callable[[str], bool]
    ) -> None:
        self._api, self._before, self._after, self._strike = world.lab.api, before, after, strike

    def __enter__(self) -> None:
        self._fault = self._api.faults.add(self._arrives, Drop())
        self._api.on_commit.append(self._stored)

    def __exit__(self, *_: object) -> None:
        self._api.faults.remove(self._fault)
        self._api.on_commit.remove(self._stored)

    def _arrives(self, info: RequestInfo) -> bool:
        """Whether a request is lost because its sender died: it never reaches the store."""
        return self._before is not None and self._before(info) and self._strike(info.user)

    def _stored(self, record: AuditRecord) -> None:
        if self._after is not None and self._after(record):  # type: ignore[arg-type] # it has the fields asked for
            self._strike(record.user)


MOMENTS: tuple[Kind, ...] = (
    *(Kind(f"killed before {what}", Target.DAEMONS, killed(before=window)) for what, window in WINDOWS.items()),
    *(Kind(f"killed after {what}", Target.DAEMONS, killed(after=window)) for what, window in WINDOWS.items()),
)
