"""Distribution SLO: how long the canary's requests take, compared with stable's at every bound (docs/judging.md).

One relative test a bound, each with a dispersion of its own. Their mean E-value is an E-value too, of the null that at
no bound more than twice as many of the canary's requests are slower as of stable's. ``analysis.py`` keeps one for each
SLO that compares a histogram; ``checkpoint/distributions.py`` writes it down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from math import ceil, inf, log

from ingress_canary.api.rollout_status import LogE, RequestTally, SloStatus, Verdict
from ingress_canary.domain.metrics.samples import Counts, Tails
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.slo.accumulator import MEASURED_EVERY, NOTHING, implausible_counts
from ingress_canary.domain.slo.distribution.tails import (
    BEGIN,
    RATIO,
    DistributionTest,
    Excess,
    Tail,
    TailMark,
    Terms,
    excess_of,
    marked,
)
from ingress_canary.domain.slo.sequential_tests import log_sum_exp, relative_terms
from ingress_canary.domain.slo.verdicts import LOG_SUSPICION
from ingress_canary.domain.slo.wealth import Wealth


@dataclass
class DistributionCheck:
    """The evidence of one SLO. Without slots, so that its E-values are cached once a tick."""

    test: DistributionTest
    bounds: tuple[float, ...] = ()
    """Of the histogram, in rising seconds, as they were seen first."""
    tails: tuple[Tail, ...] = ()
    """One a bound."""
    marks: tuple[TailMark, ...] = (BEGIN,)
    """Of the last ten minutes, oldest first: the first one is that old or more."""
    step: int = 0
    """From 1; 0 before the first."""
    ticks: int = 0
    """That were judged since the step began."""
    fresh: bool = False
    settles_in: float = inf
    """Seconds until ticks are judged; 0 when they are, infinite while the weight is not applied."""
    weight: float = 0.0
    """Of the canary when it was last judged, in percent."""
    missing: str = ""

    def warm(self, at: float, tails: Tails | str) -> "DistributionCheck":
        """Return the check with one more tick of stable alone, that ended ``at`` (seconds of the epoch)."""
        if isinstance(tails, str) or not tails or implausible_counts(next(iter(tails.values()))) is not None:
            return self
        check = self._of(tails)
        learnt = [
            tail._replace(dispersion=tail.dispersion.plus(at, tails[bound].m, tails[bound].f))
            if bound in tails
            else tail
            for bound, tail in zip(check.bounds, check.tails, strict=True)
        ]
        return replace(check, tails=tuple(learnt))

    def enter(self, step: int) -> "DistributionCheck":
        """Return the check at the beginning of a step, from 1; copies of the tests up to it have begun."""
        tails = [Tail(tail.wealth.begin(step), tail.dispersion.measured(), tail.total) for tail in self.tails]
        return replace(self, tails=tuple(tails), step=step, ticks=0, settles_in=inf)

    def anew(self) -> "DistributionCheck":
        """Return the check without evidence at the same step; how stable's latency scatters remains known."""
        tails = tuple(Tail(self._wealth, tail.dispersion) for tail in self.tails)
        return replace(DistributionCheck(self.test, self.bounds, tails), step=self.step)

    def look(self, at: float, tails: Tails | str, settles_in: float, weight: float) -> "DistributionCheck":
        """Return the check after a tick that ended ``at``, or after one without data, and why."""
        if isinstance(tails, str):
            return replace(self, fresh=False, missing=tails)
        if not tails:
            return self  # the same reading again
        if (wrong := implausible_counts(next(iter(tails.values())))) is not None:
            return replace(self, fresh=False, missing=wrong)
        check = self._of(tails)
        if not any(bound in tails for bound in check.bounds):
            missing = (
                f"the controllers' histogram has the bounds {_listed(tails)} now, and the evidence is of "
                f"{_listed(check.bounds)}; restart the rollout to judge it by the new ones"
            )
            return replace(check, fresh=False, missing=missing)
        if settles_in:
            return replace(check.warm(at, tails), fresh=True, settles_in=settles_in, missing="")
        return check.judged(at, tails, weight)

    def judged(self, at: float, tails: Tails, weight: float) -> "DistributionCheck":
        """Return the check with the evidence of one tick that ended ``at``, of which some bound is known."""
        # bounds have their requests in common, and so the costly part of what is bet on
        terms = dict[tuple[int, int], Terms]()
        measure, after = self.ticks % MEASURED_EVERY == 0, list[Tail]()
        for bound, tail in zip(self.bounds, self.tails, strict=True):
            counts = tails.get(bound, NOTHING)
            both = counts.n, counts.m
            if all(both) and both not in terms:
                terms[both] = relative_terms(*both, RATIO)
            # whom a header or cookie sends alone is no sample of everybody
            after.append(tail.plus(at, counts, terms.get(both), measure=measure) if weight else tail.seen(at, counts))
        return replace(
            self, tails=tuple(after), marks=marked(self.marks, at, after), ticks=self.ticks + 1, fresh=True,
            settles_in=0.0, weight=weight, missing="",
        )  # fmt: skip

    def _of(self, tails: Tails) -> "DistributionCheck":
        """Return the check with the bounds of a histogram, unless it has some."""
        if self.bounds or not tails:
            return self
        return replace(self, bounds=tuple(tails), tails=tuple(Tail(self._wealth) for _ in tails))

    @property
    def _wealth(self) -> Wealth:
        """The initial wealth at the present step."""
        return Wealth.of(self.test.steps).begin(self.step)

    @cached_property
    def log_each(self) -> list[float]:
        """Ln E of each bound."""
        return [tail.wealth.log_e for tail in self.tails]

    @cached_property
    def log_e(self) -> float:
        """Ln of the mean E over all bounds; 0 before any is known."""
        return log_sum_exp(self.log_each) - log(len(self.bounds)) if self.bounds else 0.0

    @property
    def seen(self) -> Counts:
        """The counts of the step, of the bound that most requests were counted at."""
        return max((tail.step for tail in self.tails), default=NOTHING)

    def _excess(self, place: int) -> Excess:
        return excess_of(self.tails[place], self.marks, place)

    def _reached(self, threshold: float) -> bool:
        """Return whether the mean E reaches a threshold, and that of a bound where the difference matters."""
        return self.log_e >= threshold and any(
            log_e >= threshold and self._excess(place).matters for place, log_e in enumerate(self.log_each)
        )

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict: pass says that nothing speaks against the canary, for there is no objective to prove."""
        # what has been proven stays proven while the source is silent
        if self._reached(self.test.log_fail):
            return Verdict.FAIL
        if self.missing:
            return Verdict.NO_DATA
        compared = not 0 < self.weight < 100 or self.seen.m > 0
        if not self.fresh or self.settles_in or not self.ample or not compared or self._reached(LOG_SUSPICION):
            return Verdict.INCONCLUSIVE
        return Verdict.PASS

    @property
    def ample(self) -> bool:
        """Whether the step has seen minRequests."""
        return self.seen.n >= self._minimum

    @property
    def unopposed(self) -> bool:
        """Whether nothing is proven bad, on fresh data and with minRequests seen (require: NoFail)."""
        return self.fresh and self.ample and self.verdict is not Verdict.FAIL

    @property
    def _minimum(self) -> int:
        return self.test.minimums[self.step - 1] if self.step else 0

    @cached_property
    def sentence(self) -> Message:
        """The verdict's sentence."""
        verdict = self.verdict
        if verdict is Verdict.FAIL:
            return Message(
                MessageKey.DISTRIBUTION_FAILED, slower=self._slower, ratio=RATIO, bounds=len(self.bounds),
                proof=self.log_e, needed=self.test.log_fail, alpha=self.test.alpha,
            )  # fmt: skip
        if verdict is Verdict.NO_DATA:
            return Message(MessageKey.SLO_NO_DATA, why=self.missing)
        if self.settles_in == inf:
            return Message(MessageKey.SLO_UNAPPLIED)
        if self.settles_in:
            return Message(MessageKey.DISTRIBUTION_SETTLING, span=timedelta(seconds=ceil(self.settles_in)))
        if self._reached(LOG_SUSPICION):
            return Message(
                MessageKey.DISTRIBUTION_LOOKS_SLOWER, slower=self._slower, evidence=self.log_e,
                needed=self.test.log_fail, discount=self._discount,
            )  # fmt: skip
        if not self.ample:
            return Message(MessageKey.DISTRIBUTION_TOO_FEW, seen=self.seen.n, minimum=self._minimum)
        if not self.weight:
            return Message(MessageKey.DISTRIBUTION_CHOSEN)
        if not self.seen.m:
            alone = self.weight >= 100
            return Message(MessageKey.DISTRIBUTION_ALONE) if alone else Message(MessageKey.DISTRIBUTION_UNCOMPARED)
        return Message(
            MessageKey.DISTRIBUTION_PASSED, bounds=len(self.bounds), ratio=RATIO, canary=self.seen.n,
            stable=self.seen.m, discount=self._discount,
        )  # fmt: skip

    @property
    def _slower(self) -> Message:
        """By how much the canary is slower, at the bound that shows it best."""
        excess = self._excess(self.shown)
        n, e, m, f = excess.counts
        return Message(
            MessageKey.DISTRIBUTION_SLOWER, bound=self.bounds[self.shown], canary=_share(e, n), stable=_share(f, m),
            span=excess.span,
        )  # fmt: skip

    @property
    def _discount(self) -> Message | str:
        phi = self.tails[self.shown].dispersion.phi
        return Message(MessageKey.DISTRIBUTION_DISCOUNT, phi=phi) if phi > 1 else ""

    @property
    def shown(self) -> int:
        """The place of the bound that shows it best; there must be one."""
        return max(range(len(self.bounds)), key=lambda place: (self._excess(place).matters, self.log_each[place]))

    @property
    def status(self) -> SloStatus:
        """The SLO's entry of the status, with the counts of the bound that shows it best."""
        name, verdict, message = self.test.name, self.verdict, str(self.sentence)
        if not self.bounds:
            return SloStatus(name=name, verdict=verdict, message=message)
        _, _, total, step = self.tails[self.shown]
        return SloStatus(
            name=name, verdict=verdict, canary=RequestTally(total=total.n, bad=total.e),
            stable=RequestTally(total=total.m, bad=total.f), step=RequestTally(total=step.n, bad=step.e),
            log_e=LogE(relative=round(self.log_e, 4)), message=message,
        )  # fmt: skip


def _share(slower: int, total: int) -> Message:
    return Message(MessageKey.SLOWER_SHARE, share=slower / total if total else 0.0, slower=slower, total=total)


def _listed(bounds: Sequence[float] | Tails) -> str:
    return ", ".join(f"{bound:g}" for bound in bounds)
