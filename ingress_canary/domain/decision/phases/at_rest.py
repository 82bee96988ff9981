"""Phases Succeeded and RolledBack: a new revision begins a rollout; a failed one, or stable's own, does not."""

from datetime import datetime

from ingress_canary.api.rollout import Phase
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, leave_unchanged
from ingress_canary.domain.decision.rules.new_revision import begin_rollout
from ingress_canary.domain.decision.rules.rollout_facts import is_new_revision
from ingress_canary.domain.decision.rules.scale_canary import restore_replicas
from ingress_canary.domain.reasons.vocabulary import Reason


def phase_at_rest(seen: Observation, now: datetime) -> Decision:
    """Begin a rollout of a new revision; one that failed, or that stable runs already, begins none."""
    status = seen.status
    if not is_new_revision(seen):
        # the status keeps saying how the rollout ended, also after a spec that could not be read for a while
        ended = status.history[-1] if status.history else status
        scale = restore_replicas(seen, now)
        left = f"; {seen.terminating}" if seen.terminating is not None else ""
        message = f"{ended.message[: MESSAGE_LENGTH - len(left)]}{left}"
        return leave_unchanged(
            seen, wants_evidence=scale is not None, reason=ended.reason, message=message, scale=scale
        )
    if seen.same_version:
        message = f"the canary was set to stable's version ({seen.revision}); nothing to roll out"
        return finish(
            seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, revision=seen.revision, stable_revision=seen.revision,
            failed_revision=None, started_at=None, gates=[],
        )  # fmt: skip
    return begin_rollout(seen, now, Phase.PENDING, Reason.WARMING_UP, f"revision {seen.revision} is new")
