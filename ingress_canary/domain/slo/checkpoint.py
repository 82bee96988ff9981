"""Checkpoint: an Analysis encoded for ``status.analysisState``, and decoded after a restart.

``<version>.<analysis>[.<resume>]``: in version 1 the analysis is base64 of a compressed JSON list, and the second part
is ``resume.py``'s. Numbers are written in full, so that nothing about a verdict changes. The looks of the last minute
are kept too: they are a few hundred bytes, theta_t goes on as if nothing had happened when history fills the gap, and
after a longer gap their own timestamps make them drop out.

Each released version is read for ever. Members and parts behind those that are known are a newer release's, and are
left alone; what must be read differently is another version (docs/adr/0020).
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.objects.digest import FIRST, Algorithm, Digest, same
from ingress_canary.domain.slo.accumulator import Accumulator, TickCounts
from ingress_canary.domain.slo.analysis import Analysis, Plan
from ingress_canary.domain.slo.sequential_tests import GRID, Design, Dispersion, Wealth

VERSION = "v1"
"""The version that is written; one that came later is written one release after its decoder was released."""
LARGEST_TEXT = 4 * 2**20
"""Bytes of uncompressed JSON that are read at most; the largest plan needs a few hundred thousand."""
LARGEST_NUMBER = 10**18
LARGEST_SQUARE = 10**40


class Unusable(StrEnum):
    """Why the evidence of a checkpoint cannot go on, in words for people."""

    MALFORMED = "it is damaged"
    VERSION = "its version is none that this release reads"
    ALGORITHM = "its plan has a digest by an algorithm that this release does not know"
    PLAN = "it was collected for other tests than this release derives from the schedule"


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
    return f"{VERSION}.{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}"


def decode(text: str, plan: Plan) -> Analysis | Unusable:
    """Return the analysis of a checkpoint, or why its evidence cannot go on. No SLO is fresh until its next tick."""
    version, _, parts = text.partition(".")
    decoder = DECODERS.get(version)
    return decoder(parts.partition(".")[0], plan) if decoder is not None else Unusable.VERSION


def resume_part(text: str) -> str:
    """Return the part of a checkpoint that ``resume.py`` reads; empty without one."""
    return text.partition(".")[2].partition(".")[2].partition(".")[0]


def _decode_v1(text: str, plan: Plan) -> Analysis | Unusable:
    try:
        packed = base64.b64decode(text, validate=True)
        unpacking = zlib.decompressobj()
        document = json.loads(unpacking.decompress(packed, LARGEST_TEXT))
        fingerprint, step, canary, stable, failed, tracks, *_ = document
        if not isinstance(fingerprint, str):
            return Unusable.MALFORMED
        if not (alike := same(fingerprint, _fingerprint(plan))):
            return Unusable.ALGORITHM if alike is None else Unusable.PLAN
        step, canary_requests, stable_requests = _integers([step, canary, stable], 3)
        if step > len(plan.step_minimums):
            return Unusable.MALFORMED
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
        return Unusable.MALFORMED


DECODERS: Mapping[str, Callable[[str, Plan], Analysis | Unusable]] = MappingProxyType({"v1": _decode_v1})
"""By version, each released one for ever."""


def _sha256_sixteen(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


FINGERPRINTS: Mapping[str, Algorithm] = MappingProxyType({FIRST: _sha256_sixteen})
"""Algorithms of a plan's digest, as :data:`ingress_canary.domain.objects.digest.ALGORITHMS`."""


@lru_cache(maxsize=256)
def _fingerprint(plan: Plan) -> Digest:
    """Return the digest of the parts of a plan on which the meaning of stored evidence depends."""
    designs = [(objective.name, objective.design) for objective in plan.objectives]
    parameters = [
        [name, design.theta, design.rho, design.delta, design.alpha, design.beta, design.slos, design.steps]
        for name, design in designs
    ]
    return Digest.of([parameters, len(plan.step_minimums)], FINGERPRINTS)


def _accumulator(row: list[object], design: Design, step: int) -> Accumulator:
    begun, absolute, relative, dispersion, total, seen, ticks, looks, *_ = row
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
