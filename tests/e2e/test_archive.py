"""The archive that needs no Python, built and unpacked, run with neither the project nor anything of its environment.

With INGRESS_CANARY_ARCHIVE the tests take that archive, as the release does with the one it is about to publish.
"""

import asyncio
import fcntl
import gzip
import json
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from ingress_canary import __version__
from ingress_canary.api import GROUP, SCHEDULE_KIND, VERSION
from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.cli.command_table import HELP
from ingress_canary.lab.cluster import Lab
from ingress_canary.whatif.simulation_runs import WORTH_A_PROCESS
from tests.e2e.conftest import AVAILABILITY, checkout
from tests.pages import ROOT

# the first of a run builds it: a minute and a half of CPU, which may be long on a machine that is busy
pytestmark = [pytest.mark.slow, pytest.mark.no_cover, pytest.mark.timeout(1800)]

SAMPLES = sorted(map(str, (ROOT / "config" / "samples").glob("*.yaml")))


class Unpacked(NamedTuple):
    """The archive, and where it was unpacked."""

    archive: Path
    folder: Path
    home: Path
    """An empty directory."""

    async def run(self, *words: str, name: str = "ingress-canary", code: int = 0, **environment: str) -> str:
        """Return what a command prints, alone in its environment. Fails with what it complains of."""
        return await self.outside(str(self.folder / name), *words, code=code, **environment)

    async def outside(self, *command: str, code: int = 0, **environment: str) -> str:
        """Return what any program prints, likewise."""
        started = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=self.home,
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"} | environment,
        )  # fmt: skip
        output, errors = await started.communicate()
        assert started.returncode == code, errors.decode() + output.decode()
        return output.decode()


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, which the processes of one run build once."""
    if given := os.environ.get("INGRESS_CANARY_ARCHIVE"):
        return Path(given).resolve()
    shared = (
        tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else tmp_path_factory.mktemp("a")
    )
    with (shared / "archive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not [*shared.glob("archive/*.sha256")]:
            build = [sys.executable, "scripts/archive/build.py", "--output", str(shared / "archive")]
            done = subprocess.run(build, cwd=ROOT, check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    (built,) = shared.glob("archive/*.tar.gz")
    return built


@pytest.fixture(scope="session")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    place, home = tmp_path_factory.mktemp("unpacked"), tmp_path_factory.mktemp("home")
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(place)], check=True)
    return Unpacked(archive, place / archive.name.removesuffix(".tar.gz"), home)


def test_the_archive_is_what_its_checksum_says_and_what_krew_unpacks(archive: Path) -> None:
    check = ["sha256sum", "--check", "--strict", f"{archive.name}.sha256"]
    assert subprocess.run(check, cwd=archive.parent, check=False).returncode == 0
    with gzip.open(archive) as packed, tarfile.open(fileobj=packed) as file:
        entries = file.getmembers()
    # extractTARGZ and suspiciousPath of internal/download/downloader.go, krew v0.5.0
    assert [one.name for one in entries if not one.isreg() and not one.isdir()] == []
    assert [one.name for one in entries if ".." in one.name or one.name.startswith(("/", "\\"))] == []
    assert {one.name.split("/")[0] for one in entries} == {archive.name.removesuffix(".tar.gz")}


def test_the_licences_of_all_that_is_in_it_are_in_it(unpacked: Unpacked) -> None:
    assert (unpacked.folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    theirs = {folder.name.rpartition("-")[0] or folder.name for folder in (unpacked.folder / "licenses").iterdir()}
    assert {"python", "aiohttp", "kubernetes", "pydantic", "PyYAML", "typer", "promql-parser"} <= theirs
    carried = {path.name for path in (unpacked.folder / "lib").iterdir()}
    assert {"aiohttp", "kubernetes", "ingress_canary"} <= carried
    assert carried.isdisjoint({"mypy", "numpy", "scipy", "pytest", "hypothesis", "apprise", "PyInstaller"})


async def test_every_command_is_in_it_under_both_names(unpacked: Unpacked) -> None:
    assert (await unpacked.run("--version")).split() == ["ingress-canary", __version__]
    assert set(HELP) <= set((await unpacked.run("--help", name="kubectl-icanary")).split())
    for name in HELP:
        assert "--help" in await unpacked.run(name, "--help")
    assert list(yaml.safe_load_all(await unpacked.run("crds"))) == list(map(crd, KINDS)), "with their descriptions"


async def test_lint_knows_time_zones_on_a_machine_that_has_none(unpacked: Unpacked) -> None:
    await unpacked.run("lint", *SAMPLES, PYTHONTZPATH="/nonexistent")


async def test_processes_of_a_simulation_are_started_by_its_own_executable(unpacked: Unpacked, tmp_path: Path) -> None:
    schedule = tmp_path / "schedule.yaml"
    meta = {"apiVersion": f"{GROUP}/{VERSION}", "kind": SCHEDULE_KIND, "metadata": {"name": "brief"}}
    spec = {"steps": [{"weight": 50, "bake": "1m"}], "slos": [AVAILABILITY]}
    schedule.write_text(json.dumps({**meta, "spec": spec}))
    rates = ("--rps=50", "--baseline=0.1%", "--canary=0.1%", f"--runs={WORTH_A_PROCESS}")
    simulated = await unpacked.run("simulate", str(schedule), *rates, "--output=json")
    assert json.loads(simulated)["runs"] == WORTH_A_PROCESS


async def test_status_asks_a_cluster_with_a_credential_plugin_that_keeps_its_own_libraries(
    unpacked: Unpacked, lab: Lab, tmp_path: Path
) -> None:
    lab.create("canaryrollouts", checkout())
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig")
    assert "checkout" in await unpacked.run("status", "-A", "--kubeconfig", str(kubeconfig))

    plugin = tmp_path / "plugin"
    plugin.write_text(
        f"""#!/bin/sh
