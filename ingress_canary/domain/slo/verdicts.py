"""Verdict of one SLO (pass, fail, inconclusive, no data) from its evidence, with a sentence and its numbers.

``analysis.py`` asks after every tick; people read the sentences in status, Events and on the page. judging.md,
"Verdicts" and "The test", is the specification.
"""

from datetime import timedelta
from math import ceil, inf, log

from ingress_canary.api.rollout_status import LogE, RequestTally, SloStatus, Verdict
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.slo.accumulator import Accumulator
from ingress_canary.domain.slo.sequential_tests import Design

LOG_SUSPICION = log(10)
"""A step does not pass while a fail test's E-value is 10 or more, though it proves nothing yet."""
LONG_WAIT = 60 * 86_400
"""Seconds beyond which the exact wait says nothing to a person."""


def judge(design: Design, evidence: Accumulator, min_requests: int) -> Verdict:
    """Return the verdict; ``min_requests`` delays a pass and never a fail."""
    # every fail is suspicious before it is proven
    suspicious = _is_suspicious(evidence)
    # what has been proven stays proven while the source is silent
    if suspicious and (_fails_absolute(design, evidence) or _fails_relative(design, evidence)):
        return Verdict.FAIL
    # unknown is neither bad nor good
    if evidence.missing:
        return Verdict.NO_DATA
    # a proof for the canary needs a warm canary, fresh data, enough of them, and no suspicion
    if evidence.settles_in or not evidence.fresh or evidence.step.n < min_requests or suspicious:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS if evidence.passes else Verdict.INCONCLUSIVE


def slo_status(name: str, verdict: Verdict, evidence: Accumulator, sentence: Message) -> SloStatus:
    """Return the SLO's entry of the rollout's status: its verdict, its numbers, and the sentence that describes it."""
    total = evidence.total
    return SloStatus(
        name=name,
        verdict=verdict,
        canary=RequestTally(total=total.n, bad=total.e),
        stable=RequestTally(total=total.m, bad=total.f),
        step=RequestTally(total=evidence.step.n, bad=evidence.step.e),
        log_e=LogE(
            absolute=round(evidence.absolute_log_e, 4),
            relative=round(evidence.relative_log_e, 4),
            passing=round(evidence.passing_log_e, 4),
        ),
        message=str(sentence),
    )


def describe(design: Design, evidence: Accumulator, min_requests: int, rate: float | None) -> Message:
    """Return the verdict's sentence: what was proven, or what is missing to pass.

    ``rate`` is the canary's requests a second, if known.
    """
    verdict = judge(design, evidence, min_requests)
    if verdict is Verdict.FAIL:
        return _failure(design, evidence)
    if verdict is Verdict.NO_DATA:
        return Message(MessageKey.SLO_NO_DATA, why=evidence.missing)
    if evidence.settles_in == inf:
        return Message(MessageKey.SLO_UNAPPLIED)
    if evidence.settles_in:
        return Message(MessageKey.SLO_SETTLING, span=timedelta(seconds=ceil(evidence.settles_in)))
    if verdict is Verdict.PASS:
        return Message(
            MessageKey.SLO_PASSED, step=_ratio(evidence.step.e, evidence.step.n), allowed=design.theta,
            proof=evidence.passing_log_e, needed=design.log_pass, beta=design.beta, bursts=_bursts(evidence),
        )  # fmt: skip
    return _shortage(design, evidence, min_requests, rate)


def unopposed(design: Design, evidence: Accumulator, min_requests: int, rate: float | None) -> Message:
    """Return the evidence on which a step with ``require: NoFail`` was passed."""
    if judge(design, evidence, min_requests) is Verdict.PASS:
        return describe(design, evidence, min_requests, rate)
    if not evidence.step.n:
        return Message(MessageKey.SLO_UNOPPOSED_UNSEEN)
    step = _ratio(evidence.step.e, evidence.step.n)
    return Message(MessageKey.SLO_UNOPPOSED, step=step, discount=_discount(evidence))


