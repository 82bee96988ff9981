"""Plan: the SLOs and step requirements that a rollout's evidence is judged by, fixed when it begins.

Made of a schedule; ``analysis.py`` collects evidence for it, and a checkpoint is good for the plan that it was made by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.slo import SMALLEST_DELTA
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.slo.distribution.tails import DistributionTest
from ingress_canary.domain.slo.sequential_tests import SMALLEST_THETA, Design
from ingress_canary.domain.slo.threshold_check import ThresholdBound


@dataclass(frozen=True, slots=True)
class Objective:
    """One SLO that has a sequential test."""

    name: str
    design: Design
    min_requests: int
    settle: float = 0.0
    """Seconds after a rise of the weight in which a cold start may still show."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The SLOs and step requirements that evidence is judged by; fixed when the rollout begins."""

    objectives: tuple[Objective, ...]
    step_minimums: tuple[int | None, ...]
    """minRequests of each expanded step, where it overrides the SLOs' own."""
    bounds: tuple[ThresholdBound, ...] = ()
    """The uncalibrated SLOs."""
    stored_delta: float = SMALLEST_DELTA
    """What checkpoints name as delta: that of the first release, which had one for all SLOs."""
    distributions: tuple[DistributionTest, ...] = ()
    """The SLOs that compare a histogram."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every SLO's name: those with an objective, those of a distribution, the uncalibrated ones."""
        tested = (*(objective.name for objective in self.objectives), *(test.name for test in self.distributions))
        return (*tested, *(bound.name for bound in self.bounds))

    @classmethod
    def of(cls, spec: ScheduleSpec, slis: SliSet, step_minimums: Sequence[int | None]) -> Self:
        """Return the plan of a schedule, given its SLIs and each expanded step's own minRequests.

        SLOs that hold a number against bounds are uncalibrated: they have no objective, take no part in these tests and
        do not count in S.
        """
        calibrated = [slo for slo in spec.slos if slo.name in slis.counted]
        compared = [slo for slo in spec.slos if slo.name in slis.distributions]
        analysis, share_alpha = spec.analysis, len(calibrated) + len(compared)
        return cls(
            tuple(
                Objective(
                    slo.name,
                    Design(
                        theta=max(slo.theta, SMALLEST_THETA),
                        rho=analysis.baseline.max_ratio,
                        delta=slo.matters_from(analysis.baseline),
                        alpha=analysis.alpha,
                        beta=analysis.beta,
                        slos=share_alpha,
                        steps=len(step_minimums),
                    ),
                    slo.min_requests,
                    slo.settles_for(analysis.settle).total_seconds(),
                )
                for slo in calibrated
            ),
            tuple(step_minimums),
            tuple(ThresholdBound.of(name, sli.accepted) for name, sli in slis.compared.items()),
            SMALLEST_DELTA if analysis.baseline.min_delta is None else analysis.baseline.min_delta,
            tuple(
                DistributionTest(
                    slo.name,
                    analysis.alpha,
                    share_alpha,
                    tuple(slo.min_requests if least is None else least for least in step_minimums),
                    slo.settles_for(analysis.settle).total_seconds(),
                )
                for slo in compared
            ),
        )
