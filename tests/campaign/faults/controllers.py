"""Faults of the data plane: metrics that do not come, controllers that restart or stand still, pods not ready."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from ingress_canary.lab.dataplane import MetricsFault
from tests.campaign.faults.kind import Injection, Kind, Target, World


def metrics(fault: MetricsFault) -> Injection:
    """Return the fault that the metrics pages of all controllers are of no use."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        await world.lab.plane.break_metrics(fault)
        try:
            yield
        finally:
            await world.lab.plane.break_metrics(None)

    return inject


@asynccontextmanager
async def one_page_away(world: World, rng: Random) -> AsyncIterator[None]:
    """Let the page of one controller fail, and that of the other not."""
    pod = rng.choice(world.lab.plane.pods)
    await pod.break_metrics(MetricsFault.ERROR)
    try:
        yield
    finally:
        await pod.break_metrics(None)


@asynccontextmanager
async def one_restarted(world: World, rng: Random) -> AsyncIterator[None]:
    """Restart one controller: its counters begin at 0."""
    await rng.choice(world.lab.plane.pods).restart()
    yield


@asynccontextmanager
async def all_restarted(world: World, rng: Random) -> AsyncIterator[None]:
    """Restart every controller."""
    for pod in world.lab.plane.pods:
        await pod.restart()
    yield


@asynccontextmanager
async def one_down(world: World, rng: Random) -> AsyncIterator[None]:
    """Let one controller be down for a while, counters and all."""
    pod = rng.choice(world.lab.plane.pods)
    await pod.stop()
    try:
        yield
    finally:
        await pod.start()


@asynccontextmanager
async def one_more(world: World, rng: Random) -> AsyncIterator[None]:
    """Scale the controllers up, and down again. No traffic goes to the new one."""
    pod = await world.lab.add_controller()
    try:
        yield
    finally:
        await world.lab.remove_controller(pod)


@asynccontextmanager
async def stuck(world: World, rng: Random) -> AsyncIterator[None]:
    """Let the controllers follow no change for a while."""
    pods = list(world.lab.plane.pods)
    for pod in pods:
        pod.stuck = True
    try:
        yield
    finally:
        for pod in pods:
            pod.stuck = False
            pod.changed()


@asynccontextmanager
async def one_pod_away(world: World, rng: Random) -> AsyncIterator[None]:
    """Let one of two pods of a canary be away for a while. Without any, its requests would truly fail."""
    shop = rng.choice(world.shops)
    shop.show_pods(1)
    try:
        yield
    finally:
        shop.show_pods(2)


def _kind(name: str, inject: Injection) -> Kind:
    return Kind(name, Target.CONTROLLERS, inject)


CONTROLLERS: tuple[Kind, ...] = (
    _kind("metrics down", metrics(MetricsFault.REFUSE)),
    _kind("metrics answer 503", metrics(MetricsFault.ERROR)),
    _kind("metrics answer a login page", metrics(MetricsFault.HTML)),
    _kind("metrics hang", metrics(MetricsFault.HANG)),
    _kind("metrics slow", metrics(MetricsFault.SLOW)),
    _kind("metrics cut", metrics(MetricsFault.CUT)),
    _kind("one controller's metrics down", one_page_away),
    _kind("one controller restarted", one_restarted),
    _kind("all controllers restarted", all_restarted),
    _kind("one controller down", one_down),
    _kind("one controller more", one_more),
    _kind("controllers follow no change", stuck),
    _kind("one pod of a canary away", one_pod_away),
)
