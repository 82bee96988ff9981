"""Decide what happens to a rollout: the ordered chain of rules.

``decide(seen, now)`` asks an ordered tuple of small rules; the first that returns a decision ends the search. The order
matters: a person's request before the evidence, evidence and a gate's rejection before another writer's change of the
shadow, and only then what the phase does by default. Nothing here awaits, logs or reads a clock.
"""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.domain.decision.actions.handle_action import handle_action
from ingress_canary.domain.decision.observation import Alert, Decision, Observation, not_written
from ingress_canary.domain.decision.outcomes import hold
from ingress_canary.domain.decision.phases.at_rest import phase_at_rest
from ingress_canary.domain.decision.phases.paused import pause_by_spec, paused_phase
from ingress_canary.domain.decision.phases.pending import pending_phase
from ingress_canary.domain.decision.phases.progressing import progressing_phase
from ingress_canary.domain.decision.phases.promoting import promoting_phase
from ingress_canary.domain.decision.rules.canary_endpoints import no_ready_endpoints
from ingress_canary.domain.decision.rules.copy_images import continue_restore
from ingress_canary.domain.decision.rules.external_changes import conflicting_writer, external_change
from ingress_canary.domain.decision.rules.failure_mark import marked_failure
from ingress_canary.domain.decision.rules.gate_answers import gate_rejection, with_gate_answers, with_gate_records
from ingress_canary.domain.decision.rules.new_revision import newer_revision, stable_workload_change
from ingress_canary.domain.decision.rules.rollout_facts import IN_FLIGHT
from ingress_canary.domain.decision.rules.slo_failure import slo_failure
from ingress_canary.domain.objects.digest import Digest, renewed
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.workload.release_ownership import with_ownership

DecisionRule = Callable[[Observation, datetime], Decision | None]


def decide(seen: Observation, now: datetime) -> Decision:
    """Return the next state of a rollout with its reason: the decision of the first rule in RULES that applies."""
    seen = with_gate_answers(with_renewed_digests(seen))
    for rule in RULES:
        decision = rule(seen, now)
        if decision is not None:
            decision = with_lost_evidence_alert(seen, with_terminating_alert(seen, decision))
            decision = with_gate_records(seen, with_unwritten_shadow(seen, decision), now)
            if decision.moved is not None and decision.evaluation is not None:
                decision = decision._replace(evaluation=decision.evaluation.after(decision.status))
            status = with_ownership(decision.status, seen.stable, seen.canary)
            return decision if status is decision.status else decision._replace(status=status)
    raise AssertionError("decide_by_phase decides for every phase")


def with_renewed_digests(seen: Observation) -> Observation:
    """Return the observation with stored digests made anew whose parts have become none of a version's."""
    digests = (seen.revision, seen.stable_hash, seen.canary_hash)
    if not any(isinstance(digest, Digest) and digest.has_former for digest in digests):
        return seen
    status, baseline = seen.status, seen.status.baseline
    revision, failed = renewed(status.revision, seen.revision), renewed(status.failed_revision, seen.revision)
    if baseline is not None:
        baseline = baseline.updated(
            template=renewed(baseline.template, seen.stable_hash),
            compared=renewed(baseline.compared, seen.stable_hash),
            canary=renewed(baseline.canary, seen.canary_hash),
        )
    return seen._replace(status=status.updated(revision=revision, failed_revision=failed, baseline=baseline))


def hold_unreadable_spec(status: RolloutStatus, generation: int, problem: str) -> Decision:
    """Return the decision for a rollout whose spec cannot be parsed at all: it stays as it is, with InvalidSpec."""
    reason, message = Reason.INVALID_SPEC, verbatim(problem)
    held = status.updated(observed_generation=generation, reason=reason)
    return Decision(held, alerts=(Alert(reason, message),), message=message)


def with_terminating_alert(seen: Observation, decision: Decision) -> Decision:
    """Return the decision with an alert added when a deleted shadow still exists because a finalizer holds it."""
    if seen.terminating is None:
        return decision
    alert = Alert(Reason.SHADOW_TERMINATING, seen.terminating.message)
    return decision._replace(alerts=(*decision.alerts, alert))


def with_unwritten_shadow(seen: Observation, decision: Decision) -> Decision:
    """Return the decision with the weight that is on the shadow, and why it is no other where no write is taken."""
    status, words = decision.status, seen.unwritten
    if words is None:
        shown = status.actual_weight == status.weight
        return decision if shown else decision._replace(status=status.updated(actual_weight=status.weight))
    told = not_written(seen, status.weight, words)
    status = status.updated(actual_weight=seen.carried_weight)
    if decision.message is not None and decision.moved is None:
        # whoever waits for the weight waits for this
        if status.reason == Reason.SETTLING:
            decision, status = decision._replace(message=told), status.updated(reason=Reason.SHADOW_REJECTED)
        else:
            decision = decision._replace(
                message=Message(MessageKey.NOT_WRITTEN_EITHER, what=decision.message, told=told)
            )
    return decision._replace(status=status, alerts=(*decision.alerts, Alert(Reason.SHADOW_REJECTED, told)))


def with_lost_evidence_alert(seen: Observation, decision: Decision) -> Decision:
    """Return the decision with an alert added when the stored evidence could not be read, and is collected anew."""
    lost = seen.evaluation.lost if seen.evaluation is not None else None
    if lost is None:
        return decision
    kept = decision.evaluation._replace(lost=None) if decision.evaluation is not None else None
    message = Message(MessageKey.EVIDENCE_LOST, why=lost)
    return decision._replace(alerts=(*decision.alerts, Alert(Reason.EVIDENCE_LOST, message)), evaluation=kept)


def hold_without_schedule(seen: Observation, _now: datetime) -> Decision | None:
    """Hold a rollout in flight whose schedule can no longer be read."""
    if seen.compiled is not None or seen.status.phase not in IN_FLIGHT:
        return None
    obstacle = seen.obstacles[0]
    return hold(seen, obstacle.reason, obstacle.message, alert=True)


def decide_by_phase(seen: Observation, now: datetime) -> Decision:
    """Do what the phase does by default, when no rule before it has decided."""
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
    # a leader without the lease has taken the canary off: first, since a person's action would find it at its weight
    marked_failure,
    # a person's one-shot action (abort, pause, skip ...): so early that it is answered in the pass that sees it
    handle_action,
    # stable gets its old images back after a fail or an abort: only a person's second abort interrupts that
    continue_restore,
    # the canary's revision or the spec's objects changed: supersede, before evidence of the old revision decides
    newer_revision,
    # an SLO is proven violated: roll back or pause, before any rule that would only hold or pause
    slo_failure,
    # a webhook gate of the present step answered 409: after slo_failure, so that a proven violation is what is reported
    gate_rejection,
    # another writer lowered or deleted the shadow: pause, before any rule whose decision would write the shadow again
    external_change,
    # another writer raised it too often: stop undoing that, after external_change, since a lowering is always honoured
    conflicting_writer,
    # the schedule cannot be read: hold; the rules above work without it, the phases below need it
    hold_without_schedule,
    # spec.paused was set or unset: after the rules that end the rollout, or pause it for a graver reason
    pause_by_spec,
    # stable became another version: begin the evidence anew, before a phase advances on evidence of the old one
    stable_workload_change,
    # the canary has no ready endpoint: hold, then roll back, before the phase could advance
    no_ready_endpoints,
    # what the phase does by default: total, so that the chain always ends in a decision
    decide_by_phase,
)
