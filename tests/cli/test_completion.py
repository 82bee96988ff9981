"""TAB in real shells: commands, options, values and names of the cluster; silence where there is none."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from tests.cli.terminal import Terminal, program

BIN = Path(sys.executable).parent
SCHEDULE = {
    "steps": [{"weight": 100, "bake": "30s"}],
    "slos": [{"name": "availability", "objective": 99.5, "sli": {"requests": {}}}],
}
SHELLS = {"bash": ("bash", "--norc", "--noprofile", "-i"), "zsh": ("zsh", "-f", "-i")}
BEGIN = {"bash": "PS1='> '", "zsh": "PS1='> '; bindkey -e; autoload -U compinit; compinit -u -D"}


def environment(home: Path, kubeconfig: Path | None = None) -> dict[str, str]:
    found = {"HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm", "LANG": "C.UTF-8"}
    return found | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})


@pytest.fixture
async def kubeconfig(tmp_path: Path) -> AsyncIterator[Path]:
    async with Lab(seed=7) as lab:
        lab.create("canaryrollouts", manifests.rollout("checkout", SCHEDULE))
        yield lab.api.write_kubeconfig(tmp_path / "kubeconfig")


def answer(words: list[str], around: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "ingress-canary"), "__complete", *words]
    return subprocess.run(command, input="typed\n", env=around, capture_output=True, text=True, check=True, timeout=60)


def save(name: str, file: Path) -> None:
    """Write a script of ``completion`` into a file, executable."""
    command = [str(BIN / "ingress-canary"), "completion", name]
    file.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    file.chmod(0o755)


COMPLETED = {
    "ingress-canary sta": "ingress-canary status",
    "kubectl-icanary res": "kubectl-icanary res",  # resume or restart
    "kubectl-icanary resu": "kubectl-icanary resume",
    "ingress-canary status --all-n": "ingress-canary status --all-namespaces",
    "ingress-canary wait checkout --for pau": "ingress-canary wait checkout --for paused",
    "ingress-canary status -n shop chec": "ingress-canary status -n shop checkout",
    "ingress-canary pause --context nowhere -n shop chec": "ingress-canary pause --context nowhere -n shop chec",
    "ingress-canary lint sched": "ingress-canary lint schedule.yaml",
    "ingress-canary completion fi": "ingress-canary completion fish",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
async def test_tab_completes_what_is_typed(name: str, kubeconfig: Path, tmp_path: Path) -> None:
    """Among it a command line for which no cluster can be asked, and the name of a file."""
    program(name)
    (tmp_path / "schedule.yaml").touch()

    def type_all() -> dict[str, str]:
        with Terminal(SHELLS[name], environment(tmp_path, kubeconfig)) as terminal:
            terminal.enter(f"cd {tmp_path}; said() {{ echo said: $*; }}; {BEGIN[name]}")
            terminal.enter(f"source <(ingress-canary completion {name})")
            return {line: terminal.completed(line) for line in COMPLETED}

    assert await asyncio.to_thread(type_all) == COMPLETED


@pytest.mark.slow
async def test_zsh_loads_the_script_from_its_path_too(kubeconfig: Path, tmp_path: Path) -> None:
    program("zsh")
    functions = tmp_path / "functions"
    functions.mkdir()
    save("zsh", functions / "_ingress-canary")

    def type_it() -> str:
        with Terminal(SHELLS["zsh"], environment(tmp_path, kubeconfig)) as terminal:
            terminal.enter(f"said() {{ echo said: $*; }}; fpath=({functions} $fpath); {BEGIN['zsh']}")
            return terminal.completed("ingress-canary sta")

    assert await asyncio.to_thread(type_it) == "ingress-canary status"


@pytest.mark.slow
async def test_fish_gets_values_with_their_descriptions(kubeconfig: Path, tmp_path: Path) -> None:
    asked = "source (ingress-canary completion fish | psub); complete -C 'ingress-canary status -n shop '; "
    command = [program("fish"), "--no-config", "-c", asked + "complete -C 'ingress-canary paus'"]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment(tmp_path, kubeconfig), capture_output=True, text=True, check=True
    )
    assert done.stdout == "checkout\npause\tStop advancing; watching and rollback go on.\n"


@pytest.mark.slow
@pytest.mark.parametrize("as_file", [False, True])
async def test_kubectl_completes_its_plugin(kubeconfig: Path, tmp_path: Path, as_file: bool) -> None:
    """By the program that an installation brings, or by the script that whoever has only the plugin saves."""
    around = environment(tmp_path, kubeconfig)
    if as_file:
        (tmp_path / "bin").mkdir()
        save("kubectl", tmp_path / "bin/kubectl_complete-icanary")
        around["PATH"] = f"{tmp_path / 'bin'}:{around['PATH']}"

    def ask(*words: str) -> list[str]:
        command = [str(BIN / "kubectl"), "__complete", "icanary", *words]
        return subprocess.run(command, env=around, capture_output=True, text=True, check=True).stdout.splitlines()

    assert await asyncio.to_thread(ask, "paus") == ["pause\tStop advancing; watching and rollback go on.", ":4"]
    assert await asyncio.to_thread(ask, "status", "-n", "shop", "") == ["checkout", ":4"]
    assert await asyncio.to_thread(ask, "lint", "") == [":0"]


def silent(port: int) -> str:
    """Return a kubeconfig of an API server that takes connections and never answers."""
    return f"""apiVersion: v1
