"""Threshold SLO: a number compared with a bound, uncalibrated (docs/judging.md), unlike the sequential tests.

Looks are taken a window apart. Only as many in a row as the SLO asks for make a verdict: all inside pass, all outside
fail. ``analysis.py`` keeps one for each SLO that holds a number against bounds; none is stored, so that a restart
begins the row anew.
"""

from dataclasses import dataclass, replace
from typing import Self

from ingress_canary.api.rollout_status import SloStatus, Verdict
from ingress_canary.domain.metrics.kinds.kind import AcceptedRange
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey


@dataclass(frozen=True, slots=True)
class ThresholdBound:
    """The comparison and bound of a threshold SLO."""

    name: str
    low: float | None
    high: float | None
    window: float
    """Seconds between two queries."""
    looks: int
    """In a row, that make a verdict."""

    @classmethod
    def of(cls, name: str, accepted: AcceptedRange) -> Self:
        """Return the bound of an SLO."""
        return cls(name, accepted.low, accepted.high, accepted.window, accepted.looks)

    def holds(self, value: float) -> bool:
        """Return whether a number satisfies the bound."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        words = ((self.low, "at least"), (self.high, "at most"))
        return " and ".join(f"{word} {value:g}" for value, word in words if value is not None)


@dataclass(frozen=True, slots=True)
class ThresholdCheck:
    """The observations of one number during one step."""

    bound: ThresholdBound
    inside: tuple[bool, ...] = ()
    """Results of the last queries, oldest first."""
    looked: float | None = None
    """When the last query was made, in seconds of the epoch."""
    value: float = 0.0
    """What the last answer was."""
    fresh: bool = False
    missing: str = ""

    def anew(self) -> "ThresholdCheck":
        """Return the check at the beginning of a step."""
        return ThresholdCheck(self.bound)

    def tick(self, at: float, value: float | str) -> "ThresholdCheck":
        """Return the check after a tick that brought a number, or why there is none.

        Unknown is no look. What is more than two windows old is not in a row with what comes.
        """
        if isinstance(value, str):
            return replace(self, fresh=False, missing=value)
        since = None if self.looked is None else at - self.looked
        if since is not None and 0 <= since < self.bound.window:
            return replace(self, value=value, fresh=True, missing="")
        before = self.inside if since is not None and 0 <= since <= 2 * self.bound.window else ()
        inside = (*before, self.bound.holds(value))[-self.bound.looks :]
        return ThresholdCheck(self.bound, inside, at, value, fresh=True)

    @property
    def verdict(self) -> Verdict:
        """The verdict: pass or fail only after enough consecutive observations, the newest one included."""
        if self.missing:
            return Verdict.NO_DATA
        if not self.fresh or len(self.inside) < self.bound.looks:
            return Verdict.INCONCLUSIVE
        if all(self.inside):
            return Verdict.PASS
        return Verdict.INCONCLUSIVE if any(self.inside) else Verdict.FAIL

    @property
    def sentence(self) -> Message:
        """The verdict's sentence."""
        if self.missing:
            return Message(MessageKey.SLO_NO_DATA, why=self.missing)
        bound, window, looks = self.bound, self.bound.window, self.bound.looks
        if not self.inside:
            return Message(MessageKey.THRESHOLD_NO_LOOK, bound=bound)
        taken, inside = len(self.inside), sum(self.inside)
        if taken < looks:
            return Message(
                MessageKey.THRESHOLD_FEW_LOOKS, value=self.value, bound=bound, taken=taken, looks=looks, window=window,
                inside=inside,
            )  # fmt: skip
        return Message(MessageKey.THRESHOLD, value=self.value, bound=bound, looks=looks, window=window, inside=inside)

    @property
    def status(self) -> SloStatus:
        """The SLO's entry of the status: it has no counts and no E-values."""
        return SloStatus(name=self.bound.name, verdict=self.verdict, message=str(self.sentence))
