"""Amounts on the command line: shares, pairs of shares and durations. Used by commands that plan or wait."""

import math
from collections.abc import Callable
from datetime import timedelta

import typer

from ingress_canary.api.units import parse_duration, parse_points
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.whatif.backtest.canary_regression import CanaryRegression
from ingress_canary.whatif.expected_traffic import Ratios
from ingress_canary.whatif.simulated_traffic import Incident

MOST_DAYS = 366
"""Days that may be asked for."""


def ratio(text: str) -> float:
    """Return a share: ``0.1%`` and ``0.001`` are the same."""
    number, percent = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        share = float(number) / percent
    except ValueError:
        raise typer.BadParameter(f"a share is written 0.1% or 0.001; got {text!r}") from None
    if not 0 <= share <= 1:
        raise typer.BadParameter(f"a share lies between 0 and 1, or between 0% and 100%; got {text!r}")
    return share


def number(least: float, most: float) -> Callable[[str], float]:
    """Return a parser of numbers between two bounds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise typer.BadParameter(f"a number from {least:g} to {most:,.0f} is wanted; got {text!r}")
        return value

    return read


def pair(text: str) -> Ratios:
    """Return two shares: ``0.5%:2%`` is stable's and the canary's."""
    stable, colon, canary = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"two shares, stable's and the canary's, are written 0.5%:2%; got {text!r}")
    return Ratios(ratio(stable), ratio(canary))


def incident(text: str) -> Incident:
    """Return for how long both sides fail, and which share of requests: ``3m:5%``."""
    span, colon, share = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"an incident is written 3m:5%; got {text!r}")
    return Incident(seconds(span), ratio(share))


def seconds(text: str) -> float:
    """Return the seconds of a duration such as ``90s`` or ``1h30m``."""
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def days(text: str) -> float:
    """Return the seconds of a span of days such as ``30d``, or of a duration such as ``12h``."""
    if text.endswith("d") and text[:-1].isdecimal() and 0 < int(text[:-1]) <= MOST_DAYS:
        return int(text[:-1]) * 86_400.0
    span = 0.0 if text.endswith("d") else seconds(text)
    if not span:
        raise typer.BadParameter(f"a span is such as 30d, 12h or 90m, at most {MOST_DAYS}d; got {text!r}")
    return span


def regression(text: str) -> CanaryRegression:
    """Return by how much a canary is worse: ``1pp``, ``100%``, or ``slow:1pp`` for slow requests."""
    prefix, colon, size = text.rpartition(":")
    try:
        share = parse_points(size) if size.endswith("pp") else ratio(size)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if prefix not in ("", "slow") or (colon and not prefix) or not share:
        raise typer.BadParameter(f"a regression is written 1pp, 100% or slow:1pp; got {text!r}")
    return CanaryRegression(share, prefix == "slow")


def ingress(text: str) -> Key:
    """Return an Ingress that is written ``namespace/name``."""
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise typer.BadParameter(f"an Ingress is written namespace/name, such as shop/checkout; got {text!r}")
    return Key(namespace, name)


def patience(text: str) -> float:
    """Return the seconds of a time to wait: ``90s``, ``1h``, or ``90`` for as many seconds."""
    try:
        span = float(text)
    except ValueError:
        return seconds(text)
    if not 0 <= span <= timedelta.max.total_seconds():
        raise typer.BadParameter(f"a time to wait is such as 90s, 1h, or 90 for as many seconds; got {text!r}")
    return span


def count_of(number: int, what: str) -> str:
    """Return a count with its noun in the singular or plural."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def interval(text: str) -> float:
    """Return the seconds between two evaluations, as the daemon's setting allows them."""
    span = seconds(text)
    if not 2 <= span <= timedelta(minutes=1).total_seconds():
        raise typer.BadParameter(f"the evaluation interval lies between 2s and 60s; got {text!r}")
    return span
