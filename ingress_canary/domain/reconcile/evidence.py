"""Evidence of a pass: what the source has said since the last one, added to the evaluation exactly once.

The daemon and the tests' World have a reading, whose series are counted here; ``whatif`` draws counts.
"""

from typing import NamedTuple

from ingress_canary.domain.evaluation.evaluation import CountReading, Evaluation, TickInputs, judge
from ingress_canary.domain.evaluation.replay import tick_with_past
from ingress_canary.domain.metrics.counting import ReadingCounts, advance
from ingress_canary.domain.metrics.samples import Reading
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey


class CountedReading(NamedTuple):
    """A reading whose series have been counted, or never existed."""

    reading: Reading
    counts: ReadingCounts


Evidence = Reading | CountedReading


class EvidenceResult(NamedTuple):
    """An evaluation with a reading taken in."""

    evaluation: Evaluation
    fault: Exception | None = None
    """Why the reading could not be judged, the first time that it is so."""


def take_evidence(
    evaluation: Evaluation,
    evidence: Evidence,
    at: TickInputs,
    count: CountReading = advance,
    *,
    clock_set: bool = False,
) -> EvidenceResult:
    """Return the evaluation with a reading, counted from a new starting point when the clock was set before it.

    A reading that cannot be judged, for whatever reason, is missing data: neither good nor bad, and it bars no action.
    ``count`` may know already what ``advance`` would return.
    """
    reading = evidence.reading if isinstance(evidence, CountedReading) else evidence
    if clock_set:
        evaluation = evaluation.rebased(reading.at)
    try:
        if isinstance(evidence, CountedReading):
            return EvidenceResult(judge(evaluation, reading, evidence.counts, at))
        return EvidenceResult(tick_with_past(evaluation, reading, at, count))
    except Exception as error:  # noqa: BLE001 - the caller logs it
        gap = Message(MessageKey.READING_FAULT, error=type(error).__name__, message=str(error))
        fault = error if evaluation.no_data != gap else None
        since = evaluation.no_data_since or reading.at
        unjudged = evaluation._replace(last=None, answered=False, no_data=gap, no_data_since=since)
        return EvidenceResult(unjudged, fault)
