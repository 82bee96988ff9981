"""Barriers before a step, asked when the evidence suffices: approval, calendar, webhook gates.

Asked by ``pending.py`` and ``progressing.py`` last of all, when the evidence suffices. A barrier never stops the
watch or a rollback, and its time is not held against the step: ``maxHold`` counts unmet requirements only.
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
    """Wait for the window; a rollout that has not begun learns meanwhile how stable's errors come."""
    shut = calendar_obstacle(seen, now, onto)
    return None if shut is None else hold(seen, *shut, wants_evidence=True)


BARRIERS: tuple[Barrier, ...] = (await_approval, _calendar_barrier, await_gates)
"""In the order in which they are asked: people first, who may take a day; what may change within seconds later.

A gate comes last: it is asked when everything else lets the rollout pass, right before it does.
"""


def step_barrier(seen: Observation, now: datetime, onto: int) -> Decision | None:
    """Return what to do instead of going on to step ``onto``; the one after the last is the promotion."""
    for barrier in BARRIERS:
        decision = barrier(seen, now, onto)
        if decision is not None:
            return decision
    return None
