"""The controllers' pods are found by label, ready ones only."""

import asyncio

import pytest

from ingress_canary.adapters.kube.cache.pods import KubePods, PodAddress
from tests.adapters.scripted_api import PODS, refuses, serving, until


def pod(host="10.0.0.1", ready="True", phase="Running"):
    return {
        "spec": {
            "containers": [
                {"name": "sidecar"},
                {"ports": [{"name": "metrics", "containerPort": 10254}, {"containerPort": 80}]},
            ]
        },
        "status": {"podIP": host, "phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.fixture
async def served(tmp_path):
    async with serving(tmp_path) as (api, session):
        pods = KubePods(session, "app=ingress-nginx", "ingress")
        yield api, pods
        await pods.stop()


async def test_ready_pods_are_given_with_their_ports(served):
    api, pods = served
    api.put(PODS, "ingress", "b", **pod("10.0.0.2"))
    api.put(PODS, "ingress", "a", **pod("fd00::1"))
    api.put(PODS, "ingress", "unready", **pod(ready="False"))
    api.put(PODS, "ingress", "starting", **pod(host=""))
    api.put(PODS, "ingress", "leaving", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}, **pod())
    api.put(PODS, "elsewhere", "c", **pod())
    pods.start()
    await asyncio.wait_for(pods.synced(), 5)
    assert pods.ready() == (
        PodAddress("ingress/a", "fd00::1", {"metrics": 10254}),
        PodAddress("ingress/b", "10.0.0.2", {"metrics": 10254}),
    )
    assert api.requests[0].query["labelSelector"] == "app=ingress-nginx"
    api.drop(PODS, "ingress", "a")
    await until(lambda: len(pods.ready()) == 1)


async def test_pods_that_may_not_be_read_are_a_problem_with_a_remedy(served):
    api, pods = served
    api.always[PODS] = refuses(403, "no")
    pods.start()
    await until(lambda: pods.problem)
    assert "grant" in pods.problem
    assert pods.ready() == ()
