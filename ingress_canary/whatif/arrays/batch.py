"""Batch of simulated rollouts: spans of ticks are judged in arrays, for many runs at once.

Used by ``simulation_runs.py``. All runs of a batch that are at one step go through a span of ticks together. Each of
them stops at the first tick at which something may be decided: an SLO may fail, the step's bake is over and its
requirement may be met, it may have been held for too long, the weight may show no effect, or the span ends. That tick
is decided by the daemon's own code. A run in which rounding might decide, or in which numbers leave the range of
floats, is walked tick by tick instead, with the same traffic. So outcomes are those of the tick-by-tick path.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from random import Random

import numpy as np
from numpy.typing import NDArray

from ingress_canary.api.schedule import Require
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.schedule.steps import PlannedStep
from ingress_canary.domain.traffic.effectiveness import EffectState, ShareObservation, judge_effect
from ingress_canary.spans.span_evidence import SloCounts, SloSpan, TickSpan
from ingress_canary.whatif.arrays.array_draws import ERRORS_E, SLOW_E, ArrayDraws, M, N
from ingress_canary.whatif.arrays.array_rollout import ArrayRollout, ArraySetup, Quiet
from ingress_canary.whatif.simulated_rollout import BEGIN, Outcome, SimulationSetup, walk, walk_by

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LATER = 128
"""Ticks of a step's second span and those after it."""
LONGEST = 512
"""Ticks of a span at most."""
MICROSECOND = timedelta(microseconds=1)


def play(setup: SimulationSetup, seed: int, runs: Sequence[int]) -> list[Outcome]:
    """Return the outcomes of some runs, in their order."""
    if setup.traffic.told_apart:
        # in arrays all requests are of one kind
        return [walk_by(setup, Random(f"{seed}:{run}")) for run in runs]
    shared = ArraySetup(setup)
    return [
        outcome or walk(setup, ArrayDraws(shared.expectations, seed, run))
        for run, outcome in zip(runs, play_in_arrays(shared, seed, runs), strict=True)
    ]


def play_in_arrays(shared: ArraySetup, seed: int, runs: Sequence[int]) -> list[Outcome | None]:
    """Return the outcomes of some runs; None of those that have to be walked."""
    rollouts = [ArrayRollout(shared, ArrayDraws(shared.expectations, seed, run)) for run in runs]
    live = rollouts
    while live := [rollout for rollout in live if rollout.sure and not rollout.over]:
        # who is behind goes on first, so that all come to the next step together
        step = min(rollout.index for rollout in live)
        StepSpan(shared, [rollout for rollout in live if rollout.index == step]).play()
    return [rollout.outcome if rollout.sure else None for rollout in rollouts]


