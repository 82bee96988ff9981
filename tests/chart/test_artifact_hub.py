"""What Artifact Hub is told of the chart (https://artifacthub.io/docs/topics/annotations/helm) is so."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from ingress_canary import __version__
from ingress_canary.api.schema.crd import KINDS, crd
from tests.chart.charts import CHART, ROOT

META = yaml.safe_load((CHART / "Chart.yaml").read_text())
PREFIX = "artifacthub.io/"
TEXTS = {key.removeprefix(PREFIX): text for key, text in META["annotations"].items()}
DOCUMENTED = {
    "alternativeName", "category", "changes", "containsSecurityUpdates", "crds", "crdsExamples", "images", "license",
    "links", "maintainers", "operator", "operatorCapabilities", "prerelease", "recommendations", "screenshots",
    "signKey",
}  # fmt: skip
CATEGORIES = {
    "ai-machine-learning", "database", "integration-delivery", "monitoring-logging", "networking", "security",
    "storage", "streaming-messaging", "skip-prediction",
}  # fmt: skip
LEVELS = {"Basic Install", "Seamless Upgrades", "Full Lifecycle", "Deep Insights", "Auto Pilot"}
CHANGES = "# Changelog\n\n## [Unreleased]\n\n### Added\n- not yet\n\n"


def told(name: str) -> Any:
    """Return what the YAML inside an annotation holds."""
    return yaml.safe_load(TEXTS[name])


def test_every_annotation_is_a_documented_one_and_a_string() -> None:
    assert all(key.startswith(PREFIX) and isinstance(text, str) for key, text in META["annotations"].items())
    assert set(TEXTS) - DOCUMENTED == set()
    assert TEXTS["category"] in CATEGORIES
    assert TEXTS["operatorCapabilities"] in LEVELS
    assert told("operator") is True
    assert told("prerelease") is ("-" in __version__)


def test_the_license_is_the_projects() -> None:
    assert f'license = "{TEXTS["license"]}"' in (ROOT / "pyproject.toml").read_text()


def test_the_image_is_the_one_that_the_chart_runs() -> None:
    repository = yaml.safe_load((CHART / "values.yaml").read_text())["image"]["repository"]
    assert told("images") == [{"name": META["name"], "image": f"{repository}:{META['appVersion']}"}]


def test_the_crds_are_those_of_the_chart() -> None:
    shipped = {
        (body["spec"]["names"]["kind"], version["name"], body["metadata"]["name"])
        for body in map(crd, KINDS)
        for version in body["spec"]["versions"]
    }
    assert {(one["kind"], one["version"], one["name"]) for one in told("crds")} == shipped
    assert all(one["displayName"] and one["description"] for one in told("crds"))


def test_each_crd_has_an_example_which_is_a_sample() -> None:
    samples = [
        body for file in (ROOT / "config/samples").glob("*.yaml") for body in yaml.safe_load_all(file.read_text())
    ]
    examples = told("crdsExamples")
    assert {one["kind"] for one in examples} == set(KINDS)
    assert [one for one in examples if one not in samples] == []


def test_the_links_have_names_and_the_repository_that_a_release_puts_in() -> None:
    assert all(re.fullmatch(r"https://github\.com/OWNER/ingress-canary(/\S+)?", one["url"]) for one in told("links"))
    assert all(one["name"] for one in told("links"))
    workflow = (ROOT / ".github/workflows/release.yaml").read_text()
    assert 's|OWNER/ingress-canary|$GITHUB_REPOSITORY|" charts/ingress-canary/Chart.yaml' in workflow


def release(version: str, changelog: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the release workflow does, on this changelog."""
    command = [sys.executable, "scripts/chart_changes.py", version, "/dev/stdin"]
    return subprocess.run(command, cwd=ROOT, input=changelog, capture_output=True, text=True, check=False)


def test_a_release_appends_the_changes_of_its_section_of_the_changelog() -> None:
    section = (
        '## [0.2.0] - 2026-01-01\n\n### Added\n- a `verb`: it\n  goes on\n- another: "quoted"\n\n### Fixed\n- x\n\n'
    )
    done = release("0.2.0", CHANGES + section + "## [0.1.0]\n\n### Added\n- old\n")
    whole = yaml.safe_load((CHART / "Chart.yaml").read_text() + done.stdout)
    assert yaml.safe_load(whole["annotations"][f"{PREFIX}changes"]) == [
        {"kind": "added", "description": "a `verb`: it goes on"},
        {"kind": "added", "description": 'another: "quoted"'},
        {"kind": "fixed", "description": "x"},
    ]


@pytest.mark.parametrize(
    ("section", "remedy"),
    [
        ("", "make one of what is under [Unreleased]"),
        ("## [0.2.0]\n\n## [0.1.0]\n\n### Added\n- old\n", "has no entries"),
    ],
)
def test_a_release_without_changes_is_refused_with_the_remedy(section: str, remedy: str) -> None:
    done = release("0.2.0", CHANGES + section)
    assert done.returncode == 1
    assert remedy in done.stderr


def test_the_changelog_as_it_is_would_be_taken() -> None:
    text = (ROOT / "CHANGELOG.md").read_text().replace("## [Unreleased]", f"## [{__version__}]")
    entries = yaml.safe_load(yaml.safe_load(release(__version__, text).stdout)[f"{PREFIX}changes"])
    assert len(entries) == len(re.findall(r"^- ", text, re.MULTILINE))
    kinds = {"added", "changed", "deprecated", "removed", "fixed", "security"}
    assert all(one["kind"] in kinds and one["description"] for one in entries)
