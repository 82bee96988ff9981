"""What people may do by the roles that the chart makes for them, over HTTP and with our own command line."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.lab import manifests as shop
from ingress_canary.lab.kubeapi import KubeApi
from ingress_canary.lab.kubeapi.rbac import Rbac
from tests.chart.charts import NAME, manifests
from tests.e2e.conftest import SCHEDULE, checkout

PEOPLE = {"viewer": "view", "dev": "edit", "oncall": "operate", "sre": "schedule-admin"}


def bound(user: str, role: str) -> dict[str, Any]:
    """Return the binding of a person to a role in the shop's namespace."""
    return {
        "kind": "RoleBinding",
        "metadata": {"name": user, "namespace": "shop"},
        "roleRef": {"kind": "ClusterRole", "name": f"{NAME}-{role}"},
        "subjects": [{"kind": "User", "name": user}],
    }


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    # an editor is a viewer too, by the built-in roles
    bindings = [*(bound(user, role) for user, role in PEOPLE.items()), bound("dev", "view")]
    rbac = Rbac([*manifests({}), *bindings], PEOPLE)
    async with KubeApi([crd(kind) for kind in KINDS], authorize=[rbac.middleware]) as made:
        made.store.create("namespaces", "", shop.namespace("shop"))
        made.store.create("ingresses", "shop", shop.ingress("checkout", "checkout.example"))
        made.store.create("canaryrollouts", "shop", checkout())
        schedule = {"apiVersion": "ingress-canary.io/v1alpha1", "kind": "CanarySchedule", "metadata": {"name": "web"}}
        made.store.create("canaryschedules", "shop", {**schedule, "spec": SCHEDULE})
        yield made


@pytest.mark.parametrize(
    ("user", "rollouts", "schedules", "ingresses"),
    [
        # the built-in roles, which viewers and editors have beside ours, say what they may with Ingresses
        ("viewer", "get", "get", ""),
        ("dev", "get patch delete", "get", ""),
        ("oncall", "get patch", "", "get"),
        ("sre", "", "get patch delete", ""),
    ],
)
async def test_each_role_does_what_it_says_and_no_more(
    api: KubeApi, user: str, rollouts: str, schedules: str, ingresses: str
) -> None:
    headers = {"Authorization": f"Bearer {user}", "Content-Type": "application/merge-patch+json"}
    body = '{"metadata":{"labels":{"a":"b"}}}'
    async with aiohttp.ClientSession(headers=headers) as http:
        for group, path, may in (
            ("ingress-canary.io/v1alpha1", "canaryrollouts/checkout", rollouts),
            ("ingress-canary.io/v1alpha1", "canaryschedules/web", schedules),
            ("networking.k8s.io/v1", "ingresses/checkout", ingresses),
        ):
            for verb in ("get", "patch", "delete"):
                url = f"{api.url}/apis/{group}/namespaces/shop/{path}"
                async with http.request(verb, url, data=body if verb == "patch" else None) as answer:
                    assert answer.status == (200 if verb in may else 403), (path, verb)
        # one by its name, never all of a namespace
        async with http.get(f"{api.url}/apis/networking.k8s.io/v1/namespaces/shop/ingresses") as answer:
            assert answer.status == 403


async def test_anyone_who_may_operate_pauses_with_our_own_command(api: KubeApi, tmp_path: Path) -> None:
    for user, code, answer in (("oncall", 0, "pause shop/checkout: asked for"), ("viewer", 1, "is forbidden")):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ingress_canary", "pause", "checkout", "-n", "shop", "--timeout=0",
            f"--kubeconfig={api.write_kubeconfig(tmp_path / user, token=user)}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert (process.returncode, answer in output.decode()) == (code, True), output.decode()


async def test_anyone_who_may_operate_sees_the_request_that_reaches_the_canary(api: KubeApi, tmp_path: Path) -> None:
    routed = {
        "phase": "Progressing",
        "shadow": {"name": "checkout-canary", "uid": "1"},
        "routing": {"header": {"name": "X-Canary", "value": "staff"}},
    }
    api.store.patch("canaryrollouts", "shop", "checkout", {"status": routed}, subresource="status")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingress_canary", "status", "checkout", "-n", "shop",
        f"--kubeconfig={api.write_kubeconfig(tmp_path / 'oncall', token='oncall')}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert "reach it  curl -H 'X-Canary: staff' http://checkout.example/" in output.decode()
