"""Effectiveness of the weight, judged by the share of requests that the canary gets.

``decide.py`` asks at every tick of a settled step; judging.md, "Proof of effect", is the specification. The share
cannot equal the weight (forced headers and cookies raise it, redirects and sticky clients lower it), so only a canary
that is inert, or a share that is wildly off, is called ineffective.
"""

from collections.abc import Callable
from enum import StrEnum
from math import exp, lgamma, log, log1p
from typing import NamedTuple

from ingress_canary.domain.metrics.samples import OrphanTypes
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.traffic.probe import ProbeAnswer

CONFIDENCE = 0.999
ENOUGH_EXPECTED = 20
"""Canary requests that the weight must have let us expect before their number says anything."""
TOLERANCE = 2
"""The share may be off by this factor."""
CLIENT_REQUESTS = 100
"""Requests that a client sends at most, where a cookie binds it to a side: so many are one draw by the weight."""


class EffectState(StrEnum):
    """Whether the shadow's routing works."""

    EFFECTIVE = "Effective"
    NOT_EFFECTIVE = "NotEffective"
    UNKNOWN = "Unknown"


class Effect(NamedTuple):
    """Whether the weight takes effect, with the numbers."""

    state: EffectState
    message: Message | None
    """None where nothing was tested."""


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
    orphaned: OrphanTypes | None = None
    """The controllers' own word that the shadow is inert; None when they do not say."""
    probe: ProbeAnswer | None = None
    """What a forced request showed, when one has been sent since the step settled."""
    undrawn: bool = False
    """Among stable's are requests that no side was drawn for, which lowers the share."""


def judge_effect(seen: ShareObservation) -> Effect:
    """Return whether the shadow's routing takes effect; Unknown wherever nothing can be tested."""
    shown, probe = _by_share(seen), seen.probe
    if probe is None:
        return shown
    if probe.by_canary is None:
        message = Message(MessageKey.EFFECT_AND_PROBE, effect=shown.message, probe=probe.message)
        return Effect(shown.state, message)
    # one request that must not go elsewhere did: whatever the share says, something is not as it is written
    if not probe.by_canary:
        return Effect(EffectState.NOT_EFFECTIVE, probe.message)
    if shown.state is EffectState.UNKNOWN:
        message = Message(MessageKey.EFFECT_BY_PROBE, probe=probe.message, effect=shown.message)
        return Effect(EffectState.EFFECTIVE, message)
    return shown


def _by_share(seen: ShareObservation) -> Effect:
    """Return the effect as the request counts of both sides show it."""
    weight, canary, total = seen.weight, seen.canary, seen.total
    if weight <= 0:
        return Effect(EffectState.UNKNOWN, _untested(seen))

    # routes raise the share, clients that stick to a side and requests without a draw lower it
    low = 0.0 if seen.sticky or seen.undrawn else weight / TOLERANCE
    high = 1.0 if seen.forced else min(1.0, weight * TOLERANCE)
    expected = weight * total

    # the controllers themselves say that nothing is drawn for the canary
    if seen.orphaned:
        message = Message(MessageKey.EFFECT_ORPHANED, types=", ".join(seen.orphaned), canary=canary, total=total)
        return Effect(EffectState.NOT_EFFECTIVE, message)
    if not total:
        return Effect(EffectState.UNKNOWN, Message(MessageKey.EFFECT_NO_REQUESTS))
    if not canary and _none_is_no_chance(seen):
        message = Message(MessageKey.EFFECT_NONE_ARRIVED, canary=canary, total=total, expected=expected)
        return Effect(EffectState.NOT_EFFECTIVE, message)

    share = canary / total
    if canary == total and weight * TOLERANCE < 1:
        return Effect(EffectState.UNKNOWN, Message(MessageKey.EFFECT_WITHOUT_STABLE, canary=canary, total=total))

    if share > high and seen.sticky:
        return _by_clients(seen, high)
    if not low <= share <= high:
        least, most = binomial_interval(canary, total)
        off = most < low or least > high
        message = Message(
            MessageKey.EFFECT_OFF, canary=canary, total=total, share=share, confidence=CONFIDENCE, least=least,
            most=most, weight=weight, low=low, high=high,
        )  # fmt: skip
        return Effect(EffectState.NOT_EFFECTIVE if off else EffectState.UNKNOWN, message)

    if not canary or expected < ENOUGH_EXPECTED:
        return Effect(
            EffectState.UNKNOWN, Message(MessageKey.EFFECT_TOO_FEW, canary=canary, total=total, weight=weight)
        )
    message = Message(
        MessageKey.EFFECT_SEEN, canary=canary, total=total, share=share, weight=weight, low=low, high=high
    )
    return Effect(EffectState.EFFECTIVE, message)


def _none_is_no_chance(seen: ShareObservation) -> bool:
    """Return whether no canary request can be chance: all of so many draws would have been for stable."""
    if seen.undrawn:
        return False
    if not seen.sticky:
        return seen.weight * seen.total >= ENOUGH_EXPECTED
    # at least so many clients have sent them, each drawn once
    clients = seen.total / CLIENT_REQUESTS
    return seen.weight >= 1 or clients * log1p(-seen.weight) <= log(1 - CONFIDENCE)


def _by_clients(seen: ShareObservation, high: float) -> Effect:
    """Return the effect where clients are bound to a side, and the share is more than the weight's double (``high``).

    Requests of one client are one draw. Its likelihood ratio for a weight of ``high`` against the wanted one, to the
    power 1/CLIENT_REQUESTS a request, is worth 1 at most on average, so that Ville's inequality bounds the chance of
    ever reaching 1/(1 - CONFIDENCE) while the weight is as wanted (judging.md, "Proof of effect").
    """
    bound = seen.total - seen.canary
    log_e = seen.canary * log(high / seen.weight) + bound * log((1 - high) / (1 - seen.weight))
    log_e, needed = log_e / CLIENT_REQUESTS, -log(1 - CONFIDENCE)
    message = Message(
        MessageKey.EFFECT_OFF_BY_CLIENTS, canary=seen.canary, total=seen.total, share=seen.canary / seen.total,
        weight=seen.weight, high=high, clients=CLIENT_REQUESTS, evidence=log_e, needed=needed,
    )  # fmt: skip
    return Effect(EffectState.NOT_EFFECTIVE if log_e >= needed else EffectState.UNKNOWN, message)


def _untested(seen: ShareObservation) -> Message:
    if not seen.forced:
        return Message(MessageKey.EFFECT_WEIGHT_0)
    if not seen.canary:
        orphaned = Message(MessageKey.EFFECT_NO_FORCED_TRAFFIC_ORPHANED)
        return orphaned if seen.orphaned else Message(MessageKey.EFFECT_NO_FORCED_TRAFFIC)
    if seen.orphaned:
        return Message(MessageKey.EFFECT_FORCED_ORPHANED, canary=seen.canary)
    return Message(MessageKey.EFFECT_FORCED, canary=seen.canary)


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
