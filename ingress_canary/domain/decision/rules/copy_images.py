"""CopyImages: the daemon gives stable the canary's images, and its old images back after a fail."""

from datetime import datetime

from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.workload import UndoStatus
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold, transition
from ingress_canary.domain.decision.rules.external_changes import exposure_taken_away, external_change
from ingress_canary.domain.decision.rules.rollout_facts import why_stable_unready
from ingress_canary.domain.objects.revision import images, same_images
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.workload.copy_images import (
    copy_of,
    describe_images,
    ends,
    images_arrived,
    images_due,
    uncopyable,
)


def copy_to_stable(seen: Observation) -> Decision:
    """Return the decision to give stable the canary's images, which are stored first; or hold with what prevents it."""
    canary, stable = seen.canary, seen.stable
    if canary is None or stable is None:
        return _hold_for_person(seen, Message(MessageKey.COPY_WITHOUT_WORKLOAD))
    if seen.status.copying is not None and images_due(seen.status, stable) is None:
        return _hold_for_person(seen, Message(MessageKey.COPY_STOPPED, progress=_copy_progress(seen, stable)))
    if seen.status.copying is not None:
        return hold(seen, Reason.AWAITING_STABLE, _copy_progress(seen, stable), wants_evidence=True)
    if (why := uncopyable(canary, stable)) is not None:
        return _hold_for_person(seen, why)
    if same_images(images(canary), images(stable)):
        return _hold_for_person(seen, Message(MessageKey.COPY_CHANGES_NOTHING))
    message = Message(MessageKey.COPY_BEGINS, workload=stable.title, images=describe_images(images(canary)))
    return hold(seen, Reason.AWAITING_STABLE, message, wants_evidence=True, copying=copy_of(canary, stable))


def _hold_for_person(seen: Observation, why: Message) -> Decision:
    """Return the decision to wait for a person, because the daemon cannot make stable the new version."""
    message = Message(MessageKey.COPY_NEEDS_PERSON, why=why)
    return hold(seen, Reason.AWAITING_STABLE, message, wants_evidence=True, alert=True)


def begin_restore(seen: Observation, now: datetime, reason: Reason, message: Message) -> Decision:
    """Begin to put stable's old images back; the canary is taken off when stable has them, with this reason."""
    copying, stable = seen.status.copying, seen.stable
    assert copying is not None
    assert stable is not None
    # images that another writer has set are left alone, here as in copy_to_stable
    undo = UndoStatus(reason=reason, message=str(message))
    changes = exposure_taken_away(seen)
    changes |= {"copying": copying.updated(undo=undo, done=False), "pause": None}
    why = Message(MessageKey.RESTORE_BEGINS, why=message, workload=stable.title)
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
        why = Message(MessageKey.RESTORE_WITHOUT_WORKLOAD)
        return hold(seen, Reason.RESTORING_STABLE, why, wants_evidence=True, alert=True)
    if not images_arrived(copying, stable):
        why = Message(MessageKey.RESTORE_UNDER_WAY, progress=_copy_progress(seen, stable))
        alert = images_due(seen.status, stable) is None
        return hold(seen, Reason.RESTORING_STABLE, why, wants_evidence=True, alert=alert)
    lacking = why_stable_unready(seen)
    if lacking is not None:
        there = copying.updated(done=True)
        why = Message(MessageKey.RESTORED_NOT_READY, lacking=lacking)
        return hold(seen, Reason.RESTORING_STABLE, why, wants_evidence=True, copying=there)
    return finish(seen, now, Phase.ROLLED_BACK, Reason(copying.undo.reason), verbatim(copying.undo.message))


def _copy_progress(seen: Observation, stable: Workload) -> Message:
    """Return why stable does not have its images yet: refused, under way, or set otherwise by another writer."""
    assert seen.status.copying is not None
    workload, goal = stable.title, describe_images(ends(seen.status.copying)[1])
    if seen.denied is not None:
        return Message(MessageKey.COPY_REFUSED, workload=workload, images=goal, why=seen.denied)
    if images_due(seen.status, stable) is not None:
        return Message(MessageKey.COPY_UNDER_WAY, workload=workload, images=goal)
    manager, present = stable.meta.manager or "unknown", describe_images(images(stable))
    return Message(MessageKey.COPY_REPLACED, manager=manager, workload=workload, present=present, images=goal)
