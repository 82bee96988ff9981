"""Faults that no rule foresaw: a bug, or data of a kind that nobody has thought of, met in a look at a source.

The ticker and the sources catch them where a part of a look is gathered: each costs only what depends on that part, is
told in words like any other lack of data, and logged with its traceback once while it lasts.
"""

import structlog

log = structlog.get_logger(__name__)

SHOWN = 200
"""Characters of an exception's own words."""


class SourceFaults:
    """What the looks of one source, or of the ticker, have met."""

    def __init__(self) -> None:
        self._before: frozenset[tuple[str, type[Exception]]] = frozenset()
        self._met: set[tuple[str, type[Exception]]] = set()

    def begin(self) -> None:
        """Begin a look: a fault that it does not meet again is over."""
        self._before, self._met = frozenset(self._met), set()

    def words(self, where: str, error: Exception) -> str:
        """Return a fault in words; its traceback is logged unless the look before met it too."""
        fault = where, type(error)
        if fault not in self._before | self._met:
            log.error("a part of a look at the metrics source failed", where=where, exc_info=error)
        self._met.add(fault)
        return f"{type(error).__name__}: {error}"[:SHOWN]
