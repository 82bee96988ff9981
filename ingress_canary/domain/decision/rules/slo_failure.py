"""SLO failure: a proven violation rolls back or pauses, in every phase in which the canary may have traffic."""

from datetime import datetime

from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.slo import OnFailure
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish, hold, transition
from ingress_canary.domain.decision.phases.paused import pause_by_daemon
from ingress_canary.domain.decision.rules.copy_images import begin_restore
from ingress_canary.domain.decision.rules.rollout_facts import (
    IN_FLIGHT,
    has_copy_begun,
    is_promoted,
    is_promoting,
    is_stable_replaced,
)
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def slo_failure(seen: Observation, now: datetime) -> Decision | None:
    """Roll back, or pause, when an SLO is proven violated, in every phase in which the canary may have traffic."""
    status = seen.status
    if status.phase not in IN_FLIGHT or seen.evaluation is None or not seen.evaluation.analysis.failed:
        return None
    message = seen.evaluation.analysis.failure
    replacing = is_promoting(seen) and (is_stable_replaced(seen) or is_promoted(seen))
    spec, failed = seen.schedule.spec, seen.evaluation.analysis.failed
    actions = {slo.failure_action(spec.on_failure) for slo in spec.slos if slo.name in failed}
    # where several fail, what takes the canary off goes before what waits for a person
    rolls_back = OnFailure.ROLLBACK in actions
    if rolls_back and has_copy_begun(seen):
        return begin_restore(seen, now, Reason.SLO_VIOLATED, message)
    if rolls_back and not replacing:
        return finish(seen, now, Phase.ROLLED_BACK, Reason.SLO_VIOLATED, message)
    # holding the weight must not put back exposure that another writer has just lowered: external_change comes first
    if seen.is_shadow_lost or (seen.drift is not None and seen.drift.lowered):
        return None
    if replacing and status.finishing:
        return None
    if replacing:
        held = Message(MessageKey.FAILED_TOO_LATE, evidence=message)
        if has_copy_begun(seen):
            held = Message(MessageKey.FAILED_WHILE_COPYING, evidence=message)
        return hold(seen, Reason.SLO_VIOLATED, held, wants_evidence=True, alert=True)
    if status.pause is not None and status.pause.fresh_evidence:
        return None
    pause = pause_by_daemon(seen, returns_to=Phase.PROGRESSING, fresh_evidence=True)
    return transition(seen, now, Phase.PAUSED, Reason.SLO_VIOLATED, message, wants_evidence=True, pause=pause)
