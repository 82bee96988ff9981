"""Evaluation of one rollout tick by tick: evidence, settling after a change of weight, bake time that was judged.

A value that each tick replaces. The daemon keeps it in memory and stores the part that must survive
(:meth:`Evaluation.checkpoint`); ``whatif`` drives the very same code in virtual time.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto
from math import inf
from typing import NamedTuple, Self

from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.api.schedule import Require
from ingress_canary.domain.evaluation.missing_data import common_changes, without_doubtful_bounds
from ingress_canary.domain.evaluation.resume import Resume
from ingress_canary.domain.metrics.counting import CounterBook, ReadingCounts, advance
from ingress_canary.domain.metrics.kinds.sli_set import SliSet
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Tails
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import Exposure, PlannedStep
from ingress_canary.domain.slo.analysis import Analysis, AnalysisTick
from ingress_canary.domain.slo.checkpoint.checkpoint import Unusable, decode, encode, resume_part
from ingress_canary.domain.traffic.effectiveness import Effect, EffectState, ShareObservation, judge_effect
from ingress_canary.domain.traffic.probe import ProbeAnswer

CountReading = Callable[[CounterBook, Reading, Signals, SliSet, timedelta], tuple[CounterBook, ReadingCounts]]
UNTESTED = Effect(EffectState.UNKNOWN, None)


class EvidenceMode(Enum):
    """How a tick's evidence is used: to warm up, to judge a step, or only to watch."""

    WARMING = auto()
    """The canary has no traffic yet: learn how stable's errors vary."""
    JUDGING = auto()
    """At a step: evidence and bake."""
    WATCHING = auto()
    """Paused or promoting: evidence counts, bake does not."""

    @classmethod
    def of(cls, status: RolloutStatus) -> "EvidenceMode":
        """Return the mode for a rollout with this status."""
        if status.step is None:
            return cls.WARMING
        return cls.JUDGING if status.phase is Phase.PROGRESSING else cls.WATCHING


class TickInputs(NamedTuple):
    """Inputs of a tick besides the evaluation and the reading."""

    compiled: CompiledSchedule
    signals: Signals
    mode: EvidenceMode
    step: PlannedStep | None
    exposure: Exposure
    sticky: bool
    interval: float
    """Seconds between two ticks."""
    probe: ProbeAnswer | None = None
    """The newest answer to a forced request."""
    overdue: bool = False
    """The shadow still has an earlier exposure, because the API does not take its new one."""


