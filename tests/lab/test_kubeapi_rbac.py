"""The lab's RBAC: who may do what, by the words of the API server."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from ingress_canary.lab.kubeapi import KubeApi
from ingress_canary.lab.kubeapi.rbac import Rbac, account

ROBOT = account("home", "robot")
CONFIGS = "/api/v1/namespaces/{}/configmaps"


def role(kind: str, name: str, *rules: dict[str, Any], namespace: str = "") -> list[dict[str, Any]]:
    """Return a role and its binding to the robot."""
    where = {"namespace": namespace} if namespace else {}
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": "home"}
    return [
        {"kind": kind, "metadata": {"name": name, **where}, "rules": list(rules)},
        {
            "kind": f"{kind}Binding",
            "metadata": {"name": name, **where},
            "roleRef": {"kind": kind, "name": name},
            "subjects": [subject],
        },
    ]


OBJECTS = [
    *role("Role", "maps", {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "create"]}, namespace="a"),
    *role(
        "Role",
        "one",
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"], "verbs": ["get", "list", "watch"]},
        namespace="b",
    ),
    *role(
        "ClusterRole",
        "scale",
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["a"], "verbs": ["get"]},
    ),
    {"kind": "Role", "metadata": {"name": "unbound", "namespace": "b"}, "rules": [{"verbs": ["*"]}]},
]


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    rbac = Rbac(OBJECTS, [ROBOT])
    async with KubeApi(authorize=[rbac.middleware]) as made:
        for name in ("a", "b"):
            made.store.create("namespaces", "", {"metadata": {"name": name}, "apiVersion": "v1", "kind": "Namespace"})
        yield made


async def asked(api: KubeApi, method: str, path: str, user: str = ROBOT, **more: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {user}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, api.url + path, headers=headers, **more) as answer,
    ):
        return answer.status, await answer.json()


NAMED = "?fieldSelector=metadata.name%3Done"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", CONFIGS.format("a"), 200),
        ("GET", CONFIGS.format("b"), 403),
        ("GET", CONFIGS.format("b") + NAMED, 200),
        ("GET", CONFIGS.format("b") + "?fieldSelector=metadata.name%3Dtwo", 403),
        ("GET", CONFIGS.format("b") + "/one", 404),
        ("GET", CONFIGS.format("b") + "/two", 403),
        ("GET", CONFIGS.format("a") + "/one", 403),
        ("GET", "/api/v1/configmaps", 403),
        ("DELETE", CONFIGS.format("a"), 403),
        ("GET", "/apis/apps/v1/namespaces/b/deployments/x/scale", 404),
        ("GET", "/apis/apps/v1/namespaces/b/deployments/x", 403),
        ("GET", "/api/v1/namespaces/a", 200),
        ("GET", "/api/v1/namespaces/b", 403),
        ("GET", "/version", 200),
    ],
)
async def test_a_right_holds_for_its_verb_resource_name_and_namespace(
    api: KubeApi, method: str, path: str, code: int
) -> None:
    assert (await asked(api, method, path))[0] == code


async def test_a_creation_is_not_limited_by_names_and_others_are_free(api: KubeApi) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    assert (await asked(api, "POST", CONFIGS.format("a"), json=body))[0] == 201
    # rules with names never allow a creation, for its name is not known when RBAC is asked
    assert (await asked(api, "POST", CONFIGS.format("b"), json=body))[0] == 403
    assert (await asked(api, "POST", CONFIGS.format("b"), "lab", json=body))[0] == 201


async def test_a_refusal_has_the_api_servers_words(api: KubeApi) -> None:
    _, status = await asked(api, "GET", "/apis/apps/v1/namespaces/b/deployments/x")
    assert status["reason"] == "Forbidden"
    assert status["details"] == {"name": "x", "group": "apps", "kind": "deployments"}
    assert status["message"] == (
        f'deployments.apps "x" is forbidden: User "{ROBOT}" cannot get resource "deployments" in API group "apps" '
        'in the namespace "b"'
    )
    _, status = await asked(api, "GET", "/apis/networking.k8s.io/v1/ingresses")
    assert status["message"] == (
        f'ingresses.networking.k8s.io is forbidden: User "{ROBOT}" cannot list resource "ingresses" in API group '
        '"networking.k8s.io" at the cluster scope'
    )
