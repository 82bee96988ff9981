"""Counting of a reading for the order of passes. Called by the ticker.

The pass itself counts it in ``domain/reconcile/evidence.py``; the rollout's memo keeps what was counted here for it.
"""

from datetime import timedelta

import structlog

from ingress_canary.domain.metrics.counting import advance
from ingress_canary.domain.metrics.samples import Counts
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
