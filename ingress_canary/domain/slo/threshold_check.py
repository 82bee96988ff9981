"""Threshold SLO: a number compared with a bound, uncalibrated (docs/judging.md), unlike the sequential tests.

Looks are taken a window apart. Only as many in a row as the SLO asks for make a verdict: all inside pass, all outside
fail. ``analysis.py`` keeps one for each SLO that holds a number against bounds; none is stored, so that a restart
begins the row anew.
"""

from dataclasses import dataclass, replace
from typing import Self

from ingress_canary.api.rollout import SloStatus, Verdict
from ingress_canary.api.units import MESSAGE_LENGTH, format_seconds
from ingress_canary.domain.metrics.kinds.kind import AcceptedRange


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
    def sentence(self) -> str:
        """The verdict's sentence."""
        if self.missing:
            return f"no data: {self.missing}"[:MESSAGE_LENGTH]
        if not self.inside:
            return f"no look was taken yet; it must be {self.bound} (uncalibrated)"
        good, looks = sum(self.inside), self.bound.looks
        last = f"last {len(self.inside)} of {looks}" if len(self.inside) < looks else f"last {looks}"
        return (
            f"{self.value:.4g}, must be {self.bound}: of the {last} looks, one every "
            f"{format_seconds(self.bound.window)}, {good} inside (uncalibrated)"
        )

    @property
    def status(self) -> SloStatus:
        """The SLO's entry of the status: it has no counts and no E-values."""
        return SloStatus(name=self.bound.name, verdict=self.verdict, message=self.sentence)
