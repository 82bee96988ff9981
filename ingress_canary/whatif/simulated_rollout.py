"""Simulated rollout in virtual time: the daemon's own ``judge`` and ``decide``, fed with random counts.

Does what a tick of the engine does, without cluster and source. People and other systems are out of the picture:
windows are open, approvals and webhook gates are given, and the weight is applied as soon as it is stored. Used by
``simulation_runs.py``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import NamedTuple, Self

from ingress_canary.api.rollout import AT_REST, Phase, RolloutSpec, RolloutStatus, ScheduleSource
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Decision, Observation, wanted_exposure
from ingress_canary.domain.decision.route import RouteState
from ingress_canary.domain.evaluation.evaluation import Evaluation, EvidenceMode, TickInputs, judge
from ingress_canary.domain.metrics.counting import ReadingCounts, Requests
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, Reading
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.views import Ingress, Key
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.slo.analysis import Analysis
from ingress_canary.domain.traffic.router.nginx.router import NginxRouter
from ingress_canary.whatif.simulated_traffic import DrawnCounts, Traffic

BEGIN = datetime(2000, 1, 3, tzinfo=UTC)
KEY = Key("simulated", "rollout")
SHADOW = Ingress.of({"metadata": {"namespace": KEY.namespace, "name": "shadow", "uid": "shadow"}})
# nothing is written, so that any router will do
OFF = (RouteState(NginxRouter()),)
ON = (RouteState(NginxRouter(), shadow=SHADOW),)
UNCOUNTED = Signals(ingress=str(KEY), requests="", latency_bucket="", latency_count="", side=lambda _: None)
"""There are no series: counts are drawn."""
OVER = AT_REST | {Phase.PAUSED, Phase.PROMOTING}


class SimulatedEnding(StrEnum):
    """The ending of a simulated rollout."""

    PROMOTED = "promoted"
    """Every step was passed."""
    ROLLED_BACK = "rolledBack"
    HELD = "held"
    """It waits for a person."""


class Outcome(NamedTuple):
    """The outcome of a simulated rollout."""

    ending: SimulatedEnding
    duration: float
    """Seconds from the first step to the decision that ended it."""
    judged: float
    """Seconds of them since the regression began, settling left out."""
    exposed: int
    """Canary requests since the regression began."""
    failed: int
    """Those of them that were answered with an error, or slow if slowness is what the canary is worse at."""


@dataclass(frozen=True, slots=True)
class SimulationSetup:
    """What all rollouts of a simulation share."""

    compiled: CompiledSchedule
    traffic: Traffic
    interval: float
    """Seconds between two ticks."""
    warm_up: float
    """Seconds of stable's history before the first step, from which phi is taken."""

    @classmethod
    def of(cls, spec: ScheduleSpec, traffic: Traffic, interval: float, warm_up: float) -> Self:
        """Return the setup of a schedule, without approvals, gates, windows and SLOs that count nothing."""
        steps = [step.updated(approval=None) for step in spec.steps]
        slis = SliSet.of(spec.slos, spec.analysis)
        counted = [slo for slo in spec.slos if slo.name in slis.counted]
        alone = spec.updated(steps=steps, slos=counted, windows=None, gates=[], notifications=[])
        return cls(CompiledSchedule.of(alone), traffic, interval, warm_up)

    @property
    def rollout(self) -> RolloutSpec:
        """A rollout with nothing but the schedule: nothing else takes part."""
        return RolloutSpec.model_construct(
            ingresses=["simulated"], stable_service="stable", canary_service="canary",
            schedule=ScheduleSource.model_construct(inline=self.compiled.spec),
        )  # fmt: skip

    @property
    def quickest(self) -> float:
        """Least number of seconds that the steps take."""
        pause = self.compiled.spec.analysis.settle.total_seconds() + self.interval
        return sum(step.bake + pause for step in self.compiled.walk.steps)

    @property
    def longest(self) -> float:
        """Seconds after which each step has been decided or timed out."""
        return self.quickest + len(self.compiled.walk) * (self.compiled.spec.max_hold.total_seconds() + self.interval)


def walk(stage: SimulationSetup, rng: Random) -> Outcome:
    """Return the outcome of one rollout with the traffic that ``rng`` draws."""
    play, longest = SimulatedRollout(stage, rng), stage.longest
    while play.status.phase not in OVER and play.now < longest:
        play.tick()
    return play.outcome


