"""Changes of a record: they name its members with their types, and nothing is changed by other means."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from ingress_canary.api import gate, rollout, rollout_status, schedule, workload
from ingress_canary.api.model import Model
from ingress_canary.api.rollout_status import RolloutStatus, RolloutStatusChanges

PACKAGE = Path(__file__).resolve().parents[2] / "ingress_canary"
VALUES = frozenset({str(PACKAGE / "domain/reasons/message.py")})
"""Whose ``**`` arguments are those of a template, which ``tests/domain/reasons/test_messages.py`` compares."""
RECORDS = [
    record
    for module in (gate, rollout, rollout_status, schedule, workload)
    for record in vars(module).values()
    if isinstance(record, type) and issubclass(record, Model) and record.__module__ == module.__name__
    and "updated" in vars(record)
]  # fmt: skip


def changes_of(record: type[Any]) -> type[Any]:
    (changes,) = get_args(get_type_hints(record.updated)["changes"])
    assert isinstance(changes, type)
    return changes


def strays(sources: dict[str, str]) -> Iterator[str]:
    """Yield each call of ``model_copy`` with changes, outside ``updated``, and each ``**`` argument without a type."""
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            star = node.args.kwarg
            typed = star is None or ast.unparse(star.annotation or ast.Constant(None)).startswith("Unpack[")
            if not typed and path not in VALUES:
                yield f"{path}:{node.lineno}"
            if node.name == "updated":
                continue
            calls = (call for call in ast.walk(node) if isinstance(call, ast.Call))
            yield from (f"{path}:{call.lineno}" for call in calls if ast.unparse(call.func).endswith(".model_copy"))


def test_there_are_records_to_change() -> None:
    assert RolloutStatus in RECORDS
    assert len(RECORDS) > 5


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_changes_name_members_of_their_record_with_their_types(record: type[Model]) -> None:
    changes, members = changes_of(record), get_type_hints(record)
    assert changes.__name__ == f"{record.__name__}Changes"
    wanted = {name: members.get(name, "no such member") for name in get_type_hints(changes)}
    assert get_type_hints(changes) == wanted
    assert changes.__required_keys__ == frozenset()


def test_every_member_of_a_status_can_be_changed() -> None:
    assert get_type_hints(RolloutStatusChanges).keys() == RolloutStatus.model_fields.keys()


def test_nothing_on_the_path_of_a_decision_is_changed_by_untyped_names() -> None:
    folders = (PACKAGE / name for name in ("domain", "engine", "whatif"))
    sources = {str(path): path.read_text() for folder in folders for path in sorted(folder.rglob("*.py"))}
    assert list(strays(sources)) == []


def test_the_check_finds_a_copy_and_an_untyped_argument() -> None:
    bad = "def f(status, **changes: object):\n    return status.model_copy(update=changes)\n"
    assert list(strays({"a.py": bad})) == ["a.py:1", "a.py:2"]
