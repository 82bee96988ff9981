"""CopyImages: the daemon gives stable the canary's images, and its old images back after a fail."""

from datetime import datetime

from ingress_canary.api.rollout import Phase, UndoStatus
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold, transition
from ingress_canary.domain.decision.rules.external_changes import exposure_taken_away, external_change
from ingress_canary.domain.decision.rules.rollout_facts import why_stable_unready
from ingress_canary.domain.objects.revision import images
from ingress_canary.domain.objects.views import Workload
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.workload.copy_images import (
    copy_of,
    describe_images,
    ends,
    images_arrived,
    images_due,
    uncopyable,
    workload_title,
)


def copy_to_stable(seen: Observation) -> Decision:
    """Return the decision to give stable the canary's images, which are stored first; or hold with what prevents it."""
    canary, stable = seen.canary, seen.stable
    if canary is None or stable is None:
        return _hold_for_person(seen, "the canary's or stable's workload does not exist")
    if seen.status.copying is not None and images_due(seen.status, stable) is None:
        return _hold_for_person(seen, f"{_copy_progress(seen, stable)}, or pause and resume to have it set once more")
    if seen.status.copying is not None:
        return hold(seen, Reason.AWAITING_STABLE, _copy_progress(seen, stable), wants_evidence=True)
    if (why := uncopyable(canary, stable)) is not None:
        return _hold_for_person(seen, why)
    if images(canary) == images(stable):
        return _hold_for_person(seen, "the images are the same, and what differs is elsewhere in the pod template")
    message = f"{workload_title(stable)} gets the canary's images: {describe_images(images(canary))}"
    return hold(seen, Reason.AWAITING_STABLE, message, wants_evidence=True, copying=copy_of(canary, stable))


def _hold_for_person(seen: Observation, why: str) -> Decision:
    """Return the decision to wait for a person, because the daemon cannot make stable the new version."""
    return hold(
        seen, Reason.AWAITING_STABLE, f"{why}; deploy stable yourself, or say finish", wants_evidence=True, alert=True
    )


def begin_restore(seen: Observation, now: datetime, reason: Reason, message: str) -> Decision:
    """Begin to put stable's old images back; the canary is taken off when stable has them, with this reason."""
    copying, stable = seen.status.copying, seen.stable
    assert copying is not None
    assert stable is not None
    # images that another writer has set are left alone, here as in copy_to_stable
    undo = UndoStatus(reason=reason, message=message[:MESSAGE_LENGTH])
    changes = exposure_taken_away(seen)
    changes |= {"copying": copying.updated(undo=undo, done=False), "pause": None}
    why = f"{message}; {workload_title(stable)} gets its images back before the canary goes"
    return transition(seen, now, Phase.PROMOTING, Reason.RESTORING_STABLE, why, wants_evidence=True, **changes)


def continue_restore(seen: Observation, now: datetime) -> Decision | None:
    """Hold until stable has its old images back and can carry all traffic, whatever else happens; then end."""
    copying, stable = seen.status.copying, seen.stable
    if copying is None or copying.undo is None:
        return None
    external = external_change(seen, now)
    if external is not None:
        seen = seen.honoured(external.status)
    if stable is None:
        why = "stable's workload does not exist; create it, or abort to take the canary off without it"
        return hold(seen, Reason.RESTORING_STABLE, why, wants_evidence=True, alert=True)
    if not images_arrived(copying, stable):
        why = f"{_copy_progress(seen, stable)}; abort takes the canary off without it"
        alert = images_due(seen.status, stable) is None
        return hold(seen, Reason.RESTORING_STABLE, why, wants_evidence=True, alert=alert)
    lacking = why_stable_unready(seen)
    if lacking is not None:
        there = copying.updated(done=True)
        why = f"stable has its images back: {lacking}"
        return hold(seen, Reason.RESTORING_STABLE, why, wants_evidence=True, copying=there)
    return finish(seen, now, Phase.ROLLED_BACK, Reason(copying.undo.reason), copying.undo.message)


def _copy_progress(seen: Observation, stable: Workload) -> str:
    """Return why stable does not have its images yet: refused, under way, or set otherwise by another writer."""
    assert seen.status.copying is not None
    goal = ends(seen.status.copying)[1]
    if seen.denied is not None:
        return f"{workload_title(stable)} is to get {describe_images(goal)}, and that was refused: {seen.denied}"
    if images_due(seen.status, stable) is not None:
        return f"{workload_title(stable)} gets {describe_images(goal)}"
    return (
        f"another writer ({stable.meta.manager or 'unknown'}) set {workload_title(stable)} to "
        f"{describe_images(images(stable))} instead of {describe_images(goal)}, and it is left so: change what sets it"
    )
