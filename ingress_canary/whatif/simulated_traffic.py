"""Simulated traffic of a rollout, as the command line describes it. Used by ``simulated_rollout.py``.

Requests arrive as a Poisson process, each is drawn for a side by the weight and is bad by its side's ratio at its
moment. Errors and slowness are independent of each other, and so are the two sides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple, Self

from ingress_canary.domain.metrics.samples import EMPTY, Counts, counts_of
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.whatif.expected_traffic import (
    BadKind,
    ExpectedTraffic,
    Moment,
    Ratios,
    RolloutTimes,
    Strata,
    changed,
    pooled,
)
from ingress_canary.whatif.random_counts import bad_of, poisson
from ingress_canary.whatif.traffic_profiles.profile import RegressionProfile, TrafficProfile


class Incident(NamedTuple):
    """A span of time in which requests of both sides fail."""

    seconds: float
    ratio: float
    """Share of requests that fail while it lasts."""


class DrawnCounts(NamedTuple):
    """The counts of one tick."""

    errors: Counts
    """Bad: answered with an error."""
    slow: Counts
    """Bad: slower than the threshold."""
    strata: "Mapping[str, DrawnCounts]" = EMPTY
    """The same by kind of requests, where these are told apart."""


NEVER = Ratios(0.0, 0.0)
NO_INCIDENT = Incident(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The traffic of one Ingress; times are seconds since the first step began."""

    rps: float
    """Requests a second of both sides."""
    errors: Ratios
    slow: Ratios = NEVER
    onset: float = 0.0
    """When the canary's regression begins: until then its ratios are stable's."""
    burst: float = 1.0
    """Bad requests that follow each other, on average."""
    incident: Incident = NO_INCIDENT
    forced_rps: float = 1.0
    """Requests a second that a header or a cookie sends to the canary at steps of weight 0."""
    profiles: tuple[TrafficProfile, ...] = ()
    """Named situations, in the order in which they change what is expected."""

    @property
    def phi(self) -> float:
        """The dispersion of bad requests that come in such runs: the mean length of a run, weighted by its length."""
        return 2 * self.burst - 1

    @property
    def told_apart(self) -> bool:
        """Whether it has kinds of requests that counters tell apart."""
        return any(profile.tells_apart for profile in self.profiles)

    def rates(self, exposure: Exposure) -> tuple[float, float]:
        """Return the requests a second of canary and stable."""
        if exposure.weight > 0:
            return self.rps * exposure.weight / 100, self.rps * (1 - exposure.weight / 100)
        return self.forced_rps if exposure.forced else 0.0, self.rps

    def more(self, exposure: Exposure, before: Exposure) -> bool:
        """Return whether the canary gets more requests than before: a higher weight, or any at all."""
        return (exposure.weight, self.rates(exposure)[0] > 0) > (before.weight, self.rates(before)[0] > 0)

    def drawn(self, rng: Random, times: RolloutTimes) -> Self:
        """Return the traffic of one rollout, with what is random about its profiles drawn."""
        return replace(self, profiles=tuple(profile.drawn(rng, times) for profile in self.profiles))

    def expected(
        self, exposure: Exposure, since: float, until: float, incident_at: float, raised_at: float | None = None
    ) -> ExpectedTraffic:
        """Return what is expected between two instants of the rollout; what changes in between is an average.

        ``raised_at`` is when the canary last began to get more requests; profiles alone ask for it.
        """
        return pooled(self.strata(exposure, since, until, incident_at, raised_at))

    def strata(
        self, exposure: Exposure, since: float, until: float, incident_at: float, raised_at: float | None
    ) -> Strata:
        """Return what is expected between two instants, in parts by what the requests are for."""
        if not self.profiles:
            return (self._plain(exposure, since, until, incident_at),)
        moment = Moment(since, exposure, raised_at, self.onset)
        return changed(
            lambda begin, end: self._plain(exposure, begin, end, incident_at), self.profiles, since, until, moment
        )

    def expected_before(self, since: float, until: float) -> ExpectedTraffic:
        """Return what is expected between two instants before the first step: stable alone, and no incident of it."""
        return pooled(self.strata_before(since, until))

    def strata_before(self, since: float, until: float) -> Strata:
        """Return the same in parts by what the requests are for."""
        plain = ExpectedTraffic(0.0, self.rps, self.errors, self.slow)
        if not self.profiles:
            return (plain,)
        return changed(lambda *_: plain, self.profiles, since, until, Moment(since, Exposure()))

    def shown_at(self, exposure: Exposure) -> bool:
        """Return whether the canary's regression, once it has begun, shows with an exposure."""
        regressions = self._regressions
        by_itself = not regressions or _worse(self.errors) > 0 or _worse(self.slow) > 0
        return by_itself or any(profile.shown_at(exposure) for profile in regressions)

    @property
    def regression(self) -> BadKind:
        """What the canary is worse at in the end: where it is both, the larger share of requests."""
        size = {BadKind.ERRORS: _worse(self.errors), BadKind.SLOW: _worse(self.slow)}
        for profile in self._regressions:
            size[profile.kind] += profile.most
        return BadKind.SLOW if size[BadKind.SLOW] > size[BadKind.ERRORS] else BadKind.ERRORS

    @property
    def _regressions(self) -> list[RegressionProfile]:
        return [profile for profile in self.profiles if isinstance(profile, RegressionProfile)]

    def _plain(self, exposure: Exposure, since: float, until: float, incident_at: float) -> ExpectedTraffic:
        """Return what is expected without profiles."""
        worse = max(0.0, until - max(since, self.onset)) / (until - since)
        ill = self.incident
        hit = max(0.0, min(until, incident_at + ill.seconds) - max(since, incident_at)) / (until - since)
        errors = _while_ill(_at_onset(self.errors, worse), ill.ratio, hit)
        return ExpectedTraffic(*self.rates(exposure), errors, _at_onset(self.slow, worse))


def draw_strata(rng: Random, strata: Strata, seconds: float, burst: float) -> DrawnCounts:
    """Draw the counts of a span by kind of requests, and all together."""
    drawn = {part.stratum: draw_counts(rng, part, seconds, burst) for part in strata}
    errors = counts_of({name: kind.errors for name, kind in drawn.items()})
    slow = counts_of({name: kind.slow for name, kind in drawn.items()})
    return DrawnCounts(errors, slow, drawn)


def draw_counts(rng: Random, expected: ExpectedTraffic, seconds: float, burst: float) -> DrawnCounts:
    """Draw the counts of a span from what is expected of it, with bad requests in runs of ``burst`` on average."""
    n, m = poisson(rng, expected.canary_rps * seconds), poisson(rng, expected.stable_rps * seconds)
    errors, slow = (
        Counts(n, bad_of(rng, n, ratios.canary, burst), m, bad_of(rng, m, ratios.stable, burst))
        for ratios in (expected.errors, expected.slow)
    )
    return DrawnCounts(errors, slow)


def _worse(ratios: Ratios) -> float:
    """Return by what share of its requests the canary is worse than stable."""
    return ratios.canary - ratios.stable


def _at_onset(ratios: Ratios, worse: float) -> Ratios:
    """Return the ratios of a span in which the regression has begun for a share ``worse`` of it."""
    return Ratios(ratios.stable, ratios.stable + worse * (ratios.canary - ratios.stable))


def _while_ill(ratios: Ratios, ill: float, hit: float) -> Ratios:
    """Return the ratios of a span that a share ``hit`` of an incident meets, in which a share ``ill`` is bad."""
    if not hit:
        return ratios
    return Ratios(*(ratio + hit * max(0.0, ill - ratio) for ratio in ratios))
