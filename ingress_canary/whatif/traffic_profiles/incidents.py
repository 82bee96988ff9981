"""Incidents: what fails or slows for a while, whoever is to blame, and comes again."""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import ClassVar, Self

from ingress_canary.whatif.expected_traffic import BadKind, ExpectedTraffic, Moment, Ratios, RolloutTimes, Spans, Strata
from ingress_canary.whatif.traffic_profiles.profile import FromOne, Share, Span, TrafficProfile, check_shorter

GOLDEN = (5**0.5 - 1) / 2
"""Turn whose multiples spread evenly over a circle (Weyl): of many storms each side gets its share."""


class StormSides(StrEnum):
    """Which side the requests of one storm go to."""

    SPLIT = "split"
    ONE = "one"


class SlowSides(StrEnum):
    """Whether both sides are slow at once, or each by itself."""

    BOTH = "both"
    EACH = "each"


@dataclass(frozen=True, slots=True)
class IncidentInWarmUp(TrafficProfile):
    """Requests fail for a while before the canary gets its first one.

    A database was down for `lasts`, and `share` of all requests failed, at a random time of the warm-up, when stable
    was alone. Nothing of it is left when the rollout begins. What the judge learns in the warm-up is how clustered
    stable's errors are (phi), and an incident is no clustering.
    """

    name: ClassVar[str] = "incident-in-warm-up"
    touches: ClassVar[BadKind] = BadKind.ERRORS
    in_warm_up: ClassVar[bool] = True
    lasts: Span = 60.0
    share: Share = 0.5
    begins: float = 0.0

    def drawn(self, rng: Random, times: RolloutTimes) -> Self:
        """Return the profile with an incident that is over before the first step."""
        latest = max(0.0, times.warm_up - self.lasts)
        return replace(self, begins=rng.uniform(0.0, latest) - times.warm_up)

    def spans(self, _moment: Moment) -> tuple[Spans, ...]:
        """Return the incident."""
        return (Spans(self.begins, min(self.lasts, -self.begins)),)

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic in which both sides fail."""
        return failing(strata, self.share, self.spans(moment), moment)


@dataclass(frozen=True, slots=True)
class CanaryCausedIncident(TrafficProfile):
    """Both sides fail again and again, because of the canary.

    The canary locks a table that both versions use: after each rise of its weight, and then every `every`, `share` of
    all requests fail for `lasts`, on both sides alike, as long as the canary gets any. No comparison of the sides can
    show whose fault it is.
    """

    name: ClassVar[str] = "canary-caused-incident"
    touches: ClassVar[BadKind] = BadKind.ERRORS
    share: Share = 0.3
    lasts: Span = 60.0
    every: Span = 300.0

    def __post_init__(self) -> None:
        """Check that it ends before it comes again."""
        check_shorter(self.lasts, self.every)

    def spans(self, moment: Moment) -> tuple[Spans, ...]:
        """Return the incidents since the weight rose."""
        return () if moment.raised_at is None else (Spans(moment.raised_at, self.lasts, self.every),)

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic in which both sides fail."""
        return failing(strata, self.share, self.spans(moment), moment)


@dataclass(frozen=True, slots=True)
class RetryStorm(TrafficProfile):
    """Clients repeat a request that fails, many times within seconds.

    A client whose request is refused repeats it without a pause: every `every` about `size` requests come on top
    within `lasts`, and all of them fail, whichever version answers. The first storm is at a random time. With
    `sides=split` each request is sent to a side by itself; with `sides=one` the client keeps its connection, so that a
    whole storm meets one side, the canary's share of the requests being its chance of that.
    """

    name: ClassVar[str] = "retry-storm"
    touches: ClassVar[BadKind] = BadKind.ERRORS
    size: FromOne = 50.0
    every: Span = 600.0
    lasts: Span = 10.0
    sides: StormSides = StormSides.SPLIT
    begins: float = 0.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        """Check that one is over before the next begins."""
        check_shorter(self.lasts, self.every)

    def drawn(self, rng: Random, _times: RolloutTimes) -> Self:
        """Return the profile with storms that begin at a random time, and meet one side or the other by chance."""
        return replace(self, begins=rng.uniform(0.0, self.every), turn=rng.random())

    def spans(self, _moment: Moment) -> tuple[Spans, ...]:
        """Return the storms."""
        return (Spans(self.begins, self.lasts, self.every),)

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic with a storm's requests."""
        (storms,) = self.spans(moment)
        if not storms.on(moment.at):
            return strata
        canary, stable = sum(part.canary_rps for part in strata), sum(part.stable_rps for part in strata)
        share = canary / (canary + stable) if canary else 0.0
        if self.sides is StormSides.ONE:
            share = float((self.turn + storms.number(moment.at) * GOLDEN) % 1.0 < share)
        rate = self.size / self.lasts
        return (*strata, ExpectedTraffic(rate * share, rate * (1 - share), Ratios(1.0, 1.0), Ratios(0.0, 0.0)))


@dataclass(frozen=True, slots=True)
class BimodalLatency(TrafficProfile):
    """Answers are quick or slow, and now and then the slow way is taken more often.

    Answers come from a cache or from behind it. Every `every` the cache empties, and for `lasts` so many more requests
    (`share`) are over the threshold. With `sides=both` the versions share the cache; with `sides=each` each has its
    own, which empties at other times than the other's.
    """

    name: ClassVar[str] = "bimodal-latency"
    touches: ClassVar[BadKind] = BadKind.SLOW
    share: Share = 0.01
    lasts: Span = 60.0
    every: Span = 600.0
    sides: SlowSides = SlowSides.BOTH
    stable_begins: float = 0.0
    canary_begins: float = 0.0

    def __post_init__(self) -> None:
        """Check that there is a quick time between two slow ones."""
        check_shorter(self.lasts, self.every)

    def drawn(self, rng: Random, _times: RolloutTimes) -> Self:
        """Return the profile with slow times that begin at a random time."""
        stable, canary = rng.uniform(0.0, self.every), rng.uniform(0.0, self.every)
        if self.sides is SlowSides.BOTH:
            canary = stable
        return replace(self, stable_begins=stable, canary_begins=canary)

    def spans(self, _moment: Moment) -> tuple[Spans, Spans]:
        """Return when stable's and when the canary's cache is empty."""
        stable, canary = (Spans(begins, self.lasts, self.every) for begins in (self.stable_begins, self.canary_begins))
        return stable, canary

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic with more slow requests on the sides whose cache is empty."""
        stable, canary = (self.share * spans.on(moment.at) for spans in self.spans(moment))
        return tuple(part.worse(BadKind.SLOW, stable, canary) for part in strata)


def failing(strata: Strata, share: float, spans: tuple[Spans, ...], moment: Moment) -> Strata:
    """Return the traffic when at least such a share of both sides' requests fail in some spans."""
    if not any(span.on(moment.at) for span in spans):
        return strata
    return tuple(part.failing(share) for part in strata)
