"""Wealth of the fail tests: what is staked on which alternatives and when, and what it has become (judging.md, Stakes).

``accumulator.py`` bets it at every tick by the increments that ``sequential_tests.py`` computes; what it has become is
the E-value.
"""

from collections.abc import Sequence
from functools import cache
from math import exp, inf, log, log1p
from typing import NamedTuple, Self

from ingress_canary.domain.slo.sequential_tests import GRID, Factors, log_sum_exp

FIRST, STEPS, TICKS, GUARD = 0.6, 0.2, 0.17, 0.03
"""Shares of a fail test's initial wealth: bet at once, at the starts of steps, at each tick, and by the guard."""
BET_TICKS, DELAY = 60_480, 30
"""Ticks at which a stake is placed, and by how many of them the stakes are delayed: C / (k + 30) at the k-th."""
GUARD_NULL = 0.5
"""Share of bad requests that is accepted of a canary while it settles."""
GUARD_ALTERNATIVES = (0.6, 0.75, 0.9, 0.99)
"""Shares that the guard tests against it."""
LOG_GRID, LOG_GUARDS = log(GRID), log(len(GUARD_ALTERNATIVES))
PLACES = 1e9
"""By one in so many each tick lowers ln of a bet at most, so that a checkpoint stores half as many digits."""
_AGAINST_HALF = Factors(
    [log(share / GUARD_NULL) for share in GUARD_ALTERNATIVES],
    [log((1 - share) / (1 - GUARD_NULL)) for share in GUARD_ALTERNATIVES],
)


class Wealth(NamedTuple):
    """One fail test's wealth, spread over J alternatives: it begins at 1, and all that is ever staked adds up to 1.

    Copies of the test begin at once, at each later step and at each tick, each with a stake of its own spread evenly
    over the alternatives: good times before a regression do not hold up its proof. What lies on one alternative grows
    by the same likelihood ratios whichever copy put it there, so one sum for each alternative is enough. What is not
    staked yet is left out, which only lowers E.
    """

    bets: Sequence[float]
    """ln of what lies on each alternative."""
    begun: int
    """Steps whose copies have begun."""
    steps: int
    """K."""
    ticks: int = 0
    """Ticks at which a stake was placed."""
    log_share: float = 0.0
    """ln of the share of the whole test's wealth that this is."""

    @classmethod
    def of(cls, steps: int, share: float = 1.0) -> Self:
        """Return the initial wealth: the first copy's bets. With one step it has the stakes of the later ones too."""
        stake, log_share = FIRST if steps > 1 else FIRST + STEPS, log(share)
        return cls([log(stake / GRID) + log_share] * GRID, 1, steps, 0, log_share)

    def plus(self, increments: Sequence[float]) -> Self:
        """Return the wealth after one more tick, whose own copy begins before it."""
        bets = self.bets
        if self.ticks < BET_TICKS:
            bets = _added(bets, _tick_stake(self.ticks + 1) + self.log_share)
        return type(self)(_grown(bets, increments), self.begun, self.steps, self.ticks + 1, self.log_share)

    def begin(self, steps: int) -> Self:
        """Return the wealth with the copies of so many steps begun; missing ones begin now."""
        if steps <= self.begun:
            return self
        stake = log(STEPS * (steps - self.begun) / (self.steps - 1) / GRID)
        return self._replace(bets=_added(self.bets, stake + self.log_share), begun=steps)

    @property
    def log_e(self) -> float:
        """The E-value's natural logarithm."""
        return log_sum_exp(self.bets)

    @property
    def log_bound(self) -> float:
        """What ln E is at most, at a tenth of its cost: as if all bets were as large as the largest one."""
        return max(self.bets) + LOG_GRID


class Guard(NamedTuple):
    """The account of the absolute test that bets while a step settles, against half of the canary's requests bad.

    A cold start may make a healthy canary slow or faulty for a while; one that fails nearly everything need not be kept
    for as long. A stake is placed at each step's start and bet on the ticks that settle.
    """

    bets: Sequence[float] = ()
    """ln of what lies on each alternative; empty before the first step."""
    begun: int = 0
    """Steps for which a stake was placed."""
    n: int = 0
    """Canary requests while the present step settles."""
    e: int = 0
    """Bad ones of them."""

    @property
    def log_e(self) -> float:
        """The account's natural logarithm; minus infinity before the first step."""
        return log_sum_exp(self.bets) if self.bets else -inf

    @property
    def log_bound(self) -> float:
        """What that is at most."""
        return max(self.bets) + LOG_GUARDS if self.bets else -inf

    def begin(self, step: int, steps: int) -> Self:
        """Return the guard at a step's start, with the stakes of steps up to this one placed, of so many steps."""
        if step <= self.begun:
            return self._replace(n=0, e=0)
        stake = log(GUARD * (step - self.begun) / steps / len(GUARD_ALTERNATIVES))
        return type(self)(_added(self.bets, stake) if self.bets else [stake] * len(GUARD_ALTERNATIVES), step)

    def plus(self, n: int, e: int, phi: float) -> Self:
        """Return the guard after a settling tick with canary ``e`` of ``n``."""
        increments = _AGAINST_HALF.steps(n, e, phi)
        return type(self)(_grown(self.bets, increments), self.begun, self.n + n, self.e + e)


def _tick_stake(tick: int) -> float:
    """Return ln of what the copy that begins at a tick, from 1, stakes on each alternative."""
    return log(tick_share() / (tick + DELAY) / GRID)


@cache
def tick_share() -> float:
    """Return C, with which the stakes of all ticks add up to their share; commands that judge nothing do without."""
    return TICKS / sum(1 / (tick + DELAY) for tick in range(1, BET_TICKS + 1))


def _grown(bets: Sequence[float], increments: Sequence[float]) -> list[float]:
    """Return bets after the increments of a tick, rounded down to :data:`PLACES`."""
    return [(bet + step) * PLACES // 1 / PLACES for bet, step in zip(bets, increments, strict=True)]


def _added(bets: Sequence[float], stake: float) -> list[float]:
    """Return bets with a stake added to each, all as logarithms: ``log_add`` of each, without 16 calls a tick."""
    return [bet + log1p(exp(stake - bet)) if bet > stake else stake + log1p(exp(bet - stake)) for bet in bets]
