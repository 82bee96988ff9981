"""Expected traffic: what the two sides get and answer badly at a moment, and what may change that; nothing is drawn.

``simulated_traffic.py`` draws counts of it, ``traffic_profiles/`` has the changes that have a name.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from math import ceil, floor, inf
from typing import NamedTuple, Protocol, Self

from ingress_canary.domain.schedule.steps import Exposure

PIECE = 10.0
"""Seconds for which a change without an edge, such as a cold start that fades, is taken for even."""


class Ratios(NamedTuple):
    """Share of bad requests, by side; the canary's once its regression has begun."""

    stable: float
    canary: float

    def plus(self, stable: float, canary: float) -> Self:
        """Return the ratios when such shares of the good requests turn bad."""
        return self._replace(
            stable=self.stable + (1 - self.stable) * stable, canary=self.canary + (1 - self.canary) * canary
        )


class BadKind(StrEnum):
    """What a request is bad by."""

    ERRORS = "errors"
    SLOW = "slow"


class ExpectedTraffic(NamedTuple):
    """What is expected of a span of time; counts are drawn from it, request by request and independent of others."""

    canary_rps: float
    """Requests a second."""
    stable_rps: float
    errors: Ratios
    slow: Ratios
    stratum: str = ""
    """The host, path and method of the requests, where they are told apart."""

    def times(self, factor: float) -> Self:
        """Return the traffic with so many times its requests."""
        return self._replace(canary_rps=self.canary_rps * factor, stable_rps=self.stable_rps * factor)

    def worse(self, kind: BadKind, stable: float, canary: float) -> Self:
        """Return the traffic when such shares of the good requests turn bad."""
        if kind is BadKind.SLOW:
            return self._replace(slow=self.slow.plus(stable, canary))
        return self._replace(errors=self.errors.plus(stable, canary))

    def failing(self, share: float) -> Self:
        """Return the traffic when at least such a share of either side's requests fail."""
        return self._replace(errors=Ratios(*(max(ratio, share) for ratio in self.errors)))


Strata = tuple[ExpectedTraffic, ...]
"""The traffic of a span in parts: one for each stratum, or more."""


class Moment(NamedTuple):
    """The moment of which something is expected; times are seconds since the first step began."""

    at: float
    """Negative in the warm-up, when stable has all requests."""
    exposure: Exposure
    raised_at: float | None = None
    """When the canary last began to get more requests; None while it gets none."""
    onset: float = 0.0
    """When the canary's regression begins."""

    @property
    def regressed(self) -> bool:
        """Whether the canary's regression has begun."""
        return self.at >= max(0.0, self.onset)


class Spans(NamedTuple):
    """A span of time, or spans of one length that come again and again, before ``begins`` too."""

    begins: float
    lasts: float
    every: float = inf

    def on(self, at: float) -> bool:
        """Return whether an instant lies in one of them."""
        return (at - self.begins) % self.every < self.lasts

    def number(self, at: float) -> int:
        """Return the number of the last one that had begun at an instant."""
        return floor((at - self.begins) / self.every)

    def edges(self, since: float, until: float) -> Iterator[float]:
        """Yield their beginnings and ends between two instants, and perhaps some more."""
        for edge in (self.begins, self.begins + self.lasts):
            if self.every == inf:
                yield edge
                continue
            later = ceil((since - edge) / self.every)
            while edge + later * self.every < until:
                yield edge + later * self.every
                later += 1


class RolloutTimes(NamedTuple):
    """How long a rollout lasts, for what begins at a random time of it."""

    warm_up: float
    """Seconds before the first step in which stable is watched."""
    quickest: float
    """Least number of seconds that the steps take."""


class TrafficChange(Protocol):
    """What changes the expected traffic: an incident, a cold start."""

    def spans(self, moment: Moment) -> tuple[Spans, ...]:
        """Return when something is on that is off in between, as far as is known at a moment."""

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return what is expected of a moment when this is so, too."""


def pieces(since: float, until: float, edges: Iterable[float]) -> Iterator[tuple[float, float]]:
    """Yield a span cut where something changes at once, and else into pieces that are short enough to be even."""
    inside = [edge for edge in edges if since < edge < until]
    if not inside and until - since <= PIECE:
        yield since, until
        return
    cuts = sorted({since, until, *inside})
    for begin, end in pairwise(cuts):
        number = max(1, round((end - begin) / PIECE))
        yield from pairwise([*(begin + (end - begin) * part / number for part in range(number)), end])


def changed(
    plain: Callable[[float, float], ExpectedTraffic],
    changes: Sequence[TrafficChange],
    since: float,
    until: float,
    moment: Moment,
) -> Strata:
    """Return what is expected of a span, on average and by stratum, when ``changes`` hold; ``plain`` is it without."""
    spans = [span for change in changes for span in change.spans(moment)]
    edges = [moment.onset, *(edge for span in spans for edge in span.edges(since, until))]
    parts: list[ExpectedTraffic] = []
    for begin, end in pieces(since, until, edges):
        strata: Strata = (plain(begin, end),)
        at = Moment((begin + end) / 2, moment.exposure, moment.raised_at, moment.onset)
        for change in changes:
            strata = change.change(strata, at)
        if (begin, end) == (since, until) and len(strata) == 1:
            return strata
        parts += [part.times((end - begin) / (until - since)) for part in strata]
    names = dict.fromkeys(part.stratum for part in parts)
    return tuple(pooled([part for part in parts if part.stratum == name])._replace(stratum=name) for name in names)


def pooled(parts: Sequence[ExpectedTraffic]) -> ExpectedTraffic:
    """Return some traffic as one: what counters show that do not tell its parts apart."""
    if len(parts) == 1:
        return parts[0]
    canary, stable = sum(part.canary_rps for part in parts), sum(part.stable_rps for part in parts)

    def mean(ratios: Callable[[ExpectedTraffic], Ratios]) -> Ratios:
        return Ratios(
            sum(part.stable_rps * ratios(part).stable for part in parts) / stable if stable else 0.0,
            sum(part.canary_rps * ratios(part).canary for part in parts) / canary if canary else 0.0,
        )

    return ExpectedTraffic(canary, stable, mean(lambda part: part.errors), mean(lambda part: part.slow))
