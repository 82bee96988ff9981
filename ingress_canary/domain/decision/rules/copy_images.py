"""CopyImages: stable becomes the new version by the daemon's hand, and gets its images back after a fail."""

from datetime import datetime

from ingress_canary.api.rollout import Phase, UndoStatus
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import end, move, stay
from ingress_canary.domain.decision.rules.external_changes import intervened, taken_away
from ingress_canary.domain.decision.rules.rollout_facts import unready
from ingress_canary.domain.objects.revision import images
from ingress_canary.domain.objects.views import Workload
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.workload.copy_images import arrived, copy_of, due, ends, title, told, uncopyable


def copied(seen: Observation) -> Decision:
    """Have stable given the canary's images, which are stored first; say what keeps them from it."""
    canary, stable = seen.canary, seen.stable
    if canary is None or stable is None:
        return _held(seen, "the canary's or stable's workload does not exist")
    if seen.status.copying is not None and due(seen.status, stable) is None:
        return _held(seen, f"{_on_the_way(seen, stable)}, or pause and resume to have it set once more")
    if seen.status.copying is not None:
        return stay(seen, Reason.AWAITING_STABLE, _on_the_way(seen, stable), watch=True)
    if (why := uncopyable(canary, stable)) is not None:
        return _held(seen, why)
    if images(canary) == images(stable):
        return _held(seen, "the images are the same, and what differs is elsewhere in the pod template")
    message = f"{title(stable)} gets the canary's images: {told(images(canary))}"
    return stay(seen, Reason.AWAITING_STABLE, message, watch=True, copying=copy_of(canary, stable))


def _held(seen: Observation, why: str) -> Decision:
    """Return the decision to wait for a person: stable cannot be made the new version by the daemon's hand."""
    return stay(seen, Reason.AWAITING_STABLE, f"{why}; deploy stable yourself, or say finish", watch=True, alert=True)


def restore(seen: Observation, now: datetime, reason: Reason, message: str) -> Decision:
    """Begin to put stable's images back: the canary goes when they are there, with this reason."""
    copying, stable = seen.status.copying, seen.stable
    assert copying is not None
    assert stable is not None
    # images of another hand's are left alone, on the way back too
    undo = UndoStatus(reason=reason, message=message[:MESSAGE_LENGTH])
    back = copying.model_copy(update={"undo": undo, "done": False})
    why = f"{message}; {title(stable)} gets its images back before the canary goes"
    return move(
        seen, now, Phase.PROMOTING, Reason.RESTORING_STABLE, why, watch=True, copying=back, pause=None,
        **taken_away(seen),
    )  # fmt: skip


def restoring(seen: Observation, now: datetime) -> Decision | None:
    """Wait until stable has its images back and can carry everybody, whatever else happens; then end."""
    copying, stable = seen.status.copying, seen.stable
    if copying is None or copying.undo is None:
        return None
    hand = intervened(seen, now)
    if hand is not None:
        seen = seen._replace(status=hand.status, drift=None)
    if stable is None:
        why = "stable's workload does not exist; create it, or abort to take the canary off without it"
        return stay(seen, Reason.RESTORING_STABLE, why, watch=True, alert=True)
    if not arrived(copying, stable):
        why = f"{_on_the_way(seen, stable)}; abort takes the canary off without it"
        alert = due(seen.status, stable) is None
        return stay(seen, Reason.RESTORING_STABLE, why, watch=True, alert=alert)
    lacking = unready(seen)
    if lacking is not None:
        there = copying.model_copy(update={"done": True})
        why = f"stable has its images back: {lacking}"
        return stay(seen, Reason.RESTORING_STABLE, why, watch=True, copying=there)
    return end(seen, now, Phase.ROLLED_BACK, Reason(copying.undo.reason), copying.undo.message)


def _on_the_way(seen: Observation, stable: Workload) -> str:
    """Return what stands between stable and the images that it is to get."""
    assert seen.status.copying is not None
    goal = ends(seen.status.copying)[1]
    if seen.denied is not None:
        return f"{title(stable)} is to get {told(goal)}, and that was refused: {seen.denied}"
    if due(seen.status, stable) is not None:
        return f"{title(stable)} gets {told(goal)}"
    return (
        f"another hand ({stable.meta.manager or 'unknown'}) set {title(stable)} to {told(images(stable))} instead of "
        f"{told(goal)}, and it is left so: change what sets it"
    )
