"""Gates: the users' own webhooks, asked before a rollout goes on and called after its end. Part of a schedule.

Their models stand here because a schedule names them and a rollout's status shows what they said.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self, TypedDict, Unpack
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from ingress_canary.api.model import InvalidValue, Model, closed, rule
from ingress_canary.api.units import Duration, Name, ObjectName, between

MAX_GATES = 16


class GateWhen(StrEnum):
    """When a gate is asked."""

    BEFORE_START = "beforeStart"
    BEFORE_STEP = "beforeStep"
    DURING_STEP = "duringStep"
    BEFORE_PROMOTION = "beforePromotion"
    AFTER_FINISH = "afterFinish"


OF_STEPS = frozenset({GateWhen.BEFORE_STEP, GateWhen.DURING_STEP})
"""Occasions that come with a step."""


class OnReject(StrEnum):
    """What happens on a rejection."""

    HOLD = "Hold"
    PAUSE = "Pause"
    ROLLBACK = "Rollback"


class SecretKey(Model):
    """An entry of a Secret of the rollout's namespace."""

    name: ObjectName
    """The Secret's name."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
    """The entry whose text signs the requests."""


class Gate(Model):
    """A webhook that says whether a rollout may go on: 2xx passes, 409 rejects, anything else is unknown and holds."""

    model_config = ConfigDict(
        json_schema_extra=closed(
            rule(
                "!has(self.steps) || self.steps.size() == 0 || self.when in ['beforeStep', 'duringStep']",
                "steps are for gates with when beforeStep or duringStep",
            ),
            rule(
                "!has(self.onReject) || self.onReject == 'Hold' || self.when != 'afterFinish'",
                "afterFinish is called after the end, and its answer changes nothing: onReject is for the others",
            ),
        )
    )

    name: Name
    """Name of the gate in status and messages; unique in the schedule."""
    when: GateWhen
    """When it is asked: beforeStart, beforeStep, duringStep (each tick), beforePromotion; or called afterFinish."""
    url: Annotated[str, Field(max_length=2048, pattern=r"^https?://[^/?#@\s]+([/?#][^\s]*)?$")]
    """URL that the question is posted to. Redirects are not followed; put no credentials in it, sign instead."""
    steps: Annotated[list[Name], Field(max_length=50)] = []
    """Steps that beforeStep and duringStep are asked for: names, or numbers from 1; all when empty."""
    timeout: Annotated[Duration, between("1ms", "60s")] = timedelta(seconds=10)
    """Time-out of a whole answer; at most 60s."""
    backoff: Annotated[Duration, between("1s", "5m")] = timedelta(seconds=5)
    """Time until the gate is asked again after any answer but a pass; it doubles with each, up to 5m."""
    on_reject: OnReject = OnReject.HOLD
    """What happens on a 409: hold and ask again, pause, or roll back."""
    secret_ref: SecretKey | None = None
    """Key that signs the requests (HMAC-SHA256); unsigned without it."""

    @model_validator(mode="after")
    def _askable(self) -> Self:
        if self.steps and self.when not in OF_STEPS:
            raise InvalidValue(f"{self.when} comes with no step", "remove it, or use beforeStep or duringStep", "steps")
        if self.on_reject is not OnReject.HOLD and self.when is GateWhen.AFTER_FINISH:
            raise InvalidValue(
                "afterFinish is called after the end, and its answer changes nothing", "remove it", "onReject"
            )
        try:
            _ = urlsplit(self.url).port
        except ValueError as error:
            raise InvalidValue(str(error), "write an address such as https://gate.shop.svc/canary", "url") from None
        return self


class GateVerdict(StrEnum):
    """What an answer means."""

    PASSED = "passed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class GateStatusChanges(TypedDict, total=False):
    """Changes of a gate's record: an answer, or when it is asked next."""

    verdict: GateVerdict
    message: str
    at: datetime | None
    attempts: int
    next_at: datetime | None


class GateStatus(Model):
    """The last question to a gate, and its answer."""

    name: Annotated[str, Field(max_length=63)]
    """As the schedule names it."""
    when: GateWhen
    """When it is asked."""
    step: int = 0
    """The step that the question is about, from 1; 0 where it is about none."""
    verdict: GateVerdict = GateVerdict.UNKNOWN
    """2xx passes, 409 rejects; everything else, and no answer, is unknown."""
    message: Annotated[str, Field(max_length=512)] = ""
    """The answer, or why there is none."""
    at: datetime | None = None
    """When it was answered."""
    attempts: int = 0
    """How many times the gate has been asked since it last passed, that pass included."""
    next_at: datetime | None = None
    """When the gate is asked next; unset where it is not waited for."""
    question: Annotated[str, Field(max_length=64)] = ""
    """Id of the question, sent as the request's ``id``: an answer counts only for its own question."""

    def updated(self, **changes: Unpack[GateStatusChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)