def _suspicion(evidence: Accumulator) -> float:
    return max(evidence.absolute_log_e, evidence.relative_log_e)


def _is_suspicious(evidence: Accumulator) -> bool:
    """Return whether a fail test has come to suspicion; mostly the bound alone tells that none has."""
    return evidence.log_bound >= LOG_SUSPICION and _suspicion(evidence) >= LOG_SUSPICION


def _fails_absolute(design: Design, evidence: Accumulator) -> bool:
    """Return whether the canary is proven worse than its objective, or than half while a step settles."""
    if evidence.guard_log_e >= design.log_fail:
        return True
    # few requests of stable make theta_t an estimate: what it says must not be all that speaks against the canary
    agrees = not evidence.opposed or evidence.relative_log_e >= LOG_SUSPICION
    return agrees and evidence.absolute_log_e >= design.log_fail


def _fails_relative(design: Design, evidence: Accumulator) -> bool:
    """Return whether the ratio is proven and the difference matters: over the rollout, in this step, or of late."""
    return evidence.relative_log_e >= design.log_fail and evidence.gaps.largest >= design.delta


def _ratio(bad: int, total: int) -> Message:
    return Message(MessageKey.RATIO, share=bad / total if total else 0.0, bad=bad, total=total)


def _failure(design: Design, evidence: Accumulator) -> Message:
    """Return what was proven, by the counts that show it best: the step's for a late regression."""
    if evidence.guard_log_e >= design.log_fail:
        return Message(
            MessageKey.SLO_FAILED_SETTLING, shown=_ratio(evidence.settling.e, evidence.settling.n),
            proof=evidence.guard_log_e, needed=design.log_fail, alpha=design.alpha, bursts=_bursts(evidence),
        )  # fmt: skip
    total, step = evidence.total, evidence.step
    late = bool(step.n) and step.e * total.n > total.e * step.n
    worst = step if late else total
    stable = worst if worst.m else total

    limits: list[tuple[float, Message]] = []
    proofs: list[float] = []
    if _fails_absolute(design, evidence):
        limits.append((design.theta, Message(MessageKey.THAN_ALLOWED, allowed=design.theta)))
        proofs.append(evidence.absolute_log_e)
    if _fails_relative(design, evidence):
        proofs.append(evidence.relative_log_e)
    if stable.m:
        limits.append((stable.f / stable.m, Message(MessageKey.THAN_STABLE, stable=_ratio(stable.f, stable.m))))

    shown = _ratio(worst.e, worst.n)
    if late:
        shown = Message(MessageKey.RATIO_OF_STEP, step=shown, total=_ratio(total.e, total.n))
    where = _most_of_all(design, evidence)
    bounds, proof, needed = tuple(limit for _, limit in limits), max(proofs), design.log_fail
    bursts = _bursts(evidence)
    if all(worst.e > bound * worst.n for bound, _ in limits):
        return Message(
            MessageKey.SLO_FAILED, shown=shown, limits=bounds, where=where, proof=proof, needed=needed,
            alpha=design.alpha, bursts=bursts,
        )  # fmt: skip
    # the proof stems from a part of the time whose excess no longer shows in the sums
    return Message(
        MessageKey.SLO_FAILED_FOR_A_TIME, shown=shown, limits=bounds, where=where, proof=proof, needed=needed,
        alpha=design.alpha, bursts=bursts,
    )  # fmt: skip


def _most_of_all(design: Design, evidence: Accumulator) -> Message | str:
    """Return the kind of requests that shows the failure by itself; nothing where none does."""
    worst = evidence.worst
    if worst is None or worst.log_e < design.log_fail:
        return ""
    n, e, m, f = worst.judged
    return Message(MessageKey.MOST_OF_ALL, stratum=worst.name, canary=_ratio(e, n), stable=_ratio(f, m))


