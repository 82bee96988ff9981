"""Promoting: take the shadow off once stable is the new version and can carry everybody."""

from datetime import datetime

from ingress_canary.api.rollout import Phase
from ingress_canary.domain.moves import end, stay
from ingress_canary.domain.observation import Decision, Observation
from ingress_canary.domain.reasons import Reason
from ingress_canary.domain.rules.facts import promoted


def promoting(seen: Observation, now: datetime) -> Decision:
    """Take the shadow off once stable is the new version and can carry everybody."""
    status, baseline = seen.status, seen.status.baseline
    if not status.finishing and not promoted(seen):
        message = "waiting for stable to become the new version; say finish when it is"
        return stay(seen, Reason.AWAITING_STABLE, message, watch=True)
    needed = max(baseline.ready_endpoints if baseline else 1, 1)
    rolled_out = seen.stable is None or seen.stable.rolled_out
    if seen.stable_ready < needed or not rolled_out:
        state = "" if rolled_out else " and is still rolling out"
        message = f"stable has {seen.stable_ready} of {needed} ready endpoints{state}"
        return stay(seen, Reason.STABLE_NOT_READY, message, watch=True)
    message = f"revision {status.revision} is stable now; the shadow is removed"
    return end(
        seen, now, Phase.SUCCEEDED, Reason.PROMOTED, message, stable_revision=status.revision, failed_revision=None
    )
