"""Effectiveness of the weight, judged by the share of requests that the canary gets.

``decide.py`` asks at every tick of a settled step; judging.md, "Proof of effect", is the specification. The share
cannot equal the weight (forced headers and cookies raise it, redirects and sticky clients lower it), so only a canary
that is inert, or a share that is wildly off, is called ineffective.
"""

from collections.abc import Callable
from enum import StrEnum
from math import exp, lgamma, log, log1p
from typing import NamedTuple

from ingress_canary.domain.slo.verdicts import percent
from ingress_canary.domain.traffic.probe import ProbeAnswer

CONFIDENCE = 0.999
ENOUGH_EXPECTED = 20
"""Canary requests that the weight must have let us expect before their number says anything."""
TOLERANCE = 2
"""The share may be off by this factor."""


class EffectState(StrEnum):
    """Whether the shadow's routing works."""

    EFFECTIVE = "Effective"
    NOT_EFFECTIVE = "NotEffective"
    UNKNOWN = "Unknown"


class Effect(NamedTuple):
    """Whether the weight takes effect, with the numbers."""

    state: EffectState
    say: Callable[[], str]

    @property
    def message(self) -> str:
        """The sentence with the numbers, rendered only when it is read."""
        return self.say()

    def __eq__(self, other: object) -> bool:
        """Return whether state and message are equal."""
        return isinstance(other, Effect) and (self.state, self.message) == (other.state, other.message)

    def __hash__(self) -> int:
        """Return the hash of state and message."""
        return hash((self.state, self.message))


class ShareObservation(NamedTuple):
    """The wanted and the observed share since the step settled."""

    weight: float
    """Share of requests drawn for the canary, 0..1."""
    canary: int
    """Requests that the canary got, excluded statuses left out."""
    total: int
    """Requests of both sides."""
    forced: bool = False
    """A header or cookie route is active, which raises the share."""
    sticky: bool = False
    """The primary has cookie affinity, which lowers the share."""
    orphaned: bool | None = None
    """The controllers' own word that the shadow is inert; None when they do not say."""
    probe: ProbeAnswer | None = None
    """What a forced request showed, when one has been sent since the step settled."""


def judge_effect(seen: ShareObservation) -> Effect:
    """Return whether the shadow's routing takes effect; Unknown wherever nothing can be tested."""
    shown, probe = _by_share(seen), seen.probe
    if probe is None:
        return shown
    if probe.by_canary is None:
        return Effect(shown.state, lambda: f"{shown.message}; {probe.message}")
    # one request that must not go elsewhere did: whatever the share says, something is not as it is written
    if not probe.by_canary:
        return Effect(EffectState.NOT_EFFECTIVE, lambda: probe.message)
    if shown.state is EffectState.UNKNOWN:
        return Effect(EffectState.EFFECTIVE, lambda: f"{probe.message}; {shown.message}")
    return shown


def _by_share(seen: ShareObservation) -> Effect:
    """Return the effect as the request counts of both sides show it."""
    if seen.weight <= 0:
        return Effect(EffectState.UNKNOWN, lambda: _untested(seen))

    low, high = seen.weight / TOLERANCE, min(1.0, seen.weight * TOLERANCE)
    expected = seen.weight * seen.total

    def numbers() -> str:
        return f"canary got {seen.canary:,} of {seen.total:,} requests"

    def allowed() -> str:
        return f"a weight of {percent(seen.weight)} stands for {percent(low)} to {percent(high)}"

    # the controllers themselves say that nothing is drawn for the canary
    if seen.orphaned:
        return Effect(
            EffectState.NOT_EFFECTIVE,
            lambda: (
                "the controllers report the shadow as orphaned: no Ingress with its host, path and Service takes it "
                f"up; {numbers()}"
            ),
        )
    if not seen.total:
        return Effect(EffectState.UNKNOWN, lambda: "no request of either side seen yet")
    # whatever clients hold on to, some of so many would have come
    if not seen.canary and expected >= ENOUGH_EXPECTED:
        return Effect(EffectState.NOT_EFFECTIVE, lambda: f"{numbers()}, where about {expected:,.0f} were expected")

    share = seen.canary / seen.total
    if share > high and seen.canary == seen.total:
        return Effect(EffectState.UNKNOWN, lambda: f"{numbers()}: without stable traffic the share says nothing")

    too_low = share < low and not seen.sticky
    too_high = share > high and not seen.forced
    if too_low or too_high:
        least, most = binomial_interval(seen.canary, seen.total)
        off = (too_low and most < low) or (too_high and least > high)
        return Effect(
            EffectState.NOT_EFFECTIVE if off else EffectState.UNKNOWN,
            lambda: (
                f"{numbers()} ({percent(share)}, {percent(CONFIDENCE)} interval {percent(least)} to {percent(most)}), "
                f"and {allowed()}"
            ),
        )

    if not seen.canary or expected < ENOUGH_EXPECTED:
        few = "too few to tell at a weight of"
        return Effect(EffectState.UNKNOWN, lambda: f"{numbers()}, {few} {percent(seen.weight)}")
    return Effect(EffectState.EFFECTIVE, lambda: f"{numbers()} ({percent(share)}), and {allowed()}")


def _untested(seen: ShareObservation) -> str:
    if not seen.forced:
        return "weight 0: no request is meant for the canary"
    orphaned = "; the controllers report the shadow as orphaned" if seen.orphaned else ""
    return (f"{seen.canary:,} forced requests seen" if seen.canary else "no forced traffic seen yet") + orphaned


def binomial_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact confidence interval of a share (Clopper and Pearson 1934), two-sided."""
    doubt = (1 - confidence) / 2
    share = successes / trials
    least, most = 0.0, 1.0
    if successes:
        least = _crossing(lambda p: _beta(successes, trials - successes + 1, p)[0] < doubt, 0.0, share)
    if successes < trials:
        most = _crossing(lambda p: _beta(successes + 1, trials - successes, p)[1] > doubt, share, 1.0)
    return least, most


def _crossing(below: Callable[[float], bool], low: float, high: float) -> float:
    """Return where ``below`` turns false, by bisection to nine digits."""
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return high


def _beta(a: int, b: int, x: float) -> tuple[float, float]:
    """Return the regularised incomplete beta function I_x(a, b), P(X >= a) of a + b - 1 trials, and its complement."""
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        part = front * _fraction(a, b, x) / a
        return part, 1 - part
    rest = front * _fraction(b, a, 1 - x) / b
    return 1 - rest, rest


def _fraction(a: int, b: int, x: float) -> float:
    """Return the continued fraction of I_x(a, b) by Lentz's method (Numerical Recipes, 6.4)."""
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    value, change, i = d, 0.0, 0
    while abs(change - 1) > 1e-12:
        i += 1
        even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i))
        d, c = 1 / (1 + even * d or tiny), 1 + even / c or tiny
        value *= d * c
        odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1))
        d, c = 1 / (1 + odd * d or tiny), 1 + odd / c or tiny
        change = d * c
        value *= change
    return value
