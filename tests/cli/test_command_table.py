"""Table of commands: the words of the help are the commands' own, and what a command does not use is not imported."""

import asyncio
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from ingress_canary.cli.command_table import HELP, CommandTable
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab

SCHEDULE = {
    "steps": [{"weight": 100, "bake": "30s"}],
    "slos": [{"name": "availability", "objective": 99.5, "sli": {"requests": {}}}],
}
SAMPLES = sorted((Path(__file__).parent.parent.parent / "config/samples").glob("*.yaml"))


@pytest.mark.parametrize("name", CommandTable())
def test_the_help_says_of_a_command_what_its_docstring_says(name: str) -> None:
    command = CommandTable()[name]
    assert command.name == name
    assert " ".join(inspect.cleandoc(command.help).split("\n\n")[0].split()) == HELP[name]


def imported_by(*words: str) -> set[str]:
    """Return the modules that are loaded when a command has ended."""
    program = (
        "import sys; from ingress_canary.cli.main import main\n"
        f"sys.argv = ['ingress-canary', *{words!r}]\n"
        "try: main()\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"aiohttp", "pydantic", "kubernetes", "yaml", "structlog", "prometheus_client"}


@pytest.mark.parametrize("words", [("--help",), ("--version",), ()])
def test_the_help_imports_no_command_and_none_of_its_libraries(words: tuple[str, ...]) -> None:
    loaded = imported_by(*words)
    assert not loaded & HEAVY
    assert not [name for name in loaded if name.startswith("ingress_canary.cli.commands.")]


THE_DAEMON = {
    "ingress_canary.app",
    "ingress_canary.settings",
    "ingress_canary.engine",
    "ingress_canary.domain.decision",
}
THE_SYNCHRONOUS_CLIENT = {"kubernetes.client", "kubernetes.dynamic", "requests", "urllib3", "jsonschema"}


@pytest.mark.parametrize(
    ("words", "apart"),
    [
        (("run", "--print-settings"), {"ingress_canary.lab", "ingress_canary.whatif", "kubernetes", "aiohttp"}),
        (("crds",), {"ingress_canary.lab", "ingress_canary.whatif", "ingress_canary.app", "kubernetes", "aiohttp"}),
        (("plan", "--help"), {"ingress_canary.lab", "ingress_canary.app", "kubernetes", "aiohttp"}),
        (("lint", *map(str, SAMPLES)), {"aiohttp", "kubernetes", "rich", "structlog", *THE_DAEMON}),
    ],
)
def test_a_command_imports_what_it_uses(words: tuple[str, ...], apart: set[str]) -> None:
    assert not imported_by(*words) & apart


@pytest.mark.parametrize("words", [("-A",), ("-A", "-o", "yaml"), ("-n", "shop"), ("checkout", "-n", "shop")])
async def test_status_imports_neither_the_daemon_nor_the_synchronous_client(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    async with Lab(seed=7) as lab:
        lab.create("canaryrollouts", manifests.rollout("checkout", SCHEDULE))
        kubeconfig = str(lab.api.write_kubeconfig(tmp_path / "kubeconfig"))
        loaded = await asyncio.to_thread(imported_by, "status", *words, "--kubeconfig", kubeconfig)
    assert "kubernetes.aio.config.kube_config" in loaded
    assert not loaded & {*THE_DAEMON, *THE_SYNCHRONOUS_CLIENT, "rich", "structlog", "prometheus_client"}
    assert ("ingress_canary.api.schedule" in loaded) == ("yaml" not in words)


def test_whoever_asks_for_the_rest_of_the_kubernetes_package_gets_it() -> None:
    program = (
        "from ingress_canary.adapters.kube.client.library import import_parts_alone; import_parts_alone()\n"
        "import sys, kubernetes.aio.config; assert 'kubernetes.client' not in sys.modules\n"
        "import kubernetes; print(kubernetes.__version__, kubernetes.client.CoreV1Api, kubernetes.aio.watch.Watch)\n"
        "from kubernetes import config, no_such_part"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "CoreV1Api" in done.stdout
    assert "ImportError: cannot import name 'no_such_part' from 'kubernetes'" in done.stderr
