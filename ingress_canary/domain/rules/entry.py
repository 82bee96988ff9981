"""What may bar the way to the next step although nothing is wrong with the canary: a calendar, a person, a gate.

Asked by ``beginning.py`` and ``progressing.py`` last of all, when the evidence suffices. A barrier never stops the
watch or a rollback, and its time is not held against the step: ``maxHold`` counts unmet requirements only.
"""

from collections.abc import Callable
from datetime import datetime

from ingress_canary.domain.observation import Decision, Observation

Barrier = Callable[[Observation, datetime, int], Decision | None]

BARRIERS: tuple[Barrier, ...] = ()


def barred(seen: Observation, now: datetime, onto: int) -> Decision | None:
    """Return what to do instead of going on to step ``onto``; the one after the last is the promotion."""
    for barrier in BARRIERS:
        decision = barrier(seen, now, onto)
        if decision is not None:
            return decision
    return None
