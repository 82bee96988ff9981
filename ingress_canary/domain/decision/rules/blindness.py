"""Blindness: whether what a greater weight sends to the canary could be judged at all.

Unknown never raises traffic, and a person who overrides the evidence overrides what is known, not what nobody can see.
Used by ``pending.py``, ``progressing.py`` and ``step_control.py``.
"""

from ingress_canary.domain.decision.observation import Observation
from ingress_canary.domain.reasons.message import Message


def blindness(seen: Observation) -> Message | None:
    """Return why no request could be judged: the source does not answer, or nobody knows that any is counted.

    An SLO of its own that has no data yet is no blindness: the canary may have to meet requests first.
    """
    evaluation = seen.current_evaluation
    if evaluation.no_data is None or not evaluation.answered:
        return evaluation.no_data
    return evaluation.no_data if seen.schedule.measures.by_controllers and _is_uncounted(seen) else None


def is_without_traffic(seen: Observation) -> bool:
    """Return whether there is no data for the one reason that no request has come: each would be counted."""
    evaluation = seen.current_evaluation
    return evaluation.answered and not evaluation.has_traffic and bool(seen.counted)


def _is_uncounted(seen: Observation) -> bool:
    """Return whether nothing shows that requests are counted."""
    return not (seen.current_evaluation.has_traffic or seen.counted)
