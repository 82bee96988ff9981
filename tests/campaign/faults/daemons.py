"""Faults of the daemons: killed, frozen, cut off, on a clock that jumps, with an authority that was replaced."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random

from tests.campaign.faults.kind import Injection, Kind, Target, World
from tests.campaign.pair import HAS_TLS, LEASE, Pair, Replica
from tests.e2e.line import Line

Choice = Callable[[Pair], list[Replica]]


def leader(pair: Pair) -> list[Replica]:
    """Choose the one that leads."""
    return [pair.leader]


def follower(pair: Pair) -> list[Replica]:
    """Choose the other one."""
    return [pair.follower]


def both(pair: Pair) -> list[Replica]:
    """Choose both."""
    return list(pair.replicas.values())


def killed(choice: Choice) -> Injection:
    """Return the fault that daemons die, and come back."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        chosen = choice(world.pair)
        await asyncio.gather(*(replica.end() for replica in chosen))
        try:
            yield
        finally:
            await asyncio.gather(*(replica.start() for replica in chosen))

    return inject


@asynccontextmanager
async def stopped(world: World, rng: Random) -> AsyncIterator[None]:
    """End the leader by SIGTERM, as an upgrade does."""
    replica = world.pair.leader
    await replica.daemon.stop()
    try:
        yield
    finally:
        await replica.start()


@asynccontextmanager
async def killed_twice(world: World, rng: Random) -> AsyncIterator[None]:
    """Kill the leader again while it starts."""
    replica = world.pair.leader
    await replica.end()
    await replica.start()
    await asyncio.sleep(rng.uniform(0, 0.3))
    await replica.end()
    try:
        yield
    finally:
        await replica.start()


def led_by_who_is_behind(*resources: str) -> Injection:
    """Return the fault that the leader dies, and the other one leads, whose watches of some resources stood still."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        leader, api = world.pair.leader, world.lab.api
        for resource in resources:
            api.freeze_watches(resource, world.pair.follower.name)
        await asyncio.sleep(rng.uniform(0, 2 * LEASE))
        await leader.end()
        try:
            yield
        finally:
            await leader.start()
            api.thaw_watches()

    return inject


def frozen(choice: Choice) -> Injection:
    """Return the fault that daemons sleep, with their connections open, and go on as if nothing had been."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        chosen = [replica for replica in choice(world.pair) if replica.daemon.running]
        for replica in chosen:
            replica.daemon.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for replica in chosen:
                replica.daemon.signal(signal.SIGCONT)

    return inject


@asynccontextmanager
async def stuttering(world: World, rng: Random) -> AsyncIterator[None]:
    """Freeze and wake the leader again and again."""
    daemon = world.pair.leader.daemon
    for _ in range(5):
        daemon.signal(signal.SIGSTOP)
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        daemon.signal(signal.SIGCONT)
        await asyncio.sleep(rng.uniform(0.02, 0.1))
    yield


def cut_off(choice: Choice) -> Injection:
    """Return the fault that connections to the API server break, and new ones as soon as they are made."""
    return _damaged(choice, Line.cut)


def dead_line(choice: Choice) -> Injection:
    """Return the fault that nothing gets through to the API server, and what was sent arrives later."""
    return _damaged(choice, Line.deaden)


def _damaged(choice: Choice, damage: Callable[[Line], None]) -> Injection:
    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        chosen = choice(world.pair)
        for replica in chosen:
            damage(replica.line)
        try:
            yield
        finally:
            for replica in chosen:
                replica.line.mend()

    return inject


def clock_jumps(ahead: timedelta, choice: Choice) -> Injection:
    """Return the fault that daemons restart on a clock that is ahead of the lab's, and later on a right one."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        chosen = choice(world.pair)

        async def restart(offset: timedelta) -> None:
            for replica in chosen:
                await replica.end()
                replica.set_clock(offset)
                await replica.start()

        await restart(ahead)
        try:
            yield
        finally:
            await restart(timedelta(0))

    return inject


@asynccontextmanager
async def authority_replaced(world: World, rng: Random) -> AsyncIterator[None]:
    """Show the leader another certificate at once, and tell it of the authority later."""
    replica = world.pair.leader
    authority = replica.show_another_certificate()
    replica.line.cut()
    replica.line.mend()
    try:
        yield
    finally:
        replica.believe(authority)


@asynccontextmanager
async def authority_rotated(world: World, rng: Random) -> AsyncIterator[None]:
    """Replace certificate and authority of both at the same moment."""
    for replica in both(world.pair):
        replica.believe(replica.show_another_certificate())
        replica.line.cut()
        replica.line.mend()
    yield


def _kind(name: str, inject: Injection, least: float = 0.3, most: float = 1.5) -> Kind:
    return Kind(name, Target.DAEMONS, inject, (least, most))


HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DAEMONS: tuple[Kind, ...] = (
    _kind("leader killed", killed(leader)),
    _kind("follower killed", killed(follower)),
    _kind("both killed", killed(both)),
    _kind("leader killed and killed again while it starts", killed_twice),
    _kind("leader stopped", stopped),
    *(
        _kind(f"leader killed, the other behind in {' and '.join(resources)}",
              led_by_who_is_behind(*resources), 1.1 * LEASE, 1.6 * LEASE)
        for resources in (("deployments",), ("ingresses",), ("canaryrollouts", "ingresses"))
    ),
    _kind("leader frozen for a moment", frozen(leader), 0.2, 0.8),
    _kind("leader frozen for longer than its Lease", frozen(leader), 1.1 * LEASE, 1.6 * LEASE),
    _kind("follower frozen", frozen(follower)),
    _kind("both frozen", frozen(both)),
    _kind("both frozen for longer than the Lease", frozen(both), 1.1 * LEASE, 1.6 * LEASE),
    _kind("leader frozen again and again", stuttering),
    _kind("leader cut off", cut_off(leader)),
    _kind("leader cut off for longer than its Lease", cut_off(leader), 1.1 * LEASE, 1.6 * LEASE),
    _kind("both cut off", cut_off(both)),
    _kind("leader's line dead", dead_line(leader)),
    _kind("leader's line dead for longer than its Lease", dead_line(leader), 1.1 * LEASE, 1.6 * LEASE),
    _kind("both lines dead", dead_line(both)),
    _kind("leader's clock an hour ahead", clock_jumps(HOUR, leader)),
    _kind("leader's clock an hour behind", clock_jumps(-HOUR, leader)),
    _kind("follower's clock a minute ahead", clock_jumps(MINUTE, follower)),
    _kind("both clocks a minute behind", clock_jumps(-MINUTE, both)),
    *((
        _kind("leader's authority replaced late", authority_replaced),
        _kind("both authorities rotated", authority_rotated),
    ) if HAS_TLS else ()),
)  # fmt: skip
