"""The rules that other tools ship, on the same traffic, and the judge of this project with their rate of false alarms.

Flagger 1.44, tutorial for NGINX: a look each 10 s at the success rate of the last minute, at least 99 %; ten failed
checks, which are never taken back, roll back at the next look. No request is a failed check. Argo Rollouts 1.10,
example of background analysis: each 5 min the success rate of the last five minutes, at least 95 %; four failures
abort, as do five looks in a row without a request.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from ingress_canary.domain.slo.sequential_tests import Design
from tests.judgement import in_arrays
from tests.judgement.cells import HOUR, WELL
from tests.judgement.traffic import TICK, Ints, Ratio, Situation, Step, Traffic, always, between

Floats = NDArray[np.float64]


class PeerRule(NamedTuple):
    """When a tool takes a canary off."""

    tool: str
    every: int
    """Ticks between two looks."""
    window: int
    """Ticks that a look is at."""
    least: float
    """Success rate below which a look is a failure."""
    failures: int
    """With which it is taken off."""
    silent: int
    """Looks in a row without a request with which it is; 0 where each is a failure."""
    later: int = 0
    """Ticks from the last failure until it is off."""

    def failed(self, n: Ints, e: Ints) -> float:
        """Return after how many seconds it takes a canary off, given its requests and bad ones; infinite if never."""
        failures = silent = 0
        for end in range(self.every, len(n) + 1, self.every):
            begin = max(0, end - self.window)
            requests, bad = int(n[begin:end].sum()), int(e[begin:end].sum())
            silent = 0 if requests else silent + 1
            failures += requests * (1 - self.least) < bad if requests else not self.silent
            if failures >= self.failures or (self.silent and silent >= self.silent):
                return (end + self.later) * TICK
        return float("inf")


FLAGGER = PeerRule("Flagger", 1, 6, 0.99, 10, 0, later=1)
ARGO = PeerRule("Argo Rollouts", 30, 30, 0.95, 4, 5)
PEERS = (FLAGGER, ARGO)
ALPHA = Design.alpha
USUAL = Design(0.01).log_fail
"""Threshold of the fail tests."""


class Contest(NamedTuple):
    """A traffic on which all are compared: how it is when the canary is healthy, and with some regressions."""

    name: str
    healthy: Situation
    worse: tuple[tuple[str, Situation], ...]

    @property
    def canaries(self) -> tuple[Situation, ...]:
        """What is played: the healthy canary, then each worse one."""
        return self.healthy, *(situation for _, situation in self.worse)


def _contest(name: str, rate: float, weight: float, usual: Ratio, *worse: tuple[str, Ratio]) -> Contest:
    """Return an hour at one weight, with stable as usual and the canary like it, or worse."""

    def of(canary: Ratio) -> Situation:
        return Situation(rate, always(usual(0)), (Step(weight, canary, usual, HOUR),))

    return Contest(name, of(usual), tuple((what, of(canary)) for what, canary in worse))


BAD = tuple((f"{ratio:.0%} bad", always(ratio)) for ratio in (0.02, 0.05, 0.2, 1.0))
CONTESTS = (
    *(
        _contest(f"{rate}/s x {weight:.0%}", rate, weight, WELL, *BAD)
        for rate, weight in ((1, 0.05), (1, 0.5), (10, 0.05), (100, 0.05), (100, 0.5), (1000, 0.01))
    ),
    _contest(
        "100/s x 5 %, 10 min x 30 % on both sides", 100, 0.05, between(600, 1200, 0.3),
        ("5 % bad otherwise", between(600, 1200, 0.3, 0.05)),
    ),
    _contest("100/s x 5 %, stable 2 % bad", 100, 0.05, always(0.02), ("6 % bad", always(0.06))),
)  # fmt: skip


class Outcomes(NamedTuple):
    """What some runs of a situation came to."""

    scores: Floats
    """As :func:`in_arrays.scores` returns them, (runs, ticks)."""
    peers: Floats
    """Seconds until each peer took the canary off, infinite where it did not, (peers, runs)."""

    @classmethod
    def of(cls, situation: Situation, seed: int, runs: Sequence[int]) -> Self:
        """Play some runs."""
        peers = []
        for run in runs:
            traffic = Traffic(situation, seed, run)
            traffic.warm_up()
            (counts,) = traffic.step(situation.steps[-1]).values()
            peers.append([rule.failed(counts[0], counts[1]) for rule in PEERS])
        return cls(in_arrays.scores(situation, seed, runs), np.array(peers).T)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return all runs of some parts."""
        scores, peers = zip(*parts, strict=True)
        return cls(np.concatenate(scores), np.concatenate(peers, axis=1))

    def times(self, threshold: float) -> Floats:
        """Return after how many seconds this project's judge fails each run with a threshold of ln E."""
        reached = self.scores >= threshold
        return np.where(reached.any(axis=1), (np.argmax(reached, axis=1) + 1) * TICK, np.inf)

    def threshold(self, share: float) -> float:
        """Return the threshold with which a share of the runs fails: not more of them, nor a higher one than usual."""
        largest = np.sort(self.scores[:, -1])[::-1]
        if not (allowed := round(share * len(largest))):
            return USUAL
        lowest = float(largest[allowed - 1])
        if allowed < len(largest) and largest[allowed] == lowest:
            lowest = float(np.nextafter(lowest, np.inf))
        return min(USUAL, lowest)


