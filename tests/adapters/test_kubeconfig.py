"""Kubeconfigs are read as kubectl reads them: whose cluster of several files is meant, and whom a user impersonates."""

import contextlib
import os
from pathlib import Path

import pytest
import yaml

from ingress_canary.adapters.kube.client.connect import connect
from ingress_canary.adapters.kube.client.kubeconfig import KubeconfigError, kube_context, usual_kubeconfig
from ingress_canary.ports import Missing, Unavailable
from tests.adapters.scripted_api import kubeconfig, serving

ONE = "/api/v1/namespaces/shop"


async def asked_by(api, kubeconfig, context=None):
    """Return the headers of a request that a client with this kubeconfig makes."""
    session = await connect(kubeconfig=kubeconfig, context=context)
    try:
        with contextlib.suppress(Missing):
            await session.request("GET", ONE)
    finally:
        await session.close()
    return api.requests[-1].headers


@pytest.mark.parametrize("second", ["elsewhere", "", None])
async def test_of_several_files_the_first_current_context_counts_as_with_kubectl(tmp_path, second):
    async with serving(tmp_path) as (api, _):
        other = yaml.safe_load(kubeconfig("http://127.0.0.1:9").replace("test", "elsewhere"))
        (tmp_path / "second").write_text(yaml.safe_dump(other | {"current-context": second}))
        headers = await asked_by(api, os.pathsep.join([str(tmp_path / "kubeconfig"), str(tmp_path / "second")]))
    assert headers["Authorization"] == "Bearer secret"


async def test_a_file_without_a_current_context_leaves_it_to_the_next(tmp_path):
    async with serving(tmp_path) as (api, _):
        (tmp_path / "first").write_text("apiVersion: v1\nkind: Config\ncurrent-context: ''\n")
        files = [tmp_path / "first", tmp_path / "kubeconfig"]
        assert (await asked_by(api, os.pathsep.join(map(str, files))))["Authorization"] == "Bearer secret"


IMPERSONATION = {
    "as": "viewer",
    "as-groups": ["readers", "shop"],
    "as-uid": "7",
    "as-user-extra": {"Reason/ticket": ["a", "b"]},
}


async def test_a_user_who_impersonates_another_one_does_so_here_too(tmp_path):
    async with serving(tmp_path) as (api, _):
        body = yaml.safe_load(kubeconfig(api.url))
        body["users"][0]["user"] |= IMPERSONATION
        (tmp_path / "as").write_text(yaml.safe_dump(body))
        headers = await asked_by(api, str(tmp_path / "as"))
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Impersonate-User"] == "viewer"
    assert headers.getall("Impersonate-Group") == ["readers", "shop"]
    assert headers["Impersonate-Uid"] == "7"
    assert headers.getall("Impersonate-Extra-reason%2fticket") == ["a", "b"]


async def test_nobody_is_impersonated_where_nothing_says_so(tmp_path):
    async with serving(tmp_path) as (api, _):
        headers = await asked_by(api, str(tmp_path / "kubeconfig"))
    assert not [name for name in headers if name.startswith("Impersonate")]


@pytest.mark.parametrize("alone", [{"as-groups": ["readers"]}, {"as-uid": "7"}, {"as-user-extra": {"a": ["b"]}}])
async def test_groups_of_nobody_are_refused_as_kubectl_refuses_them(tmp_path, alone):
    body = yaml.safe_load(kubeconfig("http://127.0.0.1:9"))
    body["users"][0]["user"] |= alone
    (tmp_path / "config").write_text(yaml.safe_dump(body))
    with pytest.raises(Unavailable, match=r"user test has .* without as: name whom it impersonates"):
        await connect(kubeconfig=str(tmp_path / "config"))


@pytest.mark.parametrize(
    "odd", [{"as": ["viewer"]}, {"as": "v", "as-groups": "readers"}, {"as": "v", "as-groups": [7]}]
)
def test_an_impersonation_of_another_type_is_refused_and_never_left_out(tmp_path, odd):
    body = yaml.safe_load(kubeconfig("http://127.0.0.1:9"))
    body["users"][0]["user"] |= odd
    (tmp_path / "config").write_text(yaml.safe_dump(body))
    with pytest.raises(KubeconfigError, match="user test: as"):
        kube_context(str(tmp_path / "config")).impersonation()


@pytest.mark.skipif(Path("/var/run/secrets/kubernetes.io").exists(), reason="a pod's service account comes first")
def test_the_usual_kubeconfig_is_the_one_that_kubectl_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert usual_kubeconfig() is None
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text("")
    assert usual_kubeconfig() == str(tmp_path / ".kube/config")
    monkeypatch.setenv("KUBECONFIG", "/a:/b")
    assert usual_kubeconfig() == "/a:/b"
