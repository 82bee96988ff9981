"""Wealth arrays: the tests of ``domain/slo`` over many ticks of many runs, as ln E after each tick.

The same formulas as ``sequential_tests.py`` and ``wealth.py`` in arrays of shape (ticks, runs). Stakes make the wealth
a recurrence, so that ticks are gone through one by one, but all runs and alternatives at once, and as plain numbers
rather than logarithms: what underflows is less than the next stake by more than a float can tell, and what overflows
is no longer quiet. Nothing is rounded down here; by how much that differs, ``span_evidence.py`` leaves room for.
"""

from collections.abc import Sequence
from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from ingress_canary.domain.slo.sequential_tests import (
    EXCESS_FACTORS,
    EXCESSES,
    GRID,
    PASS_FACTORS,
    Design,
    geomspace,
    logit,
)
from ingress_canary.domain.slo.wealth import (
    BET_TICKS,
    DELAY,
    GUARD_ALTERNATIVES,
    GUARD_NULL,
    PLACES,
    Wealth,
    tick_share,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UNDERFLOW = -1e4
"""ln of what is too small for a float: a stake that is added to it is the sum."""
_EXCESSES, _EXCESS_FACTORS = np.array(EXCESSES), np.array(EXCESS_FACTORS)


class WealthArray:
    """The wealth of one fail test over a span."""

    def __init__(self, before: Sequence[Wealth], increments: Floats, bets: Flags) -> None:
        """Bet ``increments`` at the ticks of ``bets``; at the others they are 0. The array of increments is used up."""
        ticks, runs = bets.shape
        self.before = before
        self.ticks: Ints = np.array([wealth.ticks for wealth in before]) + np.cumsum(bets, axis=0)
        staked = bets & (self.ticks <= BET_TICKS)
        stakes = np.where(staked, tick_share() / (self.ticks + DELAY) / GRID, 0.0)[..., None]
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            growth = np.exp(increments, out=increments)
            held = np.exp(np.array([wealth.bets for wealth in before]))
            staking = np.empty(held.shape)
            for tick in range(ticks):
                held = np.multiply(growth[tick], np.add(held, stakes[tick], out=staking), out=growth[tick])
            self.held = growth
            self.log_e: Floats = np.log(growth.sum(axis=2))
        finite = np.concatenate([np.zeros((1, runs)), self.log_e[:-1]]) < np.inf
        self.usable: Flags = finite & ~np.isnan(self.log_e) & (self.ticks <= BET_TICKS)
        """Whether floats could hold it until the tick before, and stakes were still placed."""

    def after(self, ticks: Ints) -> list[Wealth]:
        """Return the wealth of each run after its tick of ``ticks``."""
        runs = np.arange(len(ticks))
        with np.errstate(divide="ignore"):
            bets = np.maximum(np.log(self.held[ticks, runs]), UNDERFLOW).tolist()
        placed = self.ticks[ticks, runs].tolist()
        return [
            wealth._replace(bets=bet, ticks=tick) for wealth, bet, tick in zip(self.before, bets, placed, strict=True)
        ]


def absolute_increments(design: Design, null: Floats, n: Ints, e: Ints, phi: Floats) -> Floats:
    """Return ``Design.absolute_steps`` of each tick and run; the alternatives are the last axis."""
    shifts = np.array(geomspace(0.25, logit(0.99) - logit(design.theta), GRID))
    worse, better = (e / phi)[..., None], ((n - e) / phi)[..., None]
    bad, good = _against(np.array([design.theta]), shifts)
    increments: Floats = worse * bad
    increments += better * good
    higher = null > design.theta
    if higher.any():
        bad, good = _against(null[higher], shifts)
        increments[higher] = worse[higher] * bad + better[higher] * good
    return increments


def relative_increments(design: Design, blocks: Ints, phi: Floats) -> Floats:
    """Return ``Design.relative_steps`` of each tick and run, of which both sides have requests or neither has."""
    n, e, m, f = blocks
    q0 = n * design.rho / np.maximum(n * design.rho + m, 1.0)
    increments: Floats = q0[..., None] * _EXCESS_FACTORS
    np.log1p(increments, out=increments)
    increments *= ((e + f) / -phi)[..., None]
    increments += (e / phi)[..., None] * _EXCESSES
    return increments


def log_passing(theta: float, n: Ints, e: Ints, phi: Floats) -> Floats:
    """Return ln of one account of the pass test."""
    bad = np.array([log(g) for g in PASS_FACTORS])
    good = np.array([log1p((1 - g) * theta / (1 - theta)) for g in PASS_FACTORS])
    worse, better = (e / phi)[..., None], ((n - e) / phi)[..., None]
    result: Floats = log_sum_exp(worse * bad + better * good) - log(len(PASS_FACTORS))
    return result


def guard_bets(before: Floats, n: Ints, e: Ints, phi: Floats, bets: Flags) -> Floats:
    """Return ln of what the guard has on each alternative after each tick, from what it has ``before``, by run."""
    bad = np.array([log(share / GUARD_NULL) for share in GUARD_ALTERNATIVES])
    good = np.array([log((1 - share) / (1 - GUARD_NULL)) for share in GUARD_ALTERNATIVES])
    increments: Floats = (e / phi)[..., None] * bad + ((n - e) / phi)[..., None] * good
    after, held = np.empty_like(increments), before
    for tick, betted in enumerate(bets):
        if betted.any():
            held = np.where(betted[:, None], np.floor((held + increments[tick]) * PLACES) / PLACES, held)
        after[tick] = held
    return after


def log_sum_exp(values: Floats) -> Floats:
    """Return ln of the sum of exp(values) over the last axis."""
    top = values.max(axis=-1)
    result: Floats = top + np.log(np.exp(values - top[..., None]).sum(axis=-1))
    return result


def _against(null: Floats, shifts: Floats) -> tuple[Floats, Floats]:
    odds = (np.log(null) - np.log1p(-null))[:, None] + shifts
    bad = -np.log1p(np.exp(-odds)) - np.log(null)[:, None]
    good = -np.log1p(np.exp(odds)) - np.log1p(-null)[:, None]
    return bad, good
