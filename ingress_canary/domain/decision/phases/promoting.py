"""Phase Promoting: remove the shadow once stable is the new version and can carry all traffic."""

from datetime import datetime

from ingress_canary.api.rollout import PromotionStrategy
from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold
from ingress_canary.domain.decision.rules.copy_images import copy_to_stable
from ingress_canary.domain.decision.rules.rollout_facts import is_promoted, why_stable_unready
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def promoting_phase(seen: Observation, now: datetime) -> Decision:
    """Remove the shadow once stable is the new version and can carry all traffic."""
    status = seen.status
    if not status.finishing and not is_promoted(seen):
        if status.copying is not None or seen.spec.promotion.strategy is PromotionStrategy.COPY_IMAGES:
            return copy_to_stable(seen)
        # without a workload nobody can see when stable is the new version
        waits = Message(MessageKey.AWAITING_STABLE)
        if seen.stable is not None and seen.canary is not None:
            waits = Message(MessageKey.AWAITING_WORKLOAD, workload=seen.stable.title)
        return hold(seen, Reason.AWAITING_STABLE, waits, wants_evidence=True)
    lacking = why_stable_unready(seen)
    if lacking is not None:
        # stable has had them: if another writer replaces the images, they are not set again
        there = status.copying and status.copying.updated(done=True)
        return hold(seen, Reason.STABLE_NOT_READY, lacking, wants_evidence=True, copying=there)
    message = Message(MessageKey.PROMOTED, revision=status.revision)
    return finish(
        seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, stable_revision=status.revision, failed_revision=None
    )
