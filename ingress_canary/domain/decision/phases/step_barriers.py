"""What may bar the way to the next step although nothing is wrong with the canary: a calendar, a person, a gate.

Asked by ``pending.py`` and ``progressing.py`` last of all, when the evidence suffices. A barrier never stops the
watch or a rollback, and its time is not held against the step: ``maxHold`` counts unmet requirements only.
"""

from collections.abc import Callable
from datetime import datetime

from ingress_canary.domain.decision.actions.approval import unapproved
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import stay
from ingress_canary.domain.decision.rules.calendar import closed
from ingress_canary.domain.decision.rules.gate_answers import gated

Barrier = Callable[[Observation, datetime, int], Decision | None]


def _calendar(seen: Observation, now: datetime, onto: int) -> Decision | None:
    """Wait for the window; a rollout that has not begun learns meanwhile how stable's errors come."""
    shut = closed(seen, now, onto)
    return None if shut is None else stay(seen, *shut, watch=True)


BARRIERS: tuple[Barrier, ...] = (unapproved, _calendar, gated)
"""In the order in which they are asked: people first, who may take a day; what may change within seconds later.

A gate comes last: it is asked when everything else lets the rollout pass, right before it does.
"""


def barred(seen: Observation, now: datetime, onto: int) -> Decision | None:
    """Return what to do instead of going on to step ``onto``; the one after the last is the promotion."""
    for barrier in BARRIERS:
        decision = barrier(seen, now, onto)
        if decision is not None:
            return decision
    return None
