"""A situation judged in arrays, many runs side by side: what ``walked.py`` does, some thirty times quicker.

Where rounding might decide, the ticks of a span are judged one by one by the daemon's own code instead.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingress_canary.api.rollout_status import Verdict
from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.accumulator import Accumulator
from ingress_canary.domain.slo.verdicts import LOG_SUSPICION, judge
from ingress_canary.spans.span_evidence import SloCounts, SloSpan, TickSpan
from ingress_canary.spans.tick_times import TickTimes
from ingress_canary.spans.warm_up import marks_of, warmed
from tests.judgement.traffic import BEGIN, MIN_REQUESTS, TICK, Ints, Judged, Situation, Step, Traffic

FIRST, LONGEST = 32, 512
"""Ticks of a step's first span, and of a span at most: most of the bad ones are found in the first."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def judged(situation: Situation, seed: int, runs: Sequence[int]) -> list[Judged]:
    """Return what the last step of each run came to; requests must be of one kind."""
    return [canary.judged for canary in _played(situation, seed, runs)]


def scores(situation: Situation, seed: int, runs: Sequence[int]) -> Floats:
    """Return the largest ln E up to each tick of the last step that would have failed each run, (runs, ticks).

    Compared with a threshold of the fail tests this says when a run had failed with that one. Infinite from where it
    fails with the usual one.
    """
    rows = np.full((len(runs), len(situation.steps[-1].ends)), np.inf)
    for row, canary in zip(rows, _played(situation, seed, runs, scored=True), strict=True):
        known = np.concatenate(canary.scores)[: canary.tick - (canary.judged.failed is not None)]
        row[: len(known)] = np.maximum.accumulate(known)
    return rows


def _played(situation: Situation, seed: int, runs: Sequence[int], *, scored: bool = False) -> Sequence["ArrayCanary"]:
    """Return some runs at their end."""
    assert not situation.told_apart
    times = TickTimes(BEGIN, situation.warm_edges, TICK)
    canaries = [ArrayCanary(situation, times, Traffic(situation, seed, run)) for run in runs]
    for step in situation.steps:
        for canary in canaries:
            canary.enter(step)
        live = canaries
        while live := [canary for canary in live if not canary.over]:
            tick = min(canary.tick for canary in live)
            span = StepSpan(situation, times, step, [canary for canary in live if canary.tick == tick])
            if scored:
                span.score()
            span.play()
    return canaries


class ArrayCanary:
    """One run, at the beginning of a span."""

    def __init__(self, situation: Situation, times: TickTimes, traffic: Traffic) -> None:
        (counts,) = traffic.warm_up().values()
        (objective,) = situation.plan.objectives
        self.traffic = traffic
        self.track = warmed(times, Accumulator.of(objective.design), counts[2:])
        self.marks = marks_of(counts, times.reach)
        """n, e, m and f as counted at earlier ticks."""
        self.place = times.warm
        """Number of the last tick."""
        self.steps = 0

    def enter(self, step: Step) -> None:
        """Enter the next step."""
        self.steps += 1
        self.track = self.track.enter(self.steps)
        (self.counts,) = self.traffic.step(step).values()
        self.tick = 0
        """Ticks of the step up to here."""
        self.judged, self.over = Judged(None, None), False
        self.scores = list[Floats]()

    def go_on(self, ticks: int, track: Accumulator, marks: Ints, *, over: bool) -> None:
        """Go on by so many ticks, to this evidence."""
        self.track, self.marks = track, marks
        self.tick += ticks
        self.place += ticks
        self.over = over or self.tick >= self.counts.shape[1]


