"""Missing data: what a reading changes of an evaluation in every mode, above all what it lacks and since when.

Used by ``evaluation.py``. Unknown is neither bad nor good, and a bucket may be late.
"""

from datetime import datetime
from typing import TypedDict

from ingress_canary.domain.metrics.counting import ReadingCounts
from ingress_canary.domain.metrics.samples import NoData, Reading, UnknownBound
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey

CERTAIN = 3
"""Looks in a row at which a source that samples itself must lack a bucket: its store may show a scrape in pieces."""


class CommonChanges(TypedDict):
    """Changes of an evaluation that every reading makes."""

    read_at: datetime
    note: str | None
    misconfigured: Message | None
    unbounded: int
    answered: bool
    no_data: Message | None
    no_data_since: datetime | None


def without_doubtful_bounds(evidence: ReadingCounts, reading: Reading, unbounded: int) -> tuple[ReadingCounts, int]:
    """Return the evidence in which a bucket that may be late is missing data, and for how many looks one has been.

    ``unbounded`` is for how many looks one had been before.
    """
    if not any(isinstance(count, UnknownBound) for count in evidence.counts.values()):
        return evidence, 0
    looks = unbounded + 1
    # a page is whole
    if looks >= CERTAIN or not reading.sampled_every:
        return evidence, looks
    counts = {
        name: count.unsettled if isinstance(count, UnknownBound) else count for name, count in evidence.counts.items()
    }
    return evidence._replace(counts=counts), looks


def common_changes(reading: Reading, evidence: ReadingCounts, since: datetime | None, unbounded: int) -> CommonChanges:
    """Return the changes of a reading that every mode shares; ``since`` is when data began to be missing before it."""
    parts = (evidence.counts, evidence.values, evidence.tails)
    missing = [(name, gap) for part in parts for name, gap in part.items() if isinstance(gap, (NoData, UnknownBound))]
    bounds = next((_gap(name, gap) for name, gap in missing if isinstance(gap, UnknownBound)), None)
    error = verbatim(reading.error) if isinstance(reading.error, str) else reading.error
    gap = error or (_gap(*missing[0]) if missing else None)
    return {
        "read_at": reading.at, "note": reading.note, "misconfigured": bounds, "unbounded": unbounded,
        "answered": reading.error is None, "no_data": gap, "no_data_since": (since or reading.at) if gap else None,
    }  # fmt: skip


def _gap(slo: str, missing: NoData | UnknownBound) -> Message:
    return Message(MessageKey.GAP, slo=slo, why=missing.message)
