"""Compiled schedule: steps, plan of the SLOs, SLI kinds and calendar, made once for each content."""

from dataclasses import dataclass, field
from typing import Self

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.schedule.steps import Exposure, StepList
from ingress_canary.domain.schedule.windows import Calendar
from ingress_canary.domain.slo.plan import Plan
from ingress_canary.domain.slo.proof_levels import ProofLevels, proof_levels


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CompiledSchedule:
    """A schedule compiled for use: made once for each content, because ticks come often."""

    spec: ScheduleSpec
    walk: StepList
    plan: Plan
    measures: SliSet
    calendar: Calendar | None = None
    """When it may be walked; None when at any time."""
    routes: tuple[Exposure, ...] = field(init=False)
    """The routes of all steps, for preflight rules that check values before they are used."""

    levels: ProofLevels = field(init=False)
    """Where its SLOs' evidence is a proof, for the metrics."""

    def __post_init__(self) -> None:
        """Note the routes and the levels."""
        object.__setattr__(self, "levels", proof_levels(self.spec))
        object.__setattr__(self, "routes", tuple(step.exposure for step in self.walk.steps))

    def next_weight(self, index: int) -> float:
        """Return the weight of the step after ``index``; at the end, that of the last step."""
        return self.walk.at(index + 1).exposure.weight

    @classmethod
    def of(cls, spec: ScheduleSpec) -> Self:
        """Return the compiled schedule."""
        walk, slis = StepList.of(spec), SliSet.of(spec.slos, spec.analysis)
        return cls(
            spec,
            walk,
            Plan.of(spec, slis, tuple(step.min_requests for step in walk.steps)),
            slis,
            Calendar.of(spec.windows) if spec.windows is not None else None,
        )
