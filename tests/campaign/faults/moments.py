"""Kills in write windows: a daemon dies right before or right after one of its writes reaches the API server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
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


@contextmanager
def _armed(
    world: World, before: Predicate | None, after: Predicate | None, strike: Callable[[str], bool]
) -> Iterator[None]:
    """Strike at the first write of a kind, in its window."""

    def arrives(info: RequestInfo) -> bool:
        """Whether a request is lost because its sender has died: it never reaches the store."""
        return before is not None and before(info) and strike(info.user)

    def stored(record: AuditRecord) -> None:
        if after is not None and after(record):  # type: ignore[arg-type] # it has the fields that are asked for
            strike(record.user)

    fault = world.lab.api.faults.add(arrives, Drop())
    world.lab.api.on_commit.append(stored)
    try:
        yield
    finally:
        world.lab.api.faults.remove(fault)
        world.lab.api.on_commit.remove(stored)


MOMENTS: tuple[Kind, ...] = (
    *(Kind(f"killed before {what}", Target.DAEMONS, killed(before=window)) for what, window in WINDOWS.items()),
    *(Kind(f"killed after {what}", Target.DAEMONS, killed(after=window)) for what, window in WINDOWS.items()),
)
