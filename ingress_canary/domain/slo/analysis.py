"""Analysis: the evidence and verdicts of all SLOs of a rollout, read by ``decide.py`` and shown in status.

Every method returns a new value; nothing here waits, reads a clock or knows a metrics source. ``checkpoint.py`` turns
it into text and back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from math import inf
from types import MappingProxyType
from typing import NamedTuple, Self

from ingress_canary.api.rollout_status import SloStatus, Verdict
from ingress_canary.domain.metrics.samples import EMPTY, Counts, Strata, Tails
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.slo.accumulator import NOTHING, Accumulator, implausible_counts
from ingress_canary.domain.slo.distribution.distribution_check import DistributionCheck
from ingress_canary.domain.slo.plan import Objective, Plan
from ingress_canary.domain.slo.threshold_check import ThresholdCheck
from ingress_canary.domain.slo.verdicts import describe, judge, slo_status, unopposed

NO_VALUES: Mapping[str, float | str] = MappingProxyType({})
NO_TAILS: Mapping[str, Tails | str] = MappingProxyType({})
UNREAD = "nothing was read for this SLO"


class AnalysisTick(NamedTuple):
    """What one tick of a step adds to the evidence."""

    counts: Mapping[str, Counts | str]
    """Each SLO's counts since the tick before, or why there are none."""
    requests: Counts = NOTHING
    """Requests of both sides that the share is taken from."""
    values: Mapping[str, float | str] | None = NO_VALUES
    """Each uncalibrated SLO's number; None while the step settles."""
    age: float = inf
    """Seconds since the weight rose."""
    unsettled: float = 0.0
    """Seconds until the controllers route by the weight; infinite while it is not applied."""
    weight: float = 0.0
    """Of the canary, in percent."""
    relative: bool = True
    """Off where the sides cannot be compared."""
    strata: Mapping[str, Strata] = EMPTY
    """Each SLO's counts by stratum, where the counters tell some apart."""
    tails: Mapping[str, Tails | str] = NO_TAILS
    """What each SLO of a distribution has seen since the tick before, or why there is nothing."""

    def settles_in(self, settle: float) -> float:
        """Return the seconds until ticks of an SLO are judged that settles for so long."""
        return max(0.0, settle - self.age, self.unsettled)


