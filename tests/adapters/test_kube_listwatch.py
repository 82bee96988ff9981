"""List+watch keeps a cache right whatever the API server does, with at most one request a second."""

import asyncio
import json
from itertools import pairwise

import pytest

from ingress_canary.adapters.kube.cache.listwatch import ListWatch, WatchSettings
from ingress_canary.adapters.kube.cache.retry_pace import pause_after
from ingress_canary.adapters.kube.cache.store import ObjectCache
from ingress_canary.adapters.kube.client.resources import ROLLOUTS
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.resource import INGRESSES as RESOURCE
from ingress_canary.domain.objects.resource import Resource
from tests.adapters.scripted_api import INGRESSES, answers, cuts, hangs, refuses, serving, streams, until


def event(kind, version=None, **metadata):
    meta = {"namespace": "shop", "name": "x", "uid": "x", "resourceVersion": version, **metadata}
    return json.dumps({"type": kind, "object": {"metadata": {key: one for key, one in meta.items() if one}}}).encode()


class Running:
    """One list+watch of a resource of its own, running."""

    def __init__(self, api, session, resource=RESOURCE, settings=None, **options):
        self.api = api
        self.collection = resource.path()
        self.store = ObjectCache(Ingress.of)
        self.watch = ListWatch(session, resource, self.store, settings or WatchSettings(), **options)
        self.task = asyncio.create_task(self.watch.run())

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def requests(self):
        return [one for one in self.api.requests if one.path == self.collection]

    def right(self):
        """Whether the cache holds what the API holds."""
        there = {key: one["metadata"]["resourceVersion"] for key, one in self.api.objects[self.collection].items()}
        held = ((key, self.store.get(key)) for key in (*self.store.keys(),))
        return there == {tuple(key): one.meta.resource_version for key, one in held}

    def watching(self):
        return bool(self.requests) and "watch" in self.requests[-1].query


@pytest.fixture
async def served(tmp_path):
    async with serving(tmp_path, request_timeout=1.0) as both:
        yield both


