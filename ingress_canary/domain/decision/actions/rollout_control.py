"""Verbs pause, resume, abort, retry and finish: a person stops, ends or goes on with a rollout as a whole.

Called by ``handle_action.py``.
"""

from datetime import datetime

from ingress_canary.api.rollout_status import AT_REST, PausedBy, PauseStatus, Phase
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, transition
from ingress_canary.domain.decision.phases.paused import resume
from ingress_canary.domain.decision.rules.copy_images import begin_restore
from ingress_canary.domain.decision.rules.new_revision import begin_rollout
from ingress_canary.domain.decision.rules.rollout_facts import has_copy_begun, is_restoring
from ingress_canary.domain.reasons.action_results import Refusal, no_effect
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.reasons.vocabulary import Reason


def pause_by_user(seen: Observation, now: datetime, action: Action) -> Decision | Refusal:
    """Hold the weight until a person resumes; a pause by the daemon becomes the person's."""
    status = seen.status
    if status.phase in AT_REST or (status.pause is not None and status.pause.by is not PausedBy.SPEC):
        return nothing_to_do(seen, action)
    before = status.pause or PauseStatus(by=PausedBy.USER, returns_to=status.phase)
    pause = before.updated(by=PausedBy.USER)
    message = Message(MessageKey.PAUSED_BY_USER, weight=status.weight)
    return transition(seen, now, Phase.PAUSED, Reason.PAUSED_BY_USER, message, wants_evidence=True, pause=pause)


def resume_by_user(seen: Observation, now: datetime, action: Action) -> Decision | Refusal:
    """Go on with a rollout that is paused, unless the spec pauses it or cannot be used."""
    if seen.spec.paused:
        return no_effect(Message(MessageKey.PAUSED_BY_SPEC_STILL))
    if seen.compiled is None:
        return no_effect(seen.obstacles[0].message)
    return resume(seen, now) or nothing_to_do(seen, action)


def abort(seen: Observation, now: datetime, action: Action) -> Decision | Refusal:
    """Take the canary off traffic; stable gets its images back first, unless that is under way already."""
    if seen.status.phase in AT_REST:
        return nothing_to_do(seen, action)
    # a revision that is aborted before its first pass counts as failed all the same
    named = seen.status.revision or seen.revision
    message = Message(MessageKey.ABORTED)
    if has_copy_begun(seen) and not is_restoring(seen):
        return begin_restore(seen, now, Reason.ABORTED_BY_USER, message)
    return finish(seen, now, Phase.ROLLED_BACK, Reason.ABORTED_BY_USER, message, revision=named, failed_revision=named)


def retry(seen: Observation, now: datetime, action: Action) -> Decision | Refusal:
    """Begin the revision again that was rolled back."""
    if seen.status.phase is not Phase.ROLLED_BACK:
        return nothing_to_do(seen, action)
    again = seen.revision or seen.status.revision
    message = Message(MessageKey.RETRIED, revision=again)
    return begin_rollout(seen, now, Phase.PENDING, Reason.RETRIED, message, failed_revision=None)


def finish_promotion(seen: Observation, now: datetime, action: Action) -> Decision | Refusal:
    """Take stable for the new version, because a person says so."""
    if seen.status.phase is not Phase.PROMOTING:
        return nothing_to_do(seen, action)
    message = Message(MessageKey.FINISHED)
    return transition(seen, now, Phase.PROMOTING, Reason.FINISHED, message, wants_evidence=True, finishing=True)


def nothing_to_do(seen: Observation, action: Action) -> Refusal:
    """Return the refusal of a verb that means nothing in the present phase."""
    return no_effect(Message(MessageKey.NOTHING_TO_DO, verb=action.verb, phase=seen.status.phase))