@dataclass
class Analysis:
    """All evidence of one rollout. Without slots, so that properties are cached once a tick."""

    plan: Plan
    tracks: tuple[Accumulator, ...]
    """One an objective, in the plan's order."""
    step: int = 0
    """Index in the expanded list, from 1; 0 before the first."""
    canary_requests: int = 0
    """Since the step began and settled; excluded statuses left out."""
    stable_requests: int = 0
    first_fail_at: datetime | None = None
    """When the evidence was taken that first proved a fail."""
    watches: tuple[ThresholdCheck, ...] = ()
    """One an uncalibrated SLO, in the plan's order."""
    raised_at: datetime | None = None
    """When the weight of the present step was applied."""
    distributions: tuple[DistributionCheck, ...] = ()
    """One an SLO of a distribution, in the plan's order."""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Return the analysis of a rollout that has not begun."""
        tracks = tuple(Accumulator.of(objective.design) for objective in plan.objectives)
        watches = tuple(ThresholdCheck(bound) for bound in plan.bounds)
        return cls(plan, tracks, watches=watches, distributions=tuple(map(DistributionCheck, plan.distributions)))

    def warm(
        self, at: datetime, counts: Mapping[str, Counts | str], strata: Mapping[str, Strata] = EMPTY,
        tails: Mapping[str, Tails | str] = NO_TAILS,
    ) -> Self:  # fmt: skip
        """Return the analysis with one more tick of the stable side before the canary had traffic.

        From the first step on this changes nothing.
        """
        if self.step:
            return self
        tracks = []
        for accumulator, objective in zip(self.tracks, self.plan.objectives, strict=True):
            look, apart = _threshold_value(counts, objective), strata.get(objective.name)
            tracks.append(accumulator if isinstance(look, str) else accumulator.warm(at.timestamp(), look, apart))
        checks = [check.warm(at.timestamp(), tails.get(check.test.name, UNREAD)) for check in self.distributions]
        return replace(self, tracks=tuple(tracks), distributions=tuple(checks))

    def enter_step(self, index: int) -> Self:
        """Return the analysis at the beginning of step ``index`` (from 1), where its copy of the tests begins.

        Raises IndexError for a step that the plan does not have.
        """
        if not 1 <= index <= len(self.plan.step_minimums):
            raise IndexError(f"step {index} of {len(self.plan.step_minimums)}")
        tracks = tuple(accumulator.enter(index) for accumulator in self.tracks)
        watches = tuple(watch.anew() for watch in self.watches)
        return replace(
            self, tracks=tracks, watches=watches, step=index, canary_requests=0, stable_requests=0, raised_at=None,
            distributions=tuple(check.enter(index) for check in self.distributions),
        )  # fmt: skip

    def restart_evidence(self) -> Self:
        """Return the analysis at the same step without evidence, because stable is another version now."""
        tracks = tuple(accumulator.anew(self.step) for accumulator in self.tracks)
        watches = tuple(watch.anew() for watch in self.watches)
        return replace(
            self, tracks=tracks, watches=watches, canary_requests=0, stable_requests=0, first_fail_at=None,
            distributions=tuple(check.anew() for check in self.distributions),
        )  # fmt: skip

    def tick(self, at: datetime, tick: "AnalysisTick") -> Self:
        """Return the analysis with the evidence of one tick of the present step."""
        seconds = at.timestamp()
        tracks = [
            _ticked(accumulator, objective, seconds, tick)
            for accumulator, objective in zip(self.tracks, self.plan.objectives, strict=True)
        ]
        watches = self.watches
        if tick.values is not None:
            watches = tuple([watch.tick(seconds, tick.values.get(watch.bound.name, UNREAD)) for watch in watches])
        checks = [_compared(check, seconds, tick) for check in self.distributions]
        requests = tick.requests
        # made anew rather than with replace(), which takes twice as long
        after = type(self)(
            self.plan, tuple(tracks), self.step, self.canary_requests + requests.n, self.stable_requests + requests.m,
            self.first_fail_at, watches, self.raised_at, tuple(checks),
        )  # fmt: skip
        if self.first_fail_at is None and Verdict.FAIL in after.verdicts:
            return replace(after, first_fail_at=at)
        return after

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Each SLO's verdict, in the order of the plan's names."""
        calibrated = [
            judge(objective.design, accumulator, self._min_requests(objective))
            for objective, accumulator in zip(self.plan.objectives, self.tracks, strict=True)
        ]
        return (*calibrated, *(check.verdict for check in self._checks))

    @property
    def named_verdicts(self) -> tuple[tuple[str, Verdict], ...]:
        """Each SLO's name and verdict, in the same order."""
        return tuple(zip(self.plan.names, self.verdicts, strict=True))

    @cached_property
    def sentences(self) -> tuple[Message, ...]:
        """The sentence of each SLO's verdict, in the same order."""
        calibrated = [
            describe(objective.design, accumulator, self._min_requests(objective), accumulator.rate)
            for objective, accumulator in zip(self.plan.objectives, self.tracks, strict=True)
        ]
        return (*calibrated, *(check.sentence for check in self._checks))

    @cached_property
    def statuses(self) -> list[SloStatus]:
        """Each SLO's verdict with its numbers and its sentence."""
        # those without an objective are last, and have no track
        parts = zip(self.plan.objectives, self.verdicts, self.tracks, self.sentences, strict=False)
        return [
            *(
                slo_status(objective.name, verdict, accumulator, sentence)
                for objective, verdict, accumulator, sentence in parts
            ),
            *(check.status for check in self._checks),
        ]

    def __str__(self) -> str:
        """Return every SLO's name and sentence, rendered when a message that holds the analysis is."""
        return str(self.summary)

    @property
    def summary(self) -> Message:
        """Every SLO's name and sentence."""
        return _evidence(zip(self.plan.names, self.sentences, strict=True))

    @property
    def failure(self) -> Message:
        """Name and sentence of each SLO that the canary is proven to violate."""
        named = zip(self.plan.names, self.verdicts, self.sentences, strict=True)
        return _evidence((name, sentence) for name, verdict, sentence in named if verdict is Verdict.FAIL)

    @property
    def unopposed_summary(self) -> Message:
        """The evidence of every SLO on which a step with ``require: NoFail`` was passed."""
        calibrated = [
            unopposed(objective.design, accumulator, self._min_requests(objective), accumulator.rate)
            for objective, accumulator in zip(self.plan.objectives, self.tracks, strict=True)
        ]
        sentences = (*calibrated, *(check.sentence for check in self._checks))
        return _evidence(zip(self.plan.names, sentences, strict=True))

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the SLOs that the canary is proven to violate."""
        return self._named(Verdict.FAIL) if Verdict.FAIL in self.verdicts else ()

    @property
    def without_data(self) -> tuple[str, ...]:
        """Names of the SLOs without data in the latest reading."""
        return self._named(Verdict.NO_DATA)

    @property
    def settled(self) -> bool:
        """Whether no SLO leaves out its ticks any more because of a cold start."""
        tracks = (accumulator.settles_in for accumulator in self.tracks)
        return not any((*tracks, *(check.settles_in for check in self.distributions)))

    @property
    def proven(self) -> bool:
        """Whether every SLO passes (require: Proof)."""
        return bool(self.verdicts) and all(verdict is Verdict.PASS for verdict in self.verdicts)

    @property
    def unopposed(self) -> bool:
        """Whether nothing is proven bad, on fresh data and with minRequests seen (require: NoFail)."""
        return (
            not self.failed
            and self.settled
            and all(watch.fresh for watch in self.watches)
            and all(check.unopposed for check in self.distributions)
            and all(
                accumulator.fresh and accumulator.step.n >= self._min_requests(objective)
                for objective, accumulator in zip(self.plan.objectives, self.tracks, strict=True)
            )
        )

    @property
    def _checks(self) -> tuple[DistributionCheck | ThresholdCheck, ...]:
        """The evidence of the SLOs without an objective, in the order of the plan's names."""
        return (*self.distributions, *self.watches)

    def _named(self, wanted: Verdict) -> tuple[str, ...]:
        return tuple(name for name, verdict in self.named_verdicts if verdict is wanted)

    def _min_requests(self, objective: Objective) -> int:
        override = self.plan.step_minimums[self.step - 1] if self.step else None
        return objective.min_requests if override is None else override