def _shortage(design: Design, evidence: Accumulator, min_requests: int, rate: float | None) -> Message:
    """Return what the step lacks to pass, and how long that takes at the present request rate."""
    n, e, total = evidence.step.n, evidence.step.e, evidence.total
    allowed = design.theta
    if evidence.relative_log_e >= design.log_fail:
        return Message(
            MessageKey.SLO_WORSE_BY_LITTLE, total=_ratio(total.e, total.n), ratio=design.rho, delta=design.delta
        )
    if evidence.opposed and evidence.absolute_log_e >= design.log_fail:
        return Message(
            MessageKey.SLO_NOT_SUPPORTED, total=_ratio(total.e, total.n), allowed=allowed,
            evidence=evidence.relative_log_e, needed=LOG_SUSPICION, discount=_discount(evidence),
        )  # fmt: skip
    if _is_suspicious(evidence):
        limit = Message(MessageKey.THAN_TIMES_STABLE, ratio=design.rho)
        if evidence.absolute_log_e >= evidence.relative_log_e:
            limit = Message(MessageKey.THAN_ALLOWED, allowed=allowed)
        return Message(
            MessageKey.SLO_LOOKS_WORSE, total=_ratio(total.e, total.n), limit=limit, evidence=_suspicion(evidence),
            needed=design.log_fail, discount=_discount(evidence),
        )  # fmt: skip
    later = n - evidence.incident.n
    ratio = (e - evidence.incident.e) / later if later else 0.0
    wait = design.wait(evidence.step, ratio, evidence.phi, evidence.incident)
    if wait is None:
        clean = design.wait(evidence.step, 0.0, evidence.phi, evidence.incident)
        if not clean:
            return Message(MessageKey.SLO_HOPELESS, step=_ratio(e, n), allowed=allowed)
        return Message(
            MessageKey.SLO_HOPELESS_SO_FAR, step=_ratio(e, n), allowed=allowed, clean=clean,
            wait=_expected_wait(clean, rate), discount=_discount(evidence),
        )  # fmt: skip
    missing = max(wait, min_requests - n)
    if not missing:
        return Message(MessageKey.SLO_NOT_FRESH)
    time = _expected_wait(missing, rate)
    if not wait:
        return Message(
            MessageKey.SLO_TOO_FEW, step=_ratio(e, n), allowed=allowed, missing=missing, minimum=min_requests, wait=time
        )
    minimum = Message(MessageKey.FOR_MINIMUM, minimum=min_requests) if missing > wait else ""
    if e:
        return Message(
            MessageKey.SLO_NEEDS_MORE, step=_ratio(e, n), missing=missing, wait=time, minimum=minimum, allowed=allowed,
            discount=_discount(evidence),
        )  # fmt: skip
    return Message(
        MessageKey.SLO_NEEDS_MORE_CLEAN, missing=missing, seen=n, total=n + missing, wait=time, minimum=minimum,
        allowed=allowed, discount=_discount(evidence),
    )  # fmt: skip


def _discount(evidence: Accumulator) -> Message | str:
    """Return by how much the evidence is discounted, and why; nothing where it is not."""
    return Message(MessageKey.DISCOUNT, phi=evidence.phi) if evidence.phi > 1 else ""


def _bursts(evidence: Accumulator) -> Message | str:
    """Return that a chance is no bound where evidence is discounted; nothing where it is one."""
    return Message(MessageKey.BURSTS) if evidence.phi > 1 else ""


def _expected_wait(missing: int, rate: float | None) -> Message | str:
    """Return how long the missing requests take; nothing where the rate is not known."""
    if rate is None:
        return ""
    if not rate:
        return Message(MessageKey.WAIT_WITHOUT_REQUESTS)
    seconds = missing / rate
    if seconds > LONG_WAIT:
        return Message(MessageKey.WAIT_FOR_MONTHS, rate=rate)
    return Message(MessageKey.WAIT, rate=rate, span=timedelta(seconds=ceil(seconds)))
