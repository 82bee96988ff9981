"""Decide what happens to a rollout: the ordered chain of rules.

``decide(seen, now)`` asks an ordered tuple of small rules; the first that has something to say decides. Order is
meaning: a person's request before the evidence, the evidence and what a gate objects before another writer on the
shadow, and only then what the phase would do by itself. Nothing here awaits, logs or reads a clock.
"""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from ingress_canary.api.rollout import Phase, RolloutStatus
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.decision.actions.handle_action import handle_action
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.decision.outcomes import hold
from ingress_canary.domain.decision.phases.at_rest import phase_at_rest
from ingress_canary.domain.decision.phases.paused import pause_by_spec, paused_phase
from ingress_canary.domain.decision.phases.pending import pending_phase
from ingress_canary.domain.decision.phases.progressing import progressing_phase
from ingress_canary.domain.decision.phases.promoting import promoting_phase
from ingress_canary.domain.decision.rules.canary_endpoints import no_ready_endpoints
from ingress_canary.domain.decision.rules.copy_images import continue_restore
from ingress_canary.domain.decision.rules.external_changes import conflicting_writer, external_change
from ingress_canary.domain.decision.rules.gate_answers import gate_rejection, with_gate_answers, with_gate_records
from ingress_canary.domain.decision.rules.new_revision import newer_revision, stable_workload_change
from ingress_canary.domain.decision.rules.rollout_facts import IN_FLIGHT
from ingress_canary.domain.decision.rules.slo_failure import slo_failure
from ingress_canary.domain.reasons.vocabulary import Reason

DecisionRule = Callable[[Observation, datetime], Decision | None]


def decide(seen: Observation, now: datetime) -> Decision:
    """Return what is to be so, with its reason and numbers."""
    seen = with_gate_answers(seen)
    for rule in RULES:
        decision = rule(seen, now)
        if decision is not None:
            return with_gate_records(seen, left_behind(seen, decision), now)
    raise AssertionError("by_phase decides for every phase")


def hold_unreadable_spec(status: RolloutStatus, generation: int, problem: str) -> Decision:
    """Return the decision for a rollout whose spec cannot be read at all: it stays where it is, and says so."""
    changes = {"observed_generation": generation, "reason": Reason.INVALID_SPEC, "message": problem[:MESSAGE_LENGTH]}
    return Decision(status.model_copy(update=changes), alerts=(Alert(Reason.INVALID_SPEC, problem[:MESSAGE_LENGTH]),))


def left_behind(seen: Observation, decision: Decision) -> Decision:
    """Return a decision that also tells a person of a shadow that was to be gone and is still there."""
    if seen.terminating is None:
        return decision
    alert = Alert(Reason.SHADOW_TERMINATING, str(seen.terminating)[:MESSAGE_LENGTH])
    return decision._replace(alerts=(*decision.alerts, alert))


def hold_without_schedule(seen: Observation, _now: datetime) -> Decision | None:
    """Hold a rollout in flight whose schedule can no longer be read."""
    if seen.compiled is not None or seen.status.phase not in IN_FLIGHT:
        return None
    reason, message = seen.obstacles[0]
    return hold(seen, reason, message, alert=True)


def decide_by_phase(seen: Observation, now: datetime) -> Decision:
    """Do what the phase does by itself."""
    match seen.status.phase:
        case Phase.PENDING:
            return pending_phase(seen, now)
        case Phase.PROGRESSING:
            return progressing_phase(seen, now)
        case Phase.PAUSED:
            return paused_phase(seen)
        case Phase.PROMOTING:
            return promoting_phase(seen, now)
        case Phase.SUCCEEDED | Phase.ROLLED_BACK:
            return phase_at_rest(seen, now)
        case _:
            assert_never(seen.status.phase)


RULES: tuple[DecisionRule, ...] = (
    handle_action,
    continue_restore,
    newer_revision,
    slo_failure,
    gate_rejection,
    external_change,
    conflicting_writer,
    hold_without_schedule,
    pause_by_spec,
    stable_workload_change,
    no_ready_endpoints,
    decide_by_phase,
)