def _evidence(named: Iterable[tuple[str, Message]]) -> Message:
    slos = tuple(Message(MessageKey.SLO, name=name, sentence=sentence) for name, sentence in named)
    return Message(MessageKey.EVIDENCE, slos=slos)


def _ticked(accumulator: Accumulator, objective: Objective, at: float, tick: AnalysisTick) -> Accumulator:
    """Return an accumulator with what a tick that ended ``at`` has for it."""
    look = _threshold_value(tick.counts, objective)
    if isinstance(look, str):
        return accumulator.silent(look)
    strata = tick.strata.get(objective.name)
    if settles_in := tick.settles_in(objective.settle):
        return accumulator.settle(at, look, settles_in, strata)
    return accumulator.tick(at, look, relative=tick.relative, weight=tick.weight, strata=strata)


def _compared(check: DistributionCheck, at: float, tick: AnalysisTick) -> DistributionCheck:
    """Return a check with what a tick that ended ``at`` has for it."""
    tails = tick.tails.get(check.test.name, UNREAD)
    return check.look(at, tails, tick.settles_in(check.test.settle), tick.weight)


def _threshold_value(counts: Mapping[str, Counts | str], objective: Objective) -> Counts | str:
    """Return the counts of an objective, or why there are no usable ones."""
    look = counts.get(objective.name, UNREAD)
    return look if isinstance(look, str) else implausible_counts(look) or look
