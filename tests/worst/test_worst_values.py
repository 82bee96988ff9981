"""Every field of the CRDs has a worst value, at a bound of its schema, that an API server would take."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingress_canary.api import ROLLOUT_KIND, SCHEDULE_KIND
from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.lab import manifests
from ingress_canary.lab.kubeapi import KubeApi
from tests.worst.values import copied, fields, is_extreme, root, values, worst

NAMES = {"ingresses": ["checkout"], "stableService": "checkout", "canaryService": "checkout-canary"}
WORST = worst()
ROLLOUT = root(ROLLOUT_KIND)
WITHIN = 1_500_000
"""Bytes of an object that etcd takes."""


def test_every_field_of_a_rollout_is_somewhere_at_its_worst() -> None:
    seen = defaultdict[str, list[Any]](list)
    for one in WORST.values():
        for path, schema, value in values({"spec": one.whole_spec(NAMES), "status": one.status}, ROLLOUT):
            seen[path].append((schema, value))
    assert [path for path, _ in fields(ROLLOUT) if path not in seen] == []
    calm = [path for path, found in seen.items() if not any(is_extreme(*one) for one in found)]
    assert calm == []


def test_a_shared_schedule_has_the_fields_of_an_inline_one() -> None:
    inline = ".spec.schedule.inline"
    of_rollout = {path.removeprefix(inline) for path, _ in fields(ROLLOUT) if path.startswith(inline)}
    assert {path.removeprefix(".spec") for path, _ in fields(root(SCHEDULE_KIND))} == of_rollout


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    """An API server with the CRDs."""
    api = KubeApi([crd(kind) for kind in KINDS])
    await api.start()
    yield api
    await api.stop()


async def test_an_api_server_takes_all_of_them(api: KubeApi) -> None:
    api.store.create("namespaces", "", manifests.namespace(manifests.NAMESPACE))
    for number, one in enumerate(WORST.values()):
        name = f"rollout-{number}"
        body = copied({**manifests.rollout(name, {}), "spec": one.whole_spec(NAMES)})
        api.store.create("canaryrollouts", manifests.NAMESPACE, body)
        status = copied({"status": one.status})
        api.store.patch("canaryrollouts", manifests.NAMESPACE, name, status, subresource="status")
        stored = api.store.get("canaryrollouts", manifests.NAMESPACE, name)
        assert stored["status"] == one.status
        assert len(json.dumps(stored, ensure_ascii=False).encode()) < WITHIN
