"""Phase Paused: how a pause begins, waits for a person, and is resumed."""

from datetime import datetime
from typing import Unpack

from ingress_canary.api.rollout_status import (
    PausedBy,
    PauseStatus,
    PauseStatusChanges,
    Phase,
    RolloutStatus,
    RoutingStatus,
)
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import enter_step, leave_unchanged, transition, without_shadow
from ingress_canary.domain.decision.rules.rollout_facts import is_stable_replaced
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import wanted_exposure

UNREAD = frozenset({Reason.INVALID_SPEC, Reason.SCHEDULE_MISSING})
"""Reasons that replace the pause's reason while the spec or schedule cannot be read; no pause begins with one."""


def pause_by_spec(seen: Observation, now: datetime) -> Decision | None:
    """Pause or resume when ``spec.paused`` was set or unset; only a pause that the spec began ends with it."""
    status = seen.status
    if seen.spec.paused and status.phase in (Phase.PROGRESSING, Phase.PROMOTING):
        pause = PauseStatus(by=PausedBy.SPEC, returns_to=status.phase)
        message = Message(MessageKey.PAUSED_BY_SPEC, weight=status.weight)
        return transition(seen, now, Phase.PAUSED, Reason.PAUSED_BY_USER, message, wants_evidence=True, pause=pause)
    if not seen.spec.paused and status.pause is not None and status.pause.by is PausedBy.SPEC:
        return resume(seen, now)
    return None


def resume(seen: Observation, now: datetime) -> Decision | None:
    """Return to the phase in which the pause began, with the shadow, weight and routes of the step restored.

    Evidence begins anew if it had been judged already.
    """
    seen = seen._replace(status=without_open_approval(seen.status))
    status, pause = seen.status, seen.status.pause
    if status.phase is not Phase.PAUSED or pause is None:
        return None
    message = Message(MessageKey.RESUMED)
    if status.step is None:
        return transition(seen, now, Phase.PENDING, Reason.RESUMED, message, wants_evidence=True, pause=None)
    promotes = pause.returns_to is Phase.PROMOTING
    if not seen.has_shadows or status.shadow is None:
        if promotes and is_stable_replaced(seen):
            return transition(
                seen, now, Phase.PROMOTING, Reason.RESUMED, message, wants_evidence=True, **without_shadow(pause=None)
            )
        # not restored at once: the shadow is created at weight 0 and the step taken again, after a fresh reading
        fresh = seen.current_evaluation.anew(status.step.index)
        return transition(
            seen,
            now,
            Phase.PROGRESSING,
            Reason.RESUMED,
            message,
            wants_evidence=True,
            evaluation=fresh,
            **without_shadow(pause=None, copying=None, approval=None),
        )
    if pause.fresh_evidence:
        afresh = seen._replace(evaluation=seen.current_evaluation.anew(status.step.index))
        message = Message(MessageKey.RESUMED_AFRESH)
        return enter_step(afresh, now, status.step.index, Reason.RESUMED, message, pause=None)
    exposure = seen.schedule.walk.at(status.step.index).exposure
    if not promotes and wanted_exposure(status) != exposure:
        message = Message(MessageKey.RESUMED_AT_WEIGHT)
        return enter_step(seen, now, status.step.index, Reason.RESUMED, message, pause=None)
    routing = RoutingStatus(header=exposure.header, cookie=exposure.cookie)
    # images that another writer has replaced are set once more: that is what a person asks for with resume
    again = status.copying and status.copying.updated(done=False)
    return transition(
        seen, now, pause.returns_to, Reason.RESUMED, message, wants_evidence=True, pause=None, weight=exposure.weight,
        routing=routing, copying=again,
    )  # fmt: skip


def paused_phase(seen: Observation) -> Decision:
    """Stay paused; restore the pause's reason once an unreadable spec or schedule no longer replaces it."""
    # evidence is read while the canary may have traffic
    wants_evidence, status = seen.status.shadow is not None, seen.status
    began = next((entry for entry in reversed(status.history) if entry.phase is Phase.PAUSED), None)
    if began is None or status.reason not in UNREAD:
        return leave_unchanged(seen, wants_evidence=wants_evidence)
    return leave_unchanged(seen, wants_evidence=wants_evidence, reason=began.reason, message=began.message)


def without_open_approval(status: RolloutStatus) -> RolloutStatus:
    """Return the status without an approval that is still open: it is asked for again, with its whole timeout."""
    waits = status.approval is not None and status.approval.given_at is None
    return status.updated(approval=None) if waits else status


def pause_by_daemon(seen: Observation, **changes: Unpack[PauseStatusChanges]) -> PauseStatus:
    """Return a pause that waits for a person; an existing pause keeps the fields that resuming needs."""
    before = seen.status.pause or PauseStatus(by=PausedBy.DAEMON, returns_to=seen.status.phase)
    changed: PauseStatusChanges = {"by": PausedBy.DAEMON, "until_approved": False, **changes}
    return before.updated(**changed)