echo "$LD_LIBRARY_PATH" > {tmp_path}/seen
echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {{"token": "person"}}}}'
"""
    )
    plugin.chmod(stat.S_IRWXU)
    config = json.loads(kubeconfig.read_text())
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    config["users"][0]["user"] = {"exec": command}
    kubeconfig.write_text(json.dumps(config))
    said = await unpacked.run("status", "-A", "--kubeconfig", str(kubeconfig), LD_LIBRARY_PATH="/opt/theirs")
    assert "checkout" in said
    assert (tmp_path / "seen").read_text() == "/opt/theirs\n"


async def test_the_daemon_of_the_demo_runs_out_of_it(unpacked: Unpacked) -> None:
    assert "SLOViolated" in await unpacked.run("demo", "--until-done", "--scenario=errors")


async def test_kubectl_finds_it_as_a_plugin(unpacked: Unpacked) -> None:
    path = f"{unpacked.folder}:/usr/bin:/bin"
    kubectl = str(Path(sys.executable).with_name("kubectl"))
    assert "Usage: kubectl-icanary" in await unpacked.outside(kubectl, "icanary", "--help", PATH=path)
    assert "kubectl-icanary" in await unpacked.outside(kubectl, "plugin", "list", PATH=path)


async def test_what_is_not_in_it_says_where_it_is(unpacked: Unpacked) -> None:
    sent = await unpacked.run("notifications", "test", "--url", "json://127.0.0.1:1", code=1)
    assert "the archive has no Apprise: use the image, or pip install 'ingress-canary[notifications]'" in sent


def test_a_machine_that_cannot_build_it_is_told_the_remedy(tmp_path: Path) -> None:
    build = [sys.executable, "scripts/archive/build.py", "--output", str(tmp_path)]
    refused = subprocess.run(build, cwd=ROOT, env={"PATH": str(tmp_path)}, check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr == "archive: objcopy is missing: apt-get install binutils\n"
