"""Rollout over recorded traffic: the decisions of ``simulated_rollout.py``, fed with a recording's ticks.

Each of stable's own requests is sent to the canary by the chance of the weight, bad ones likewise; stable keeps the
rest. A regression makes a share of the canary's good requests bad. Used by ``backtest_runs.py``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple, Self

from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.metrics.counting import ReadingCounts, Requests
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, UnknownBound
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.reconcile.evidence import CountedReading, take_evidence
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.slo.analysis import Analysis
from ingress_canary.whatif.backtest.canary_regression import CanaryRegression
from ingress_canary.whatif.backtest.recorded_traffic import GAP, UNKNOWN, RecordedTraffic
from ingress_canary.whatif.backtest.recording import instant
from ingress_canary.whatif.random_counts import binomial
from ingress_canary.whatif.simulated_rollout import OVER, SimulatedEnding, SimulatedRollout, SimulationSetup
from ingress_canary.whatif.simulated_traffic import NEVER, Traffic
from ingress_canary.whatif.traffic_draws import SequentialDraws

NOTHING_RECORDED = "nothing was recorded at this time"
SILENCE = 60
"""Ticks without data after which nothing changes any more until there are some again: the rest is passed over."""
ADVANCING = frozenset({Reason.SETTLING, Reason.BAKING, Reason.STEP_PASSED})
"""Reasons of a rollout that is on its way; with any other one it is held."""


@dataclass(frozen=True, slots=True)
class BacktestSetup:
    """What all rollouts of a backtest share."""

    simulation: SimulationSetup
    traffic: RecordedTraffic
    forced_rps: float
    """Requests a second that a header or a cookie sends to the canary at steps of weight 0."""
    seed: int

    @classmethod
    def of(cls, spec: ScheduleSpec, traffic: RecordedTraffic, *, warm_up: float, forced_rps: float, seed: int) -> Self:
        """Return the setup of a schedule whose SLOs the traffic was counted for."""
        silent = Traffic(0.0, NEVER, forced_rps=forced_rps)
        counted = spec.updated(slos=[slo for slo in spec.slos if slo.name in traffic.measures.counted])
        return cls(SimulationSetup.of(counted, silent, traffic.interval, warm_up), traffic, forced_rps, seed)

    def warmed(self, place: int) -> Evaluation | None:
        """Return an evaluation that has seen the ticks before a place; None where most of them are missing."""
        simulation, traffic, known = self.simulation, self.traffic, 0.0
        analysis = Analysis.of(simulation.compiled.plan)
        for tick in range(traffic.after(traffic.times[place] - simulation.warm_up + traffic.interval / 2), place + 1):
            counts = {
                name: Counts(m=column.requests[tick], f=column.bad[tick])
                for name, column in traffic.slos.items()
                if column.requests[tick] != UNKNOWN
            }
            analysis = analysis.warm(instant(traffic.times[tick]), counts)
            known += traffic.interval
        if known < simulation.warm_up / 2:
            return None
        return Evaluation.new(simulation.compiled)._replace(analysis=analysis, warmed=simulation.warm_up)


class Hold(NamedTuple):
    """Where a rollout was held, and why."""

    step: str
    seconds: float
    message: str


class RecordedOutcome(NamedTuple):
    """The outcome of a rollout over recorded traffic."""

    start: float
    """When it began, in seconds since 1970."""
    ending: SimulatedEnding | None
    """None where the recording ended first. A failed SLO that pauses counts as a rollback."""
    seconds: float
    """From the first step to the end."""
    exposed: int
    """Canary requests."""
    failed: int
    """Those of them that were bad by the first SLO that the regression concerns."""
    step: str
    """The step at the end."""
    message: str
    """Why it ended so."""
    holds: tuple[Hold, ...]
    """The steps at which it was held, in their order."""

    @property
    def held(self) -> float:
        """Seconds for which it stood at a step although the bake was over, or without data."""
        return sum(hold.seconds for hold in self.holds)


def usable(measures: SliSet) -> SliSet:
    """Return the SLIs that can be counted from a recording: those that count requests."""
    counted = {name: sli for name, sli in measures.counted.items() if sli.counts_requests}
    return SliSet(counted, measures.excluded)


class RecordedRollout(SimulatedRollout):
    """One rollout over recorded traffic, from a tick of it on."""

    def __init__(
        self, setup: BacktestSetup, place: int, warmed: Evaluation, canary: CanaryRegression, rng: Random
    ) -> None:
        self._setup = setup
        self._traffic = setup.traffic
        self._warmed_by = warmed
        self._canary = canary
        self._rng = rng
        self._since = setup.traffic.times[place]
        self._next = place + 1
        self._silence = 0
        self._step = ""
        self._seconds: dict[str, float] = {}
        self._why: dict[str, Message | None] = {}
        slow = [name in setup.simulation.compiled.measures.slow for name in setup.traffic.slos]
        self._shown = slow.index(canary.is_slowness) if canary.is_slowness in slow else 0
        super().__init__(setup.simulation, SequentialDraws(setup.simulation.traffic, rng, setup.simulation.times))

    def run(self) -> RecordedOutcome:
        """Return the outcome, after the rollout's end or the recording's."""
        longest = self.stage.longest
        while self.status.phase not in OVER and self.now < longest and not self.is_cut_off:
            since = self.now
            self.tick()
            self._note(self.now - since)
        last = self.status.history[-1]
        reason, ending = self.status.reason, self.outcome.ending
        if reason == Reason.SLO_VIOLATED:
            ending = SimulatedEnding.ROLLED_BACK
        is_over = self.status.phase in OVER or self.now >= longest
        holds = tuple(Hold(step, seconds, _why(self._why[step])) for step, seconds in self._seconds.items())
        return RecordedOutcome(
            self._since, ending if is_over else None, self.now, self.exposed, self.failed, self._step, last.message,
            holds,
        )  # fmt: skip

    @property
    def is_cut_off(self) -> bool:
        """Whether the recording has ended."""
        return self._next >= len(self._traffic.times)

    def _note(self, seconds: float) -> None:
        """Note where the rollout stands after a tick, and whether it was held there."""
        status = self.status
        if status.phase is not Phase.PROGRESSING or status.step is None:
            return
        step = self.stage.compiled.walk.at(status.step.index)
        self._step = step.title
        if status.reason not in ADVANCING:
            self._seconds[step.title] = self._seconds.get(step.title, 0.0) + seconds
            self._why[step.title] = self.told

    @property
    def _at(self) -> datetime:
        return instant(self._since) + timedelta(seconds=self.now)

    def _warmed(self) -> Evaluation:
        return self._warmed_by

    def tick(self) -> None:
        """Judge the next tick of the recording, and decide."""
        at = self.standing.tick
        assert at is not None
        self._decide(take_evidence(self.session, self._evidence(at.exposure), at).evaluation)

    def _evidence(self, exposure: Exposure) -> CountedReading:
        """Return the next tick of the recording, or one without data where it has none for so long."""
        traffic, interval = self._traffic, self.stage.interval
        ahead = traffic.times[self._next] - self._since
        if ahead - self.now > GAP * interval:
            self._silence += 1
            # nobody knows what came: a long gap is as good as an hour of it
            self.now = ahead - interval if self._silence > SILENCE else self.now + interval
            why = NoData(NOTHING_RECORDED)
            counts = ReadingCounts(dict.fromkeys(traffic.slos, why))
            return CountedReading(Reading(self._at, error=NOTHING_RECORDED), counts)
        self.now, self._silence = ahead, 0
        counts = self._divided(self._next, exposure)
        self._next += 1
        sampled = timedelta(seconds=traffic.header.sampled_every if traffic.header is not None else 0.0)
        return CountedReading(Reading(self._at, sampled_every=sampled), counts)

    def _divided(self, tick: int, exposure: Exposure) -> ReadingCounts:
        """Return a tick's requests, each drawn for a side."""
        rng, traffic, slow = self._rng, self._traffic, self.slow
        total, share = traffic.requests[tick], self._share(exposure, traffic.requests[tick])
        looks: dict[str, Counts | NoData | UnknownBound] = {}
        shown: Counts | None = None
        requests: Counts | None = None
        for place, (name, column) in enumerate(traffic.slos.items()):
            m = column.requests[tick]
            if m == UNKNOWN:
                looks[name] = NoData(NOTHING_RECORDED)
                continue
            is_slow = name in slow
            worse = self._canary.size if is_slow is self._canary.is_slowness else 0.0
            look = looks[name] = divided(rng, m, column.bad[tick], share, worse)
            shown = look if place == self._shown else shown
            requests = requests or (None if is_slow else look)
        if requests is None:
            requests = divided(rng, max(0, total), 0, share, 0.0)
        self.exposed += requests.n
        self.failed += shown.e if shown is not None else 0
        return ReadingCounts(looks, Requests(requests.n, requests.m), classes_only=traffic.classes_only)

    def _share(self, exposure: Exposure, requests: int) -> float:
        """Return the chance of a request to reach the canary."""
        if exposure.weight > 0:
            return exposure.weight / 100
        if not exposure.forced or requests <= 0:
            return 0.0
        return min(1.0, self._setup.forced_rps * self.stage.interval / requests)


def _why(told: Message | None) -> str:
    """Return why a rollout is held, without the step: that has a place of its own."""
    return "" if told is None else str(told.values.get("evidence", told))


def divided(rng: Random, m: int, f: int, share: float, worse: float) -> Counts:
    """Return ``m`` requests, ``f`` of them bad, with each drawn for the canary by the chance ``share``.

    Of the canary's good ones a share ``worse`` are bad. To draw good and bad ones apart is to draw the canary's
    requests and then, without putting any back, the bad ones among them.
    """
    e = binomial(rng, f, share)
    good = binomial(rng, m - f, share)
    return Counts(e + good, e + binomial(rng, good, worse), m - e - good, f - e)
