"""The one-shot action (a verb such as pause or abort), from the command line, kubectl or CI."""

from datetime import datetime
from typing import assert_never

from ingress_canary.api.rollout import AT_REST, ActionStatus, PausedBy, PauseStatus, Phase
from ingress_canary.domain.decision.actions.approval import approve
from ingress_canary.domain.decision.actions.step_control import promote, restart, skip
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, leave_unchanged, transition
from ingress_canary.domain.decision.phases.paused import resume
from ingress_canary.domain.decision.rules.copy_images import begin_restore
from ingress_canary.domain.decision.rules.external_changes import external_change
from ingress_canary.domain.decision.rules.new_revision import begin_rollout
from ingress_canary.domain.decision.rules.rollout_facts import has_copy_begun, is_target_replaced
from ingress_canary.domain.decision.rules.slo_failure import slo_failure
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.verbs import Action, Verb
from ingress_canary.domain.reasons.vocabulary import Reason

RAISING = frozenset({Verb.APPROVE, Verb.SKIP, Verb.PROMOTE, Verb.RESUME, Verb.RESTART})
"""Verbs that may send more requests to the canary, at once or later."""
ON_SIGHT = RAISING | {Verb.FINISH}
"""Verbs that refer to the state their sender saw: they do nothing when that state has just changed."""
PROVEN_BAD = "no effect: this very pass proves the canary bad"


def handle_action(seen: Observation, now: datetime) -> Decision | None:
    """Carry out the one-shot action, or record why it has no effect; either way it is handled once."""
    action = seen.action
    if action is None:
        return None
    external = external_change(seen, now)
    if external is not None:
        # exposure that another writer took away stays away, whatever action arrives in the same pass
        seen = seen._replace(status=external.status, drift=None)
    outcome = _refusal(seen, action, raced=external is not None) or _carry_out(seen, now, action)
    if isinstance(outcome, Decision):
        decision, result = _with_note(outcome, action.note), "done"
    else:
        fail = slo_failure(seen, now) if outcome == PROVEN_BAD else None
        decision, result = fail or leave_unchanged(seen, wants_evidence=seen.status.phase not in AT_REST), outcome
    record = ActionStatus(
        id=action.id, verb=action.verb or action.text[:32], result=result[:256], note=action.note
    )  # fmt: skip
    status = decision.status.model_copy(update={"last_action": record})
    if external is None:
        return decision._replace(status=status)
    return decision._replace(
        status=status, moved=decision.moved or external.moved, message=decision.message or external.message
    )


def _with_note(decision: Decision, note: str) -> Decision:
    """Return the decision with the sender's note appended to its history entry and message."""
    if not note or decision.moved is None:
        return decision
    message = Message(MessageKey.NOTED, message=decision.message, note=note)
    entry = decision.moved.model_copy(update={"message": str(message)})
    status = decision.status.model_copy(update={"history": [*decision.status.history[:-1], entry]})
    return decision._replace(status=status, moved=entry, message=message)


def _refusal(seen: Observation, action: Action, *, raced: bool) -> str | None:
    """Return why an action has no effect in any phase: it is malformed, stale, or blocked."""
    status = seen.status
    if action.verb is None or action.problem:
        return f"malformed: {action.problem}"
    if action.revision is not None and action.revision != status.revision:
        return f"stale: it names revision {action.revision}, this is {status.revision}"
    if action.verb is not Verb.ABORT and _is_restoring(seen):
        return "no effect: stable gets its images back, and then the canary goes; abort takes it off at once"
    if action.verb in ON_SIGHT and (raced or is_target_replaced(seen)):
        return "stale: the shadow, the spec or the canary has just been changed; look again"
    if action.verb is Verb.RESUME and seen.spec.paused:
        return "no effect: spec.paused is true; set it to false"
    if action.verb is Verb.RESUME and seen.compiled is None:
        return f"no effect: {seen.obstacles[0][1]}"
    return None


def _is_restoring(seen: Observation) -> bool:
    return seen.status.copying is not None and seen.status.copying.undo is not None


def _carry_out(seen: Observation, now: datetime, action: Action) -> Decision | str:
    """Return the decision that a verb leads to, or why it has no effect."""
    assert action.verb is not None
    if action.verb in RAISING and slo_failure(seen, now) is not None:
        # weight does not rise in the very pass that proves a fail
        return PROVEN_BAD
    nothing = f"no effect: nothing to {action.verb} in phase {seen.status.phase}"
    match action.verb:
        case Verb.APPROVE:
            return approve(seen, now, action.step)
        case Verb.SKIP:
            return skip(seen, now, action.step)
        case Verb.PROMOTE:
            return promote(seen, now)
        case Verb.RESTART:
            return restart(seen, now)
        case Verb.ABORT:
            return _abort(seen, now) or nothing
        case Verb.PAUSE:
            return _pause(seen, now) or nothing
        case Verb.RESUME:
            return resume(seen, now) or nothing
        case Verb.RETRY:
            return _retry(seen, now) or nothing
        case Verb.FINISH:
            return _finish(seen, now) or nothing
        case _:
            assert_never(action.verb)


def _abort(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase in AT_REST:
        return None
    # a revision that is aborted before its first pass counts as failed all the same
    named = seen.status.revision or seen.revision
    message = "a person took the canary off"
    if has_copy_begun(seen) and not _is_restoring(seen):
        return begin_restore(seen, now, Reason.ABORTED_BY_USER, message)
    return finish(seen, now, Phase.ROLLED_BACK, Reason.ABORTED_BY_USER, message, revision=named, failed_revision=named)


def _pause(seen: Observation, now: datetime) -> Decision | None:
    status = seen.status
    if status.phase in AT_REST or (status.pause is not None and status.pause.by is not PausedBy.SPEC):
        return None
    before = status.pause or PauseStatus(by=PausedBy.USER, returns_to=status.phase)
    pause = before.model_copy(update={"by": PausedBy.USER})
    message = f"paused by a person at {status.weight:g} %; resume to go on"
    return transition(seen, now, Phase.PAUSED, Reason.PAUSED_BY_USER, message, wants_evidence=True, pause=pause)


def _retry(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase is not Phase.ROLLED_BACK:
        return None
    again = seen.revision or seen.status.revision
    return begin_rollout(
        seen, now, Phase.PENDING, Reason.RETRIED, f"revision {again} is tried again", failed_revision=None
    )


def _finish(seen: Observation, now: datetime) -> Decision | None:
    if seen.status.phase is not Phase.PROMOTING:
        return None
    message = "a person said that stable is the new version"
    return transition(seen, now, Phase.PROMOTING, Reason.FINISHED, message, wants_evidence=True, finishing=True)
