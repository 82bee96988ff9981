"""What the documentation names exists: links, commands, options, make targets, files, rules with their severity.

And what it shows works: its manifests are clean, every reason has its entry, the site is built without a warning and
asks nothing of other machines. The blocks of the start page are run by ``tests/e2e/test_start_page.py``.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from ingress_canary.api import API_VERSION
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.cli.commands.run import FLAGS
from ingress_canary.cli.main import app
from ingress_canary.domain.metrics.promql import VARIABLES
from ingress_canary.domain.preflight.problem import ProblemSeverity
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status import notice_template
from ingress_canary.domain.traffic.router.nginx.rules import RULES
from ingress_canary.lint.check import lint_texts
from ingress_canary.lint.findings import LintSeverity
from tests.pages import DOCS, ROOT, Block, anchors, blocks, pages

PAGES = pages()
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`[^`\n]*`")
LETTERS = {"E": ProblemSeverity.ERROR, "W": ProblemSeverity.WARNING}
STEPS = {5: "dogfood", 10: "b", 25: "c", 50: "half", 100: "all"}
"""The steps of a schedule of which a page shows another part."""
SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": weight, "bake": "10m", "name": name} for weight, name in STEPS.items()],
    "slos": [{"name": "a", "objective": 99, "sli": {"requests": {"bad": ["5..", "499"]}}}],
}
ROLLOUT: dict[str, Any] = {
    "ingresses": ["a"], "stableService": "a", "canaryService": "b", "schedule": {"inline": SCHEDULE},
}  # fmt: skip
ELSEWHERE = re.compile(r"""(?:<link\b[^>]*\bhref|\bsrc)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//""")


def broken(page: Path) -> Iterator[str]:
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


def spoken() -> Iterator[list[str]]:
    """Yield the words of each line of each code block that a person wrote."""
    for page in PAGES:
        for block in blocks(page):
            for line in block.text.splitlines():
                yield line.partition("#")[0].split()


def test_every_command_and_option_exists() -> None:
    commands: Any = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    calls = [words[1:] for words in spoken() if words[:1] == ["ingress-canary"] and words[1] != "--version"]
    assert {command for command, *_ in calls} - set(commands) == set()
    for command, *words in calls:
        group = getattr(commands[command], "commands", None)
        named = commands[command] if group is None else group[words[0]]
        known = {name for option in named.params for name in option.opts}
        options = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
        assert options - known - (set(FLAGS) if command == "run" else set()) == set()


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {words[1] for words in spoken() if words[:1] == ["make"]}
    assert named
    assert named <= targets


def test_every_file_that_a_command_names_is_there() -> None:
    named = {word for words in spoken() for word in words if word.startswith("config/")}
    assert named
    assert [path for path in named if not list(ROOT.glob(path.rstrip("/")))] == []


def members(model: type[RolloutSpec | ScheduleSpec]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def manifests(block: Block) -> Iterator[str]:
    """Yield what a block says of our kinds as whole manifests: one as it stands, a part of a spec with the rest."""
    if API_VERSION in block.text:
        yield block.text
        return
    try:
        (part,) = yaml.safe_load_all(block.text)
    except (yaml.YAMLError, ValueError):
        return
    if isinstance(part, list) and all(isinstance(one, Mapping) and "sli" in one for one in part):
        part = {"slos": part}
    if not isinstance(part, Mapping):
        return
    if set(part) <= {"kind", "spec"} and isinstance(part.get("spec"), Mapping):
        part = part["spec"]
    for kind, model, rest in (("CanarySchedule", ScheduleSpec, SCHEDULE), ("CanaryRollout", RolloutSpec, ROLLOUT)):
        if set(part) <= members(model):
            meta = {"name": "a", "namespace": "b"}
            whole = {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": {**rest, **part}}
            yield yaml.safe_dump(whole, sort_keys=False)
            return


EXAMPLES = [(block, text) for page in PAGES for block in blocks(page) for text in manifests(block)]


@pytest.mark.parametrize(
    ("block", "text"), EXAMPLES, ids=[f"{block.page.name}-{number}" for number, (block, _) in enumerate(EXAMPLES)]
)
def test_every_manifest_and_every_part_of_one_is_clean(block: Block, text: str) -> None:
    found = lint_texts([(block.page.name, text)])
    # what an SLO allows is said of each, and asks for nothing
    assert [one for one in found if one.severity is LintSeverity.ERROR or one.remedy] == []


def test_manifests_are_found_in_whole_and_in_part() -> None:
    found = {block.page.stem for block, _ in EXAMPLES}
    assert found >= {
        "start", "ramp", "dogfood", "windows-and-freezes", "own-metrics", "probe", "promote", "scale-the-canary", "ci",
        "approve", "gates", "guard-a-database-change", "shared-schedules",
        "migrate-from-flagger", "migrate-from-argo-rollouts",
    }  # fmt: skip


def test_every_block_that_says_yaml_is_yaml() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "yaml":
                assert list(yaml.safe_load_all(block.text)), block


def test_every_reason_has_its_entry() -> None:
    page = (DOCS / "reference/reasons.md").read_text(encoding="utf-8")
    entries = re.split(r"^### (\w+)$", page, flags=re.MULTILINE)[1:]
    assert entries[::2] == list(Reason)
    for reason, entry in zip(entries[::2], entries[1::2], strict=True):
        assert "**Look at:**" in entry, reason
        assert "**Do:**" in entry, reason


def test_the_site_is_built_without_a_warning_and_asks_nothing_of_other_machines(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (built.returncode, "WARNING" in built.stderr) == (0, False), (
        built.stderr
    )  # --quiet would hide them from both
    files = [path for path in (tmp_path / "site").rglob("*") if path.suffix in {".html", ".css"}]
    assert len(files) > len(list(DOCS.rglob("*.md")))
    assert [path.name for path in files if ELSEWHERE.search(path.read_text(encoding="utf-8"))] == []


def test_the_facts_have_the_numbers_and_the_severity_of_the_rules() -> None:
    page = (ROOT / "docs/reference/ingress-nginx.md").read_text(encoding="utf-8")
    documented = {
        int(number): LETTERS[letter] for number, letter in re.findall(r"^\| (\d+) \| ([EW]) \|", page, re.MULTILINE)
    }
    assert documented == {rule.number: rule.severity for rule in RULES if rule.number}


@pytest.mark.parametrize("page", sorted((DOCS / "adr").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_has_its_number_and_its_date(page: Path) -> None:
    number = int(page.name.partition("-")[0])
    head = page.read_text(encoding="utf-8").splitlines()[:3]
    assert re.fullmatch(rf"# {number}\. \S.*", head[0])
    assert re.match(r"\*\*Decided\*\* \d{4}-\d\d-\d\d, \S", head[2])


def test_the_variables_of_users_queries_are_those_that_there_are() -> None:
    page = (ROOT / "docs/howto/own-metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\{\{.*?) \|", page, re.MULTILINE)
    assert re.findall(r"\{\{(\w+)\}\}", " ".join(rows)) == list(VARIABLES)


def test_the_variables_of_messages_are_those_that_there_are() -> None:
    page = (ROOT / "docs/howto/notify.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\{\{.*?) \|", page, re.MULTILINE)
    assert re.findall(r"\{\{(\w+)\}\}", " ".join(rows)) == list(notice_template.VARIABLES)