class PeerRow(NamedTuple):
    """What a contest came to with one canary."""

    name: str
    ours: str
    peers: tuple[str, ...]
    matched: tuple[str, ...]
    """This project's with each peer's rate of false alarms; empty for the healthy canary."""
    holds: bool

    def __str__(self) -> str:
        """Return what came out."""
        return f"{self.name}: {self.ours}; {', '.join(self.peers)}"


def peer_rows(contest: Contest, outcomes: Sequence[Outcomes], luck: float) -> Iterator[PeerRow]:
    """Yield the rows of a contest, given what came of each canary; ``luck`` is the chance that alpha is kept within."""
    healthy, *worse = outcomes
    ours, peers = _share(healthy.times(USUAL)), [_share(times) for times in healthy.peers]
    runs = len(healthy.scores)
    most = max(ALPHA, float(binom.ppf(luck, runs, ALPHA)) / runs)
    theirs = tuple(f"{share:.1%} failed" for share in peers)
    holds = ours <= max(most, min(peers))
    yield PeerRow(f"{contest.name}: healthy", f"{ours:.1%} failed", theirs, ("",) * len(PEERS), holds)
    for (what, _), found in zip(contest.worse, worse, strict=True):
        usual = found.times(USUAL)
        matched = [found.times(healthy.threshold(share)) for share in peers]
        holds = all(
            _not_behind(with_their_share, times, points=0.1, looks=1)
            # who takes healthy canaries off more often than is promised here is compared at that rate alone
            and (share > most or _not_behind(usual, times, points=0.0, looks=0))
            for with_their_share, times, share in zip(matched, found.peers, peers, strict=True)
        )
        yield PeerRow(
            f"{contest.name}: {what}",
            _caught(usual),
            tuple(map(_caught, found.peers)),
            tuple(map(_caught, matched)),
            holds,
        )


def _not_behind(ours: Floats, theirs: Floats, *, points: float, looks: int) -> bool:
    """Return whether at most so many points fewer are caught, and none later by more looks where both catch all."""
    if _share(ours) < _share(theirs) - points:
        return False
    both_all = _share(ours) == _share(theirs) == 1
    return not both_all or bool(np.median(ours) <= np.median(theirs) + looks * TICK)


def _share(times: Floats) -> float:
    return float(np.isfinite(times).mean())


def _caught(times: Floats) -> str:
    found = times[np.isfinite(times)]
    return f"{_share(times):.0%}, {np.median(found):g} s" if found.size else "none"
