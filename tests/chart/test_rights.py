"""The rights that the chart hands out: those of config/rbac, enough for whole rollouts, and each with its use."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingress_canary.lab.kubeapi.rbac import Right, account, rights_of
from tests.chart.charts import HOME, NAME, ROOT, manifests, texts
from tests.chart.charts import reasons as reasons_of
from tests.chart.installed import Installation, installed, whole_life

RBAC = ROOT / "config/rbac"
MODES: dict[str, dict[str, Any]] = {
    "cluster-wide": {"rbac": {"writeWorkloads": True}},
    "namespaces": {
        "rbac": {"writeWorkloads": True, "secrets": [{"namespace": "shop", "names": ["canary-gates", "chat"]}]},
        "settings": {"namespaces": ["shop"]},
    },
    "namespaces alone": {
        "rbac": {"writeWorkloads": True, "clusterReads": False},
        "settings": {"namespaces": ["shop"], "accept_unchecked": True},
    },
}
REFUSED: dict[str, set[tuple[str, str, str, str]]] = {
    "cluster-wide": set(),
    "namespaces": set(),
    # asked for and done without
    "namespaces alone": {
        ("get", "customresourcedefinitions", "", "canaryrollouts.ingress-canary.io"),
        ("list", "ingresses", "", ""),
        ("list", "ingressclasses", "", ""),
        ("list", "namespaces", "", "ingress-canary"),
    },
}
UNUSED = {
    ("patch", "events"): "an Event that repeats word for word is counted, not created again",
    ("get", "leases"): "a Lease is read when another replica was faster to make or take it",
    ("patch", "statefulsets"): "CopyImages of a StatefulSet: the scenario has Deployments",
    ("patch", "daemonsets"): "CopyImages of a DaemonSet",
    ("patch", "statefulsets/scale"): "scaleCanary of a StatefulSet",
}
"""Rights that no scenario need use, and why they are granted all the same."""


def plain(*files: str) -> set[tuple[str, ...]]:
    """Return the daemon's rights by files of config/rbac."""
    documents = [each for file in files for each in yaml.safe_load_all((RBAC / file).read_text())]
    return shown(rights_of(account(HOME, NAME), documents))


def shown(rights: Any) -> set[tuple[str, ...]]:
    return {(one.namespace, one.group, one.resource, one.verb, *sorted(one.names)) for one in rights}


@pytest.mark.parametrize(
    ("values", "files"),
    [
        ({}, ["ingress-canary.yaml"]),
        ({"rbac": {"writeWorkloads": True}}, ["ingress-canary.yaml", "optional/workloads.yaml"]),
        ({"settings": {"namespaces": ["shop"]}}, ["namespaced/ingress-canary.yaml"]),
        (
            {"rbac": {"secrets": [{"namespace": "shop", "names": ["canary-gates"]}]}},
            ["ingress-canary.yaml", "optional/gate-secrets.yaml"],
        ),
    ],
)
def test_the_chart_and_the_plain_manifests_grant_the_same(values: dict[str, Any], files: list[str]) -> None:
    assert shown(rights_of(account(HOME, NAME), manifests(values))) == plain(*files)


def test_the_roles_for_people_are_the_same_in_both() -> None:
    def by_name(documents: Any) -> dict[str, tuple[Any, Any]]:
        return {
            each["metadata"]["name"]: (
                each["rules"],
                [key for key in each["metadata"].get("labels", {}) if "aggregate-to" in key],
            )
            for each in documents
            if each["kind"] == "ClusterRole" and each["metadata"]["name"] != NAME
        }

    assert by_name(manifests({})) == by_name(yaml.safe_load_all((RBAC / "users.yaml").read_text()))


def test_every_rule_says_why() -> None:
    texts_of = [texts(MODES["namespaces"])[f"{NAME}/templates/rbac.yaml"]]
    texts_of += [
        (RBAC / file).read_text()
        for file in ("ingress-canary.yaml", "namespaced/ingress-canary.yaml", "optional/workloads.yaml")
    ]
    for text in texts_of:
        found = list(reasons_of(text))
        assert len(found) == sum(len(each.get("rules") or ()) for each in yaml.safe_load_all(text) if each)
        # a Lease has two rules and one reason
        assert [rule for why, rule in found if not why and "leases" not in rule] == []


@pytest.fixture(scope="module", params=MODES)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Installation]:
    """A whole life of the daemon in one of the modes, with nothing but the rights that the chart hands out."""
    return request.param, asyncio.run(_play(MODES[request.param], tmp_path_factory.mktemp("installed")))


async def _play(values: dict[str, Any], room: Path) -> Installation:
    async with installed(values, room) as found:
        await whole_life(found)
    return found


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_whole_rollouts_need_no_right_that_the_chart_does_not_hand_out(played: tuple[str, Installation]) -> None:
    mode, found = played
    assert found.refused() == REFUSED[mode]


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_every_right_is_used_or_its_reason_is_known(played: tuple[str, Installation]) -> None:
    _, found = played
    granted = set(found.rbac.rights(found.user))
    assert found.rbac.used <= granted
    assert {one for one in granted - found.rbac.used if not explained(one)} == set()


def explained(right: Right) -> bool:
    return (right.verb, right.resource) in UNUSED
