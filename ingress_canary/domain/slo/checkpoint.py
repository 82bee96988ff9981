"""Checkpoint: an Analysis encoded for ``status.analysisState``, and decoded after a restart.

``v1.`` and base64 of a compressed JSON list; what stands behind another dot is ``resume.py``'s. Numbers are written in
full, so that nothing about a verdict changes. The looks of the last minute are kept too: they are a few hundred bytes,
theta_t goes on as if nothing had happened when history fills the gap, and after a longer gap their own timestamps make
them drop out.
"""

import base64
import hashlib
import json
import zlib
from datetime import datetime
from functools import lru_cache

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.accumulator import Accumulator, TickCounts
from ingress_canary.domain.slo.analysis import Analysis, Plan
from ingress_canary.domain.slo.sequential_tests import GRID, Design, Dispersion, Wealth

VERSION = "v1."
LARGEST_TEXT = 4 * 2**20
"""Bytes of uncompressed JSON that are read at most; the largest plan needs a few hundred thousand."""
LARGEST_NUMBER = 10**18
LARGEST_SQUARE = 10**40


def encode(analysis: Analysis) -> str:
    """Return the checkpoint of an analysis."""
    failed = analysis.first_fail_at
    document = [
        _fingerprint(analysis.plan),
        analysis.step,
        analysis.canary_requests,
        analysis.stable_requests,
        failed.isoformat() if failed else "",
        [
            [
                accumulator.absolute.begun,
                accumulator.absolute.bets,
                accumulator.relative.bets,
                accumulator.dispersion,
                accumulator.total,
                accumulator.step,
                accumulator.ticks,
                accumulator.looks,
            ]
            for accumulator in analysis.tracks
        ],
    ]
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return VERSION + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def decode(text: str, plan: Plan) -> Analysis | None:
    """Return the analysis of a checkpoint; None for another version, another plan, or malformed text.

    No SLO is fresh until its next tick.
    """
    if not text.startswith(VERSION):
        return None
    try:
        packed = base64.b64decode(text.removeprefix(VERSION).partition(".")[0], validate=True)
        unpacking = zlib.decompressobj()
        document = json.loads(unpacking.decompress(packed, LARGEST_TEXT))
        fingerprint, step, canary, stable, failed, tracks = document
        if fingerprint != _fingerprint(plan):
            return None
        step, canary_requests, stable_requests = _integers([step, canary, stable], 3)
        if step > len(plan.step_minimums):
            return None
        return Analysis(
            plan,
            tuple(
                _accumulator(row, objective.design, step)
                for row, objective in zip(tracks, plan.objectives, strict=True)
            ),
            step,
            canary_requests,
            stable_requests,
            _instant(failed) if failed else None,
            Analysis.of(plan).watches,
        )
    # ValueError covers base64, Unicode, JSON and dates; the others are JSON of another shape
    except (ValueError, TypeError, RecursionError, zlib.error):
        return None


@lru_cache(maxsize=256)
def _fingerprint(plan: Plan) -> str:
    """Return the digest of the parts of a plan on which the meaning of stored evidence depends."""
    designs = [(objective.name, objective.design) for objective in plan.objectives]
    parameters = [
        [name, design.theta, design.rho, design.delta, design.alpha, design.beta, design.slos, design.steps]
        for name, design in designs
    ]
    return hashlib.sha256(json.dumps([parameters, len(plan.step_minimums)]).encode()).hexdigest()[:16]


def _accumulator(row: list[object], design: Design, step: int) -> Accumulator:
    begun, absolute, relative, dispersion, total, seen, ticks, looks = row
    copies, number = _integers([begun, ticks], 2)
    whole, part = _counts(total), _counts(seen)
    scatter = Dispersion(*_integers(dispersion, 6, LARGEST_SQUARE))
    if not max(1, step) <= copies <= design.steps or any(a > b for a, b in zip(part, whole, strict=True)):
        raise ValueError("the numbers contradict each other")
    if not isinstance(looks, list):
        raise TypeError("looks are a list")
    return Accumulator(
        design,
        Wealth(_floats(absolute), copies, design.steps),
        Wealth(_floats(relative), copies, design.steps),
        scatter,
        scatter.phi,
        whole,
        part,
        number,
        tuple(_tick_counts(look) for look in looks),
    )


def _counts(value: object) -> Counts:
    n, e, m, f = _integers(value, 4)
    if e > n or f > m:
        raise ValueError("more bad requests than requests")
    return Counts(n, e, m, f)


def _tick_counts(value: object) -> TickCounts:
    if not isinstance(value, list):
        raise TypeError("a look is a list")
    at, *counts = value
    return TickCounts(_floats([at], 1)[0], *_integers(counts, 3))


def _instant(value: str) -> datetime:
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return instant


def _integers(value: object, length: int, largest: int = LARGEST_NUMBER) -> list[int]:
    if not isinstance(value, list) or len(value) != length:
        raise TypeError(f"expected a list of {length}")
    if any(type(number) is not int or not 0 <= number <= largest for number in value):
        raise ValueError("expected whole numbers within bounds")
    return value


def _floats(value: object, length: int = GRID) -> list[float]:
    if not isinstance(value, list) or len(value) != length:
        raise TypeError(f"expected a list of {length}")
    if any(type(number) not in (int, float) or not abs(number) <= LARGEST_NUMBER for number in value):
        raise ValueError("expected numbers within bounds")
    return [float(number) for number in value]
