"""Faults of the API server: it refuses, is slow, forgets, goes away, or loses its answers; watches break and hang."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any

from ingress_canary.lab.kubeapi import ApiError, AuditRecord, Delay, Drop, Gone, Hang, Refuse
from ingress_canary.lab.kubeapi.faults import Effect
from tests.campaign.faults.kind import Injection, Kind, Predicate, Target, World, of_daemons
from tests.campaign.pair import NAMES

WRITES = ("create", "patch", "update", "delete")
READS = ("get", "list", "watch")
SHADOWS = of_daemons(resource="ingresses", verb=WRITES)
WEBHOOK = 'failed calling webhook "validate.nginx.ingress.kubernetes.io": connect: connection refused'
QUOTA = "etcdserver: mvcc: database space exceeded"


def answered(matches: Predicate, effect: Effect) -> Injection:
    """Return the fault that requests are answered otherwise."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        fault = world.lab.api.faults.add(matches, effect)
        try:
            yield
        finally:
            world.lab.api.faults.remove(fault)

    return inject


def answered_on_watches(effect: Effect, *verbs: str) -> Injection:
    """Return the fault that watches break, and requests of some verbs, watches unless given, are answered otherwise."""
    refused = answered(of_daemons(verb=verbs or "watch"), effect)

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        async with refused(world, rng):
            world.lab.api.cut_watches()
            yield

    return inject


@asynccontextmanager
async def slow(world: World, rng: Random) -> AsyncIterator[None]:
    """Serve every request of the daemons late."""
    async with answered(of_daemons(), Delay(rng.uniform(0.1, 0.8)))(world, rng):
        yield


@asynccontextmanager
async def one_token_expired(world: World, rng: Random) -> AsyncIterator[None]:
    """Know one of the daemons no longer."""
    async with answered(of_daemons(user=rng.choice(NAMES)), Refuse(401, "Unauthorized"))(world, rng):
        yield


@asynccontextmanager
async def watches_cut(world: World, rng: Random) -> AsyncIterator[None]:
    """Break every watch, twice."""
    world.lab.api.cut_watches()
    yield
    world.lab.api.cut_watches()


def stale(resource: str = "") -> Injection:
    """Return the fault that watches hang, connected and silent, or those of one resource."""

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        world.lab.api.freeze_watches(resource)
        try:
            yield
        finally:
            world.lab.api.thaw_watches()

    return inject


@asynccontextmanager
async def compacted(world: World, rng: Random) -> AsyncIterator[None]:
    """Forget history while the watches are away: 410 for whoever resumes."""
    async with answered(of_daemons(verb=("list", "watch")), Drop())(world, rng):
        world.lab.api.cut_watches()
        yield
        world.lab.api.compact()


@asynccontextmanager
async def restarted(world: World, rng: Random) -> AsyncIterator[None]:
    """Go away and come back."""
    await world.lab.api.stop()
    try:
        yield
    finally:
        await world.lab.api.start()


@asynccontextmanager
async def denied(world: World, rng: Random) -> AsyncIterator[None]:
    """Have a policy that denies every change of an Ingress by anybody."""

    def policy(verb: str, plural: str, *_: Any) -> str | None:
        return "no changes on Fridays" if plural == "ingresses" and verb != "delete" else None

    world.lab.api.admission.append(policy)
    try:
        yield
    finally:
        world.lab.api.admission.remove(policy)


def answer_lost(code: int, **wanted: str | tuple[str, ...]) -> Injection:
    """Return the fault that writes are stored and answered as if they were not."""
    matches = of_daemons(**wanted)

    def lose(record: AuditRecord) -> Awaitable[None] | None:
        if matches(record):  # type: ignore[arg-type] # it has all the fields that are asked for
            raise ApiError(code, "Timeout" if code == 504 else "InternalError", "the answer is lost")
        return None

    @asynccontextmanager
    async def inject(world: World, rng: Random) -> AsyncIterator[None]:
        world.lab.api.on_commit.append(lose)
        try:
            yield
        finally:
            world.lab.api.on_commit.remove(lose)

    return inject


def _kind(name: str, inject: Callable[[World, Random], AbstractAsyncContextManager[None]]) -> Kind:
    return Kind(name, Target.API_SERVER, inject)


