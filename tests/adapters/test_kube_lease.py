"""The election over real HTTP: one leads at a time, knows when it does not, and is followed soon."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.kube.cache.watches import Scope
from ingress_canary.adapters.kube.client.connect import connect
from ingress_canary.adapters.kube.cluster import KubeCluster
from ingress_canary.adapters.kube.lease import GRACE, MARGIN, RENEWALS, Lease
from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.engine.leadership.leader_guard import LapsedGuard, LeaderGuard
from ingress_canary.engine.leadership.leader_loop import SoleLeader
from ingress_canary.lab import manifests
from ingress_canary.lab.kubeapi import ApiError, Delay, Drop, Hang, KubeApi, Refuse, requests
from ingress_canary.ports import Conflict, Deposed

DURATION = 1.0
LONG = 4.0
"""Of leases that must not be lost, however busy the machine is."""
USUAL = 10.0
"""The default."""
WITHIN = 20.0
"""Real seconds that anything may take on a busy machine."""

Candidate = Callable[..., Awaitable[Lease]]


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    """An API with the daemon's namespace."""
    async with KubeApi() as made:
        made.store.create("namespaces", "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "canary"}})
        yield made


@pytest.fixture
async def candidate(api: KubeApi, tmp_path: Path) -> AsyncIterator[Candidate]:
    """Make a process that may lead, with connections and a token of its own."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(name: str, duration: float = DURATION) -> Lease:
            session = await connect(kubeconfig=str(api.write_kubeconfig(tmp_path / name, token=name)))
            stack.push_async_callback(session.close)
            return Lease(session, "canary", "ingress-canary", name, duration)

        yield make


def spec(api: KubeApi) -> dict[str, Any]:
    return api.store.get("leases", "canary", "ingress-canary")["spec"]


def now() -> float:
    return SystemClock().monotonic()


async def within(what: Awaitable[Any]) -> Any:
    async with asyncio.timeout(WITHIN):
        return await what


@contextlib.asynccontextmanager
async def held(lease: Lease) -> AsyncIterator[asyncio.Task[None]]:
    """Hold a lease in the background, as a leader does."""
    holding = asyncio.create_task(lease.hold())
    yield holding
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_the_first_leads_and_keeps_the_lease_for_as_long_as_it_renews(api: KubeApi, candidate: Candidate) -> None:
    first, second = await candidate("a", LONG), await candidate("b")
    assert first.left() <= 0
    term = await within(first.acquire())
    assert term == f"a since {spec(api)['acquireTime']}"
    assert (spec(api)["holderIdentity"], spec(api)["leaseTransitions"]) == ("a", 0)
    assert spec(api)["leaseDurationSeconds"] == LONG
    assert 0 < first.left() <= LONG * (1 - MARGIN)
    async with held(first) as holding:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.3 * LONG):
                await second.acquire()
        assert not holding.done()
        assert first.left() > 0
    assert spec(api)["renewTime"] > spec(api)["acquireTime"]
    assert [one.verb for one in api.audit if one.user == "a"][:2] == ["get", "create"]
    assert {one.verb for one in api.audit[2:] if one.user == "a"} == {"patch"}, "a leader asks for nothing"
    assert len([one for one in api.audit if one.user == "b"]) <= 4, "a follower watches"


async def test_a_clean_end_is_followed_at_once(api: KubeApi, candidate: Candidate) -> None:
    first, second = await candidate("a"), await candidate("b")
    await within(first.acquire())
    async with held(first):
        following = asyncio.create_task(second.acquire())
        while not any(one.verb == "watch" for one in api.audit):
            await asyncio.sleep(0.01)
    began = now()
    await first.release()
    assert first.left() <= 0
    await within(following)
    assert now() - began < 2.0
    assert (spec(api)["holderIdentity"], spec(api)["leaseTransitions"]) == ("b", 1)
    assert spec(api)["leaseDurationSeconds"] == 1


async def test_who_is_not_heard_of_is_followed_after_its_time_is_over(api: KubeApi, candidate: Candidate) -> None:
    first, second = await candidate("a"), await candidate("b")
    await within(first.acquire())
    following = asyncio.create_task(second.acquire())
    while first.left() > 0:
        assert not following.done()
        await asyncio.sleep(0.01)
    await within(following)
    assert first.left() <= 0 < second.left()
    async with held(second):
        assert await within(first.hold()) is None
        await first.release()
        assert spec(api)["holderIdentity"] == "b"


@pytest.mark.parametrize("effect", [Drop(), Hang(), Refuse(500)], ids=["cut-off", "hanging", "refusing"])
async def test_a_leader_that_cannot_renew_stops_before_another_begins(
    api: KubeApi, candidate: Candidate, effect: Drop | Hang | Refuse
) -> None:
    first, second = await candidate("a"), await candidate("b")
    await within(first.acquire())
    async with held(first) as holding:
        following = asyncio.create_task(second.acquire())
        api.faults.add(requests(user="a"), effect)
        await within(holding)
        ended = now()
        assert not following.done()
        assert first.left() <= 0
        assert first.problem
        await within(following)
        assert now() > ended
        api.faults.clear()


@pytest.mark.slow
async def test_an_api_server_that_answers_late_has_a_leader_and_keeps_it(api: KubeApi, candidate: Candidate) -> None:
    first = await candidate("a", USUAL)
    late = api.faults.add(requests(user="a"), Delay(1.5))
    term = await within(first.acquire())
    async with held(first) as holding:
        await renewed(api, holding)
        api.faults.remove(late)
        api.faults.add(requests(user="a"), Delay(0.4 * USUAL / RENEWALS))
        # the renewal that meets this reads, and writes again
        api.store.patch("leases", "canary", "ingress-canary", {"metadata": {"annotations": {"seen": "yes"}}})
        await renewed(api, holding)
        assert first.left() > 0
    assert term == f"a since {spec(api)['acquireTime']}"
    assert [one.code for one in api.audit if one.user == "a" and one.verb == "patch"].count(409) == 1
    api.faults.clear()


async def renewed(api: KubeApi, holding: asyncio.Task[None]) -> None:
    """Wait until the lease was renewed once more."""
    before = spec(api)["renewTime"]
    while spec(api)["renewTime"] == before:
        assert not holding.done()
        await asyncio.sleep(0.01)


async def test_a_failed_renewal_is_logged_whatever_had_failed_before(api: KubeApi, candidate: Candidate) -> None:
    first = await candidate("a")
    api.faults.add(requests(resource="leases", verb="create"), Refuse(500), times=1)
    with capture_logs() as logs:
        await within(first.acquire())
        assert first.problem is None
        async with held(first) as holding:
            api.faults.add(requests(verb="patch"), Refuse(403))
            await within(holding)
    assert len(logs) == 2
    assert "grant create, get, watch and patch" in logs[1]["error"]
    api.faults.clear()


async def test_a_lease_that_is_taken_away_is_lost_with_the_next_renewal(api: KubeApi, candidate: Candidate) -> None:
    first = await candidate("a")
    await within(first.acquire())
    async with held(first) as holding:
        api.store.patch("leases", "canary", "ingress-canary", {"spec": {"holderIdentity": "thief"}})
        await within(holding)
    assert first.left() <= 0


async def test_the_last_leader_has_a_minute_of_grace_until_another_is_known_to_lead(
    api: KubeApi, candidate: Candidate
) -> None:
    first, second = await candidate("a", LONG), await candidate("b", LONG)
    assert first.grace() <= 0
    await within(first.acquire())
    refused = api.faults.add(requests(user="a", verb="patch"), Refuse(403))
    async with held(first) as holding:
        await within(holding)
    assert GRACE - LONG * MARGIN < first.grace() <= GRACE
    assert second.grace() <= 0
    again = asyncio.create_task(first.acquire())
    await within(second.acquire())
    async with asyncio.timeout(WITHIN):
        while first.grace() > 0:
            assert not again.done()
            await asyncio.sleep(0.01)
    again.cancel()
    api.faults.remove(refused)


async def test_a_leader_that_wakes_too_late_has_no_grace(candidate: Candidate) -> None:
    first = await candidate("a")
    await within(first.acquire())
    # asleep, until another may have it
    while first.left() > -MARGIN * DURATION:
        await asyncio.sleep(0.01)
    await within(first.hold())
    assert first.grace() <= 0


@pytest.mark.parametrize("ends", ["released", "taken"])
async def test_a_lease_that_was_given_or_taken_away_leaves_no_grace(
    api: KubeApi, candidate: Candidate, ends: str
) -> None:
    first = await candidate("a")
    await within(first.acquire())
    async with held(first) as holding:
        if ends == "taken":
            api.store.patch("leases", "canary", "ingress-canary", {"spec": {"holderIdentity": "thief"}})
            await within(holding)
    await first.release()
    assert first.grace() <= 0


async def test_an_annotated_or_deleted_lease_stays_its_holders(api: KubeApi, candidate: Candidate) -> None:
    first, second = await candidate("a", LONG), await candidate("b")
    term = await within(first.acquire())
    async with held(first) as holding:
        following = asyncio.create_task(second.acquire())
        while not any(one.verb == "watch" for one in api.audit):
            await asyncio.sleep(0.01)
        api.store.patch("leases", "canary", "ingress-canary", {"metadata": {"annotations": {"seen": "yes"}}})
        before = spec(api)["renewTime"]
        while spec(api)["renewTime"] == before:
            await asyncio.sleep(0.01)
        api.store.delete("leases", "canary", "ingress-canary")
        while True:
            await asyncio.sleep(0.01)
            with contextlib.suppress(ApiError):
                assert term == f"a since {spec(api)['acquireTime']}"
                break
        assert not holding.done()
        assert not following.done()
        following.cancel()


async def test_one_of_many_wins(api: KubeApi, candidate: Candidate) -> None:
    racing = [asyncio.create_task((await candidate(f"c{number}")).acquire()) for number in range(5)]
    done, late = await asyncio.wait(racing, timeout=WITHIN, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(late)) == (1, 4)
    for task in late:
        task.cancel()


@pytest.mark.parametrize(
    ("refusal", "remedy"),
    [
        (Refuse(403), "grant create, get, watch and patch on leases in canary"),
        (Refuse(404), "create the namespace canary, or set --namespace"),
    ],
    ids=["no-right", "no-namespace"],
)
async def test_who_cannot_take_part_says_why_and_tries_on(
    api: KubeApi, candidate: Candidate, refusal: Refuse, remedy: str
) -> None:
    first = await candidate("a")
    api.faults.add(requests(resource="leases", verb="create"), refusal)
    acquiring = asyncio.create_task(first.acquire())
    async with asyncio.timeout(WITHIN):
        while first.problem is None:
            await asyncio.sleep(0.01)
    assert remedy in first.problem
    api.faults.clear()
    await within(acquiring)


@pytest.fixture
async def writer(api: KubeApi, tmp_path: Path) -> AsyncIterator[KubeCluster]:
    """A connection of its own to an API that holds one Ingress, ``shadow``."""
    for kind in KINDS:
        api.store.create("customresourcedefinitions", "", crd(kind))
    api.store.create("ingresses", "canary", manifests.ingress("shadow", where="canary"))
    session = await connect(kubeconfig=str(api.write_kubeconfig(tmp_path / "writer", token="writer")))
    cluster = KubeCluster(session, Scope("canary"))
    cluster.start()
    try:
        await within(cluster.synced())
        yield cluster
    finally:
        await cluster.stop()
        await session.close()


def shadow_of(cluster: KubeCluster) -> Ingress:
    shadow = cluster.view.ingress(Key("canary", "shadow"))
    assert shadow is not None
    return shadow


async def test_nothing_is_written_without_the_lease_and_a_write_is_given_up_at_its_end(
    api: KubeApi, candidate: Candidate, writer: KubeCluster
) -> None:
    lease, shadow = await candidate("a"), shadow_of(writer)
    guarded = LeaderGuard(writer, lease)
    with pytest.raises(Deposed, match="not written"):
        await guarded.delete_shadow(shadow)
    await within(lease.acquire())
    api.faults.add(requests(user="writer", verb="delete"), Hang())
    with pytest.raises(Deposed, match="given up"):
        await within(guarded.delete_shadow(shadow))
    assert -MARGIN * DURATION < lease.left() <= 0
    api.faults.clear()
    assert [one.verb for one in api.audit if one.user == "writer" and one.verb not in ("list", "watch")] == ["delete"]
    assert api.store.get("ingresses", "canary", "shadow")
    await LeaderGuard(writer, SoleLeader()).delete_shadow(shadow)


async def test_a_write_may_take_longer_than_was_left_of_a_lease_that_is_renewed_meanwhile(
    api: KubeApi, candidate: Candidate, writer: KubeCluster
) -> None:
    lease = await candidate("a", LONG)
    await within(lease.acquire())
    holding = asyncio.create_task(lease.hold())
    api.faults.add(requests(user="writer", verb="delete"), Delay(LONG))
    try:
        await within(LeaderGuard(writer, lease).delete_shadow(shadow_of(writer)))
    finally:
        holding.cancel()
    assert not api.store.list("ingresses", "canary")


@pytest.mark.parametrize("change", ["patch_shadow", "delete_shadow"])
async def test_after_the_lease_a_shadow_is_written_on_the_version_that_was_seen_or_not_at_all(
    api: KubeApi, candidate: Candidate, writer: KubeCluster, change: str
) -> None:
    lease, shadow = await candidate("a"), shadow_of(writer)
    lapsed = LapsedGuard(writer, lease)

    def write() -> Awaitable[object]:
        return lapsed.delete_shadow(shadow) if change == "delete_shadow" else lapsed.patch_shadow(shadow, {})

    with pytest.raises(Deposed, match="not written"):
        await write()
    await within(lease.acquire())
    with pytest.raises(Deposed, match="not written"):
        await write()
    api.faults.add(requests(user="a"), Refuse(403))
    await within(lease.hold())
    api.store.patch("ingresses", "canary", "shadow", {"metadata": {"labels": {"seen": "yes"}}})
    with pytest.raises(Conflict):
        await write()
    assert [one.code for one in api.audit if one.user == "writer" and one.verb not in ("list", "watch")] == [409]
