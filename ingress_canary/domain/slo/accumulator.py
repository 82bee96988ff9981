"""Accumulator of one SLO in one rollout: counts go in tick by tick, E-values come out.

``analysis.py`` keeps one of these for each SLO; ``checkpoint.py`` writes them down. A tick costs tens of
microseconds: sums are lists of floats, and constants come from the Design.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.sequential_tests import Design, Dispersion, Wealth
from ingress_canary.domain.slo.verdicts import SloEvidence

MINUTE = 60.0
"""Seconds over which stable's present ratio is taken (theta_t)."""
LARGEST_COUNT = 10**12
"""Requests of one tick beyond which a counter is not believed."""
NOTHING = Counts()
UNKNOWN_SCATTER = Dispersion()


class TickCounts(NamedTuple):
    """The counts of one tick, from which theta_t and the request rate are computed."""

    at: float
    """Seconds of the epoch."""
    n: int
    m: int
    f: int


def _ratio(requests: int, bad: int) -> float:
    return bad / requests if bad else 0.0


def implausible_counts(counts: Counts) -> str | None:
    """Return why the counts of a tick cannot be true; None when they can.

    Two counters read at different moments can show more bad requests than requests: such a tick is no evidence.
    """
    n, e, m, f = counts
    if 0 <= e <= n <= LARGEST_COUNT and 0 <= f <= m <= LARGEST_COUNT:
        return None
    return f"impossible counts: canary {e} bad of {n}, stable {f} bad of {m}"


@dataclass
class Accumulator:
    """The accumulated evidence of one SLO. Without slots, so that its E-values are cached once a tick."""

    design: Design
    absolute: Wealth
    relative: Wealth
    dispersion: Dispersion = UNKNOWN_SCATTER
    phi: float = 1.0
    total: Counts = NOTHING
    step: Counts = NOTHING
    ticks: int = 0
    """Ticks with evidence since the step began."""
    looks: tuple[TickCounts, ...] = ()
    """Of the last minute, oldest first."""
    fresh: bool = False
    missing: str = ""

    @classmethod
    def of(cls, design: Design) -> "Accumulator":
        """Return an accumulator without evidence."""
        return cls(design, Wealth.of(design.steps), Wealth.of(design.steps))

    def warm(self, *ticks: Counts) -> "Accumulator":
        """Return the accumulator with more ticks of stable alone: the scatter of its errors sets phi."""
        dispersion = self.dispersion
        for counts in ticks:
            dispersion = dispersion.plus(counts.m, counts.f)
        return replace(self, dispersion=dispersion, phi=dispersion.phi)

    def enter(self, step: int) -> "Accumulator":
        """Return the accumulator at the beginning of a step, from 1; copies of the tests up to it have begun."""
        return replace(
            self,
            absolute=self.absolute.begin(step),
            relative=self.relative.begin(step),
            step=NOTHING,
            ticks=0,
        )

    def anew(self, step: int) -> "Accumulator":
        """Return the accumulator without evidence at the same step; phi remains, since warm-up is over."""
        return replace(Accumulator.of(self.design), dispersion=self.dispersion, phi=self.phi).enter(step)

    def silent(self, missing: str) -> "Accumulator":
        """Return the accumulator after a reading without usable counts, and why."""
        return replace(self, fresh=False, missing=missing)

    def tick(self, at: float, counts: Counts, *, relative: bool = True) -> "Accumulator":
        """Return the accumulator with the evidence of one tick that ended ``at`` (seconds of the epoch)."""
        n, e, m, f = counts
        design, phi, absolute, against_stable = self.design, self.phi, self.absolute, self.relative
        looks = (*[look for look in self.looks if at - MINUTE < look.at <= at], TickCounts(at, n, m, f))
        if n:
            # the minute alone lags behind an incident that begins with a step, and condemned healthy canaries for it
            minute = _ratio(sum([look.m for look in looks]), sum([look.f for look in looks]))
            null = design.null(max(minute, _ratio(m, f)))
            # in a total outage no canary can be worse
            if null is not None:
                absolute = absolute.plus(design.absolute_steps(null, n, e, phi))
        if relative and n and m and e + f:
            against_stable = against_stable.plus(design.relative_steps(n, e, m, f, phi))
        # made anew rather than with replace(), which takes twice as long
        return Accumulator(
            design=design,
            absolute=absolute,
            relative=against_stable,
            dispersion=self.dispersion,
            phi=phi,
            total=self.total.plus(counts),
            step=self.step.plus(counts),
            ticks=self.ticks + 1,
            looks=looks,
            fresh=True,
        )

    @cached_property
    def evidence(self) -> SloEvidence:
        """The evidence that the verdict is derived from; read several times a tick, computed once."""
        return SloEvidence(
            total=self.total,
            step=self.step,
            phi=self.phi,
            absolute=self.absolute.log_e,
            relative=self.relative.log_e,
            passing=self.design.log_passing(self.step.n, self.step.e, self.phi),
            fresh=self.fresh,
            missing=self.missing,
        )

    @property
    def rate(self) -> float | None:
        """The canary's requests a second over the last minute of this step; None before its second tick."""
        looks = self.looks[-self.ticks :] if self.ticks else ()
        span = looks[-1].at - looks[0].at if looks else 0.0
        return sum(look.n for look in looks[1:]) / span if span > 0 else None
