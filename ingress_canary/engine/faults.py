"""Unexpected exceptions while reading a metrics source: a bug, or data of an unforeseen kind.

The ticker and the sources catch them where a part of a reading is gathered: each costs only what depends on that part,
is reported like any other lack of data, and logged with its traceback once while it lasts.
"""

import structlog

log = structlog.get_logger(__name__)

SHOWN = 200
"""Characters kept of an exception's message."""


class SourceFaults:
    """Exceptions met by one source, or by the ticker, in its last two readings."""

    def __init__(self) -> None:
        self._before: frozenset[tuple[str, type[Exception]]] = frozenset()
        self._met: set[tuple[str, type[Exception]]] = set()

    def begin(self) -> None:
        """Begin a reading: an exception that does not occur again is over."""
        self._before, self._met = frozenset(self._met), set()

    def words(self, where: str, error: Exception) -> str:
        """Return the message of an exception; its traceback is logged unless the reading before met it too."""
        fault = where, type(error)
        if fault not in self._before | self._met:
            log.error("a part of a reading of the metrics source failed", where=where, exc_info=error)
        self._met.add(fault)
        return f"{type(error).__name__}: {error}"[:SHOWN]
