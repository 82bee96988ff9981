"""The lab's API on purpose failing, and its hooks: what only a lab can do."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from ingress_canary.lab.kubeapi import (
    INFO,
    AuditRecord,
    Delay,
    Drop,
    Empty,
    ForeignPage,
    Gone,
    Hang,
    KubeApi,
    Refuse,
    requests,
)
from ingress_canary.lab.kubeapi.errors import forbidden
from tests.lab.api_client import CRD, MERGE, WIDGETS, Client, Json, ingress, session_of, until, widget

INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses"


@pytest.fixture
async def lab() -> AsyncIterator[KubeApi]:
    async with KubeApi([CRD], bookmark_seconds=0.05, history=20) as lab:
        yield lab


@pytest.fixture
async def api(lab: KubeApi) -> AsyncIterator[Client]:
    async with session_of(lab.kubeconfig("alice")) as session:
        yield Client(session, "default")


async def test_a_fault_hits_what_it_matches_as_often_as_it_says(lab: KubeApi, api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"))
    status = requests(verb=("patch", "update"), resource="widgets", subresource="status", user="alice")
    fault = lab.faults.add(status, Refuse(500, "etcd is away"), times=2)
    patch = {"status": {"phase": "Ok"}}
    for _ in range(2):
        assert await api.refused("PATCH", f"{WIDGETS}/a/status", patch, kind=MERGE) == (500, "InternalError")
    await api.ok("PATCH", f"{WIDGETS}/a/status", patch, kind=MERGE)
    assert fault.hits == 2
    lab.faults.remove(fault)
    assert not list(lab.faults)


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid"), (429, "TooManyRequests")])
async def test_refusals_have_a_status(lab: KubeApi, api: Client, code: int, reason: str) -> None:
    lab.faults.add(requests(verb="create", resource="ingresses", name="shadow"), Refuse(code))
    assert await api.refused("POST", INGRESSES, ingress("shadow")) == (code, reason)
    await api.ok("POST", INGRESSES, ingress("other"))


async def test_answers_that_are_not_the_api_s(lab: KubeApi, api: Client) -> None:
    lab.faults.add(requests(resource="widgets"), ForeignPage(502), times=1)
    lab.faults.add(requests(resource="widgets"), Empty(), times=1)
    path = WIDGETS.format(ns="default")
    async with api.session.get(path) as response:
        assert (response.status, response.content_type) == (502, "text/html")
    async with api.session.get(path) as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_a_dropped_connection_has_no_answer(lab: KubeApi, api: Client) -> None:
    lab.faults.add(requests(resource="widgets"), Drop())
    # a POST, because clients repeat reads by themselves
    with pytest.raises(aiohttp.ClientError):
        await api.call("POST", WIDGETS, widget("a"))
    assert not lab.store.list("widgets")


async def test_a_hanging_request_is_served_when_its_fault_is_removed(lab: KubeApi, api: Client) -> None:
    fault = lab.faults.add(requests(verb="create"), Hang())
    creation = asyncio.create_task(api.ok("POST", WIDGETS, widget("a")))
    await until(lambda: fault.hits == 1)
    assert not lab.store.list("widgets")
    lab.faults.clear()
    await creation
    assert lab.store.list("widgets")


async def test_a_hanging_request_whose_client_goes_away_is_never_served(lab: KubeApi, api: Client) -> None:
    fault = lab.faults.add(requests(verb="create"), Hang())
    creation = asyncio.create_task(api.call("POST", WIDGETS, widget("a")))
    await until(lambda: fault.hits == 1)
    creation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creation
    await api.ok("GET", WIDGETS)
    lab.faults.clear()
    await api.ok("GET", WIDGETS)
    assert not lab.store.list("widgets")


async def test_a_delay_is_only_a_delay(lab: KubeApi, api: Client) -> None:
    lab.faults.add(requests(verb="list"), Delay(0.05))
    begin = asyncio.get_running_loop().time()
    await api.ok("GET", WIDGETS)
    assert asyncio.get_running_loop().time() - begin >= 0.05


async def test_gone_is_sent_by_code_or_in_the_stream(lab: KubeApi, api: Client) -> None:
    lab.faults.add(requests(verb=("list", "watch")), Gone(), times=2)
    lab.faults.add(requests(verb="watch"), Gone(in_stream=True), times=1)
    assert await api.refused("GET", WIDGETS) == (410, "Expired")
    assert await api.refused("GET", f"{WIDGETS}?watch=1&resourceVersion=1") == (410, "Expired")
    async with api.watch(f"{WIDGETS}?watch=1&resourceVersion=1") as events:
        kind, status = await anext(events)
    assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")


async def test_compaction_ends_pages_and_resumption(lab: KubeApi, api: Client) -> None:
    for name in "abc":
        await api.ok("POST", WIDGETS, widget(name))
    page = (await api.ok("GET", f"{WIDGETS}?limit=1"))["metadata"]
    await api.ok("POST", WIDGETS, widget("d"))
    lab.compact()
    assert await api.refused("GET", f"{WIDGETS}?limit=1&continue={page['continue']}") == (410, "Expired")
    async with api.watch(f"{WIDGETS}?watch=1&resourceVersion={page['resourceVersion']}") as events:
        seen = [event async for event in events]
    assert [(kind, body["code"]) for kind, body in seen] == [("ERROR", 410)]


async def test_history_is_as_long_as_it_was_set_to_be(lab: KubeApi, api: Client) -> None:
    versions = [(await api.ok("POST", WIDGETS, widget(f"w{i}")))["metadata"]["resourceVersion"] for i in range(30)]
    async with api.watch(f"{WIDGETS}?watch=1&resourceVersion={versions[5]}") as events:
        assert (await anext(events))[0] == "ERROR"
    async with api.watch(f"{WIDGETS}?watch=1&resourceVersion={versions[10]}&timeoutSeconds=10") as events:
        assert [(await anext(events))[1]["metadata"]["name"] for _ in range(19)] == [f"w{i}" for i in range(11, 30)]


async def test_bookmarks_come_when_nothing_else_does(lab: KubeApi, api: Client) -> None:
    async with api.watch(f"{WIDGETS}?watch=1&allowWatchBookmarks=true") as events:
        await api.ok("POST", INGRESSES, ingress("elsewhere"))
        kind, body = await anext(events)
    assert (kind, body["metadata"]["resourceVersion"]) == ("BOOKMARK", str(lab.store.version))


async def test_a_list_by_watch_says_where_it_ends(lab: KubeApi, api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"))
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with api.watch(f"{WIDGETS}?{query}") as events:
        (first, _), (second, mark) = await anext(events), await anext(events)
    assert (first, second) == ("ADDED", "BOOKMARK")
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_frozen_watches_are_silent_until_thawed(lab: KubeApi, api: Client) -> None:
    async with api.watch(f"{WIDGETS}?watch=1&allowWatchBookmarks=true") as events:
        await until(lambda: lab.open_watches == 1)
        lab.freeze_watches("widgets")
        await api.ok("POST", WIDGETS, widget("a"))
        waiting = asyncio.ensure_future(anext(events))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        lab.thaw_watches()
        assert (await waiting)[0] == "ADDED"


async def test_the_watches_of_one_user_are_frozen_and_those_of_others_are_not(lab: KubeApi, api: Client) -> None:
    async with api.watch(f"{WIDGETS}?watch=1") as events:
        await until(lambda: lab.open_watches == 1)
        lab.freeze_watches("widgets", "somebody else")
        await api.ok("POST", WIDGETS, widget("a"))
        assert (await anext(events))[0] == "ADDED"
    async with api.watch(f"{WIDGETS}?watch=1") as events:
        assert (await anext(events))[0] == "ADDED"
        lab.freeze_watches("widgets", lab.audit[-1].user)
        await api.ok("POST", WIDGETS, widget("b"))
        waiting = asyncio.ensure_future(anext(events))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        lab.thaw_watches()
        assert (await waiting)[0] == "ADDED"


async def test_cut_watches_break(lab: KubeApi, api: Client) -> None:
    async with api.watch(f"{WIDGETS}?watch=1") as events:
        await until(lambda: lab.open_watches == 1)
        lab.cut_watches()
        with pytest.raises(aiohttp.ClientError):
            await anext(events)
    await until(lambda: lab.open_watches == 0)


async def test_the_end_of_the_server_ends_watches_cleanly_and_it_may_start_again(lab: KubeApi, api: Client) -> None:
    url = lab.url
    async with api.watch(f"{WIDGETS}?watch=1") as events:
        await until(lambda: lab.open_watches == 1)
        await lab.stop()
        assert [event async for event in events] == []
    with pytest.raises(aiohttp.ClientConnectionError):
        await api.call("GET", WIDGETS)
    await lab.start()
    assert lab.url == url
    await api.ok("POST", WIDGETS, widget("a"))


async def test_every_request_is_recorded(lab: KubeApi, api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"), agent="daemon/1")
    await api.ok("PATCH", f"{WIDGETS}/a/status", {"status": {"phase": "Ok"}}, kind=MERGE)
    await api.refused("GET", f"{WIDGETS}/b")
    async with api.watch(f"{WIDGETS}?watch=1"):
        await until(lambda: lab.audit[-1].code == 200)
    await api.ok("DELETE", f"{WIDGETS}/a")
    group = "contract.example.test"
    assert [(one.verb, one.group, one.resource, one.subresource, one.name, one.code) for one in lab.audit] == [
        ("create", group, "widgets", "", "a", 201),
        ("patch", group, "widgets", "status", "a", 200),
        ("get", group, "widgets", "", "b", 404),
        ("watch", group, "widgets", "", "", 200),
        ("delete", group, "widgets", "", "a", 200),
    ]
    assert {(one.user, one.token, one.namespace) for one in lab.audit} == {("alice", "alice", "default")}
    assert (lab.audit[0].user_agent, lab.audit[0].body["spec"]) == ("daemon/1", {"size": 3})
    assert [one.at for one in lab.audit] == sorted(one.at for one in lab.audit)


async def test_a_commit_is_passed_on_after_the_store_has_it_and_before_the_answer(lab: KubeApi, api: Client) -> None:
    notified: list[tuple[str, int, int]] = []
    gate = asyncio.Event()

    async def hook(record: AuditRecord) -> None:
        notified.append((record.verb, record.code, len(lab.store.list("widgets"))))
        await gate.wait()

    lab.on_commit.append(hook)
    creation = asyncio.create_task(api.ok("POST", WIDGETS, widget("a")))
    await until(lambda: bool(notified))
    assert (notified, creation.done()) == ([("create", 201, 1)], False)
    gate.set()
    await creation
    await api.refused("POST", WIDGETS, widget("a"))
    await api.ok("POST", f"{WIDGETS}?dryRun=All", widget("b"))
    assert len(notified) == 1


async def test_a_hook_survives_the_death_of_the_client(lab: KubeApi, api: Client) -> None:
    begun, gate, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hook(_: AuditRecord) -> None:
        begun.set()
        await gate.wait()
        finished.set()

    lab.on_commit.append(hook)
    creation = asyncio.create_task(api.call("POST", WIDGETS, widget("a")))
    await begun.wait()
    creation.cancel()
    gate.set()
    await asyncio.wait_for(finished.wait(), 5)
    assert lab.store.list("widgets")


async def test_admission_sees_the_object_and_may_deny(lab: KubeApi, api: Client) -> None:
    seen: list[tuple[str, str, bool, bool]] = []

    def webhook(verb: str, resource: str, new: Json | None, old: Json | None) -> str | None:
        seen.append((verb, resource, new is not None, old is not None))
        return "no shadows here" if (new or old or {})["metadata"]["name"] == "shadow" else None

    lab.store.create("ingresses", "default", ingress("shadow"))
    lab.admission.append(webhook)
    await api.ok("POST", INGRESSES, ingress("i"))
    await api.ok("PATCH", f"{INGRESSES}/i", {"metadata": {"labels": {"a": "b"}}}, kind=MERGE)
    await api.ok("DELETE", f"{INGRESSES}/i")
    code, answer = await api.call("DELETE", f"{INGRESSES}/shadow")
    assert (code, answer["message"]) == (
        400,
        'admission webhook "admission.lab.example" denied the request: no shadows here',
    )
    assert seen == [
        ("create", "ingresses", True, False),
        ("update", "ingresses", True, True),
        ("delete", "ingresses", False, True),
        ("delete", "ingresses", False, True),
    ]


async def test_known_tokens_have_users_and_others_are_refused() -> None:
    async with KubeApi([CRD], tokens={"s3cret": "system:serviceaccount:ops:daemon"}) as lab:
        for token, code in (("s3cret", 200), ("wrong", 401)):
            async with session_of(lab.kubeconfig(token)) as session, session.get("/api/v1/namespaces") as response:
                assert response.status == code
        assert [one.user for one in lab.audit] == ["system:serviceaccount:ops:daemon", "system:anonymous"]


async def test_a_middleware_may_authorize_what_was_parsed() -> None:
    @aiohttp.web.middleware
    async def only_reads(request: aiohttp.web.Request, handler: aiohttp.typedefs.Handler) -> aiohttp.web.StreamResponse:
        info = request[INFO]
        if info.verb not in ("get", "list", "watch"):
            raise forbidden(info.resource, info.group, info.name, f'User "{info.user}" cannot {info.verb}')
        return await handler(request)

    async with KubeApi([CRD], authorize=[only_reads]) as lab, session_of(lab.kubeconfig()) as session:
        api = Client(session, "default")
        await api.ok("GET", WIDGETS)
        assert await api.refused("POST", WIDGETS, widget("a")) == (403, "Forbidden")


async def test_the_store_is_the_same_cluster(lab: KubeApi, api: Client) -> None:
    async with api.watch(f"{WIDGETS}?watch=1") as events:
        lab.store.create("widgets", "default", widget("a"))
        lab.store.patch("widgets", "default", "a", {"status": {"phase": "Ok"}}, subresource="status")
        lab.store.delete("widgets", "default", "a")
        seen = [await anext(events) for _ in range(3)]
    assert [(kind, body["spec"], body.get("status")) for kind, body in seen] == [
        ("ADDED", {"size": 3, "color": "red"}, None),
        ("MODIFIED", {"size": 3, "color": "red"}, {"phase": "Ok"}),
        ("DELETED", {"size": 3, "color": "red"}, {"phase": "Ok"}),
    ]


async def test_a_kubeconfig_is_for_its_owner_alone(lab: KubeApi, tmp_path: object) -> None:
    path = lab.write_kubeconfig(f"{tmp_path}/config", "alice")
    assert json.loads(path.read_text())["users"][0]["user"] == {"token": "alice"}
    assert path.stat().st_mode & 0o077 == 0
