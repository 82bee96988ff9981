"""Steps of a schedule as a flat list: ramps expanded, routes and requirements resolved. Used by decisions and lint."""

from dataclasses import dataclass
from typing import Self

from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.api.schedule import MAX_STEPS, Approval, ApprovalWhen, HeaderRoute, Ramp, Require, ScheduleSpec


@dataclass(frozen=True, slots=True)
class Exposure:
    """Weight, header and cookie of a shadow: the requests that reach the canary."""

    weight: float = 0
    """Percent, 0..100."""
    header: HeaderRoute | None = None
    cookie: str | None = None

    @property
    def forced(self) -> bool:
        """Whether a header or cookie routes requests to the canary."""
        return self.header is not None or self.cookie is not None


def wanted_exposure(status: RolloutStatus) -> Exposure:
    """Return the exposure (weight, header, cookie) that a status asks for."""
    return Exposure(status.weight, status.routing.header, status.routing.cookie)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a rollout, ramps expanded."""

    index: int
    """From 1."""
    name: str
    exposure: Exposure
    bake: float
    """Seconds of judged time."""
    require: Require
    min_requests: int | None
    before: Approval | None = None
    """A person's consent without which the step is not entered."""
    after: Approval | None = None
    """A person's consent without which it is not left."""

    @property
    def title(self) -> str:
        """The step's name in messages."""
        return f"step {self.index} ({self.name or f'{self.exposure.weight:g} %'})"


def ramp_weights(ramp: Ramp) -> list[float]:
    """Return the weights of a ramp in percent, to three decimals; the last one is always ``to``."""
    weights = [ramp.from_]
    while weights[-1] < ramp.to and len(weights) <= MAX_STEPS:
        step = weights[-1] * ramp.factor if ramp.factor else weights[-1] + (ramp.by or 0)
        weights.append(max(min(round(step, 3), ramp.to), round(weights[-1] + 0.001, 3)))
    return weights


@dataclass(frozen=True, slots=True)
class StepList:
    """All steps of a schedule."""

    steps: tuple[PlannedStep, ...]

    @classmethod
    def of(cls, spec: ScheduleSpec) -> Self:
        """Return the steps of a schedule, ramps expanded; of more than there may be not many more than that."""
        steps: list[PlannedStep] = []
        for step in spec.steps:
            if len(steps) > MAX_STEPS:
                break
            header, cookie = step.header or spec.routing.header, step.cookie or spec.routing.cookie
            ramp = step.ramp
            weights = ramp_weights(ramp) if ramp else [step.weight or 0.0]
            bake = ramp.bake if ramp else step.bake
            asks = step.approval
            first, last = asks and asks.when is ApprovalWhen.BEFORE, asks and asks.when is ApprovalWhen.AFTER
            steps += [
                PlannedStep(
                    index=len(steps) + number,
                    name=step.name or "",
                    exposure=Exposure(weight, header, cookie),
                    bake=bake.total_seconds() if bake else 0.0,
                    require=step.require,
                    min_requests=step.min_requests,
                    before=asks if first and number == 1 else None,
                    after=asks if last and number == len(weights) else None,
                )
                for number, weight in enumerate(weights, start=1)
            ]
        return cls(tuple(steps))

    def __len__(self) -> int:
        """Return how many steps there are."""
        return len(self.steps)

    def at(self, index: int) -> PlannedStep:
        """Return a step by its number from 1; the last one when there are fewer."""
        return self.steps[min(index, len(self.steps)) - 1]
