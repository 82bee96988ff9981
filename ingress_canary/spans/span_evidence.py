"""Span evidence: what a span of ticks makes of the evidence of one SLO, in many runs at once.

``Accumulator`` and ``judge`` of ``domain/slo`` in arrays of shape (ticks, runs). Counts, windows, theta_t and phi are
exact; E-values are so but for rounding, so that what is nearer to a threshold than ``ROOM`` is called unsure, and
decided by nobody here. ``after`` makes the accumulator that the tick-by-tick path would have.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.accumulator import MEASURED_EVERY, OPPOSED_FROM, Accumulator
from ingress_canary.domain.slo.dispersion import Dispersion
from ingress_canary.domain.slo.plan import Objective
from ingress_canary.domain.slo.recent import Mark, Recent
from ingress_canary.domain.slo.sequential_tests import LARGEST_THETA, SharedIncident
from ingress_canary.domain.slo.verdicts import LOG_SUSPICION
from ingress_canary.domain.slo.wealth import GUARD_NULL, Guard
from ingress_canary.spans.block_arrays import BlockArray
from ingress_canary.spans.stable_marks import marks_at, spaced, stable_marks
from ingress_canary.spans.tick_times import TickTimes
from ingress_canary.spans.wealth_arrays import (
    WealthArray,
    absolute_increments,
    guard_bets,
    log_passing,
    log_sum_exp,
    relative_increments,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ROOM = 1e-5
"""Distance of ln E from a threshold within which rounding might decide, also that of ten thousand ticks down."""


class TickSpan(NamedTuple):
    """The ticks of a span in several runs."""

    times: TickTimes
    places: Ints
    """Numbers of the ticks, (ticks, runs)."""
    weight: float
    """Of the canary, in percent."""


class SloCounts(NamedTuple):
    """Counts of one SLO at each tick, (ticks, runs); ``marks`` is what had been counted at earlier ticks."""

    n: Ints
    e: Ints
    m: Ints
    f: Ints
    marks: Ints
    """Of n, e, m and f, (4, earlier ticks, runs), up to the tick before the span."""


class SloSpan:
    """The evidence of one SLO after each tick of a span, in arrays of shape (ticks, runs)."""

    def __init__(
        self, span: TickSpan, objective: Objective, before: Sequence[Accumulator], counts: SloCounts, settles_in: Floats
    ) -> None:
        self.span, self.objective, self.design, self.before = span, objective, objective.design, before
        self.counts, self.settles_in = counts, settles_in
        self.judged: Flags = settles_in == 0
        self._count()
        self._learn()
        self._follow_incidents()
        self._find_null()
        self._bet()

    def _count(self) -> None:
        """Count over the rollout, the step and the windows."""
        n, e, m, f, marks = self.counts
        judged, span = self.judged, self.span
        recent = np.stack([n * judged, e * judged, m, f])
        self.marks: Ints = np.concatenate([marks, marks[:, -1:] + np.cumsum(recent, axis=1)], axis=1)
        self.first = marks.shape[1]
        columns = np.arange(self.first, self.first + n.shape[0])[:, None]
        minute, self.ten_minutes = (
            self._since(columns - (span.places - before))
            for before in (span.times.a_minute_before(span.places), span.times.ten_minutes_before(span.places))
        )
        self.present: Floats = np.maximum(_ratio(minute[3], minute[2]), _ratio(f, m))
        gained = np.cumsum(np.stack([n, e, m, f]) * judged, axis=1)
        self.total: Ints = gained + np.array([track.total for track in self.before]).T[:, None]
        self.step: Ints = gained + np.array([track.step for track in self.before]).T[:, None]
        self.ticks: Ints = np.cumsum(judged, axis=0) + np.array([track.ticks for track in self.before])

    def _since(self, columns: Ints) -> Ints:
        """Return what was counted since the ticks in these columns of the marks."""
        earlier = np.stack([np.take_along_axis(mark, columns, axis=0) for mark in self.marks])
        since: Ints = self.marks[:, self.first :] - earlier
        return since

    def _learn(self) -> None:
        """Learn phi, with the daemon's own code, for as long as it is not fixed."""
        self.dispersions: list[list[Dispersion] | None] = []
        self.phi: Floats = np.empty(self.judged.shape)
        """What divides the evidence of each tick: as it was known before."""
        for run, track in enumerate(self.before):
            self.phi[:, run] = track.phi
            self.dispersions.append(None if track.dispersion.fixed else self._learnt(run, track.dispersion))

    def _learnt(self, run: int, dispersion: Dispersion) -> list[Dispersion]:
        """Return the dispersion after each tick of a run, and note phi."""
        after: list[Dispersion] = []
        at, ticks = self.span.times.at, self.ticks[:, run].tolist()
        places, judged = self.span.places[:, run].tolist(), self.judged[:, run].tolist()
        m, f = self.counts.m[:, run].tolist(), self.counts.f[:, run].tolist()
        for tick, place in enumerate(places):
            dispersion = dispersion.plus(at[place], m[tick], f[tick])
            if judged[tick] and (dispersion.fixed or (ticks[tick] - 1) % MEASURED_EVERY == 0):
                dispersion = dispersion.measured()
                self.phi[tick + 1 :, run] = dispersion.phi
            after.append(dispersion)
            if dispersion.fixed:
                break
        return after + after[-1:] * (len(places) - len(after))

    def _find_null(self) -> None:
        """Find theta_t, and whether it leaves room for alternatives."""
        _, _, m, f = self.marks[:, self.first :]
        base_m, base_f = self._a_window_before()
        lasting = np.minimum(_ratio(f, m), _ratio(f - base_f, m - base_m))
        allowed = self.design.rho * np.maximum(self.present, lasting)
        self.bounded: Flags = allowed < LARGEST_THETA
        self.null: Floats = np.where(self.bounded, np.maximum(self.design.theta, allowed), self.design.theta)

    def _a_window_before(self) -> Ints:
        """Return stable's requests and bad ones at the mark from which its last window of requests is counted."""
        window, marks = self.design.known_requests, self.marks[2:, self.first - 1 :]
        latest = [track.recent.stable[-1][0] for track in self.before]
        # where each tick brings a whole window, that is the tick before
        if (np.diff(marks[0], axis=0) >= window).all() and (marks[0, 0] == latest).all():
            return marks[:, :-1]
        base = np.empty((2, *self.judged.shape), np.int64)
        m, f = marks[:, 1:]
        for run, track in enumerate(self.before):
            known = spaced(track.recent.stable, m[:, run].tolist(), f[:, run].tolist(), window)
            base[:, :, run] = marks_at(known, m[:, run] - window)
        return base

    def _bet(self) -> None:
        """Bet each tick in both tests, or by the guard while it settles."""
        design, phi = self.design, self.phi
        n, e, *_ = self.counts
        bets = self.judged & (n > 0) & self.bounded
        increments = absolute_increments(design, self.null, n * bets, e * bets, phi)
        self.absolute_wealth = WealthArray([track.absolute for track in self.before], increments, bets)
        self.blocks = BlockArray([track.relative for track in self.before], self.counts[:4], self.judged)
        bets = self.blocks.ended[1] + self.blocks.ended[3] > 0
        increments = relative_increments(design, self.blocks.ended * bets, phi)
        self.relative_wealth = WealthArray([track.relative.together for track in self.before], increments, bets)
        self.guarded: Flags = ~self.judged & (n > 0) & self.bounded & (self.null < GUARD_NULL)
        held = np.array([track.guard.bets for track in self.before])
        self.guard_bets = guard_bets(held, n, e, phi, self.guarded)
        self.guard: Floats = log_sum_exp(self.guard_bets)
        with np.errstate(invalid="ignore"):
            self.absolute: Floats = np.logaddexp(self.absolute_wealth.log_e, self.guard)
        self.relative: Floats = self.relative_wealth.log_e
        opposed = self.judged & (OPPOSED_FROM <= self.span.weight < 100) & (self.ten_minutes[2] > 0)
        self.opposed: Flags = np.where(self.judged, opposed, [track.opposed for track in self.before])

    def fails(self) -> tuple[Flags, Flags]:
        """Return whether the canary is proven bad, and whether that is unsure."""
        fail, absolute, relative = self.design.log_fail, self.absolute, self.relative
        proven = (self.guard >= fail) | ((absolute >= fail) & (~self.opposed | (relative >= LOG_SUSPICION)))
        unsure = (
            _near(self.guard, fail)
            | _near(absolute, fail)
            | _near(relative, fail)
            | (self.opposed & _near(relative, LOG_SUSPICION))
        )
        unsure |= ~self.absolute_wealth.usable | ~self.relative_wealth.usable
        worse = relative >= fail
        for run in np.flatnonzero(worse.any(axis=0)).tolist():
            proven[:, run] |= worse[:, run] & (self.blocks.largest_gaps(run, self._instants(run)) >= self.design.delta)
        return proven, unsure

    def passes(self, min_requests: int) -> tuple[Flags, Flags]:
        """Return whether the canary is proven good where it does not fail, and whether that is unsure."""
        enough = self.judged & (self.step[0] >= min_requests)
        suspicion, passing = np.maximum(self.absolute, self.relative), self._passing()
        unsure = enough & (_near(suspicion, LOG_SUSPICION) | _near(passing, self.design.log_pass))
        return enough & (suspicion < LOG_SUSPICION) & (passing >= self.design.log_pass), unsure

    def unopposed(self, min_requests: int) -> tuple[Flags, Flags]:
        """Return whether enough was seen where nothing fails, which is never unsure."""
        return self.judged & (self.step[0] >= min_requests), np.zeros(self.judged.shape, bool)

    def _passing(self) -> Floats:
        """Return the pass test's ln E."""
        n, e, _, _ = self.step
        theta = self.design.theta
        every = log_passing(theta, n, e, self.phi_after)
        incident_n, incident_e, over = self.incident
        if not incident_n.any():
            return every
        rest = log_passing(theta, n - incident_n, e - incident_e, self.phi_after)
        both = np.logaddexp(every, rest) - np.log(2)
        return np.where(incident_n > 0, np.where(over > 0, both, every - np.log(2)), every)

    @property
    def phi_after(self) -> Floats:
        """Phi as it is known after each tick."""
        phi = np.empty(self.phi.shape)
        phi[:-1] = self.phi[1:]
        for run, (track, learnt) in enumerate(zip(self.before, self.dispersions, strict=True)):
            phi[-1, run] = learnt[-1].phi if learnt else track.phi
        return phi

    def _follow_incidents(self) -> None:
        """Follow the step's first incident: ill ticks count up to the first well one after a request in one."""
        ill = self.judged & (self.design.rho * self.present >= self.design.theta)
        before = np.array([track.incident for track in self.before], np.int64).T[:, None]
        begun = before[0] + np.cumsum(self.counts.n * ill, axis=0) > 0
        over = np.logical_or.accumulate(self.judged & ~ill & begun, axis=0) | (before[2] > 0)
        grown = np.stack([self.counts.n, self.counts.e]) * (ill & ~over)
        self.incident: Ints = np.concatenate([before[:2] + np.cumsum(grown, axis=1), over[None]])
        """After each tick: canary requests in it, bad ones, and whether it is over."""

    def after(self, ticks: Ints) -> list[Accumulator]:
        """Return the accumulator of each run after its tick of ``ticks``, as the tick-by-tick path has it."""
        runs = np.arange(len(ticks))
        absolute, together = self.absolute_wealth.after(ticks), self.relative_wealth.after(ticks)
        total, step = (counts[:, ticks, runs].T.tolist() for counts in (self.total, self.step))
        incidents = [SharedIncident(n, e, bool(over)) for n, e, over in self.incident[:, ticks, runs].T.tolist()]
        judged, settles_in, opposed = (row[ticks, runs].tolist() for row in (self.ticks, self.settles_in, self.opposed))
        return [
            replace(
                before,
                absolute=absolute[run],
                relative=self.blocks.after(tick, run, together[run], self._instants(run)),
                guard=self._guard(tick, run),
                dispersion=learnt[tick] if learnt else before.dispersion,
                total=Counts(*total[run]),
                step=Counts(*step[run]),
                incident=incidents[run],
                ticks=judged[run],
                recent=self._recent(tick, run),
                fresh=True,
                settles_in=settles_in[run],
                opposed=opposed[run],
                missing="",
            )
            for run, (before, tick, learnt) in enumerate(
                zip(self.before, ticks.tolist(), self.dispersions, strict=True)
            )
        ]

    def _instants(self, run: int) -> list[float]:
        """Return when the ticks of a run end, in seconds of the epoch."""
        return self.span.times.at[self.span.places[0, run] : self.span.places[-1, run] + 1]

    def _guard(self, tick: int, run: int) -> Guard:
        """Return the guard of a run after a tick."""
        guard, betted = self.before[run].guard, self.guarded[: tick + 1, run]
        if not betted.any():
            return guard
        n, e = (int(row[: tick + 1, run][betted].sum()) for row in (self.counts.n, self.counts.e))
        return Guard(self.guard_bets[tick, run].tolist(), guard.begun, guard.n + n, guard.e + e)

    def _recent(self, tick: int, run: int) -> Recent:
        """Return the marks of a run after a tick."""
        place, times = int(self.span.places[tick, run]), self.span.times
        minute, earlier = times.marks[place]
        column = self.first + tick - place
        counted = self.marks[:, [column + mark for mark in (*earlier, *minute)], run].T.tolist()
        marks = [Mark(times.at[mark], *row) for mark, row in zip((*earlier, *minute), counted, strict=True)]
        return Recent(tuple(marks[len(earlier) :]), tuple(marks[: len(earlier)]), self._stable(tick, run))

    def _stable(self, tick: int, run: int) -> tuple[tuple[int, int], ...]:
        """Return the marks of stable's requests of a run after a tick."""
        m, f = self.marks[2:, self.first : self.first + tick + 1, run]
        return stable_marks(self.before[run].recent.stable, m, f, self.design.known_requests)


def _ratio(bad: Ints, requests: Ints) -> Floats:
    """Return the share of bad requests; 0 without any."""
    return np.divide(bad, requests, out=np.zeros(bad.shape), where=bad > 0)


def _near(values: Floats, threshold: float) -> Flags:
    near: Flags = np.abs(values - threshold) < ROOM
    return near
