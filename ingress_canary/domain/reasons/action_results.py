"""Results of the one-shot action: the outcome as a value, and its text in ``status.lastAction.result``.

Only this module makes the text or takes it apart. The command line needs both, because it reads the status that a
daemon has written, which may be another version's.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ingress_canary.domain.reasons.message import Message

RESULT = 256


class ActionOutcome(StrEnum):
    """The word that a result begins with."""

    DONE = "done"
    NO_EFFECT = "no effect"
    STALE = "stale"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action was not carried out."""

    outcome: Literal[ActionOutcome.NO_EFFECT, ActionOutcome.STALE, ActionOutcome.MALFORMED]
    why: Message


def no_effect(why: Message) -> Refusal:
    """Return the refusal of an action that the rollout's state does not admit."""
    return Refusal(ActionOutcome.NO_EFFECT, why)


def stale(why: Message) -> Refusal:
    """Return the refusal of an action that refers to a state which is gone."""
    return Refusal(ActionOutcome.STALE, why)


def render_result(refusal: Refusal | None) -> str:
    """Return the result of an action as text: ``done``, or the outcome, a colon and why."""
    return ActionOutcome.DONE.value if refusal is None else f"{refusal.outcome}: {refusal.why}"[:RESULT]


def parse_result(text: str) -> ActionOutcome | None:
    """Return the outcome in a result; None for a text that is none of this version's."""
    word, _, _ = text.partition(":")
    return next((outcome for outcome in ActionOutcome if outcome == word), None)
