"""What people do to objects that are the daemons', and to those that the daemons read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from random import Random
from typing import Any

import aiohttp

from tests.campaign.faults.kind import Injection, Kind, Target, World
from tests.campaign.shops import Shop
from tests.e2e.witness import INGRESSES, ROLLOUTS, by_person, set_weight

PREFIX = "nginx.ingress.kubernetes.io"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/ingress-canary/leases/ingress-canary"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
Patch = dict[str, Any]


async def kubectl(world: World, method: str, path: str, body: Patch | None = None) -> None:
    """Do something by hand; what is not there, or refused, is let be."""
    with suppress(aiohttp.ClientError):
        await by_person(world.lab, method, path, body)


async def insist(world: World, path: str, body: Patch) -> None:
    """Patch something until that is stored, or the thing is not there: the API server may be away for a while."""
    while True:
        try:
            await by_person(world.lab, "PATCH", path, body)
        except aiohttp.ClientResponseError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return
        except aiohttp.ClientError:
            pass
        else:
            return
        await asyncio.sleep(0.1)


def exposed(world: World, rng: Random) -> Shop:
    """Choose a shop that has a shadow; any if none has one."""
    return rng.choice([shop for shop in world.shops if world.lab.shadow(shop.shadow)] or list(world.shops))


def edits(patch: Patch) -> Injection:
    """Return that somebody edits a shadow."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        await kubectl(world, "PATCH", f"{INGRESSES}/{exposed(world, rng).shadow}", patch)
        yield

    return inject


def annotates(annotations: dict[str, str | None]) -> Patch:
    """Return the patch that sets or removes annotations."""
    return {"metadata": {"annotations": annotations}}


@asynccontextmanager
async def deletes_the_shadow(world: World, rng: Random) -> AsyncIterator[None]:
    """Delete a shadow."""
    await kubectl(world, "DELETE", f"{INGRESSES}/{exposed(world, rng).shadow}")
    yield


@asynccontextmanager
async def holds_the_shadow(world: World, rng: Random) -> AsyncIterator[None]:
    """Put a finalizer on a shadow, and take it off later."""
    path = f"{INGRESSES}/{exposed(world, rng).shadow}"
    await kubectl(world, "PATCH", path, {"metadata": {"finalizers": ["example.com/keep"]}})
    try:
        yield
    finally:
        await insist(world, path, {"metadata": {"finalizers": None}})


@asynccontextmanager
async def deletes_a_held_shadow(world: World, rng: Random) -> AsyncIterator[None]:
    """Delete a shadow that a finalizer holds."""
    path = f"{INGRESSES}/{exposed(world, rng).shadow}"
    async with holds_the_shadow(world, rng):
        await kubectl(world, "DELETE", path)
        yield


@asynccontextmanager
async def raises_again_and_again(world: World, rng: Random) -> AsyncIterator[None]:
    """Raise the weight of a shadow again and again."""
    path = f"{INGRESSES}/{exposed(world, rng).shadow}"
    for weight in rng.sample(range(91, 100), 3):
        await kubectl(world, "PATCH", path, set_weight(str(weight)))
    yield


@asynccontextmanager
async def deletes_the_lease(world: World, rng: Random) -> AsyncIterator[None]:
    """Delete the Lease."""
    await kubectl(world, "DELETE", LEASE)
    yield


@asynccontextmanager
async def takes_the_lease(world: World, rng: Random) -> AsyncIterator[None]:
    """Write another holder into the Lease."""
    await kubectl(world, "PATCH", LEASE, {"spec": {"holderIdentity": "somebody"}})
    yield


@asynccontextmanager
async def releases_the_lease(world: World, rng: Random) -> AsyncIterator[None]:
    """Write into the Lease that nobody holds it."""
    await kubectl(world, "PATCH", LEASE, {"spec": {"holderIdentity": ""}})
    yield


@asynccontextmanager
async def edits_the_primary(world: World, rng: Random) -> AsyncIterator[None]:
    """Change the primary Ingress, which its shadow has to follow."""
    size = f"{rng.randrange(1, 64)}m"
    path = f"{INGRESSES}/{exposed(world, rng).name}"
    await kubectl(world, "PATCH", path, annotates({f"{PREFIX}/proxy-body-size": size}))
    yield


@asynccontextmanager
async def pauses_the_spec(world: World, rng: Random) -> AsyncIterator[None]:
    """Pause a rollout in its spec for a while, as GitOps does."""
    name = exposed(world, rng).name
    await kubectl(world, "PATCH", f"{ROLLOUTS}/{name}", {"spec": {"paused": True}})
    try:
        yield
    finally:
        await insist(world, f"{ROLLOUTS}/{name}", {"spec": {"paused": False}})


@asynccontextmanager
async def scales_stable(world: World, rng: Random) -> AsyncIterator[None]:
    """Scale stable down for a while, as an autoscaler does."""
    path = f"{DEPLOYMENTS}/{exposed(world, rng).name}"
    await kubectl(world, "PATCH", path, {"spec": {"replicas": 1}})
    try:
        yield
    finally:
        await insist(world, path, {"spec": {"replicas": 2}})


def _kind(name: str, inject: Injection) -> Kind:
    return Kind(f"somebody {name}", Target.PEOPLE, inject)


PEOPLE: tuple[Kind, ...] = (
    _kind("deletes the shadow", deletes_the_shadow),
    _kind("puts a finalizer on the shadow", holds_the_shadow),
    _kind("deletes a shadow that a finalizer holds", deletes_a_held_shadow),
    _kind("sets the weight to 0", edits(set_weight("0"))),
    _kind("lowers the weight", edits(set_weight("4"))),
    _kind("raises the weight", edits(set_weight("93"))),
    _kind("raises the weight again and again", raises_again_and_again),
    _kind("sets the weight to a word", edits(set_weight("much"))),
    _kind("removes the canary mark", edits(annotates({f"{PREFIX}/canary": None}))),
    _kind("adds a header route", edits(annotates({f"{PREFIX}/canary-by-header": "X-Me"}))),
    _kind("removes every annotation", edits({"metadata": {"annotations": None}})),
    _kind("adds a label", edits({"metadata": {"labels": {"team": "shop"}}})),
    _kind("changes the class", edits({"spec": {"ingressClassName": "other"}})),
    _kind("edits the primary", edits_the_primary),
    _kind("pauses the spec", pauses_the_spec),
    _kind("scales stable down", scales_stable),
    _kind("deletes the Lease", deletes_the_lease),
    _kind("takes the Lease", takes_the_lease),
    _kind("releases the Lease", releases_the_lease),
)
