"""The command line as a person meets it: 64 for usage, 1 for failures, and an error that says what to do."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingress_canary.settings import Settings

# nearly every test starts the program, and a second of that is Python's imports
pytestmark = pytest.mark.slow

KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "http://127.0.0.1:%d"}}]
users: [{name: a, user: {token: x}}]
contexts: [{name: a, context: {cluster: a, user: a}}]
current-context: a
"""


def run(home: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("INGRESS_CANARY_", "KUBE"))}
    return subprocess.run(
        [sys.executable, "-m", "ingress_canary", *args],
        env={**kept, "HOME": str(home), **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("run", "--intervall", "5s"), "--intervall: no such setting; did you mean `--interval`?"),
        (("run", "--settings", "/none.yaml"), "/none.yaml: cannot be read: No such file or directory"),
        (("pause",), "error: "),
        (("pause", "checkout", "--timeout", "soon"), "error: "),
        (("finish", "checkout", "-o", "xml"), "error: "),
        (("skip", "checkout", "--step", "0"), "error: "),
        (("promote", "checkout", "--reason", "w" * 257), "257 characters; say it in 256"),
        (("abort",), "name one rollout, or say --all"),
        (("abort", "checkout", "--all"), "name one rollout, or say --all"),
        (("abort", "--all", "--revision", "v2"), "a revision is one rollout's"),
        (("wait",), "error: "),
        (("wait", "checkout", "--for", "ever"), "error: "),
        (("wait", "checkout", "--timeout", "soon"), "a duration is a string with a unit"),
        (("lint", "-n", "shop", "rollout.yaml"), "goes with --live"),
        (("lint", "-A", "rollout.yaml"), "goes with --live"),
        (("run", "--source", "prometheus", "--print-settings"), "--source: prometheus needs an address"),
        (("status", "checkout", "-A"), "name one rollout, or say -A"),
        (("crds", "more"), "error: "),
        (("rollback", "checkout"), "error: "),
    ],
)
def test_wrong_usage_exits_64(args: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run(tmp_path, *args)
    assert (done.returncode, done.stdout) == (64, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_of_the_environment_is_refused_by_its_name(tmp_path: Path) -> None:
    done = run(tmp_path, "run", INGRESS_CANARY_INTERVAL="1s")
    assert (done.returncode, done.stderr) == (64, "error: INGRESS_CANARY_INTERVAL: 1s is too short: 2s to 1m\n")


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (
            ("--listen", "127.0.0.1:0", "--log-format=json", "--kubeconfig", "/none"),
            1,
            "the kubeconfig /none does not exist; set --kubeconfig",
        ),
        (("--log-format", "json", "--interval=1s"), 64, "--interval: 1s is too short: 2s to 1m"),
    ],
)
def test_why_the_daemon_does_not_start_is_a_line_of_the_log_where_that_is_json(
    args: tuple[str, ...], code: int, says: str, tmp_path: Path
) -> None:
    done = run(tmp_path, "run", *args)
    (line,) = (json.loads(line) for line in done.stderr.splitlines())
    assert (done.returncode, line["level"], line["error"]) == (code, "error", says)


def test_the_resolved_settings_are_shown_as_json(tmp_path: Path) -> None:
    done = run(tmp_path, "run", "--print-settings", "--namespaces=a,b", INGRESS_CANARY_INTERVAL="5s")
    shown = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(shown) == set(Settings.model_fields)
    assert (shown["interval"], shown["namespaces"], shown["warm_up"]) == ("5s", ["a", "b"], "2m")


@pytest.mark.parametrize(
    "args",
    [
        ("run", "--listen", "127.0.0.1:0"), ("pause", "checkout"), ("approve", "checkout"), ("wait", "checkout"),
        ("abort", "--all"), ("status",), ("status", "checkout", "-w"), ("lint", "--live", "checkout"),
    ],
)  # fmt: skip
def test_without_a_cluster_the_error_says_that_there_is_none(args: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, *args)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no kubeconfig, and no service account of a pod")
    missing = run(tmp_path, *args, "--kubeconfig", "/none")
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: the kubeconfig /none does not exist")


@contextmanager
def refusing() -> Iterator[int]:
    """Yield a port that refuses connections, and is kept from whoever looks for a free one meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and never listens
        yield bound.getsockname()[1]


@pytest.mark.parametrize("args", [("pause", "checkout"), ("status",), ("lint", "--live", "checkout")])
def test_the_kubeconfig_that_kubectl_uses_is_used(args: tuple[str, ...], tmp_path: Path) -> None:
    with refusing() as port:
        (tmp_path / "kubeconfig").write_text(KUBECONFIG % port)
        done = run(tmp_path, *args, KUBECONFIG=str(tmp_path / "kubeconfig"))
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr


def test_a_verb_says_when_the_cluster_cannot_be_reached(tmp_path: Path) -> None:
    with refusing() as port:
        (tmp_path / "kubeconfig").write_text(KUBECONFIG % port)
        done = run(tmp_path, "abort", "checkout", "-n", "shop", KUBECONFIG=str(tmp_path / "kubeconfig"))
    assert done.returncode == 1
    assert "abort" not in done.stdout
    assert (
        f"error: patch canaryrollouts shop/checkout: ClientConnectorError: Cannot connect to host 127.0.0.1:{port} ["
        in (done.stderr)
    )


def test_a_taken_address_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(tmp_path, "run", "--listen", listen)
    assert done.returncode == 1
    assert f"cannot listen on {listen}" in done.stderr
    assert "set --listen to a free address" in done.stderr


def test_the_help_of_run_names_every_setting(tmp_path: Path) -> None:
    done = run(tmp_path, "run", "--help", COLUMNS="200")
    assert [name for name in Settings.model_fields if f"--{name.replace('_', '-')} " not in done.stdout] == []
