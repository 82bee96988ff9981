"""External changes of the shadow: lowered exposure is honoured; after a drift fight the shadow is left alone."""

from datetime import datetime

from ingress_canary.api.rollout_status import OutcomeChanges, Phase, RoutingStatus
from ingress_canary.domain.decision.observation import Decision, Observation, leaves_shadow_alone
from ingress_canary.domain.decision.outcomes import hold, leave_unchanged, transition, without_shadow
from ingress_canary.domain.decision.phases.paused import pause_by_daemon
from ingress_canary.domain.decision.rules.rollout_facts import IN_FLIGHT
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.steps import wanted_exposure


def external_change(seen: Observation, now: datetime) -> Decision | None:
    """Honour another writer's lowering of the exposure: pause, and put nothing back until a person resumes."""
    status = seen.status
    if status.phase is not Phase.PENDING and status.phase not in IN_FLIGHT:
        return None
    gone = seen.is_shadow_lost
    if status.phase is Phase.PENDING:
        # no traffic yet, so there is nothing to pause: the shadow is created again when the rollout begins
        lost = Message(MessageKey.SHADOW_GONE)
        return hold(seen, Reason.SETTLING, lost, wants_evidence=True, **without_shadow()) if gone else None
    if status.copying is not None and status.copying.undo is not None:
        # stable gets its images back meanwhile, and that goes on
        changes = exposure_taken_away(seen)
        return leave_unchanged(seen, wants_evidence=True, **changes) if changes else None
    if gone:
        message, pause = Message(MessageKey.SHADOW_DELETED), pause_by_daemon(seen)
        return transition(seen, now, Phase.PAUSED, Reason.INTERVENED, message, **without_shadow(pause=pause))
    drift = seen.drift
    if drift is None or not drift.lowered:
        return None
    left = drift.honoured
    if status.phase is Phase.PAUSED and left == wanted_exposure(status):
        # honoured already: the rest of the shadow is not restored while the shadow is left alone
        return None
    message = Message(MessageKey.LOWERED, manager=seen.lowered_by or "unknown", changes=drift.lowered)
    return transition(
        seen,
        now,
        Phase.PAUSED,
        Reason.INTERVENED,
        message,
        wants_evidence=True,
        pause=pause_by_daemon(seen),
        weight=left.weight,
        routing=RoutingStatus(header=left.header, cookie=left.cookie),
    )


def exposure_taken_away(seen: Observation) -> OutcomeChanges:
    """Return the status changes that honour what another writer has just lowered or deleted; empty when nothing was."""
    if seen.is_shadow_lost:
        return without_shadow()
    drift = seen.drift
    if drift is None or not drift.lowered:
        return {}
    left = drift.honoured
    return {"weight": left.weight, "routing": RoutingStatus(header=left.header, cookie=left.cookie)}


def conflicting_writer(seen: Observation, now: datetime) -> Decision | None:
    """Pause and stop undoing when another writer keeps changing the shadow (a drift fight)."""
    status = seen.status
    if not seen.fighting or leaves_shadow_alone(status) or status.phase not in IN_FLIGHT or status.shadow is None:
        return None
    pause = pause_by_daemon(seen, hands_off=True)
    message = Message(MessageKey.DRIFT_FIGHT, manager=seen.fighting)
    return transition(seen, now, Phase.PAUSED, Reason.DRIFT_FIGHT, message, wants_evidence=True, pause=pause)
