"""Verdict of one SLO (pass, fail, inconclusive, no data) from its evidence, with a sentence and its numbers.

``analysis.py`` asks after every tick; people read the sentences in status, Events and on the page. judging.md,
"Verdicts" and "The test", is the specification.
"""

from datetime import timedelta
from functools import lru_cache
from math import ceil, exp, floor, log
from typing import NamedTuple

from ingress_canary.api.rollout import LogE, RequestTally, SloStatus, Verdict
from ingress_canary.api.units import MESSAGE_LENGTH, format_duration, format_points
from ingress_canary.domain.metrics.samples import Counts
from ingress_canary.domain.slo.sequential_tests import Design

LOG_SUSPICION = log(10)
"""A step does not pass while a fail test's E-value is 10 or more, though it proves nothing yet."""
LOG_LARGE = log(1e5)
"""E-values beyond this are written with an exponent."""
LONG_WAIT = 60 * 86_400
"""Seconds beyond which the exact wait says nothing to a person."""


class SloEvidence(NamedTuple):
    """The evidence of one SLO that its verdict is derived from."""

    total: Counts
    """Since the rollout began."""
    step: Counts
    """Since the step began."""
    phi: float
    """Overdispersion of stable's errors, at least 1."""
    absolute: float
    """ln E that the canary is worse than its objective and than stable in that very minute."""
    relative: float
    """ln E that the canary's ratio is more than rho times stable's."""
    passing: float
    """ln E that the step is better than the objective."""
    fresh: bool
    """Whether the latest reading had counts."""
    missing: str = ""
    """Why the latest reading had none."""


def judge(design: Design, evidence: SloEvidence, min_requests: int) -> Verdict:
    """Return the verdict; ``min_requests`` delays a pass and never a fail."""
    # what has been proven stays proven while the source is silent
    if _fails_absolute(design, evidence) or _fails_relative(design, evidence):
        return Verdict.FAIL
    # unknown is neither bad nor good
    if evidence.missing:
        return Verdict.NO_DATA
    # a proof for the canary needs fresh data, enough of them, and no suspicion
    if not evidence.fresh or evidence.step.n < min_requests or _suspicion(evidence) >= LOG_SUSPICION:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS if evidence.passing >= design.log_pass else Verdict.INCONCLUSIVE


def slo_status(name: str, verdict: Verdict, evidence: SloEvidence, sentence: str) -> SloStatus:
    """Return the SLO's entry of the rollout's status: its verdict, its numbers, and the sentence that describes it."""
    total = evidence.total
    return SloStatus(
        name=name,
        verdict=verdict,
        canary=RequestTally(total=total.n, bad=total.e),
        stable=RequestTally(total=total.m, bad=total.f),
        step=RequestTally(total=evidence.step.n, bad=evidence.step.e),
        log_e=LogE(
            absolute=round(evidence.absolute, 4),
            relative=round(evidence.relative, 4),
            passing=round(evidence.passing, 4),
        ),
        message=sentence,
    )


def describe(design: Design, evidence: SloEvidence, min_requests: int, rate: float | None) -> str:
    """Return the verdict's sentence: what was proven, or what is missing to pass.

    ``rate`` is the canary's requests a second, if known.
    """
    verdict = judge(design, evidence, min_requests)
    if verdict is Verdict.FAIL:
        return _failure(design, evidence)
    if verdict is Verdict.NO_DATA:
        return f"no data: {evidence.missing}"[:MESSAGE_LENGTH]
    if verdict is Verdict.PASS:
        return (
            f"canary {_ratio(evidence.step.e, evidence.step.n)} in this step is proven better than "
            f"{percent(design.theta)} allowed; E={e_value(evidence.passing)} >= {e_value(design.log_pass)}, "
            f"chance of a false pass <= {percent(design.beta)}"
        )
    return _shortage(design, evidence, min_requests, rate)


def unopposed(design: Design, evidence: SloEvidence, min_requests: int, rate: float | None) -> str:
    """Return the evidence on which a step with ``require: NoFail`` was passed."""
    if judge(design, evidence, min_requests) is Verdict.PASS:
        return describe(design, evidence, min_requests, rate)
    seen = f"canary {_ratio(evidence.step.e, evidence.step.n)}" if evidence.step.n else "no canary request was seen"
    return f"{seen} in this step, and nothing is proven bad; no proof was asked for"


@lru_cache(maxsize=4096)
def percent(ratio: float) -> str:
    """Return a ratio as a percentage: 0.1235 is ``12.4%``."""
    return f"{float(f'{ratio * 100:.3g}'):.10g}%"


def e_value(log_e: float) -> str:
    """Return an E-value of at least 1 from its natural logarithm, however large: ``400`` or ``1.2e3989``."""
    if log_e < LOG_LARGE:
        return f"{exp(log_e):,.0f}"
    exponent = floor(log_e / log(10))
    mantissa, shift = f"{exp(log_e - exponent * log(10)):.1e}".split("e")
    return f"{mantissa}e{exponent + int(shift)}"


