"""The commands as a person runs them: output, and exit codes 0, 1 and 64."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ingress_canary import __version__

# nearly every test starts the program, and a second of that is Python's imports
pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).resolve().parents[2] / "config/samples"
BAD = "apiVersion: ingress-canary.io/v1alpha1\nkind: CanarySchedule\nmetadata: {name: a}\nspec: {steps: [], slos: []}\n"


def run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = "from ingress_canary.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *args], input=stdin, capture_output=True, text=True, check=False
    )


def test_clean_manifests_are_told_what_their_slos_allow_and_nothing_else() -> None:
    done = run("lint", *(str(path) for path in SAMPLES.glob("*.yaml")))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines
    assert all(": note: " in line and ": allows " in line for line in lines)


def test_problems_are_lines_that_editors_understand() -> None:
    done = run("lint", "-", stdin=BAD)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "-:4:8: CanarySchedule a spec.steps: must have at least 1 entries; got a list of 0 (write 1 to 50 entries)",
        "-:4:19: CanarySchedule a spec.slos: must have at least 1 entries; got a list of 0 (write 1 to 10 entries)",
    ]


def test_problems_are_json_for_machines(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD)
    done = run("lint", str(tmp_path / "bad.yaml"), "-o", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)[0] == {
        "file": str(tmp_path / "bad.yaml"),
        "line": 4,
        "column": 8,
        "object": "CanarySchedule a",
        "field": "spec.steps",
        "message": "must have at least 1 entries; got a list of 0",
        "remedy": "write 1 to 50 entries",
        "severity": "error",
    }


def test_a_note_alone_is_no_failure() -> None:
    done = run("lint", "-", stdin="apiVersion: v1\nkind: Service\nmetadata: {name: a}\n")
    assert done.returncode == 0
    assert done.stdout == "-:1:1: note: Service a: skipped: v1 Service is not ours\n"


def test_the_crds_are_printed_as_a_stream_that_kubectl_applies() -> None:
    done = run("crds")
    assert done.returncode == 0
    assert [one["kind"] for one in yaml.safe_load_all(done.stdout)] == ["CustomResourceDefinition"] * 2


@pytest.mark.parametrize("args", [("lint",), ("lnt",), ("lint", "-o", "xml", "f"), ()])
def test_wrong_usage_exits_64(args: tuple[str, ...]) -> None:
    assert run(*args).returncode == 64


def test_the_version_is_printed() -> None:
    assert run("--version").stdout == f"ingress-canary {__version__}\n"
