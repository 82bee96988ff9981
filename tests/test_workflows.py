"""The workflow of pull requests runs what the project has: its Pythons, its make targets, what its tests start."""

import re
import tomllib

import yaml

from tests.pages import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/pull-request.yaml").read_text())
JOBS = WORKFLOW["jobs"]
RUN = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in JOBS.items()}
NEXT = ["3.14"]
"""Tested, and a classifier once that has passed."""


def test_the_tests_run_on_every_python_that_the_package_names_and_on_the_next() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    named = re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(classifiers))
    assert JOBS["test"]["strategy"]["matrix"]["python"] == [*named, *NEXT]


def test_all_that_ci_runs_is_run_by_targets_that_there_are() -> None:
    makefile = (ROOT / "Makefile").read_text()
    wanted = {word for lines in RUN.values() for line in lines for word in re.findall(r"^make (\S+)$", line)}
    assert wanted == {"check", "test", "test-slow", "docs"}
    assert [target for target in wanted if not re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)] == []


def test_jobs_with_tests_install_the_programs_that_the_tests_start() -> None:
    installed = set(re.findall(r"^\s+install ([\w-]+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    programs = installed - {"python3-venv"}
    for name in ("test", "clusters"):
        (line,) = [line for line in RUN[name] if "apt-get" in line]
        assert set(line.rpartition("--no-install-recommends ")[2].split()) == programs


def test_nothing_of_it_may_write_or_has_a_secret() -> None:
    assert WORKFLOW["permissions"] == {}
    assert [job["permissions"] for job in JOBS.values()] == [{"contents": "read"}] * len(JOBS)
    assert "secrets." not in (ROOT / ".github/workflows/pull-request.yaml").read_text()
    assert WORKFLOW[True] == {"pull_request": None}, "pull_request_target would run a stranger's code with our rights"


def test_templates_are_forms_that_github_takes() -> None:
    types = {"markdown", "input", "textarea", "dropdown", "checkboxes"}
    for name in ("bug", "feature"):
        form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{name}.yml").read_text())
        assert {"name", "description", "body"} <= set(form)
        asked = [field for field in form["body"] if field["type"] != "markdown"]
        ids = [field["id"] for field in asked]
        assert {field["type"] for field in form["body"]} <= types
        assert len(set(ids)) == len(ids)
        assert all(field["attributes"]["label"] for field in asked)
