"""Array rollout: a simulated rollout that goes on by spans of ticks, and decides only where something may be decided.

``batch.py`` judges the spans of many runs and tells each up to which tick nothing happens. There the rollout has the
state of the tick-by-tick path, and the next tick is the daemon's: ``take_evidence``, ``decide``, ``effects``.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.domain.decision.observation import Decision
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.domain.reconcile.assemble import AssembledPass
from ingress_canary.domain.slo.analysis import Analysis
from ingress_canary.spans.tick_times import TickTimes
from ingress_canary.spans.warm_up import marks_of, warmed
from ingress_canary.whatif.arrays.array_draws import (
    ERRORS_E,
    ERRORS_F,
    SLOW_E,
    SLOW_F,
    ArrayDraws,
    M,
    N,
    TrafficExpectations,
)
from ingress_canary.whatif.simulated_rollout import BEGIN, OVER, SimulatedRollout, SimulationSetup

Ints = NDArray[np.int64]


Stand = tuple[Phase, int, bool]
"""Phase, step and whether there is no shadow: on more the writes and what is assembled do not depend."""


class Passage(NamedTuple):
    """The writes that follow a decision, which are the same in every run."""

    shadow: Json | None
    named: Ingress | None
    settles: bool
    """Whether the step begins to settle."""


class ArraySetup:
    """What the array rollouts of a simulation share."""

    def __init__(self, setup: SimulationSetup) -> None:
        self.setup = setup
        self.times = TickTimes(BEGIN, setup.warm_edges, setup.interval)
        self.expectations = TrafficExpectations(setup)
        self.passages: dict[Stand, Passage] = {}
        self.opened: RolloutStatus | None = None
        """The status once the shadow is asked for."""
        self.standings: dict[Stand, AssembledPass] = {}
        slow, alone = setup.compiled.measures.slow, setup.compiled.measures.alone
        names = [objective.name for objective in setup.compiled.plan.objectives]
        self.rows = [[N, SLOW_E, M, SLOW_F] if name in slow else [N, ERRORS_E, M, ERRORS_F] for name in names]
        """Rows of the drawn counts that are n, e, m and f of each SLO."""
        self.seen = [np.array([1, 1, 0, 0] if name in alone else [1, 1, 1, 1])[:, None] for name in names]
        """Which of them the SLO sees."""


class Quiet(NamedTuple):
    """Sums over the ticks of a span that decide nothing, from the rollout's beginning on."""

    judged: float
    exposed: int
    failed: int


class ArrayRollout(SimulatedRollout):
    """One rollout of a batch."""

    draws: ArrayDraws

    def __init__(self, shared: ArraySetup, draws: ArrayDraws) -> None:
        self.shared = shared
        self.place = shared.times.warm
        """Number of the last tick."""
        self.sure = True
        """Whether rounding has had no say so far."""
        self.marks: list[Ints] = []
        """Of each SLO: n, e, m and f as counted at earlier ticks, (4, ticks), up to the last tick."""
        super().__init__(shared.setup, draws)

    @property
    def index(self) -> int:
        """The present step."""
        step = self.status.step
        assert step is not None
        return step.index

    def draws_of_step(self, ticks: int) -> Ints:
        """Return the drawn counts of the next ticks of the present step."""
        if self.draws.step != self.index:
            self.draws.begin(self.index, self.now)
        return self.draws.ahead(ticks)

    def quiet(self, ticks: int, session: Evaluation, sums: Quiet) -> None:
        """Go on by so many ticks that decide nothing, to this evaluation."""
        self.place += ticks
        self.draws.skip(ticks)
        self.now = self.shared.times.seconds[self.place]
        self.session = session
        self.judged, self.exposed, self.failed = sums

    def tick(self) -> None:
        """Draw a tick's traffic, judge it and decide, as the tick-by-tick path does."""
        super().tick()
        self.place += 1

    def _warmed(self) -> Evaluation:
        """Return an evaluation that has seen stable alone for the time of the warm-up."""
        shared, counts = self.shared, self.draws.warm_up()
        analysis = Analysis.of(self.stage.compiled.plan)
        tracks = []
        for track, rows, seen in zip(analysis.tracks, shared.rows, shared.seen, strict=True):
            of_slo = counts[rows] * seen
            self.marks.append(marks_of(of_slo, shared.times.reach))
            tracks.append(warmed(shared.times, track, of_slo[2:]))
        analysis = replace(analysis, tracks=tuple(tracks))
        return Evaluation.new(self.stage.compiled)._replace(analysis=analysis, warmed=self.stage.warm_up)

    def _begin(self) -> None:
        """Enter the first step, from where the first run had come to: up to there nothing depends on traffic."""
        if self.shared.opened is None:
            self._decide(self.session)
            self.shared.opened = self.status
        else:
            self.status = self.shared.opened
            self._pass()
        super()._begin()

    def _assembled(self) -> AssembledPass:
        """Return what there is to decide about, as it was in the first run that came so far."""
        standing = self.shared.standings.get(self._stand)
        if standing is None:
            standing = self.shared.standings[self._stand] = super()._assembled()
        return standing

    def _follow(self, decision: Decision) -> None:
        """Write what a decision asks for, as the first run did that came so far; nothing, where it is the last one."""
        if self.status.phase in OVER:
            return
        if self._stand in self.shared.passages:
            self._pass()
            return
        stand, settled = self._stand, self.session.settled_from
        super()._follow(decision)
        self.shared.passages[stand] = Passage(self.shadow, self.named, self.session.settled_from != settled)

    def _pass(self) -> None:
        """Have written what the first run wrote here."""
        self.shadow, self.named, settles = self.shared.passages[self._stand]
        if settles:
            self.session = self.session.applied(self._at)
        self.standing = self._assembled()

    @property
    def _stand(self) -> Stand:
        step = self.status.step
        return self.status.phase, step.index if step else 0, self.shadow is None
