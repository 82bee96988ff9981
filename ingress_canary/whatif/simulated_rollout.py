"""Simulated rollout in virtual time: the daemon's own ``assemble``, ``decide`` and ``effects``, fed with random counts.

Does what a tick of the engine does, without cluster and source. People and other systems are out of the picture:
windows are open, approvals and webhook gates are given, and the weight is applied as soon as it is stored. Used by
``simulation_runs.py``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from random import Random
from typing import NamedTuple, Self

from ingress_canary.api.rollout import RolloutSpec, ScheduleSource
from ingress_canary.api.rollout_status import AT_REST, Phase, RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Decision
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.metrics.counting import ReadingCounts, Requests
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, Reading, Strata
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.merge_patch import merged
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.domain.objects.service import Endpoints
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reconcile.assemble import AssembledPass, assemble
from ingress_canary.domain.reconcile.effects import (
    CreateShadow,
    DeleteShadow,
    PatchShadow,
    StartSettling,
    Write,
    effects,
)
from ingress_canary.domain.reconcile.evidence import CountedReading, take_evidence
from ingress_canary.domain.reconcile.inputs import PassInputs, PassMemory, PassOptions, RouteInputs
from ingress_canary.domain.reconcile.memo import Memo
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.slo.analysis import Analysis
from ingress_canary.domain.traffic.router.nginx.router import NginxRouter
from ingress_canary.whatif.expected_traffic import BadKind, RolloutTimes
from ingress_canary.whatif.simulated_traffic import DrawnCounts, Traffic
from ingress_canary.whatif.traffic_draws import SequentialDraws, TrafficDraws

BEGIN = datetime(2000, 1, 3, tzinfo=UTC)
KEY = Key("simulated", "rollout")
ROUTER = NginxRouter()
STABLE = {"backend": {"service": {"name": "stable", "port": {"number": 80}}}}
PRIMARY = Ingress.of(
    {
        "metadata": {"namespace": KEY.namespace, "name": "simulated", "uid": "primary"},
        "spec": {"rules": [{"http": {"paths": [STABLE]}}]},
    }
)
ENDPOINTS = Endpoints(ready=frozenset({"pod"}))
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
    phi: float = 1.0
    """By how much evidence was discounted at the end; of the SLO of which it was most."""


@dataclass(frozen=True)
class SimulationSetup:
    """What all rollouts of a simulation share. Without slots, so that sums over the steps are made once."""

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

    @cached_property
    def quickest(self) -> float:
        """Least number of seconds that the steps take."""
        spec = self.compiled.spec
        return sum(spec.least_time(step.bake).total_seconds() + self.interval for step in self.compiled.walk.steps)

    @cached_property
    def warm_edges(self) -> list[float]:
        """The instants between which the ticks of the warm-up lie."""
        ticks = int(self.warm_up / self.interval)
        return [tick * self.interval for tick in range(-ticks, 1)] if ticks else []

    @cached_property
    def times(self) -> RolloutTimes:
        """How long a rollout lasts, for what begins at a random time of it."""
        return RolloutTimes(self.warm_up, self.quickest)

    @cached_property
    def longest(self) -> float:
        """Seconds after which each step has been decided or timed out."""
        return self.quickest + len(self.compiled.walk) * (self.compiled.spec.max_hold.total_seconds() + self.interval)


def walk(stage: SimulationSetup, draws: TrafficDraws) -> Outcome:
    """Return the outcome of one rollout with the traffic that is drawn for it, decided tick by tick."""
    play = SimulatedRollout(stage, draws)
    while not play.over:
        play.tick()
    return play.outcome


def walk_by(stage: SimulationSetup, rng: Random) -> Outcome:
    """Return the outcome of one rollout with the traffic that Python's own random numbers draw."""
    return walk(stage, SequentialDraws(stage.traffic, rng, stage.times))


