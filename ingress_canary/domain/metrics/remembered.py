"""Results that are remembered for the whole process, bounded by their bytes: an entry may be a thousand times another.

Used by ``promql.py``, for what is made of users' queries. A number of entries would bound nothing: small enough for the
longest queries it would be too small for many rollouts, and what is asked for in turn would never be found again.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from sys import getsizeof
from typing import Any, Generic, TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

ENTRY = 500
"""Bytes that an entry takes besides its texts."""


class Remembered(Generic[*Ts, R]):
    """A pure function of hashable arguments that remembers its newest results."""

    def __init__(self, function: Callable[[*Ts], R], most: int) -> None:
        """``most`` is the number of bytes that arguments and results may take together."""
        self._function, self._most = function, most
        self._known: OrderedDict[Hashable, tuple[R, int]] = OrderedDict()
        self._size = 0

    def __call__(self, *args: *Ts) -> R:
        """Return the function's result."""
        if (found := self._known.get(args)) is not None:
            self._known.move_to_end(args)
            return found[0]
        result = self._function(*args)
        size = ENTRY + _texts(args) + _texts(result)
        self._known[args] = result, size
        self._size += size
        while self._size > self._most and len(self._known) > 1:
            _, (_, freed) = self._known.popitem(last=False)
            self._size -= freed
        return result

    @property
    def size(self) -> int:
        """The bytes that are held."""
        return self._size

    def cache_clear(self) -> None:
        """Forget all results."""
        self._known.clear()
        self._size = 0


def remembered(most: int) -> Callable[[Callable[[*Ts], R]], Remembered[*Ts, R]]:
    """Return the decorator of functions whose results are remembered within so many bytes."""
    return lambda function: Remembered(function, most)


def _texts(value: Any) -> int:
    """Return the bytes of the texts in a value."""
    if isinstance(value, str):
        return getsizeof(value)
    return sum(map(_texts, value)) if isinstance(value, tuple | frozenset) else 0
