"""Load: how many requests there are, and who sends them."""

from dataclasses import dataclass, replace
from math import cos, tau
from random import Random
from typing import ClassVar, Self

from ingress_canary.whatif.expected_traffic import BadKind, Moment, RolloutTimes, Spans, Strata
from ingress_canary.whatif.traffic_profiles.profile import Later, Number, Share, Span, TrafficProfile

EVERYONE, STAFF = "GET simulated.example /", "GET simulated.example /staff"
"""Kinds of requests, as the counters of a controller tell them apart."""


@dataclass(frozen=True, slots=True)
class QuietHours(TrafficProfile):
    """There are hours in which nearly nobody asks for anything.

    From `after` on, counted from the first step, only `share` of the usual requests come, for `lasts`; then all of them
    again. Steps that must be proven wait meanwhile, because nothing is learnt of a canary that nobody uses. With
    `--onset` after the quiet hours it shows whether a long time without evidence makes the judge slow.
    """

    name: ClassVar[str] = "quiet-hours"
    after: Later = 3600.0
    lasts: Span = 8 * 3600.0
    share: Share = 0.02

    def spans(self, _moment: Moment) -> tuple[Spans, ...]:
        """Return when it is quiet."""
        return (Spans(self.after, self.lasts),)

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic with few requests."""
        (quiet,) = self.spans(moment)
        return tuple(part.times(self.share) for part in strata) if quiet.on(moment.at) else strata


@dataclass(frozen=True, slots=True)
class DiurnalLoad(TrafficProfile):
    """Requests rise and fall with the hours of the day.

    `--rps` is the busiest moment, and `low` of it the quietest, half a `period` later, with a cosine in between; the
    rollout begins at a random hour. Both versions are slower when they are busy: at the busiest moment `slow` of the
    requests that are quick at night are over the threshold, and in between in proportion.
    """

    name: ClassVar[str] = "diurnal-load"
    low: Share = 0.2
    period: Span = 86_400.0
    slow: Share = 0.005
    busiest: float = 0.0

    @property
    def slows(self) -> bool:
        """Whether busy hours are slow ones."""
        return self.slow > 0

    def drawn(self, rng: Random, _times: RolloutTimes) -> Self:
        """Return the profile with a random hour for the first step."""
        return replace(self, busiest=rng.uniform(0.0, self.period))

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic of that hour."""
        busy = (1 + cos(tau * (moment.at - self.busiest) / self.period)) / 2
        factor, slow = self.low + (1 - self.low) * busy, self.slow * busy
        return tuple(part.times(factor).worse(BadKind.SLOW, slow, slow) for part in strata)


@dataclass(frozen=True, slots=True)
class StaffOnAnotherMix(TrafficProfile):
    """Staff are sent to the canary, and try what others rarely use.

    `rps` requests a second of staff go to the canary by header or cookie at every step that has such a route, on top of
    everything else, all to one path. Everyone else sends `mix` of their requests there. On that path `fails` of the
    requests fail on both versions alike, so that the canary as a whole fails more often than stable does. Counters
    tell paths apart.
    """

    name: ClassVar[str] = "staff-on-another-mix"
    touches: ClassVar[BadKind] = BadKind.ERRORS
    by_route: ClassVar[bool] = True
    tells_apart: ClassVar[bool] = True
    rps: Number = 1.0
    mix: Share = 0.02
    fails: Share = 0.03

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic with everyone's requests to the path apart, and those of staff among them."""
        everyone = [part.times(1 - self.mix)._replace(stratum=EVERYONE) for part in strata]
        path = [
            part.times(self.mix).worse(BadKind.ERRORS, self.fails, self.fails)._replace(stratum=STAFF)
            for part in strata
        ]
        if moment.exposure.forced and moment.at >= 0:
            path.append(path[0]._replace(canary_rps=self.rps, stable_rps=0.0))
        return (*everyone, *path)
