"""Phases Succeeded and RolledBack: a new revision begins a rollout; a failed one, or stable's own, does not."""

from datetime import datetime

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, leave_unchanged
from ingress_canary.domain.decision.rules.new_revision import begin_rollout
from ingress_canary.domain.decision.rules.rollout_facts import is_new_revision
from ingress_canary.domain.decision.rules.scale_canary import restore_replicas
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def phase_at_rest(seen: Observation, now: datetime) -> Decision:
    """Begin a rollout of a new revision; one that failed, or that stable runs already, begins none."""
    status = seen.status
    if not is_new_revision(seen):
        # the status keeps saying how the rollout ended, also after a spec that could not be read for a while
        ended = status.history[-1] if status.history else status
        scale = restore_replicas(seen, now)
        message = verbatim(ended.message)
        if seen.terminating is not None:
            message = Message(MessageKey.ENDED_TERMINATING, ended=ended.message, terminating=seen.terminating.message)
        unchanged = leave_unchanged(seen, wants_evidence=scale is not None, reason=ended.reason, scale=scale)
        return unchanged._replace(message=message)
    if seen.same_version:
        same = Message(MessageKey.SET_TO_STABLE, revision=seen.revision)
        return finish(
            seen, now, Phase.SUCCEEDED, Reason.PROMOTED, same, revision=seen.revision, stable_revision=seen.revision,
            failed_revision=None, started_at=None, gates=[],
        )  # fmt: skip
    new = Message(MessageKey.NEW_REVISION, revision=seen.revision)
    return begin_rollout(seen, now, Phase.PENDING, Reason.WARMING_UP, new)
