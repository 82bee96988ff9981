"""The one-shot action (a verb such as pause or abort), from the command line, kubectl or CI."""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from ingress_canary.api.rollout_status import AT_REST, ActionStatus
from ingress_canary.domain.decision.actions.approval import approve
from ingress_canary.domain.decision.actions.rollout_control import (
    abort,
    finish_promotion,
    pause_by_user,
    resume_by_user,
    retry,
)
from ingress_canary.domain.decision.actions.step_control import promote, restart, skip
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import leave_unchanged
from ingress_canary.domain.decision.rules.external_changes import external_change
from ingress_canary.domain.decision.rules.rollout_facts import is_restoring, is_target_replaced
from ingress_canary.domain.decision.rules.slo_failure import slo_failure
from ingress_canary.domain.reasons.action_results import ActionOutcome, Refusal, no_effect, render_result, stale
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.verbs import Action, Verb

VerbHandler = Callable[[Observation, datetime, Action], Decision | Refusal]
"""What carries out one verb, or returns why it cannot."""


def handler_of(verb: Verb) -> VerbHandler:
    """Return the function of a verb."""
    match verb:
        case Verb.APPROVE:
            return approve
        case Verb.PAUSE:
            return pause_by_user
        case Verb.RESUME:
            return resume_by_user
        case Verb.PROMOTE:
            return promote
        case Verb.ABORT:
            return abort
        case Verb.RETRY:
            return retry
        case Verb.SKIP:
            return skip
        case Verb.FINISH:
            return finish_promotion
        case Verb.RESTART:
            return restart
        case _:
            assert_never(verb)


def handle_action(seen: Observation, now: datetime) -> Decision | None:
    """Carry out the one-shot action, or record why it has no effect; either way it is handled once."""
    action = seen.action
    if action is None:
        return None
    external = external_change(seen, now)
    if external is not None:
        # exposure that another writer took away stays away, whatever action arrives in the same pass
        seen = seen.honoured(external.status)
    decision, refusal = _carry_out(seen, now, action, raced=external is not None)
    record = ActionStatus(
        id=action.id, verb=action.verb or action.text[:32], result=render_result(refusal), note=action.note
    )  # fmt: skip
    status = decision.status.updated(last_action=record)
    if external is None:
        return decision._replace(status=status)
    return decision._replace(
        status=status, moved=decision.moved or external.moved, message=decision.message or external.message
    )


def _carry_out(seen: Observation, now: datetime, action: Action, *, raced: bool) -> tuple[Decision, Refusal | None]:
    """Return the decision that an action leads to, and why it was not carried out; None when it was."""
    outcome: Decision | Refusal | None = _refusal(seen, action, raced=raced)
    if outcome is None:
        assert action.verb is not None
        fail = slo_failure(seen, now) if action.verb.row.raises_exposure else None
        if fail is not None:
            # weight does not rise in the very pass that proves a fail
            return fail, no_effect(Message(MessageKey.PROVEN_BAD_NOW))
        outcome = handler_of(action.verb)(seen, now, action)
    if isinstance(outcome, Refusal):
        return leave_unchanged(seen, wants_evidence=seen.status.phase not in AT_REST), outcome
    return _with_note(outcome, action.note), None


def _refusal(seen: Observation, action: Action, *, raced: bool) -> Refusal | None:
    """Return why an action is refused whatever its verb does: it is malformed, stale, or blocked."""
    status = seen.status
    if action.verb is None or action.problem:
        return Refusal(ActionOutcome.MALFORMED, verbatim(str(action.problem)))
    if action.revision is not None and action.revision != status.revision:
        return stale(Message(MessageKey.OTHER_REVISION, named=action.revision, present=status.revision))
    if action.verb is not Verb.ABORT and is_restoring(seen):
        return no_effect(Message(MessageKey.IS_RESTORING))
    if action.verb.row.on_sight and (raced or is_target_replaced(seen)):
        return stale(Message(MessageKey.JUST_CHANGED))
    return None


def _with_note(decision: Decision, note: str) -> Decision:
    """Return the decision with the sender's note appended to its history entry and message."""
    if not note or decision.moved is None:
        return decision
    message = Message(MessageKey.NOTED, message=decision.message, note=note)
    entry = decision.moved.updated(message=str(message))
    status = decision.status.updated(history=[*decision.status.history[:-1], entry])
    return decision._replace(status=status, moved=entry, message=message)