def _suspicion(evidence: SloEvidence) -> float:
    return max(evidence.absolute, evidence.relative)


def _fails_absolute(design: Design, evidence: SloEvidence) -> bool:
    return evidence.absolute >= design.log_fail


def _fails_relative(design: Design, evidence: SloEvidence) -> bool:
    """Return whether the ratio is proven and the difference matters, over the rollout or in this step alone."""
    return evidence.relative >= design.log_fail and (
        _gap(evidence.total) >= design.delta or _gap(evidence.step) >= design.delta
    )


def _gap(counts: Counts) -> float:
    """Return by how much the canary's bad share exceeds stable's; -1 when a side has no requests."""
    return counts.e / counts.n - counts.f / counts.m if counts.n and counts.m else -1.0


def _ratio(bad: int, total: int) -> str:
    return f"{percent(bad / total)} bad ({bad:,} of {total:,})"


def _failure(design: Design, evidence: SloEvidence) -> str:
    """Return what was proven, by the counts that show it best: the step's for a late regression."""
    total, step = evidence.total, evidence.step
    late = bool(step.n) and step.e * total.n > total.e * step.n
    shown = step if late else total
    since = f" in this step, {_ratio(total.e, total.n)} since the start," if late else ""
    stable = shown if shown.m else total

    limits: list[tuple[float, str]] = []
    proofs: list[float] = []
    if _fails_absolute(design, evidence):
        limits.append((design.theta, f"than {percent(design.theta)} allowed"))
        proofs.append(evidence.absolute)
    if _fails_relative(design, evidence):
        proofs.append(evidence.relative)
    if stable.m:
        limits.append((stable.f / stable.m, f"than stable {_ratio(stable.f, stable.m)}"))

    # the proof may stem from a part of the time whose excess no longer shows in the sums
    shows = all(shown.e > bound * shown.n for bound, _ in limits)
    return (
        f"canary {_ratio(shown.e, shown.n)}{since} {'is' if shows else 'has for a time been'} worse "
        f"{' and '.join(words for _, words in limits)}; E={e_value(max(proofs))} >= {e_value(design.log_fail)}, "
        f"chance of a false rollback <= {percent(design.alpha)}"
    )


def _shortage(design: Design, evidence: SloEvidence, min_requests: int, rate: float | None) -> str:
    """Return what the step lacks to pass, and how long that takes at the present request rate."""
    n, e = evidence.step.n, evidence.step.e
    allowed = f"{percent(design.theta)} allowed"
    if evidence.relative >= design.log_fail:
        return (
            f"canary {_ratio(evidence.total.e, evidence.total.n)} is proven worse than {design.rho:g} times stable, "
            f"but by less than the {format_points(design.delta)} that matter: it neither fails nor passes"
        )
    if _suspicion(evidence) >= LOG_SUSPICION:
        side = f"than {allowed}" if evidence.absolute >= evidence.relative else f"than {design.rho:g} times stable"
        return (
            f"canary {_ratio(evidence.total.e, evidence.total.n)} looks worse {side} without a proof yet: "
            f"E={e_value(_suspicion(evidence))} of {e_value(design.log_fail)}; it cannot pass while that is 10 or more"
        )
    wait = design.wait(n, e, e / n if n else 0.0, evidence.phi)
    if wait is None:
        clean = design.wait(n, e, 0.0, evidence.phi)
        more = f"; about {clean:,} more requests without errors would do" if clean else ""
        return f"canary {_ratio(e, n)} in this step cannot be proven better than {allowed} at this ratio{more}"
    missing = max(wait, min_requests - n)
    if not missing:
        return "enough was seen to pass, and fresh evidence is missing"
    if not wait:
        return (
            f"canary {_ratio(e, n)} in this step is proven better than {allowed}, and needs {missing:,} more requests "
            f"for minRequests of {min_requests:,}{_expected_wait(missing, rate)}"
        )
    if e:
        needs = f"canary {_ratio(e, n)} in this step needs about {missing:,} more requests like these"
    else:
        needs = f"needs about {missing:,} more canary requests without errors ({n:,} of {n + missing:,} seen)"
    also = f"for minRequests of {min_requests:,} and " if missing > wait else ""
    return f"{needs}{_expected_wait(missing, rate)}, {also}to be proven better than {allowed}"


def _expected_wait(missing: int, rate: float | None) -> str:
    if rate is None:
        return ""
    if not rate:
        return ", and none are coming at present"
    seconds = missing / rate
    span = f"about {format_duration(timedelta(seconds=ceil(seconds)))}" if seconds <= LONG_WAIT else "for months"
    return f", at the present {rate:.3g}/s {span}"
