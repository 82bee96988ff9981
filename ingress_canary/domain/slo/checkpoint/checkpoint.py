"""Checkpoint: an Analysis encoded for ``status.analysisState``, and decoded after a restart.

``<version>.<analysis>[.[<resume>][.<additions>[.<distributions>]]]``: in version 1 the analysis is base64 of a
compressed JSON list, as the first release had it; the additions are another one, with what it did without, the part
between is ``resume.py``'s, and the last one is there where an SLO compares a histogram (``distributions.py``). Numbers
are written in full, so that nothing about a verdict changes. The marks of the last minutes are kept too: they are a few
hundred bytes, theta_t goes on as if nothing had happened when history fills the gap, and after a longer gap their own
timestamps make them drop out.

Each released version is read for ever. Members and parts behind those that are known are a newer release's, and are
left alone; what must be read differently is another version (docs/adr/0020).
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ingress_canary.domain.objects.digest import FIRST, Algorithm, Digest, same
from ingress_canary.domain.slo.analysis import Analysis
from ingress_canary.domain.slo.checkpoint.distributions import checks_of, distributions_of
from ingress_canary.domain.slo.checkpoint.row import accumulator_of, additions_of, row_of
from ingress_canary.domain.slo.checkpoint.values import integers
from ingress_canary.domain.slo.plan import Plan

VERSION = "v1"
"""The version that is written; one that came later is written one release after its decoder was released."""
LARGEST_TEXT = 2**20
"""Bytes of uncompressed JSON that are read at most; the largest plan needs a few hundred thousand."""
MOST_VALUES, MOST_LISTS = 200_000, 20_000
"""Values in it, and lists among them, which cost several times as much; the largest plan has a quarter of these."""


class Unusable(StrEnum):
    """Why the evidence of a checkpoint cannot go on, in words for people."""

    MALFORMED = "it is damaged"
    VERSION = "its version is none that this release reads"
    ALGORITHM = "its plan has a digest by an algorithm that this release does not know"
    PLAN = "it was collected for other tests than this release derives from the schedule"


def encode(analysis: Analysis, resume: str = "") -> str:
    """Return the checkpoint of an analysis, with the part that ``resume.py`` reads."""
    failed, raised = analysis.first_fail_at, analysis.raised_at
    document = [
        _fingerprint(analysis.plan),
        analysis.step,
        analysis.canary_requests,
        analysis.stable_requests,
        failed.isoformat() if failed else "",
        [row_of(accumulator) for accumulator in analysis.tracks],
    ]
    additions = [
        [additions_of(accumulator) for accumulator in analysis.tracks],
        raised.isoformat() if raised else "",
    ]
    text = f"{VERSION}.{_packed(document)}.{resume}.{_packed(additions)}"
    return f"{text}.{_packed(distributions_of(analysis.distributions))}" if analysis.distributions else text


def decode(text: str, plan: Plan) -> Analysis | Unusable:
    """Return the analysis of a checkpoint, or why its evidence cannot go on. No SLO is fresh until its next tick."""
    version, *parts = text.split(".")
    decoder = DECODERS.get(version)
    return decoder(parts, plan) if decoder is not None else Unusable.VERSION


def resume_part(text: str) -> str:
    """Return the part of a checkpoint that ``resume.py`` reads; empty without one."""
    return "".join(text.split(".")[2:3])


def _packed(document: list[Any] | dict[str, Any]) -> str:
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _unpacked(text: str) -> Any:
    packed = base64.b64decode(text, validate=True)
    document = zlib.decompressobj().decompress(packed, LARGEST_TEXT)
    if document.count(b",") > MOST_VALUES or document.count(b"[") + document.count(b"{") > MOST_LISTS:
        raise ValueError("no checkpoint has so many values")
    return json.loads(document)


def _decode_v1(parts: Sequence[str], plan: Plan) -> Analysis | Unusable:
    try:
        analysis, _, additions, distributions, *_ = [*parts, "", "", "", ""]
        fingerprint, step, canary, stable, failed, tracks, *_ = _unpacked(analysis)
        if not isinstance(fingerprint, str):
            return Unusable.MALFORMED
        if not (alike := same(fingerprint, _fingerprint(plan))):
            return Unusable.ALGORITHM if alike is None else Unusable.PLAN
        step, canary_requests, stable_requests = integers([step, canary, stable], 3)
        if step > len(plan.step_minimums):
            return Unusable.MALFORMED
        more, raised, *_ = _unpacked(additions) if additions else ([None] * len(plan.objectives), "")
        return Analysis(
            plan,
            tuple(
                accumulator_of(row, addition, objective.design, step)
                for row, addition, objective in zip(tracks, more, plan.objectives, strict=True)
            ),
            step,
            canary_requests,
            stable_requests,
            _instant(failed) if failed else None,
            Analysis.of(plan).watches,
            _instant(raised) if raised else None,
            checks_of(_unpacked(distributions) if distributions else {}, plan.distributions, step)
            if plan.distributions
            else (),
        )
    # ValueError covers base64, Unicode, JSON and dates; the others are JSON of another shape
    except (ValueError, TypeError, RecursionError, zlib.error):
        return Unusable.MALFORMED


DECODERS: Mapping[str, Callable[[Sequence[str], Plan], Analysis | Unusable]] = MappingProxyType({"v1": _decode_v1})
"""By version, each released one for ever."""


def _sha256_sixteen(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


FINGERPRINTS: Mapping[str, Algorithm] = MappingProxyType({FIRST: _sha256_sixteen})
"""Algorithms of a plan's digest, as :data:`ingress_canary.domain.objects.digest.ALGORITHMS`."""


@lru_cache(maxsize=256)
def _fingerprint(plan: Plan) -> Digest:
    """Return the digest of the parts of a plan on which the meaning of stored evidence depends."""
    designs = [(objective.name, objective.design) for objective in plan.objectives]
    # no wealth depends on delta, which an SLO may have of its own: the place of the one for all keeps what it had
    parameters = [
        [name, design.theta, design.rho, plan.stored_delta, design.alpha, design.beta, design.slos, design.steps]
        for name, design in designs
    ]
    return Digest.of([parameters, len(plan.step_minimums)], FINGERPRINTS)


def _instant(value: str) -> datetime:
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return instant
