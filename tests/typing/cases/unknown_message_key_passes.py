"""A message of a sentence that is in the table."""

from datetime import datetime

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.decision.outcomes import finish
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def known(step: str) -> Message:
    return Message(MessageKey.STEP_PASSED, step=step, evidence="all well")


def ended(seen: Observation, now: datetime) -> Decision:
    return finish(seen, now, Phase.ROLLED_BACK, Reason.ABORTED_BY_USER, Message(MessageKey.ABORTED))


def called(text: str) -> Alert:
    return Alert(Reason.NO_DATA, verbatim(text))
