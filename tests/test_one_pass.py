"""The daemon, what-if and the tests' World make a pass by the same three functions, and each of them in one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingress_canary.domain.decision import decide as deciding
from ingress_canary.domain.reconcile import assemble as assembling
from ingress_canary.domain.reconcile import effects as effecting

ROOT = Path(__file__).resolve().parents[1]
THREE = {"assemble": assembling, "decide": deciding, "effects": effecting}
CALLERS = {
    "engine": [*(ROOT / "ingress_canary/engine").rglob("*.py")],
    "whatif": [*(ROOT / "ingress_canary/whatif").rglob("*.py")],
    "World": [ROOT / "tests/domain/world.py"],
}


def imported(tree: ast.Module) -> dict[str, str]:
    """Return the module from which each name of a file comes."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in found for alias in node.names}


def callers(source: str, module: str, name: str) -> Iterator[str]:
    """Yield the functions of a file that call a function of a module."""
    tree = ast.parse(source)
    names = {known for known, origin in imported(tree).items() if origin == f"{module}.{name}"}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                    yield function.name


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", THREE)
def test_each_of_the_three_is_called_in_one_place(caller: str, name: str) -> None:
    found = [one for path in CALLERS[caller] for one in callers(path.read_text(), THREE[name].__name__, name)]
    assert len(found) == 1, found


def test_a_call_under_another_name_is_found() -> None:
    source = "from a.decide import decide as choose\ndef one(): choose(1)\ndef two(): other(1)\n"
    assert list(callers(source, "a.decide", "decide")) == ["one"]


@pytest.mark.parametrize("caller", CALLERS)
def test_no_observation_is_made_beside_assemble(caller: str) -> None:
    module = "ingress_canary.domain.decision.observation"
    assert [one for path in CALLERS[caller] for one in callers(path.read_text(), module, "Observation")] == []