class Evaluation(NamedTuple):
    """The evidence of one rollout, and the time in which it could be judged."""

    analysis: Analysis
    book: CounterBook
    baked: float = 0
    held: float = 0
    warmed: float = 0
    last: datetime | None = None
    """The last tick that could be judged; None after a gap."""
    settled_from: datetime | None = None
    """Since when the shadow has carried what is wanted; None while a write is still to come."""
    read_at: datetime | None = None
    answered: bool = True
    """Whether the source answered the last reading, even without series."""
    no_data: Message | None = None
    """Why there is no evidence; unknown is neither bad nor good."""
    no_data_since: datetime | None = None
    misconfigured: Message | None = None
    """A problem of the schedule that only data can show: a latency threshold that is no bucket bound."""
    unbounded: int = 0
    """Looks in a row that lacked the bucket of a threshold."""
    note: str | None = None
    settling: bool = True
    effect: Effect = UNTESTED
    unread: bool = True
    """Whether no reading was answered yet: then the past before the first one may still be read."""
    resume: Resume | None = None
    """The point from which a restart goes on, until the first reading that is answered."""
    lost: Unusable | None = None
    """Why the stored evidence could not go on, until that is reported."""
    since: tuple[object, ...] | None = None
    """The mark of the status's newest transition, which it goes on from; None before the first one."""

    @property
    def checkpoint(self) -> str:
        """The checkpoint, which must survive the process, as text for ``status.analysisState``."""
        # what was not taken in before the process ends again is taken in by the next one
        resume = self.resume or Resume.of(self.book, self.settled_from)
        return encode(self.analysis, resume.encode() if resume else "")

    def continues(self, status: RolloutStatus) -> bool:
        """Return whether it goes on from a status's newest transition, and not from one before."""
        return self.since == _newest(status)

    def after(self, status: RolloutStatus) -> "Evaluation":
        """Return the evaluation that goes on from a status's newest transition."""
        return self._replace(since=_newest(status))

    @property
    def has_traffic(self) -> bool:
        """Whether the controllers have counted a request of either side, as far as is remembered."""
        return bool(self.book.requests.samples)

    @property
    def share(self) -> float | None:
        """Canary requests over both sides' since the step settled; None without any."""
        total = self.analysis.canary_requests + self.analysis.stable_requests
        return self.analysis.canary_requests / total if total else None

    @classmethod
    def new(cls, compiled: CompiledSchedule) -> Self:
        """Return an evaluation without any evidence."""
        return cls(Analysis.of(compiled.plan), CounterBook())

    @classmethod
    def restored(cls, compiled: CompiledSchedule, status: RolloutStatus) -> Self:
        """Return the evaluation of a status's checkpoint; without a usable one evidence and bake start anew.

        What came in between is taken in from a source that remembers (``replay.py``); from another one counters get a
        new starting point. Nothing is counted twice.
        """
        stored, step = status.analysis_state or "", status.step
        analysis = decode(stored, compiled.plan)
        if isinstance(analysis, Unusable):
            anew = Analysis.of(compiled.plan)
            anew = anew.enter_step(step.index) if step is not None else anew
            return cls(anew, CounterBook(), unread=False, lost=analysis if stored else None)
        resume = None
        if step is not None and analysis.step == step.index:
            resume = Resume.decode(resume_part(stored))
        baked, held = (step.baked_seconds, step.held_seconds) if step else (0.0, 0.0)
        return cls(analysis, CounterBook(), baked=baked, held=held, unread=False, resume=resume)

    def enter(self, index: int) -> "Evaluation":
        """Return the evaluation at the beginning of a step."""
        return self._replace(
            analysis=self.analysis.enter_step(index), baked=0.0, held=0.0, last=None, settled_from=None,
            settling=True, effect=UNTESTED, resume=None,
        )  # fmt: skip

    def anew(self, index: int) -> "Evaluation":
        """Return the evaluation with fresh evidence at the same step."""
        return self.enter(index)._replace(analysis=self.analysis.enter_step(index).restart_evidence())

    def applied(self, now: datetime) -> "Evaluation":
        """Return the evaluation from the moment on at which the shadow has the wanted exposure."""
        # a new leader waits for the routing anew, but the canary has been warm since
        raised = self.analysis.raised_at or now
        return self._replace(settled_from=now, analysis=replace(self.analysis, raised_at=raised))

    def unapplied(self) -> "Evaluation":
        """Return the evaluation while a write to the shadow is pending: the share so far says nothing of the weight."""
        if self.settled_from is None and self.resume is None:
            return self
        analysis = replace(self.analysis, canary_requests=0, stable_requests=0, raised_at=None)
        return self._replace(
            analysis=analysis, settled_from=None, last=None, settling=True, effect=UNTESTED, resume=None,
        )  # fmt: skip

    def rebased(self, now: datetime) -> "Evaluation":
        """Return the evaluation after the clock was set: counters and settling get a new starting point.

        What came in between is lost, like over a restart; nothing is counted twice, and no bake is credited.
        """
        settled = None if self.settled_from is None else now
        gap = None if self.no_data_since is None else now
        raised = None if self.analysis.raised_at is None else now
        return self._replace(
            analysis=replace(self.analysis, raised_at=raised), book=CounterBook(), last=None, read_at=None,
            settled_from=settled, no_data_since=gap, resume=None,
        )  # fmt: skip

    def fresh(self, now: datetime, interval: float) -> bool:
        """Return whether the last reading is recent enough to act on."""
        return self.read_at is not None and now - self.read_at <= timedelta(seconds=2 * interval)

    def met(self, step: PlannedStep) -> bool:
        """Return whether the evidence meets a step's requirement; the bake time is checked elsewhere."""
        return meets_requirement(self.analysis, step)


def _newest(status: RolloutStatus) -> tuple[object, ...] | None:
    return status.history[-1].mark if status.history else None


def meets_requirement(analysis: Analysis, step: PlannedStep) -> bool:
    """Return whether an analysis satisfies a step's requirement."""
    return analysis.proven if step.require is Require.PROOF else analysis.unopposed


def tick(evaluation: Evaluation, reading: Reading, at: TickInputs, count: CountReading = advance) -> Evaluation:
    """Return the evaluation after one reading; ``count`` stands in for ``advance``, to cache its result."""
    interval = timedelta(seconds=at.interval)
    book, evidence = count(evaluation.book, reading, at.signals, at.compiled.measures, interval)
    return judge(evaluation._replace(book=book), reading, evidence, at)


