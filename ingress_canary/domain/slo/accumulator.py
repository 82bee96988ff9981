"""Accumulator of one SLO in one rollout: counts go in tick by tick, E-values come out.

``analysis.py`` keeps one of these for each SLO; ``checkpoint.py`` writes them down. A tick costs tens of
microseconds: sums are lists of floats, and constants come from the Design.
"""

from dataclasses import dataclass, replace
from math import inf, log

from ingress_canary.domain.metrics.samples import Counts, Strata
from ingress_canary.domain.slo.dispersion import Dispersion
from ingress_canary.domain.slo.gaps import Gaps
from ingress_canary.domain.slo.recent import Recent, ratio
from ingress_canary.domain.slo.relative_test import ALL, RelativeTest, Worst
from ingress_canary.domain.slo.sequential_tests import NO_INCIDENT, Design, SharedIncident, log_add
from ingress_canary.domain.slo.wealth import GUARD_NULL, Guard, Wealth

OPPOSED_FROM = 50.0
"""Weight from which stable is the smaller side: with few requests of its own theta_t may be off."""
MEASURED_EVERY = 6
"""Ticks of a step between two measurements of phi, while it is still learnt."""
LOG_2 = log(2)
LARGEST_COUNT = 10**12
"""Requests of one tick beyond which a counter is not believed."""
NOTHING = Counts()
UNKNOWN_DISPERSION = Dispersion()
NOTHING_RECENT = Recent()
NO_GUARD = Guard()


def implausible_counts(counts: Counts) -> str | None:
    """Return why the counts of a tick cannot be true; None when they can.

    Two counters read at different moments can show more bad requests than requests: such a tick is no evidence.
    """
    n, e, m, f = counts
    if 0 <= e <= n <= LARGEST_COUNT and 0 <= f <= m <= LARGEST_COUNT:
        return None
    return f"impossible counts: canary {e} bad of {n}, stable {f} bad of {m}"


def _told_apart(counts: Counts, strata: Strata | None) -> Strata:
    """Return the counts by stratum, all in one where the counters tell none apart."""
    return {ALL: counts} if strata is None else strata


def _present(recent: Recent, counts: Counts) -> float:
    """Return stable's present ratio of bad requests: of the last minute, or of this tick when that is more."""
    # the minute alone lags behind an incident that begins with a step, and condemned healthy canaries for it
    now, before = recent.minute[-1], recent.earlier[-1]
    return max(ratio(now.f - before.f, now.m - before.m), ratio(counts.f, counts.m))


