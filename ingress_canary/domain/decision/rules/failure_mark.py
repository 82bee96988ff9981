"""Failure mark: what a leader that could store no status has left on a shadow that it took off (docs/adr/0030)."""

from datetime import datetime

from ingress_canary.api import FAILED_ANNOTATION
from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.outcomes import finish
from ingress_canary.domain.decision.rules.rollout_facts import IN_FLIGHT
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def failure_mark(status: RolloutStatus, evidence: Message) -> str:
    """Return the annotation's value; it names the rollout by its beginning, so that it says nothing of the next one."""
    return f"{_beginning(status)}#{evidence!s}"


def marked_failure(seen: Observation, now: datetime) -> Decision | None:
    """End a rollout whose shadow a leader without the lease has taken off, with the evidence that it left there.

    While images are copied no such mark is made: then the shadow is lowered like any other.
    """
    status = seen.status
    if status.phase not in IN_FLIGHT or status.copying is not None:
        return None
    for route in seen.routes:
        annotations = route.shadow.meta.annotations if route.shadow is not None else {}
        beginning, _, evidence = annotations.get(FAILED_ANNOTATION, "").partition("#")
        if evidence and beginning == _beginning(status):
            told = Message(MessageKey.FAILED_WITHOUT_LEASE, evidence=verbatim(evidence))
            return finish(seen, now, Phase.ROLLED_BACK, Reason.SLO_VIOLATED, told)
    return None


def _beginning(status: RolloutStatus) -> str:
    return status.started_at.isoformat() if status.started_at is not None else ""