async def test_it_lists_page_by_page_then_follows_every_change(served):
    api, session = served
    for number in range(501):
        api.put(INGRESSES, "shop", f"n{number}")
    async with Running(api, session) as one:
        await asyncio.wait_for(one.watch.synced.wait(), 5)
        assert one.right()
        assert one.watch.visible
        await until(one.watching)
        api.put(INGRESSES, "shop", "n0", spec={"ingressClassName": "nginx"})
        api.put(INGRESSES, "mall", "new")
        api.drop(INGRESSES, "shop", "n1")
        await until(one.right)
        queries = [sent.query for sent in one.requests]
    assert queries[:2] == [{"limit": "500"}, {"limit": "500", "continue": "500"}]
    seconds = int(queries[2].pop("timeoutSeconds"))
    assert queries[2:] == [{"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "601"}]
    assert 300 <= seconds <= 600


async def test_after_a_clean_end_it_goes_on_where_it_was(served):
    api, session = served
    api.put(INGRESSES, "shop", "a")
    async with Running(api, session, settings=WatchSettings(shortest=1)) as one:
        await until(one.watching)
        api.put(INGRESSES, "shop", "a")
        await until(one.right)
        await until(lambda: len(one.requests) >= 3)
        api.put(INGRESSES, "shop", "b")
        await until(one.right)
        assert ["resourceVersion" in sent.query for sent in one.requests] == [False, True, True]
        assert one.requests[2].query["resourceVersion"] == "102"


async def test_a_namespace_and_a_selector_limit_what_is_read(served):
    api, session = served
    async with Running(api, session, namespace="shop", selector={"labelSelector": "app=a,b!=c"}) as one:
        await asyncio.wait_for(one.watch.synced.wait(), 5)
        sent = api.requests[0]
    assert sent.path == "/apis/networking.k8s.io/v1/namespaces/shop/ingresses"
    assert sent.query["labelSelector"] == "app=a,b!=c"


MISBEHAVIOURS = {
    "empty 200": answers(200, b""),
    "HTML 200": answers(200, b"<html>\nSign in\n</html>\n", "text/html"),
    "HTML 502": answers(502, b"<html>\nBad Gateway\n</html>\n", "text/html"),
    "410": refuses(410, "too old resource version"),
    "410 inside": streams(b'{"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "old"}}\n'),
    "500 inside": streams(b'{"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "oops"}}\n'),
    "error without a status": streams(b'{"type": "ERROR"}\n'),
    "429": refuses(429, "too many requests"),
    "504": refuses(504, "Too large resource version: 101, current: 7"),
    "403": refuses(403, "forbidden"),
    "garbage": streams(b"\x00\xff garbage\n"),
    "JSON of another shape": streams(b'[1, 2]\n{"type": 5}\n'),
    "unknown event": streams(event("SURPRISE", "5") + b"\n"),
    "event without a version": streams(event("ADDED") + b"\n"),
    "bookmark without a version": streams(event("BOOKMARK") + b"\n"),
    "event without a uid": streams(event("ADDED", "5", uid=None) + b"\n"),
    "number that is none": streams(b'{"type": "ADDED", "object": {"a": NaN}}\n'),
    "cut inside a line": streams(event("ADDED", "5")[:40]),
    "cut connection": cuts,
    "bookmark, then the end": streams(event("BOOKMARK", "101") + b"\n"),
    "hanging before the answer": hangs,
    "hanging after it": streams(then_hang=True),
    "empty list": answers(200, b"{}"),
    "list without items": answers(200, b'{"metadata": {"resourceVersion": "999"}}'),
    "list of numbers": answers(200, b'{"metadata": {"resourceVersion": "999"}, "items": [1]}'),
    "list without a version": answers(200, b'{"metadata": {}, "items": []}'),
}


@pytest.mark.slow
async def test_no_misbehaviour_makes_it_spin_or_leaves_the_cache_wrong(tmp_path):
    # Every misbehaviour at once, each on a resource of its own: seven seconds of it, then a healthy API server.
    async with serving(tmp_path, request_timeout=1.0) as (api, session):
        running = []
        for number, name in enumerate(MISBEHAVIOURS):
            resource = Resource("test", "v1", f"kind{number}s", name)
            api.put(resource.path(), "shop", "stays")
            api.put(resource.path(), "shop", "goes")
            running.append(Running(api, session, resource, WatchSettings(idle=2)))
        await until(lambda: all(one.watching() for one in running))
        assert all(one.right() for one in running)
        for one, misbehaviour in zip(running, MISBEHAVIOURS.values(), strict=True):
            api.always[one.collection] = misbehaviour
            api.drop(one.collection, "shop", "goes")
            api.put(one.collection, "shop", "stays")
            api.put(one.collection, "shop", "comes")
        await asyncio.sleep(7)
        api.always.clear()
        await until(lambda: all(one.right() for one in running), seconds=25)
        await until(lambda: not any(one.watch.problem for one in running), seconds=25)
        for one, name in zip(running, MISBEHAVIOURS, strict=True):
            times = [sent.at for sent in one.requests]
            gaps = [after - before for before, after in pairwise(times)]
            # The pace is kept where requests are made; between there and the server's handler lies a busy event loop.
            assert min(gaps) > 0.8, f"{name}: {gaps}"
            assert len(times) <= times[-1] - times[0] + 1.2, f"{name}: {gaps}"
            assert not one.task.done()
            await one.__aexit__()


@pytest.mark.parametrize("name", ["410", "410 inside", "garbage"])
async def test_what_was_missed_is_listed_again(served, name):
    api, session = served
    api.put(INGRESSES, "shop", "stays")
    api.put(INGRESSES, "shop", "goes")
    async with Running(api, session) as one:
        await asyncio.wait_for(one.watch.synced.wait(), 5)
        api.script[INGRESSES].append(MISBEHAVIOURS[name])
        api.drop(INGRESSES, "shop", "goes")
        api.events.clear()
        await until(one.right)
        assert ["watch" in sent.query for sent in one.requests] == [False, True, False]


async def test_a_cluster_restored_from_a_backup_is_believed(served):
    api, session = served
    api.put(INGRESSES, "shop", "a")
    async with Running(api, session) as one:
        await asyncio.wait_for(one.watch.synced.wait(), 5)
        api.objects.clear()
        api.events.clear()
        api.version = 7
        api.put(INGRESSES, "shop", "old")
        api.script[INGRESSES].append(MISBEHAVIOURS["410"])
        await until(one.right)


async def test_a_cluster_restored_from_a_backup_that_answers_with_silence_is_believed(served):
    api, session = served
    for name in ("lost", "kept"):
        api.put(INGRESSES, "shop", name)
    async with Running(api, session, settings=WatchSettings(idle=1.0)) as one:
        await until(one.watching)
        api.objects.clear()
        api.events.clear()
        api.version = 7
        api.put(INGRESSES, "shop", "kept")
        api.script[INGRESSES].append(cuts)
        await until(one.right, seconds=5)


async def test_a_missing_crd_is_a_problem_with_a_remedy_until_it_is_installed(served):
    api, session = served
    api.script[ROLLOUTS.path()].append(answers(404, b"404 page not found\n", "text/plain"))
    async with Running(api, session, ROLLOUTS) as one:
        await until(lambda: one.watch.problem)
        assert "install the CRDs" in one.watch.problem
        assert not one.watch.synced.is_set()
        await asyncio.wait_for(one.watch.synced.wait(), 5)
        assert one.watch.problem is None


async def test_what_may_not_be_read_is_not_visible_and_no_problem_when_optional(served):
    api, session = served
    api.put(INGRESSES, "shop", "a")
    async with Running(api, session, settings=WatchSettings(doubted=0), optional=True) as one:
        await asyncio.wait_for(one.watch.synced.wait(), 5)
        assert one.watch.visible
        api.script[INGRESSES].append(refuses(403, "not any more"))
        await until(lambda: not one.watch.visible)
        assert one.store.get(("shop", "a")) is None
        assert one.watch.problem is None
        await until(lambda: one.watch.visible)
        assert one.right()


async def test_what_could_be_read_stays_visible_for_as_long_as_a_restarted_api_server_may_lack_its_roles(served):
    api, session = served
    api.put(INGRESSES, "shop", "a")
    async with Running(api, session, settings=WatchSettings(doubted=1.5), optional=True) as one:
        await asyncio.wait_for(one.watch.synced.wait(), 5)
        for _ in range(2):  # a moment each, and long after the first
            api.script[INGRESSES].append(refuses(403, "not yet"))
            await until(lambda: one.watch.problem)
            assert one.watch.visible
            assert one.store.get(("shop", "a"))
            await until(lambda: one.watch.problem is None)
        api.always[INGRESSES] = refuses(403, "not any more")
        await until(lambda: not one.watch.visible)
        assert one.watch.problem is None


def test_what_is_denied_is_tried_after_a_second_then_ever_more_seldom():
    waits = [pause_after(failures, WatchSettings().denied) for failures in range(1, 12)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_what_must_be_read_and_may_not_is_a_problem_with_a_remedy(served):
    api, session = served
    api.always[INGRESSES] = refuses(403, 'User "x" cannot list resource "ingresses"')
    async with Running(api, session) as one:
        await until(lambda: one.watch.problem)
        assert 'User "x" cannot list' in one.watch.problem
        assert "grant" in one.watch.problem
        assert not one.watch.synced.is_set()


async def test_an_object_beyond_us_is_left_out_and_the_rest_is_served(served):
    api, session = served
    api.put(INGRESSES, "shop", "odd", spec={"rules": [None]})
    api.put(INGRESSES, "shop", "sound")
    async with Running(api, session) as one:
        await asyncio.wait_for(one.watch.synced.wait(), 5)
        assert [key.name for key in (*one.store.keys(),)] == ["sound"]


async def test_a_listener_that_fails_does_not_end_the_watch(served):
    api, session = served
    async with Running(api, session) as one:
        await until(one.watching)
        failures = iter([KeyError("a bug")])

        def listener(_before, _after):
            for failure in failures:
                raise failure

        one.store.listen(listener)
        api.put(INGRESSES, "shop", "a")
        await until(lambda: one.watch.problem is not None)
        api.put(INGRESSES, "shop", "b")
        await until(lambda: one.right() and one.watch.problem is None)
