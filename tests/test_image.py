"""The image's steps, taken without a container engine, and what the release does with it."""

import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from ingress_canary import __version__

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_installed_tree_runs_as_in_a_pod_and_is_ready_in_time() -> None:
    proof = [sys.executable, "scripts/prove_image.py"]
    done = subprocess.run(proof, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_wheel_carries_everything_of_the_package_the_lab_and_the_marker_of_types_included(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("ingress_canary-*.whl")
    carried = {name for name in ZipFile(wheel).namelist() if name.startswith("ingress_canary/")}
    tracked = subprocess.run(
        ["git", "ls-files", "ingress_canary"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert carried == set(tracked)
    assert {"ingress_canary/py.typed", "ingress_canary/lab/cluster.py"} <= carried


def test_the_base_is_pinned_by_digest_in_one_place() -> None:
    assert len(re.findall(r"@sha256:[0-9a-f]{64}", DOCKERFILE)) == 1
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}", "${BASE}"]


def test_the_image_is_a_number_and_has_the_programs_version() -> None:
    assert re.search(r"^USER \d+:\d+$", DOCKERFILE, re.MULTILINE)
    assert f"ARG VERSION={__version__}\n" in DOCKERFILE


def test_what_the_image_is_made_of_is_let_through() -> None:
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    copied = {
        name
        for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for name in sources.split()
    }
    assert copied == {line[1:] for line in lines if line.startswith("!")}


def test_every_action_is_pinned_by_commit_and_says_its_version() -> None:
    workflows = list((ROOT / ".github/workflows").glob("*.yaml"))
    assert workflows
    for workflow in workflows:
        text = workflow.read_text()
        uses = re.findall(r"uses: (.*)", text)
        assert uses
        assert [one for one in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []
        for job in yaml.safe_load(text)["jobs"].values():
            assert job["timeout-minutes"]
            attaches = any("gh release " in step.get("run", "") for step in job["steps"])
            assert job["permissions"]["contents"] == ("write" if attaches else "read")
