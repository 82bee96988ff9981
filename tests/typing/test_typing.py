"""Mistakes that mypy must find: each line of ``cases/*_fails.py`` that says so, and no line of its twin.

A case is a pair of files such as ``misspelt_change_fails.py``, whose wrong lines end in ``# mypy: `` and the beginning
of the error, and ``misspelt_change_passes.py``, the same without the mistakes.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(__file__).with_name("cases")
FAILS = sorted(CASES.glob("*_fails.py"))
_EXPECTED = re.compile(r"# mypy: (.*)$")
_ERROR = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): error: (?P<message>.*)$")

Errors = dict[int, str]
"""The message of the error on each line that has one."""


def expected(path: Path) -> Errors:
    lines = enumerate(path.read_text().splitlines(), 1)
    return {number: found[1] for number, line in lines if (found := _EXPECTED.search(line))}


@pytest.fixture(scope="module")
def errors() -> dict[str, Errors]:
    """Return what one run of mypy says of all cases, with the project's settings."""
    from mypy import api  # the quick tests do without it

    files = [str(path) for path in sorted(CASES.glob("*.py"))]
    settings = [
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--no-pretty",
        "--no-error-summary",
        "--show-absolute-path",
    ]
    output, problems, _ = api.run([*settings, *files])
    assert not problems
    found: dict[str, Errors] = {path: {} for path in files}
    for line in output.splitlines():
        if error := _ERROR.match(line):
            found[error["path"]].setdefault(int(error["line"]), error["message"])
    return found


def twin(path: Path) -> Path:
    return path.with_name(path.name.replace("_fails", "_passes"))


def test_each_case_has_both_files() -> None:
    assert FAILS
    assert {twin(path) for path in FAILS} == set(CASES.glob("*_passes.py"))
    assert set(FAILS) | {twin(path) for path in FAILS} == set(CASES.glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", FAILS, ids=lambda path: path.stem)
def test_mypy_finds_the_mistake_and_nothing_else(errors: dict[str, Errors], path: Path) -> None:
    found, wanted = errors[str(path)], expected(path)
    assert wanted
    assert found.keys() == wanted.keys(), found
    for line, message in wanted.items():
        assert found[line].startswith(message)
    assert errors[str(twin(path))] == {}