class SimulatedRollout:
    """One rollout from its first step on: the status, evaluation and time that the daemon would hold."""

    def __init__(self, stage: SimulationSetup, rng: Random) -> None:
        self.stage, self.rng = stage, rng
        self.rollout = stage.rollout
        self.slow = stage.compiled.measures.slow
        self.alone = stage.compiled.measures.alone
        self.worse = self._worse()
        self.incident_at = rng.uniform(0, stage.quickest) if stage.traffic.incident.seconds else 0.0
        self.now, self.judged = 0.0, 0.0
        self.exposed = self.failed = 0
        self.status = RolloutStatus()
        self.session = self._warmed()
        while self.status.phase is Phase.PENDING:
            self._decide()
        self.aim = self._aim()

    def tick(self) -> None:
        """Draw a tick's traffic, judge it and decide."""
        traffic, interval, since = self.stage.traffic, self.stage.interval, self.now
        self.now += interval
        look = traffic.look(self.rng, self.aim.exposure, since, self.now, self.incident_at)
        if self.now > traffic.onset:
            self.exposed += look.errors.n
            self.failed += (look.slow if self.worse else look.errors).e
        evidence = ReadingCounts(self._counts(look), Requests(look.errors.n, look.errors.m))
        self.session = judge(self.session, Reading(self._at), evidence, self.aim)
        if not self.session.settling:
            self.judged += min(interval, max(0.0, self.now - traffic.onset))
        if self._decide().moved is not None and self.status.phase not in OVER:
            self.aim = self._aim()

    @property
    def outcome(self) -> Outcome:
        """The outcome so far."""
        match self.status.phase:
            case Phase.PROMOTING:
                ending = SimulatedEnding.PROMOTED
            case Phase.ROLLED_BACK:
                ending = SimulatedEnding.ROLLED_BACK
            case _:
                ending = SimulatedEnding.HELD
        return Outcome(ending, self.now, self.judged, self.exposed, self.failed)

    @property
    def _at(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now)

    def _worse(self) -> bool:
        """Return whether the canary's regression is latency rather than errors."""
        errors, slow = self.stage.traffic.errors, self.stage.traffic.slow
        return slow.canary - slow.stable > errors.canary - errors.stable

    def _warmed(self) -> Evaluation:
        """Return an evaluation that has seen stable alone for the time of the warm-up."""
        stage = self.stage
        looks = (stage.traffic.before(self.rng, stage.interval) for _ in range(int(stage.warm_up / stage.interval)))
        analysis = Analysis.of(stage.compiled.plan).warm(*(self._counts(look) for look in looks))
        return Evaluation.new(stage.compiled)._replace(analysis=analysis, warmed=stage.warm_up)

    def _counts(self, look: DrawnCounts) -> dict[str, Counts]:
        """Return each SLO's counts of a tick: SLOs of one kind count the same requests, some of them of one side."""
        counts = {}
        for objective in self.stage.compiled.plan.objectives:
            seen = look.slow if objective.name in self.slow else look.errors
            counts[objective.name] = seen._replace(m=0, f=0) if objective.name in self.alone else seen
        return counts

    def _aim(self) -> TickInputs:
        step = self.status.step
        assert step is not None
        compiled = self.stage.compiled
        planned = compiled.walk.at(step.index)
        return TickInputs(
            compiled, UNCOUNTED, EvidenceMode.JUDGING, planned, wanted_exposure(self.status), False, self.stage.interval
        )

    def _decide(self) -> Decision:
        """Decide, and let the shadow have the wanted exposure at once."""
        seen = Observation(
            key=KEY,
            generation=1,
            spec=self.rollout,
            status=self.status,
            compiled=self.stage.compiled,
            revision="simulated",
            stable_ready=1,
            canary_ready=1,
            routes=ON if self.status.shadow is not None else OFF,
            evaluation=self.session,
            interval=self.stage.interval,
            warm_up=self.stage.warm_up,
        )
        decision = decide(seen, self._at)
        self.status = decision.status
        self.session = decision.evaluation or self.session
        if decision.moved is not None:
            self.session = self.session.applied(self._at)
        return decision