@dataclass(slots=True)
class Accumulator:
    """The accumulated evidence of one SLO, of which ``verdicts.py`` reads the verdict."""

    design: Design
    absolute: Wealth
    relative: RelativeTest
    guard: Guard = NO_GUARD
    dispersion: Dispersion = UNKNOWN_DISPERSION
    total: Counts = NOTHING
    """Since the rollout began."""
    step: Counts = NOTHING
    """Since the step began."""
    incident: SharedIncident = NO_INCIDENT
    """The step's first incident, which one of the pass test's accounts leaves out."""
    ticks: int = 0
    """Ticks with evidence since the step began."""
    recent: Recent = NOTHING_RECENT
    fresh: bool = False
    """Whether the latest reading had counts."""
    settles_in: float = inf
    """Seconds until ticks are judged; 0 when they are, infinite while the weight is not applied."""
    opposed: bool = False
    """Whether an absolute fail needs some relative evidence beside it, since stable still has a part of the traffic."""
    missing: str = ""
    """Why the latest reading had none."""

    @classmethod
    def of(cls, design: Design) -> "Accumulator":
        """Return an accumulator without evidence."""
        return cls(design, Wealth.of(design.steps), RelativeTest.of(design.steps))

    @property
    def phi(self) -> float:
        """How much less a bad request proves because they come in bursts."""
        return self.dispersion.phi

    def warm(self, at: float, counts: Counts, strata: Strata | None = None) -> "Accumulator":
        """Return the accumulator with one more tick of stable alone, that ended ``at`` (seconds of the epoch)."""
        _, _, m, f = counts
        recent = self.recent.plus(at, Counts(m=m, f=f), self.design.known_requests)
        return replace(
            self,
            relative=self._usually(_present(recent, counts), recent.lasting, _told_apart(counts, strata)),
            dispersion=self.dispersion.plus(at, m, f),
            recent=recent,
        )

    def enter(self, step: int) -> "Accumulator":
        """Return the accumulator at the beginning of a step, from 1; copies of the tests up to it have begun."""
        return replace(
            self,
            absolute=self.absolute.begin(step),
            relative=self.relative.begin(step),
            guard=self.guard.begin(step, self.design.steps),
            dispersion=self.dispersion.measured(),
            step=NOTHING,
            incident=NO_INCIDENT,
            ticks=0,
            settles_in=inf,
        )

    def anew(self, step: int) -> "Accumulator":
        """Return the accumulator without evidence at the same step; how errors scatter remains known."""
        new = replace(Accumulator.of(self.design), dispersion=self.dispersion).enter(step)
        return replace(new, relative=self.relative.anew(step))

    def silent(self, missing: str) -> "Accumulator":
        """Return the accumulator after a reading without usable counts, and why."""
        return replace(self, fresh=False, missing=missing)

    def settle(self, at: float, counts: Counts, settles_in: float, strata: Strata | None = None) -> "Accumulator":
        """Return the accumulator after a tick that settles: stable counts, and the guard once the weight is applied."""
        n, e, m, f = counts
        guard, recent = self.guard, self.recent.plus(at, Counts(m=m, f=f), self.design.known_requests)
        strata, present, lasting = _told_apart(counts, strata), _present(recent, counts), recent.lasting
        if settles_in < inf and n and guard.bets:
            null = self._null(present, lasting, strata)
            if null is not None and null < GUARD_NULL:
                guard = guard.plus(n, e, self.phi)
        return Accumulator(
            self.design, self.absolute, self._usually(present, lasting, strata), guard, self.dispersion.plus(at, m, f),
            self.total, self.step, self.incident, self.ticks, recent, fresh=True, settles_in=settles_in,
            opposed=self.opposed,
        )  # fmt: skip

    def tick(
        self, at: float, counts: Counts, *, relative: bool = True, weight: float = 0, strata: Strata | None = None
    ) -> "Accumulator":
        """Return the accumulator with the evidence of one tick that ended ``at`` (seconds of the epoch)."""
        n, e, m, f = counts
        design, phi, absolute = self.design, self.phi, self.absolute
        recent, strata = self.recent.plus(at, counts, design.known_requests), _told_apart(counts, strata)
        present, lasting = _present(recent, counts), recent.lasting
        if n:
            null = self._null(present, lasting, strata)
            # in a total outage no canary can be worse
            if null is not None:
                absolute = absolute.plus(design.absolute_steps(null, n, e, phi))
        if relative:
            well = self._is_well(present, lasting)
            against_stable = self.relative.plus(at, strata, design, phi, well=well)
        else:
            against_stable = self._usually(present, lasting, strata)
        dispersion = self.dispersion
        if not dispersion.fixed:
            dispersion = dispersion.plus(at, m, f)
            # known ahead of the ticks that it weighs, and cheap
            if dispersion.fixed or self.ticks % MEASURED_EVERY == 0:
                dispersion = dispersion.measured()
        # made anew rather than with replace(), which takes twice as long
        return Accumulator(
            design=design,
            absolute=absolute,
            relative=against_stable,
            guard=self.guard,
            dispersion=dispersion,
            total=self.total.plus(counts),
            step=self.step.plus(counts),
            incident=self.incident.plus(counts, ill=design.rho * present >= design.theta),
            ticks=self.ticks + 1,
            recent=recent,
            fresh=True,
            settles_in=0.0,
            opposed=relative and OPPOSED_FROM <= weight < 100 and recent.last_ten_minutes.m > 0,
        )

    @property
    def log_bound(self) -> float:
        """What neither fail test's ln E exceeds; it costs a tenth of theirs, and mostly tells that nothing fails."""
        return max(self.absolute.log_bound + LOG_2, self.guard.log_bound + LOG_2, self.relative.log_bound)

    @property
    def absolute_log_e(self) -> float:
        """Ln E that the canary is worse than its objective and than stable in that very minute, the guard included."""
        return log_add(self.absolute.log_e, self.guard.log_e)

    @property
    def relative_log_e(self) -> float:
        """Ln E that the canary's ratio is more than rho times stable's."""
        return self.relative.log_e

    @property
    def passes(self) -> bool:
        """Whether the step is proven better than the objective."""
        return self.design.passes(self.step, self.phi, self.incident)

    @property
    def passing_log_e(self) -> float:
        """Ln E that the step is better than the objective."""
        return self.design.log_passing(self.step, self.phi, self.incident)

    @property
    def guard_log_e(self) -> float:
        """Ln of the part of the absolute wealth that bets while steps settle."""
        return self.guard.log_e

    @property
    def settling(self) -> Counts:
        """The canary's counts while the step settled, which only the guard has judged."""
        return Counts(self.guard.n, self.guard.e)

    @property
    def gaps(self) -> Gaps:
        """By how much the canary's bad share exceeds stable's."""
        return self.relative.gaps

    @property
    def worst(self) -> Worst | None:
        """The stratum that has most evidence by itself; None where none is bet on by itself."""
        return self.relative.worst

    def _is_well(self, present: float, lasting: float) -> bool:
        """Return whether stable is as good as it may be, or as it usually is."""
        return self.design.rho * present < max(self.design.theta, 2 * lasting)

    def _usually(self, present: float, lasting: float, strata: Strata) -> RelativeTest:
        """Return the relative test with what stable does in a tick that is not judged: an incident is not usual."""
        return self.relative.usually(strata) if self._is_well(present, lasting) else self.relative

    def _null(self, present: float, lasting: float, strata: Strata) -> float | None:
        """Return theta_t; None where a tick is no evidence."""
        return self.design.null(max(present, lasting, self.relative.usual(strata, 1 / self.design.theta)))

    @property
    def rate(self) -> float | None:
        """The canary's requests a second over the last minute of this step; None before its second tick."""
        marks = self.recent.minute[-self.ticks :] if self.ticks else ()
        span = marks[-1].at - marks[0].at if marks else 0.0
        return (marks[-1].n - marks[0].n) / span if span > 0 else None