STATUS: dict[str, Any] = {"resource": "canaryrollouts", "subresource": "status", "verb": WRITES}
LEASE: dict[str, Any] = {"resource": "leases"}
API_SERVER: tuple[Kind, ...] = (
    _kind("429 for everything", answered(of_daemons(), Refuse(429, "too many requests"))),
    _kind("500 for everything", answered(of_daemons(), Refuse(500, "internal error"))),
    _kind("503 for everything", answered(of_daemons(), Refuse(503, "apiserver is shutting down"))),
    _kind("504 for everything", answered(of_daemons(), Refuse(504, "request did not complete within 34s"))),
    _kind("403 for everything", answered(of_daemons(), Refuse(403, "no RBAC policy matched"))),
    _kind("both tokens expired: 401", answered(of_daemons(), Refuse(401, "Unauthorized"))),
    _kind("one token expired: 401", one_token_expired),
    _kind("connections closed without an answer", answered(of_daemons(), Drop())),
    _kind("no answer at all", answered(of_daemons(), Hang())),
    _kind("slow API", slow),
    _kind("API server restarted", restarted),
    _kind("watches cut", watches_cut),
    _kind("watches stale", stale()),
    _kind("watches of Ingresses stale", stale("ingresses")),
    _kind("watches refused: 403", answered_on_watches(Refuse(403, "watch is forbidden"))),
    _kind("watches refused: 429", answered_on_watches(Refuse(429, "too many requests"))),
    _kind("410 for watches", answered_on_watches(Gone())),
    _kind("410 inside watches", answered_on_watches(Gone(in_stream=True))),
    _kind("history compacted", compacted),
    _kind("lists and watches refused: 500", answered_on_watches(Refuse(500, "internal error"), "list", "watch")),
    _kind("reads refused: 500", answered(of_daemons(verb=READS), Refuse(500, "internal error"))),
    _kind("CRDs not served: 404", answered(of_daemons(group="ingress-canary.io", verb="list"), Refuse(404))),
    _kind("pods not shown: 403", answered(of_daemons(resource="pods"), Refuse(403, "pods is forbidden"))),
    _kind("status writes refused: 500", answered(of_daemons(**STATUS), Refuse(500, "internal error"))),
    _kind("status writes refused: 403", answered(of_daemons(**STATUS), Refuse(403, "forbidden"))),
    _kind("status writes refused: 409", answered(of_daemons(**STATUS), Refuse(409, "has been modified"))),
    _kind("status writes refused: 422", answered(of_daemons(**STATUS), Refuse(422, "is invalid"))),
    _kind("status writes hang", answered(of_daemons(**STATUS), Hang())),
    _kind("status writes stored, answer lost", answer_lost(504, **STATUS)),
    *(
        _kind(f"shadow's {verb} refused: {code}", answered(
            of_daemons(resource="ingresses", verb=verb), Refuse(code, "refused"),
        ))
        for verb in ("create", "patch", "delete") for code in (403, 409, 500)
    ),
    _kind("shadow's writes hang", answered(SHADOWS, Hang())),
    _kind("shadow's writes stored, answer lost", answer_lost(504, resource="ingresses")),
    _kind("Lease's writes refused: 500", answered(of_daemons(**LEASE, verb=WRITES), Refuse(500, "internal error"))),
    _kind("Lease's writes refused: 409", answered(of_daemons(**LEASE, verb=WRITES), Refuse(409, "has been modified"))),
    _kind("Lease's writes stored, answer lost", answer_lost(500, **LEASE)),
    _kind("Lease not readable: 503", answered(of_daemons(**LEASE, verb=READS), Refuse(503, "unavailable"))),
    _kind("Deployments' writes refused: 403", answered(of_daemons(resource="deployments", verb="patch"), Refuse(403))),
    _kind("Deployments' writes stored, answer lost", answer_lost(504, resource="deployments")),
    _kind("admission webhook down", answered(SHADOWS, Refuse(500, WEBHOOK))),
    _kind("admission policy denies", denied),
    _kind("store full: 500", answered(of_daemons(verb=WRITES), Refuse(500, QUOTA))),
    _kind("store full: 507", answered(of_daemons(verb=WRITES), Refuse(507, "insufficient storage"))),
    _kind("Events refused: 403", answered(of_daemons(resource="events"), Refuse(403, "events is forbidden"))),
)  # fmt: skip
