"""Promoting: take the shadow off once stable is the new version and can carry everybody."""

from datetime import datetime

from ingress_canary.api.rollout import Phase, PromotionStrategy
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import end, stay
from ingress_canary.domain.decision.rules.copy_images import copied
from ingress_canary.domain.decision.rules.rollout_facts import promoted, unready
from ingress_canary.domain.reasons.vocabulary import Reason


def promoting(seen: Observation, now: datetime) -> Decision:
    """Take the shadow off once stable is the new version and can carry everybody."""
    status = seen.status
    if not status.finishing and not promoted(seen):
        if status.copying is not None or seen.spec.promotion.strategy is PromotionStrategy.COPY_IMAGES:
            return copied(seen)
        message = "waiting for stable to become the new version; say finish when it is"
        return stay(seen, Reason.AWAITING_STABLE, message, watch=True)
    lacking = unready(seen)
    if lacking is not None:
        # seen there once: if another hand takes the images back, they are not set again
        there = status.copying and status.copying.model_copy(update={"done": True})
        return stay(seen, Reason.STABLE_NOT_READY, lacking, watch=True, copying=there)
    message = f"revision {status.revision} is stable now; the shadow is removed"
    return end(
        seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, stable_revision=status.revision, failed_revision=None
    )
