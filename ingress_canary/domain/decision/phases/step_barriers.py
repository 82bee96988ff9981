"""Barriers before a step: approval, calendar, webhook gates.

Checked by ``pending.py`` and ``progressing.py`` last of all, when the evidence suffices. A barrier never stops the
analysis or a rollback, and its time does not count towards ``maxHold``, which counts unmet requirements only.
"""

from collections.abc import Callable
from datetime import datetime

from ingress_canary.domain.decision.actions.approval import await_approval
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import hold
from ingress_canary.domain.decision.rules.calendar import calendar_obstacle
from ingress_canary.domain.decision.rules.gate_answers import await_gates

Barrier = Callable[[Observation, datetime, int], Decision | None]


def _calendar_barrier(seen: Observation, now: datetime, onto: int) -> Decision | None:
    """Hold until the window opens or a freeze ends; evidence of stable is read meanwhile."""
    shut = calendar_obstacle(seen, now, onto)
    return None if shut is None else hold(seen, shut.reason, shut.message, wants_evidence=True)


BARRIERS: tuple[Barrier, ...] = (await_approval, _calendar_barrier, await_gates)
"""In the order in which they are checked: people first, who may take a day; what may change within seconds later.

A gate comes last: it is asked right before the rollout advances, when nothing else holds it.
"""


def step_barrier(seen: Observation, now: datetime, onto: int) -> Decision | None:
    """Return the hold or pause of the first barrier before step ``onto`` (after the last: the promotion), or None."""
    for barrier in BARRIERS:
        decision = barrier(seen, now, onto)
        if decision is not None:
            return decision
    return None