class SimulatedRollout:
    """One rollout from its first step on: the status, evaluation and time that the daemon would hold."""

    def __init__(self, stage: SimulationSetup, draws: TrafficDraws) -> None:
        self.stage, self.draws = stage, draws
        self.rollout = stage.rollout
        self.slow = stage.compiled.measures.slow
        self.alone = stage.compiled.measures.alone
        self.worse = stage.traffic.regression is BadKind.SLOW
        self.now, self.judged = 0.0, 0.0
        self.exposed = self.failed = 0
        self.status = RolloutStatus()
        self.shadow: Json | None = None
        self.told: Message | None = None
        self.named: Ingress | None = None
        self.session = self._warmed()
        self.remembered = Memo().of
        self.standing = self._assembled()
        self._begin()

    def tick(self) -> None:
        """Draw a tick's traffic, judge it and decide."""
        interval, traffic, since, at = self.stage.interval, self.stage.traffic, self.now, self.standing.tick
        assert at is not None
        assert at.step is not None
        self.now += interval
        look = self.draws.tick(at.step.index, at.exposure, since, self.now)
        regressed = self.now > traffic.onset and traffic.shown_at(at.exposure)
        if regressed:
            self.exposed += look.errors.n
            self.failed += (look.slow if self.worse else look.errors).e
        requests = Requests(look.errors.n, look.errors.m)
        counts = ReadingCounts(self._counts(look), requests, strata=self._strata(look))
        judged = take_evidence(self.session, CountedReading(Reading(self._at), counts), at).evaluation
        if regressed and not judged.settling:
            self.judged += min(interval, self.now - traffic.onset)
        self._decide(judged)

    @property
    def over(self) -> bool:
        """Whether it has ended, or has taken longer than each step can take to be decided or timed out."""
        return self.status.phase in OVER or self.now >= self.stage.longest

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
        phi = max(track.phi for track in self.session.analysis.tracks)
        return Outcome(ending, self.now, self.judged, self.exposed, self.failed, phi)

    @property
    def _at(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now)

    def _warmed(self) -> Evaluation:
        """Return an evaluation that has seen stable alone for the time of the warm-up."""
        stage = self.stage
        analysis, edges = Analysis.of(stage.compiled.plan), stage.warm_edges
        for until, look in zip(edges[1:], self.draws.before(edges), strict=True):
            counts, strata = self._counts(look), self._strata(look)
            analysis = analysis.warm(BEGIN + timedelta(seconds=until), counts, strata)
        return Evaluation.new(stage.compiled)._replace(analysis=analysis, warmed=stage.warm_up)

    def _counts(self, look: DrawnCounts) -> dict[str, Counts]:
        """Return each SLO's counts of a tick: SLOs of one kind count the same requests, some of them of one side."""
        counts = {}
        for objective in self.stage.compiled.plan.objectives:
            seen = look.slow if objective.name in self.slow else look.errors
            counts[objective.name] = seen._replace(m=0, f=0) if objective.name in self.alone else seen
        return counts

    def _strata(self, look: DrawnCounts) -> dict[str, Strata]:
        """Return each SLO's counts of a tick by kind of requests; nothing where these are not told apart."""
        if not look.strata:
            return {}
        kinds = {name: self._counts(drawn) for name, drawn in look.strata.items()}
        return {slo: {name: counts[slo] for name, counts in kinds.items()} for slo in next(iter(kinds.values()))}

    def _assembled(self) -> AssembledPass:
        """Return what there is to decide about, but for the evidence; it stands until the next write."""
        stage = self.stage
        inputs = PassInputs(
            key=KEY, uid="rollout", created=BEGIN, generation=1, spec=self.rollout, status=self.status,
            routes=(RouteInputs(ROUTER, PRIMARY, self.named, self.status.shadow),), view=None, compiled=stage.compiled,
            options=PassOptions(stage.interval, stage.warm_up), canary_endpoints=ENDPOINTS, stable_endpoints=ENDPOINTS,
            memory=PassMemory(evaluation=self.session),
        )  # fmt: skip
        return assemble(inputs, self.remembered)

    def _begin(self) -> None:
        """Decide until the first step is entered."""
        while self.status.phase is Phase.PENDING:
            self._decide(self.session)

    def _decide(self, evaluation: Evaluation) -> None:
        """Decide, and let the shadow have the wanted exposure at once."""
        decision = decide(self.standing.seen._replace(status=self.status, evaluation=evaluation), self._at)
        self.told = decision.message
        before, self.status = self.status.shadow, decision.status
        self.session = decision.evaluation or evaluation
        # nobody else writes: between two transitions the shadow stays as it was written
        if decision.moved is not None or (self.status.shadow is not before and self.status.shadow != before):
            self._follow(decision)

    def _follow(self, decision: Decision) -> None:
        """Write what a decision asks for, and look at what there is to decide about from then on."""
        for write in effects(decision, self.standing, self.status, self.status, self.remembered).writes:
            self._apply(write)
        self.standing = self._assembled()

    def _apply(self, write: Write) -> None:
        """Apply a write to the shadow, or to the evidence; there is nothing else to write to."""
        match write:
            case CreateShadow(_, manifest):
                self._store(merged(manifest, {"metadata": {"uid": "shadow"}}))
            case PatchShadow(_, patch):
                self._store(merged(self.shadow or {}, patch))
            case DeleteShadow():
                self.shadow = self.named = None
            case StartSettling():
                self.session = self.session.applied(self._at)
            case _:
                # no workload, other shadow or action takes part
                pass

    def _store(self, shadow: Json) -> None:
        self.shadow, self.named = shadow, Ingress.of(shadow)
