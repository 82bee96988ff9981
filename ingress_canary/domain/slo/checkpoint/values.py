"""Values of a checkpoint: lists of numbers out of JSON that anybody may have written.

Each raises TypeError for another shape and ValueError for another number, which ``checkpoint.py`` takes for damage.
"""

from typing import Any

LARGEST_NUMBER = 10**18


def listed(value: object, length: int | None = None) -> list[Any]:
    """Return a list, of so many members if that is said."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise TypeError("expected a list" if length is None else f"expected a list of {length}")
    return value


def integers(value: object, length: int | None = None, largest: int = LARGEST_NUMBER) -> list[int]:
    """Return a list of whole numbers that are not negative."""
    numbers = listed(value, length)
    if any(type(number) is not int or not 0 <= number <= largest for number in numbers):
        raise ValueError("expected whole numbers within bounds")
    return numbers


def floats(value: object, length: int | None = None) -> list[float]:
    """Return a list of finite numbers."""
    numbers = listed(value, length)
    if any(type(number) not in (int, float) or not abs(number) <= LARGEST_NUMBER for number in numbers):
        raise ValueError("expected numbers within bounds")
    return [float(number) for number in numbers]


def seconds(value: object) -> float:
    """Return an instant, in seconds of the epoch."""
    (at,) = floats([value], 1)
    return at
