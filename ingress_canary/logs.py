"""Logging of the daemon: JSON for machines, coloured lines on a terminal, one line per transition."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

REMIND_AFTER = 60.0
"""Seconds until what goes on is logged again."""


class Reminder:
    """Rate limit of a recurring log line: at first, when it changes, and once a minute."""

    def __init__(self) -> None:
        self._said: str | None = None
        self._again = 0.0

    def due(self, text: str, now: float) -> bool:
        """Return whether to log it; ``now`` in seconds of any monotonic clock."""
        if text == self._said and now < self._again:
            return False
        self._said, self._again = text, now + REMIND_AFTER
        return True


def configure(level: str = "info", style: str = "auto", stream: TextIO | None = None) -> None:
    """Set structlog up for the whole process; ``style`` is json, console, or auto by the terminal."""
    out = stream or sys.stderr
    console = style == "console" or (style == "auto" and out.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(sort_keys=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info if not console else structlog.processors.UnicodeDecoder(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
