"""The one place where it is decided what happens to a rollout.

``decide(seen, now)`` asks an ordered tuple of small rules; the first that has something to say decides. Order is
meaning: a person's request before the evidence, the evidence and what a gate objects before another hand on the
shadow, and only then what the phase would do by itself. Nothing here awaits, logs or reads a clock.
"""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from ingress_canary.api.rollout import Phase, RolloutStatus
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.decision.actions.handle_action import requested
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.decision.outcomes import stay
from ingress_canary.domain.decision.phases.at_rest import resting
from ingress_canary.domain.decision.phases.paused import paused, paused_by_spec
from ingress_canary.domain.decision.phases.pending import pending
from ingress_canary.domain.decision.phases.progressing import progressing
from ingress_canary.domain.decision.phases.promoting import promoting
from ingress_canary.domain.decision.rules.canary_endpoints import unreachable
from ingress_canary.domain.decision.rules.copy_images import restoring
from ingress_canary.domain.decision.rules.external_changes import fighting, intervened
from ingress_canary.domain.decision.rules.gate_answers import objected, recalled, told
from ingress_canary.domain.decision.rules.new_revision import stable_changed, superseded
from ingress_canary.domain.decision.rules.rollout_facts import IN_FLIGHT
from ingress_canary.domain.decision.rules.slo_failure import failed
from ingress_canary.domain.reasons.vocabulary import Reason

Rule = Callable[[Observation, datetime], Decision | None]


def decide(seen: Observation, now: datetime) -> Decision:
    """Return what is to be so, with its reason and numbers."""
    seen = recalled(seen)
    for rule in RULES:
        decision = rule(seen, now)
        if decision is not None:
            return told(seen, left_behind(seen, decision), now)
    raise AssertionError("by_phase decides for every phase")


def unreadable(status: RolloutStatus, generation: int, problem: str) -> Decision:
    """Return the decision for a rollout whose spec cannot be read at all: it stays where it is, and says so."""
    changes = {"observed_generation": generation, "reason": Reason.INVALID_SPEC, "message": problem[:MESSAGE_LENGTH]}
    return Decision(status.model_copy(update=changes), alerts=(Alert(Reason.INVALID_SPEC, problem[:MESSAGE_LENGTH]),))


def left_behind(seen: Observation, decision: Decision) -> Decision:
    """Return a decision that also tells a person of a shadow that was to be gone and is still there."""
    if seen.terminating is None or decision.status.shadow is not None:
        return decision
    alert = Alert(Reason.SHADOW_TERMINATING, str(seen.terminating)[:MESSAGE_LENGTH])
    return decision._replace(alerts=(*decision.alerts, alert))


def blind(seen: Observation, _now: datetime) -> Decision | None:
    """Hold a rollout in flight whose schedule can no longer be read."""
    if seen.course is not None or seen.status.phase not in IN_FLIGHT:
        return None
    reason, message = seen.obstacles[0]
    return stay(seen, reason, message, alert=True)


def by_phase(seen: Observation, now: datetime) -> Decision:
    """Do what the phase does by itself."""
    match seen.status.phase:
        case Phase.PENDING:
            return pending(seen, now)
        case Phase.PROGRESSING:
            return progressing(seen, now)
        case Phase.PAUSED:
            return paused(seen)
        case Phase.PROMOTING:
            return promoting(seen, now)
        case Phase.SUCCEEDED | Phase.ROLLED_BACK:
            return resting(seen, now)
        case _:
            assert_never(seen.status.phase)


RULES: tuple[Rule, ...] = (
    requested,
    restoring,
    superseded,
    failed,
    objected,
    intervened,
    fighting,
    blind,
    paused_by_spec,
    stable_changed,
    unreachable,
    by_phase,
)
