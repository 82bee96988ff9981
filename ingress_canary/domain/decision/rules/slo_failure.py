"""A proven fail: what it leads to in every phase in which the canary may have traffic."""

from datetime import datetime

from ingress_canary.api.rollout import Phase, Verdict
from ingress_canary.api.schedule import OnFailure
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import end, move, stay
from ingress_canary.domain.decision.phases.paused import stop
from ingress_canary.domain.decision.rules.copy_images import restore
from ingress_canary.domain.decision.rules.rollout_facts import (
    IN_FLIGHT,
    copy_began,
    deleted,
    promoted,
    promotes,
    stable_began,
)
from ingress_canary.domain.reasons.vocabulary import Reason


def failed(seen: Observation, now: datetime) -> Decision | None:
    """Act on a proven fail, in every phase in which the canary may have traffic."""
    status = seen.status
    if status.phase not in IN_FLIGHT or seen.session is None or not seen.session.analysis.failed:
        return None
    message = "; ".join(
        f"{slo.name}: {slo.message}" for slo in seen.session.analysis.statuses if slo.verdict is Verdict.FAIL
    )
    replacing = promotes(seen) and (stable_began(seen) or promoted(seen))
    rolls_back = seen.schedule.spec.on_failure is OnFailure.ROLLBACK
    if rolls_back and copy_began(seen):
        return restore(seen, now, Reason.SLO_VIOLATED, message)
    if rolls_back and not replacing:
        return end(seen, now, Phase.ROLLED_BACK, Reason.SLO_VIOLATED, message)
    # whatever holds the weight must not put back what another hand has just taken away: that comes first
    if deleted(seen) or (seen.drift is not None and seen.drift.lowered):
        return None
    if replacing and status.finishing:
        return None
    if replacing:
        held = f"{message}; stable already runs the new version, so taking the canary off would help nobody"
        if copy_began(seen):
            held += ": abort puts stable's images back first"
        return stay(seen, Reason.SLO_VIOLATED, held, watch=True, alert=True)
    if status.pause is not None and status.pause.fresh_evidence:
        return None
    pause = stop(seen, returns_to=Phase.PROGRESSING, fresh_evidence=True)
    return move(seen, now, Phase.PAUSED, Reason.SLO_VIOLATED, message, watch=True, pause=pause)
