"""Memo of results that seldom change, one for each rollout: computed again when an input changes.

A rollout that waits at a step has a pass every few seconds; its manifests, its status and its shadow are then the same
objects as in the last pass, because the caches replace them only with newer versions. ``rollout_state.py`` keeps a
memo for each rollout, and so does ``whatif``.
"""

from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Memo:
    """The last result of each pure function, with its arguments."""

    def __init__(self) -> None:
        self._last: dict[Callable[..., Any], tuple[tuple[Any, ...], Any]] = {}

    def of(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Return ``function(*arguments)``, without calling it again for arguments that equal the last ones.

        Tuples compare their members by identity first: what has not been replaced costs nothing, however large.
        """
        last = self._last.get(function)
        found: T = last[1] if last is not None and last[0] == arguments else function(*arguments)
        # the newest of equal arguments are kept: the next pass will bring these same objects
        self._last[function] = (arguments, found)
        return found

    def forget(self, function: Callable[..., Any]) -> None:
        """Let go of a result that nobody will ask for again, with its arguments."""
        self._last.pop(function, None)
