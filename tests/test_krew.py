"""Krew's manifest of the archives: made of their checksums alone, and to krew's rules.

The rules are those of krew v0.5.0: `ValidatePlugin` of internal/index/validation/validate.go, what
cmd/validate-krew-manifest adds to it (platforms that krew knows, none twice), and its developer guide.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingress_canary import __version__
from tests.pages import ROOT

DIGESTS = {"amd64": "a1" * 32, "arm64": "b2" * 32}
REPOSITORY = "https://github.example/owner/ingress-canary"
SEMVER = r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"


def stem(arch: str, version: str = __version__) -> str:
    return f"ingress-canary-{version}-linux-{arch}"


def checksum(place: Path, name: str, digest: str) -> str:
    file = place / f"{name}.tar.gz.sha256"
    file.write_text(f"{digest}  {name}.tar.gz\n")
    return str(file)


def krew(*checksums: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/archive/krew.py", "--repository", REPOSITORY, *checksums]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.fixture
def manifest(tmp_path: Path) -> dict[str, Any]:
    made = krew(*(checksum(tmp_path, stem(arch), digest) for arch, digest in DIGESTS.items()))
    assert made.returncode == 0, made.stderr
    return dict(yaml.safe_load(made.stdout))


def test_krew_takes_it(manifest: dict[str, Any]) -> None:
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert manifest["kind"] == "Plugin"
    assert re.fullmatch(r"[\w-]+", manifest["metadata"]["name"])
    spec = manifest["spec"]
    assert set(spec) <= {"version", "shortDescription", "description", "caveats", "homepage", "platforms"}
    assert re.fullmatch(SEMVER, spec["version"])
    assert 0 < len(spec["shortDescription"]) <= 50
    assert "\n" not in spec["shortDescription"]
    assert spec["platforms"]
    for platform in spec["platforms"]:
        assert set(platform) <= {"uri", "sha256", "selector", "files", "bin"}
        assert re.fullmatch("[a-f0-9]{64}", platform["sha256"])
        assert platform["uri"].endswith(".tar.gz")
        assert platform["bin"]
        # left out, so that everything is unpacked
        assert "files" not in platform
    selectors = [tuple(sorted(one["selector"]["matchLabels"].items())) for one in spec["platforms"]]
    assert selectors == [(("arch", "amd64"), ("os", "linux")), (("arch", "arm64"), ("os", "linux"))]


def test_version_digest_address_and_program_are_those_of_the_archives(manifest: dict[str, Any]) -> None:
    assert manifest["metadata"]["name"] == "icanary", "krew links it as kubectl-icanary"
    assert manifest["spec"]["version"] == f"v{__version__}"
    found = {one["selector"]["matchLabels"]["arch"]: one for one in manifest["spec"]["platforms"]}
    assert {arch: one["sha256"] for arch, one in found.items()} == DIGESTS
    for arch, one in found.items():
        assert one["uri"] == f"{REPOSITORY}/releases/download/v{__version__}/{stem(arch)}.tar.gz"
        assert one["bin"] == f"{stem(arch)}/kubectl-icanary"


def test_archives_of_two_versions_or_other_files_are_refused(tmp_path: Path) -> None:
    one = checksum(tmp_path, stem("amd64"), "a1" * 32)
    for other in (checksum(tmp_path, stem("arm64", "9.9.9"), "b2" * 32), checksum(tmp_path, "other", "b2" * 32)):
        refused = krew(one, other)
        assert refused.returncode == 1
        assert "name the .sha256 files of one version's archives" in refused.stderr