def judge(evaluation: Evaluation, reading: Reading, evidence: ReadingCounts, at: TickInputs) -> Evaluation:
    """Return the evaluation after one reading whose series are counted: ``evidence`` is what the reading added."""
    evidence, unbounded = without_doubtful_bounds(evidence, reading, evaluation.unbounded)
    now, common = reading.at, common_changes(reading, evidence, evaluation.no_data_since, unbounded)
    if at.mode is EvidenceMode.WARMING:
        stable = {name: count for name, count in evidence.counts.items() if isinstance(count, Counts)}
        # an Ingress without traffic has no series: the source has answered all the same, and nothing can be learnt
        gained = _credited_seconds(evaluation.read_at, now, at.interval) if reading.error is None else 0.0
        learnt = evaluation.analysis.warm(now, stable, evidence.strata, tails=_said(evidence.tails))
        return evaluation._replace(**common, analysis=learnt, warmed=evaluation.warmed + gained)
    # what has risen by now may have begun to rise one sample of the source ago, and that one lie one sample back
    late, applied = 2 * reading.sampled_every, evaluation.settled_from
    until = now - late
    settled = None if applied is None else applied + at.compiled.spec.analysis.settle + late
    unsettled = inf if settled is None else max(0.0, (settled - now).total_seconds())
    analysis = evaluation.analysis.tick(now, _analysis_tick(evaluation, evidence, at, until, unsettled))
    if unsettled:
        return evaluation._replace(**common, last=None, settling=True, analysis=analysis)
    canary, total = analysis.canary_requests, analysis.canary_requests + analysis.stable_requests
    assert settled is not None
    # a probe that was sent before the routing had settled is about the former routing
    probe = at.probe if at.probe is not None and at.probe.at >= settled else None
    seen = ShareObservation(
        at.exposure.weight / 100, canary, total, at.exposure.forced, at.sticky, reading.orphaned, probe,
        evidence.undrawn,
    )  # fmt: skip
    shown = judge_effect(seen)
    # a step without requests cannot be judged, however long it lasts
    ineffective = shown.state is EffectState.NOT_EFFECTIVE
    if common["no_data"] is not None or ineffective or at.mode is not EvidenceMode.JUDGING or at.step is None:
        return evaluation._replace(**common, settling=False, analysis=analysis, effect=shown, last=None)
    elapsed = _credited_seconds(evaluation.last, now, at.interval)
    waited = elapsed if analysis.settled and not meets_requirement(analysis, at.step) else 0.0
    return evaluation._replace(
        **common, settling=False, analysis=analysis, effect=shown, last=now, baked=evaluation.baked + elapsed,
        held=evaluation.held + waited,
    )  # fmt: skip


def _analysis_tick(
    evaluation: Evaluation, evidence: ReadingCounts, at: TickInputs, until: datetime, unsettled: float
) -> AnalysisTick:
    """Return what a reading adds to the evidence of a step; its requests were answered ``until`` an instant at least.

    Nobody knows how long an earlier exposure lasts that is overdue to be replaced: its requests are judged, and left
    out of the new one's share.
    """
    raised = evaluation.analysis.raised_at
    judged = not unsettled or at.overdue
    return AnalysisTick(
        {name: c if isinstance(c, Counts) else str(c.message) for name, c in evidence.counts.items()},
        Counts() if unsettled else Counts(n=evidence.requests.canary, m=evidence.requests.stable),
        {name: v if isinstance(v, float) else str(v.message) for name, v in evidence.values.items()}
        if judged
        else None,
        age=inf if raised is None or (unsettled and judged) else (until - raised).total_seconds(),
        unsettled=0.0 if judged else unsettled,
        weight=at.exposure.weight,
        relative=not (evidence.classes_only or evidence.undrawn),
        strata=evidence.strata,
        tails=_said(evidence.tails),
    )


def _said(tails: Mapping[str, Tails | NoData]) -> Mapping[str, Tails | str]:
    return {name: str(tail.message) if isinstance(tail, NoData) else tail for name, tail in tails.items()}


def _credited_seconds(before: datetime | None, now: datetime, interval: float) -> float:
    """Return the seconds since a tick, of which a gap counts as two at most; 0 after a gap."""
    return 0.0 if before is None else max(0.0, min((now - before).total_seconds(), 2 * interval))