class StepSpan:
    """A span of ticks of a step, in all runs that have come to the same tick of it. Arrays are (ticks, runs)."""

    def __init__(self, situation: Situation, times: TickTimes, step: Step, canaries: Sequence[ArrayCanary]) -> None:
        (self.objective,) = situation.plan.objectives
        self.times, self.step, self.canaries = times, step, canaries
        at = canaries[0].tick
        self.ends = step.ends[at:][: LONGEST if at else FIRST]
        self.settles_in = np.maximum(0.0, self.objective.settle - self.ends)
        self.counts = np.stack([canary.counts[:, at : at + len(self.ends)] for canary in canaries], axis=-1)
        self.places = np.array([canary.place for canary in canaries]) + np.arange(1, len(self.ends) + 1)[:, None]
        times.upto(int(self.places.max()))
        self.evidence = SloSpan(
            TickSpan(times, self.places, 100 * step.weight),
            self.objective,
            [canary.track for canary in canaries],
            SloCounts(*self.counts, np.stack([canary.marks for canary in canaries], axis=-1)),
            np.repeat(self.settles_in[:, None], len(canaries), axis=1),
        )

    def play(self) -> None:
        """Let each run go on up to where its step ends, or to the end of the span."""
        fails, unsure = self.evidence.fails()
        passes, open_ = self.evidence.passes(MIN_REQUESTS)
        passes &= ~fails
        unsure |= open_
        walked, doubts, stops = {}, _first(unsure), self._stops(fails, passes)
        doubtful = (doubts < len(unsure)) & (doubts <= stops)
        for run in np.flatnonzero(doubtful | ~self._is_held(np.minimum(stops, len(self.ends) - 1))).tolist():
            walked[run] = tracks = self._walk(run)
            verdicts = [judge(track.design, track, MIN_REQUESTS) for track in tracks]
            fails[:, run] = [verdict is Verdict.FAIL for verdict in verdicts]
            passes[:, run] = [verdict is Verdict.PASS for verdict in verdicts]
        stops = self._stops(fails, passes)
        last = np.minimum(stops, len(self.ends) - 1)
        after = self.evidence.after(last)
        baked = (self.ends >= self.step.bake)[:, None]
        rows = zip(stops.tolist(), last.tolist(), _first(fails).tolist(), _first(passes & baked).tolist(), strict=True)
        for run, (canary, (stop, tick, fail, passing)) in enumerate(zip(self.canaries, rows, strict=True)):
            ends, already = self.ends.tolist(), canary.judged.passed
            passed = ends[passing] if already is None and passing <= tick else already
            canary.judged = Judged(ends[fail] if fail <= tick else None, passed)
            track = walked[run][tick] if run in walked else after[run]
            marks = self.evidence.marks[:, tick + 1 : self.evidence.first + tick + 1, run]
            canary.go_on(tick + 1, track, marks, over=stop == tick)

    def score(self) -> None:
        """Note of each run the ln E that would have failed it at each tick, minus infinity where none would."""
        evidence = self.evidence
        absolute = np.where(~evidence.opposed | (evidence.relative >= LOG_SUSPICION), evidence.absolute, evidence.guard)
        for run, canary in enumerate(self.canaries):
            gaps = evidence.blocks.largest_gaps(run, self.times.at[self.places[0, run] : self.places[-1, run] + 1])
            relative = np.where(gaps >= self.objective.design.delta, evidence.relative[:, run], -np.inf)
            canary.scores.append(np.maximum(absolute[:, run], relative))

    def _is_held(self, ticks: Ints) -> Flags:
        """Return whether floats can hold the wealth that each run has after its tick of ``ticks``, to go on with."""
        held: Flags = np.maximum(self.evidence.absolute, self.evidence.relative)[ticks, np.arange(len(ticks))] < np.inf
        return held

    def _stops(self, fails: Flags, passes: Flags) -> Ints:
        """Return the tick with which the step ends in each run; the number of ticks where it does not."""
        if self.step.until is Verdict.PASS:
            fails = fails | (passes & (self.ends >= self.step.bake)[:, None])
        return _first(fails)

    def _walk(self, run: int) -> list[Accumulator]:
        """Return the evidence of a run after each tick, by the daemon's own code."""
        track, tracks = self.canaries[run].track, []
        rows = zip(
            self.places[:, run].tolist(), self.settles_in.tolist(), self.counts[:, :, run].T.tolist(), strict=True
        )
        for place, settles_in, row in rows:
            at, counts = self.times.at[place], Counts(*row)
            if settles_in:
                track = track.settle(at, counts, settles_in)
            else:
                track = track.tick(at, counts, weight=100 * self.step.weight)
            tracks.append(track)
        return tracks


def _first(flags: Flags) -> Ints:
    """Return the first tick of each run at which a flag is set; the number of ticks where none is."""
    first: Ints = np.where(flags.any(axis=0), np.argmax(flags, axis=0), len(flags))
    return first