class StepSpan:
    """A span of ticks of one step, in all runs that are at it. Arrays are of shape (ticks, runs)."""

    def __init__(self, shared: ArraySetup, rollouts: Sequence[ArrayRollout]) -> None:
        self.shared, self.rollouts = shared, rollouts
        self.compiled = shared.setup.compiled
        self.step: PlannedStep = self.compiled.walk.at(rollouts[0].index)
        self.sessions = [rollout.session for rollout in rollouts]
        fresh = any(session.analysis.tracks[0].ticks == 0 for session in self.sessions)
        least = self.compiled.spec.least_time(self.step.bake).total_seconds()
        self.ticks = min(ceil(least / shared.setup.interval) + 2, LONGEST) if fresh else LATER
        places = np.array([rollout.place for rollout in rollouts]) + np.arange(1, self.ticks + 1)[:, None]
        shared.times.upto(int(places.max()))
        self.span = TickSpan(shared.times, places, self.step.exposure.weight)
        self.counts: Ints = np.stack([rollout.draws_of_step(self.ticks) for rollout in rollouts], axis=-1)
        self.stamps: Ints = shared.times.microseconds(places)
        settle = self.compiled.spec.analysis.settle.total_seconds()
        self.unsettled = self._left(settle, [session.settled_from for session in self.sessions])
        self.routed: Flags = self.unsettled == 0
        self.slos = [self._slo(number) for number in range(len(self.compiled.plan.objectives))]

    def play(self) -> None:
        """Let each rollout go on up to its next decision, and decide; or note that it is not sure where that is."""
        stops, sure = self._stops()
        before = np.maximum(stops - 1, 0)
        sessions, sums = self._sessions(before), self._sums(before)
        for run, (rollout, stop) in enumerate(zip(self.rollouts, stops.tolist(), strict=True)):
            rollout.sure = bool(sure[run])
            if not rollout.sure:
                continue
            if stop:
                rollout.quiet(stop, sessions[run], sums[run])
            rollout.marks = [slo.marks[:, stop + 1 : slo.first + stop + 1, run] for slo in self.slos]
            rollout.tick()

    def _slo(self, number: int) -> SloSpan:
        """Return the evidence of one SLO."""
        shared, objective = self.shared, self.compiled.plan.objectives[number]
        n, e, m, f = self.counts[shared.rows[number]] * shared.seen[number][..., None]
        marks = np.stack([rollout.marks[number] for rollout in self.rollouts], axis=-1)
        tracks = [session.analysis.tracks[number] for session in self.sessions]
        raised = [session.analysis.raised_at for session in self.sessions]
        settles_in = np.maximum(self._left(objective.settle, raised), self.unsettled)
        return SloSpan(self.span, objective, tracks, SloCounts(n, e, m, f, marks), settles_in)

    def _left(self, seconds: float, since: Sequence[datetime | None]) -> Floats:
        """Return how much is left, after each tick, of some seconds since an instant of each run."""
        passed = self.stamps - np.array([_microseconds(at) for at in since])
        left: Floats = np.maximum(0.0, seconds - passed / 1e6)
        return left

    def _stops(self) -> tuple[Ints, Flags]:
        """Return the first tick of each run at which something may be decided, and whether it is sure that none is."""
        failed, met, unsure = self._verdicts()
        decides = failed | self._ineffective()
        elapsed = self._elapsed()
        settled = np.logical_and.reduce([slo.judged for slo in self.slos])
        self.baked = _summed([session.baked for session in self.sessions], elapsed)
        self.held = _summed([session.held for session in self.sessions], np.where(settled & ~met, elapsed, 0.0))
        decides |= self.routed & (self.baked >= self.step.bake) & met
        decides |= (self.held >= self.compiled.spec.max_hold.total_seconds()) & ~met
        decides |= self.shared.times.since_begin(self.span.places) >= self.shared.setup.longest
        decides[-1] = True
        stops: Ints = np.argmax(decides, axis=0)
        doubts: Ints = np.where(unsure.any(axis=0), np.argmax(unsure, axis=0), self.ticks)
        return stops, doubts > stops

    def _verdicts(self) -> tuple[Flags, Flags, Flags]:
        """Return whether an SLO fails, whether the step's requirement is met, and whether either is unsure."""
        proof = self.step.require is Require.PROOF
        failed, unsure = np.zeros(self.stamps.shape, bool), np.zeros(self.stamps.shape, bool)
        met = np.ones(self.stamps.shape, bool)
        for slo in self.slos:
            least = slo.objective.min_requests if self.step.min_requests is None else self.step.min_requests
            fails, doubtful = slo.fails()
            passes, open_ = slo.passes(least) if proof else slo.unopposed(least)
            failed |= fails
            met &= passes
            unsure |= doubtful | open_
        return failed, met & ~failed, unsure

    def _ineffective(self) -> Flags:
        """Return whether the weight shows no effect: the daemon's own code is asked where the share is off."""
        before = np.array([(a.canary_requests, a.stable_requests) for a in (s.analysis for s in self.sessions)]).T
        self.requests: Ints = np.cumsum(self.counts[[N, M]] * self.routed, axis=1) + before[:, None]
        canary, total = self.requests[0], self.requests.sum(axis=0)
        exposure = self.step.exposure
        weight = exposure.weight / 100
        ineffective = np.zeros(total.shape, bool)
        if weight <= 0:
            return ineffective
        # between half and twice the weight nothing is off
        off = self.routed & ((canary < total * weight / 1.9) | (canary > total * weight * 1.9))
        for tick, run in zip(*(axis.tolist() for axis in np.nonzero(off)), strict=True):
            seen = ShareObservation(weight, int(canary[tick, run]), int(total[tick, run]), exposure.forced)
            ineffective[tick, run] = judge_effect(seen).state is EffectState.NOT_EFFECTIVE
        return ineffective

    def _elapsed(self) -> Floats:
        """Return the seconds of bake that each tick brings: those since the tick before, if that was judged as well."""
        interval = self.shared.setup.interval
        last = [None if s.last is None else _microseconds(s.last) for s in self.sessions]
        before = np.concatenate([[[0 if at is None else at for at in last]], self.stamps[:-1]])
        judged = np.concatenate([[[at is not None for at in last]], self.routed[:-1]])
        elapsed: Floats = np.where(self.routed & judged, np.minimum((self.stamps - before) / 1e6, 2 * interval), 0.0)
        return elapsed

    def _sums(self, ticks: Ints) -> list[Quiet]:
        """Return each run's sums after its tick of ``ticks``."""
        traffic, interval, runs = self.shared.setup.traffic, self.shared.setup.interval, np.arange(len(ticks))
        since = np.maximum(0.0, self.shared.times.since_begin(self.span.places) - traffic.onset)
        since *= traffic.shown_at(self.step.exposure)
        gained = np.where(self.routed, np.minimum(interval, since), 0.0)
        judged = _summed([rollout.judged for rollout in self.rollouts], gained)
        kinds = [N, SLOW_E if self.rollouts[0].worse else ERRORS_E]
        before = np.array([(rollout.exposed, rollout.failed) for rollout in self.rollouts]).T
        exposed, failed = (np.cumsum(self.counts[kinds] * (since > 0), axis=1)[:, ticks, runs] + before).tolist()
        return [Quiet(*sums) for sums in zip(judged[ticks, runs].tolist(), exposed, failed, strict=True)]

    def _sessions(self, ticks: Ints) -> list[Evaluation]:
        """Return the evaluation of each run after its tick of ``ticks``, at which nothing was decided."""
        runs = np.arange(len(ticks))
        tracks = zip(*[slo.after(ticks) for slo in self.slos], strict=True)
        requests = self.requests[:, ticks, runs].T.tolist()
        rows = (self.stamps, self.routed, self.baked, self.held)
        facts = zip(*(row[ticks, runs].tolist() for row in rows), strict=True)
        found = []
        for session, accumulators, (canary, stable), (stamp, routed, baked, held) in zip(
            self.sessions, tracks, requests, facts, strict=True
        ):
            at = BEGIN + stamp * MICROSECOND
            analysis = replace(session.analysis, tracks=accumulators, canary_requests=canary, stable_requests=stable)
            found.append(
                session._replace(
                    analysis=analysis,
                    baked=baked,
                    held=held,
                    read_at=at,
                    last=at if routed else None,
                    settling=not routed,
                )
            )
        return found


def _microseconds(at: datetime | None) -> int:
    """Return when something was, since the first step began."""
    assert at is not None
    return (at - BEGIN) // MICROSECOND


def _summed(before: Sequence[float], gained: Floats) -> Floats:
    """Return sums after each tick, added up in the order of the tick-by-tick path."""
    sums: Floats = np.add.accumulate(np.concatenate([[before], gained]), axis=0)[1:]
    return sums
