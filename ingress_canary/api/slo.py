"""SLOs of a CanarySchedule: what the canary must be proven to meet."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from ingress_canary.api.model import InvalidValue, Model, closed, rule
from ingress_canary.api.sli import Sli
from ingress_canary.api.units import (
    Duration,
    Name,
    Points,
    between,
    format_percent,
)

SMALLEST_DELTA = 0.001
"""Difference of bad shares that matters at least, where a schedule does not say one."""
WITHOUT_OBJECTIVE = [member for member, model in Sli.models().items() if not model.has_objective]
"""The fields of an SLI that need no objective."""
REFUSES_OBJECTIVE = [member for member, model in Sli.models().items() if model.refuses_objective]
"""Those beside which an objective is a fault."""


class OnFailure(StrEnum):
    """What happens on a proven fail."""

    ROLLBACK = "Rollback"
    PAUSE = "Pause"


class Slo(Model):
    """One objective that the canary must be proven to meet."""

    model_config = ConfigDict(
        json_schema_extra=closed(
            rule(
                " || ".join(["has(self.objective)", *(f"has(self.sli.{member})" for member in WITHOUT_OBJECTIVE)]),
                f"an objective is needed for everything but {', '.join(WITHOUT_OBJECTIVE)}",
            ),
            *(
                rule(f"!has(self.objective) || !has(self.sli.{member})", f"{member} has no objective")
                for member in REFUSES_OBJECTIVE
            ),
        )
    )

    name: Name
    """Name of the SLO in verdicts and messages."""
    objective: Annotated[float, Field(ge=50, lt=100)] | None = None
    """Percent of good requests promised, below 100."""
    max_burn: Annotated[float, Field(gt=0, le=1000)] | None = None
    """How many times faster than the objective allows the canary may spend its error budget: 10, for latency 1."""
    min_delta: Points | None = None
    """Instead of `analysis.baseline.minDelta`: half of what the objective allows, at least 0.1pp."""
    min_requests: Annotated[int, Field(ge=0, le=1_000_000_000)] = 50
    """Canary requests of a step before it can pass."""
    settle: Annotated[Duration, between("0s", "10m")] | None = None
    """Evidence dropped after a change of weight, at least `analysis.settle`: 150s for latency, in which caches warm."""
    on_failure: OnFailure | None = None
    """What happens when this SLO fails: Pause for latencyDistribution, else as the schedule says."""
    sli: Sli

    def failure_action(self, of_schedule: OnFailure) -> OnFailure:
        """Return what happens when it fails, given the schedule's own word."""
        if self.on_failure is not None:
            return self.on_failure
        return OnFailure.PAUSE if self.sli.chosen[1].only_pauses else of_schedule

    def settles_for(self, routing: timedelta) -> timedelta:
        """Return how long after a rise of the weight its evidence is dropped, given how long the routing takes."""
        own = self.sli.chosen[1].cold_start if self.settle is None else self.settle
        return max(routing, own)

    @property
    def theta(self) -> float:
        """The ratio of bad requests that the canary is tested against (docs/judging.md)."""
        return (self.max_burn or 0) * (1 - (self.objective or 0) / 100)

    @property
    def allowance(self) -> str:
        """What share of which events it allows, in words."""
        return f"{format_percent(self.theta)} of {self.sli.chosen[1].bad_events}"

    def matters_from(self, baseline: "Baseline") -> float:
        """Return delta: its own, the one that the baseline says for all, or half of what the objective allows."""
        said = baseline.min_delta if self.min_delta is None else self.min_delta
        return max(SMALLEST_DELTA, (100 - (self.objective or 0)) / 200) if said is None else said

    @model_validator(mode="after")
    def _burning(self) -> Self:
        if self.max_burn is None:
            # filled in, so that a rollout keeps what it began with, whatever another release takes for usual
            object.__setattr__(self, "max_burn", self.sli.chosen[1].max_burn)
        return self

    @model_validator(mode="after")
    def _testable(self) -> Self:
        kind, sli = self.sli.chosen
        if self.objective is None:
            if sli.has_objective:
                raise InvalidValue("an objective is needed", "add one, such as objective: 99.9")
            return self
        if sli.refuses_objective:
            raise InvalidValue(f"{kind} has no objective: it compares with stable", "remove it", about="objective")
        if self.theta > 0.5 + 1e-9:
            raise InvalidValue(
                f"maxBurn x (1 - objective) = {self.theta:.3g} of all requests may fail before the SLO does",
                "lower maxBurn or raise the objective until it is at most 0.5",
                about="maxBurn",
            )
        return self


class Baseline(Model):
    """By how much the canary must be worse than stable to fail."""

    max_ratio: Annotated[float, Field(ge=1, le=100)] = 1.25
    """Ratio of the canary's bad share over stable's that is still accepted."""
    min_delta: Points | None = None
    """Difference of the bad shares below which a proven ratio is no fail, in percentage points, of SLOs that say none:
    half of what the objective allows, at least 0.1pp."""
