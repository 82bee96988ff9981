"""No class name stands for two things, no folder is too full, and every folder says what lives there."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ingress_canary"
MOST = 12
"""Modules in a folder, its ``__init__`` not counted."""


def class_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield node.name


def twice(sources: dict[str, str]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for path, source in sources.items():
        for name in class_names(source):
            found[name].append(path)
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def test_no_class_name_exists_twice_without_a_qualifying_word() -> None:
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
    assert twice(sources) == {}


def test_the_map_has_a_line_for_each_folder() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = {
        name
        for line in text.splitlines()
        if line.startswith("| `") and not line.startswith("| `make ")
        for name in re.findall(r"`([\w/]+)`", line.split("|")[1])
    }
    domain = {f"domain/{path.name}" for path in (PACKAGE / "domain").iterdir() if (path / "__init__.py").exists()}
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} - {"domain"}
    assert named == domain | folders


def test_the_check_of_names_finds_a_class_inside_a_function() -> None:
    assert twice({"a.py": "class Rule: ...", "b.py": "def made():\n    class Rule: ..."}) == {"Rule": ["a.py", "b.py"]}


@pytest.mark.parametrize("folder", sorted({path.parent for path in PACKAGE.rglob("*.py")}), ids=lambda path: path.name)
def test_a_folder_says_what_lives_there_and_is_not_too_full(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST, f"{folder.relative_to(ROOT)} has {len(modules)} modules: divide it"
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    sentences = re.findall(r"[.!?](?=\s|$)", docstring)
    assert folder == PACKAGE or len(sentences) >= 2, f"{folder.relative_to(ROOT)}: what lives there, and who calls it"


def test_every_module_that_the_code_names_is_there() -> None:
    paths = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]
    files = [f"/{path.relative_to(ROOT)}" for path in paths]
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in paths
        for name in re.findall(r"``((?:[\w-]+/)*[\w-]+\.py)``", path.read_text())
    }
    assert len(named) > 100
    assert {one for one in named if not any(file.endswith(f"/{one[1]}") for file in files)} == set()
