"""What is remembered of the last pass: only for the very same arguments, and the newest of equal ones are kept."""

import pytest

from ingress_canary.domain.reconcile.memo import Memo


def test_a_function_is_asked_again_only_for_other_arguments() -> None:
    asked: list[tuple[int, str]] = []

    def joined(number: int, word: str) -> str:
        asked.append((number, word))
        return f"{number}{word}"

    memory = Memo()
    assert [memory.of(joined, number, "a") for number in (1, 1, 2, 2, 1)] == ["1a", "1a", "2a", "2a", "1a"]
    assert asked == [(1, "a"), (2, "a"), (1, "a")]


def test_each_function_has_its_own_place() -> None:
    memory = Memo()
    assert [memory.of(str, 1), memory.of(repr, "1"), memory.of(str, 1)] == ["1", "'1'", "1"]


def test_equal_objects_are_compared_once_and_identical_ones_never() -> None:
    compared: list[str] = []

    class Large:
        def __eq__(self, other: object) -> bool:
            compared.append("deeply")
            return isinstance(other, Large)

        __hash__ = None  # type: ignore[assignment]

    memory, first, second = Memo(), Large(), Large()
    answer = memory.of(id, first)
    assert memory.of(id, first) == answer
    assert compared == []
    assert [memory.of(id, second) for _ in range(3)] == [answer] * 3
    assert compared == ["deeply"]


def test_what_failed_is_asked_again() -> None:
    memory = Memo()
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid"):
            memory.of(int, "x")
    assert memory.of(int, "7") == 7
