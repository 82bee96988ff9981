"""``ingress-canary lint --live`` as a person runs it, against the lab's API."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from ingress_canary.lab.cluster import Lab
from tests.e2e.preflight_shop import annotate, open_lab

pytestmark = pytest.mark.slow


async def run(lab: Lab, tmp_path: Path, *words: str) -> tuple[int, str, str]:
    """Return exit code, output and error output of ``lint --live``."""
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig")
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingress_canary", "lint", "--live", f"--kubeconfig={kubeconfig}", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await started.communicate()
    return started.returncode or 0, output.decode(), errors.decode()


async def test_a_clean_rollout_is_said_to_be_clean_and_nothing_is_written(tmp_path: Path) -> None:
    async with open_lab() as lab:
        assert await run(lab, tmp_path, "-n", "shop") == (0, "shop/checkout: clean\n", "")
        assert await run(lab, tmp_path, "-A", "checkout") == (0, "shop/checkout: clean\n", "")
        assert {record.verb for record in lab.api.audit if record.user == "lab"} <= {"get", "list", "watch"}


async def test_an_error_fails_the_run_and_names_object_field_and_remedy(tmp_path: Path) -> None:
    async with open_lab() as lab:
        annotate(lab, permanent_redirect="https://x.example", affinity="cookie")
        code, output, _ = await run(lab, tmp_path, "-n", "shop", "-o", "json")
    assert code == 1
    rows = json.loads(output)
    assert [(row["rule"], row["severity"]) for row in rows] == [(10, "Error"), (16, "Warning")]
    assert rows[0]["object"] == "Ingress shop/checkout"
    assert rows[0]["field"] == "metadata.annotations[nginx.ingress.kubernetes.io/permanent-redirect]"
    assert rows[0]["remedy"] == "remove it while the rollout runs"


async def test_a_name_that_is_not_there_fails_the_run(tmp_path: Path) -> None:
    async with open_lab() as lab:
        code, output, errors = await run(lab, tmp_path, "-n", "shop", "nobody")
    assert (code, output) == (1, "")
    assert "no CanaryRollout nobody in namespace shop" in errors


async def test_an_api_server_that_is_not_there_is_said_and_not_waited_for(tmp_path: Path) -> None:
    async with open_lab() as lab:
        await lab.api.stop()
        code, output, errors = await run(lab, tmp_path, "-A")
    assert (code, output) == (1, "")
    assert errors.startswith("error: ")
