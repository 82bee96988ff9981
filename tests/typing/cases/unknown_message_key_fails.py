"""A message of a sentence that is not in the table, and one that is no message at all."""

from datetime import datetime

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.decision.outcomes import finish
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason


def misspelt(step: str) -> Message:
    return Message(MessageKey.STEP_PASED, step=step)  # mypy: "type[MessageKey]" has no attribute "STEP_PASED"


def word() -> Message:
    return Message("step passed")  # mypy: Argument 1 to "Message" has incompatible type "str"; expected "MessageKey"


def ended(seen: Observation, now: datetime) -> Decision:
    text = "a person took the canary off"
    return finish(seen, now, Phase.ROLLED_BACK, Reason.ABORTED_BY_USER, text)  # mypy: Argument 5 to "finish" has


def called(text: str) -> Alert:
    return Alert(Reason.NO_DATA, text)  # mypy: Argument 2 to "Alert" has incompatible type "str"; expected "Message"