kind: Config
current-context: one
contexts: [{{name: one, context: {{cluster: one, user: one}}}}]
clusters: [{{name: one, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: one, user: {{token: none}}}}]
"""


def hung_plugin(_port: int) -> str:
    return silent(9).replace(
        "{token: none}",
        "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sleep, args: ['300'], interactiveMode: Never}}",
    )


@pytest.mark.parametrize(
    "content", [silent, hung_plugin, lambda _: silent(1), lambda _: "][", lambda _: ""],
    ids=["never answers", "credentials never come", "refuses", "no kubeconfig", "empty"],
)  # fmt: skip
def test_a_cluster_that_cannot_be_asked_makes_neither_an_error_nor_a_wait(
    content: Callable[[int], str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        file = tmp_path / "kubeconfig"
        file.write_text(content(listening.getsockname()[1]))
        done = answer(["status", ""], environment(tmp_path, file))
    assert (done.stdout, done.stderr) == (":0\n", "")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["status", "-o", ""], ["text", "json", "yaml", ":4"]),
        (["status", "--output=y"], ["yaml", ":4"]),
        (["status", "--output", "=", "y"], ["yaml", ":4"]),  # as bash divides it
        (["status", "--output", "="], ["text", "json", "yaml", ":4"]),
        (["completion", "z"], ["zsh", ":4"]),
        (["status", "--kubeconfig", ""], [":0"]),
    ],
)
def test_values_of_options_are_offered(words: list[str], lines: list[str], tmp_path: Path) -> None:
    assert answer(words, environment(tmp_path)).stdout.splitlines() == lines


def test_a_plugin_that_hangs_is_ended_and_gets_no_key(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\ncat >{tmp_path}/typed\necho asking >&2\nexec sleep 300\n")
    plugin.chmod(0o755)
    file = tmp_path / "kubeconfig"
    file.write_text(hung_plugin(0).replace("sleep", str(plugin)).replace("Never", "IfAvailable"))
    done = answer(["status", ""], environment(tmp_path, file))
    assert (done.stdout, done.stderr) == (":0\n", "")
    assert (tmp_path / "typed").read_text() == ""
    await_the_end_of(int((tmp_path / "pid").read_text()))


def await_the_end_of(pid: int) -> None:
    """Wait until a process is gone, or nobody's zombie in a container without an init."""
    state, deadline = Path(f"/proc/{pid}/stat"), time.monotonic() + 20
    while state.exists() and ") Z " not in state.read_text():
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.02)


def test_no_word_at_all_is_an_empty_one(tmp_path: Path) -> None:
    assert answer([], environment(tmp_path)).stdout == answer([""], environment(tmp_path)).stdout
