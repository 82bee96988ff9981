"""Counting of a reading, once for two callers: the ticker for the order of passes, and the pass itself.

The ticker calls :func:`largest_bad_share`, ``engine/inputs.py`` then :func:`tick_reading`.
"""

from datetime import timedelta

import structlog

from ingress_canary.domain.evaluation.evaluation import Evaluation, TickInputs
from ingress_canary.domain.evaluation.replay import tick_with_past
from ingress_canary.domain.metrics.counting import advance
from ingress_canary.domain.metrics.samples import Counts, Reading
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.engine.state.rollout_state import RolloutState

log = structlog.get_logger(__name__)


def largest_bad_share(state: RolloutState, interval: float) -> float:
    """Return the largest share of bad requests of the canary, over all SLOs, in the reading that no pass has taken.

    It decides only the order of passes: a reading that cannot be counted gives 0 here, and is handled in its own pass.
    """
    if state.evaluation is None or state.reading is None or state.counting is None or state.clock_set:
        return 0.0
    span = timedelta(seconds=interval)
    try:
        _, evidence = state.memo.of(advance, state.evaluation.book, state.reading, *state.counting, span)
    except Exception:
        # a rollout that cannot be counted must not stop the others
        log.debug("a reading could not be counted", uid=state.uid, exc_info=True)
        return 0.0
    counted = (counts for counts in evidence.counts.values() if isinstance(counts, Counts) and counts.n)
    return max((counts.e / counts.n for counts in counted), default=0.0)


def tick_reading(state: RolloutState, evaluation: Evaluation, reading: Reading, at: TickInputs) -> Evaluation:
    """Return the evaluation with a reading, counted from a new starting point when the clock was set before it.

    A reading that cannot be judged, for whatever reason, is missing data: neither good nor bad, and it bars no action.
    """
    if state.clock_set:
        evaluation = evaluation.rebased(reading.at)
        state.clock_set = False
    state.counting = at.signals, at.compiled.measures
    at = at._replace(probe=state.probed)
    try:
        return tick_with_past(evaluation, reading, at, lambda *arguments: state.memo.of(advance, *arguments))
    except Exception as error:
        gap = Message(MessageKey.READING_FAULT, error=type(error).__name__, message=str(error))
        if evaluation.no_data != gap:
            log.exception("a reading could not be judged", uid=state.uid)
        since = evaluation.no_data_since or reading.at
        return evaluation._replace(last=None, answered=False, no_data=gap, no_data_since=since)
