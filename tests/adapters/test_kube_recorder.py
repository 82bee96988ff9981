"""Events reach the API server in the background, repeated ones as a count, and never get in anybody's way."""

import asyncio
import re

import pytest

from ingress_canary.adapters.kube.event_recorder import KubeRecorder
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.ports import Event
from tests.adapters.scripted_api import EVENTS, answers, hangs, refuses, serving, until

CHECKOUT = Key("shop", "checkout")


def event(message="5 of 5000 failed", **members):
    return Event(**{"about": CHECKOUT, "uid": "u1", "reason": "SLOViolated", "message": message, **members})


@pytest.fixture
async def served(tmp_path):
    async with serving(tmp_path, request_timeout=1.0) as (api, session):
        recorder = KubeRecorder(session, "pod-1")
        recorder.start()
        yield api, recorder
        await recorder.stop(0)


def stored(api):
    return list(api.objects[EVENTS].values())


async def test_an_event_says_what_happened_to_whom_and_who_says_so(served):
    api, recorder = served
    recorder.record(event(type="Warning"))
    await until(lambda: stored(api))
    (one,) = stored(api)
    assert one["metadata"]["namespace"] == "shop"
    assert one["metadata"]["name"].startswith("checkout.")
    assert one["involvedObject"] == {
        "apiVersion": "ingress-canary.io/v1alpha1",
        "kind": "CanaryRollout",
        "namespace": "shop",
        "name": "checkout",
        "uid": "u1",
    }
    assert (one["type"], one["reason"], one["message"]) == ("Warning", "SLOViolated", "5 of 5000 failed")
    assert (one["reportingComponent"], one["reportingInstance"]) == ("ingress-canary", "pod-1")
    assert one["source"] == {"component": "ingress-canary"}
    assert one["count"] == 1
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["lastTimestamp"])


async def test_what_repeats_is_counted_in_place_with_its_newest_words(served):
    api, recorder = served
    for number in range(4):
        recorder.record(event(f"{number} failed", dedup=("fail", "step-1")))
    recorder.record(event("other", dedup=("fail", "step-2")))
    await until(lambda: len(stored(api)) == 2)
    assert [(one["count"], one["message"]) for one in stored(api)] == [(4, "3 failed"), (1, "other")]


async def test_an_event_that_the_api_server_has_forgotten_is_made_anew(served):
    api, recorder = served
    recorder.record(event())
    await until(lambda: stored(api))
    api.objects[EVENTS].clear()
    recorder.record(event())
    await until(lambda: stored(api))
    assert stored(api)[0]["count"] == 1


async def test_an_outage_delays_events_and_loses_none(served):
    api, recorder = served
    api.script[EVENTS].append(answers(502, b"<html>"))
    recorder.record(event("a"))
    recorder.record(event("b"))
    await until(lambda: len(stored(api)) == 2)
    assert recorder.dropped == 0


async def test_a_refused_event_is_dropped_and_the_next_one_sent(served):
    api, recorder = served
    api.script[EVENTS].append(refuses(403, "namespace is being terminated"))
    recorder.record(event("a"))
    recorder.record(event("b"))
    await until(lambda: stored(api))
    assert stored(api)[0]["message"] == "b"
    assert recorder.dropped == 1


async def test_a_rollout_that_chatters_is_cut_short(served):
    api, recorder = served
    for number in range(100):
        recorder.record(event(f"{number}"))
    await until(lambda: len(stored(api)) + recorder.dropped == 100)
    assert 30 <= len(stored(api)) <= 60, "30 in each of the one or two minutes that this took"


async def test_when_too_many_wait_the_oldest_are_dropped(tmp_path):
    async with serving(tmp_path) as (_, session):
        recorder = KubeRecorder(session, "pod-1")
        for number in range(1500):
            recorder.record(event(f"{number}"))
        assert recorder.dropped == 500


async def test_what_waits_is_sent_at_the_end_but_only_for_so_long(served):
    api, recorder = served
    recorder.record(event("a"))
    await recorder.stop()
    assert [one["message"] for one in stored(api)] == ["a"]
    api.always[EVENTS] = hangs
    recorder.start()
    recorder.record(event("b"))
    begun = asyncio.get_running_loop().time()
    await recorder.stop(0.2)
    assert 0.2 <= asyncio.get_running_loop().time() - begun < 5, "the answer would take a minute"


@pytest.mark.parametrize("message", ["ü" * 2000, "\ud800", ""])
async def test_any_message_fits(served, message):
    api, recorder = served
    recorder.record(event(message))
    await until(lambda: stored(api))
    assert len(stored(api)[0]["message"].encode()) <= 1024
