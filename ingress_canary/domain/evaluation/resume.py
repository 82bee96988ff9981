"""Resume point of the evidence: up to which sample it has counted, so that a restart replays the rest.

Stored behind the checkpoint of the analysis, as base64 of JSON, which is quicker than compressing it at each pass.
``evaluation.py`` keeps it, ``replay.py`` uses it. Wherever it is not exact it is too late, so that something may be
lost and nothing is counted twice.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from ingress_canary.domain.metrics.counting import CounterBook, newest_samples
from ingress_canary.domain.metrics.samples import TURN

ANYONE = ""
"""Stands for every process that is not named."""
MOST_NAMED = 32
"""Processes that are stored by name; of more only the newest sample of all is kept, for the size of the status."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The newest counted sample of each controller process."""

    settled_from: datetime
    """Since when the shadow had carried what is wanted."""
    counted: Mapping[str, datetime]
    """By process: its newest sample that was counted; never empty."""

    @classmethod
    def of(cls, book: CounterBook, settled_from: datetime | None) -> Self | None:
        """Return the point from which a restart would go on; None while nothing is counted."""
        counted = dict[str, datetime]()
        for name, at in newest_samples(book).items():
            process = name.partition(TURN)[0]
            counted[process] = max(at, counted.get(process, at))
        if settled_from is None or not counted:
            return None
        return cls(settled_from, counted if len(counted) <= MOST_NAMED else {ANYONE: max(counted.values())})

    def since(self, process: str) -> datetime | None:
        """Return the newest sample of a process that was counted; None where none was."""
        return self.counted.get(process.partition(TURN)[0], self.counted.get(ANYONE))

    def encode(self) -> str:
        """Return the resume point as text for the checkpoint."""
        document = [self.settled_from.isoformat(), {name: at.isoformat() for name, at in self.counted.items()}]
        return base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """Return what :meth:`encode` made, with or without members of a newer release; None for anything else."""
        try:
            settled_from, counted, *_ = json.loads(base64.b64decode(text, validate=True))
            instants = {str(name): _instant(at) for name, at in counted.items()}
            return cls(_instant(settled_from), instants) if instants else None
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return instant
