"""Relative test of one SLO: the canary against stable, stratum by stratum (judging.md, Relative and Strata).

A stratum is a kind of requests that the counters tell apart, such as a method on a path. Whoever sends other requests
to the canary than to stable gives it another ratio of bad ones without any fault of its own; within a stratum the two
compare. ``accumulator.py`` keeps one of these.
"""

from collections.abc import Mapping
from math import log
from typing import NamedTuple, Self

from ingress_canary.domain.metrics.samples import EMPTY, Counts, Strata
from ingress_canary.domain.slo.gaps import NO_GAPS, Gaps
from ingress_canary.domain.slo.sequential_tests import Design, log_sum_exp
from ingress_canary.domain.slo.wealth import Wealth

TOGETHER = 0.5
"""Share of the wealth that bets on all strata together, where there are several; the rest bets on single ones."""
MOST_APART = 32
"""Strata that are bet on by themselves."""
MOST_STRATA = 128
"""Strata that are told apart; requests of further ones are not compared."""
NOTHING = Counts()
ALL = ""
"""Name of requests that are not told apart: of what kind they are is not known, nor what is usual for them."""


class Stratum(NamedTuple):
    """What is known of one stratum."""

    block: Counts = NOTHING
    """Judged requests since the last block ended, which it does when both sides have had one."""
    m: int = 0
    """Stable's requests while stable as a whole was well, those before the rollout included."""
    f: int = 0
    """Bad ones of them."""
    judged: Counts = NOTHING
    """All judged requests, for people."""

    def usually(self, counts: Counts) -> "Stratum":
        """Return the stratum with more of what stable does when it is well."""
        return Stratum(self.block, self.m + counts.m, self.f + counts.f, self.judged)


UNSEEN = Stratum()


class Worst(NamedTuple):
    """The stratum with the most evidence against the canary."""

    name: str
    judged: Counts
    log_e: float
    """ln E of a test on this stratum alone."""


class RelativeTest(NamedTuple):
    """The wealth of the relative test, and what it bets on."""

    together: Wealth
    """Bets on all strata together: in each tick on the product of their factors."""
    strata: Mapping[str, Stratum] = EMPTY
    """In the order in which they were seen."""
    chosen: tuple[str, ...] = ()
    """Strata that are bet on by themselves; none where stable has only one."""
    apart: Mapping[str, Wealth] = EMPTY
    """Bets on those of them that have had evidence."""
    gaps: Gaps = NO_GAPS

    @classmethod
    def of(cls, steps: int) -> Self:
        """Return the test before its first tick."""
        return cls(Wealth.of(steps))

    def begin(self, step: int) -> Self:
        """Return the test at the beginning of a step, from 1; what is bet on by itself is fixed before any bet."""
        test = self._choosing() if self._learning and not self.chosen else self
        apart = {name: wealth.begin(step) for name, wealth in test.apart.items()}
        return test._replace(together=test.together.begin(step), apart=apart, gaps=test.gaps.begin())

    def anew(self, step: int) -> Self:
        """Return the test at a step without evidence, since stable is another version; what is bet on is the same."""
        strata = dict.fromkeys(self.strata, UNSEEN)
        return type(self)(self.unbet, strata, self.chosen).begin(step)

    def usually(self, counts: Strata) -> Self:
        """Return the test after a tick of which only stable's requests are known, answered while it was well."""
        if not self._learning:
            return self
        strata = dict(self.strata)
        for name, more in counts.items():
            if name != ALL and (known := _told_apart(strata, name)):
                strata[name] = known.usually(more)
        return self._replace(strata=strata)

    def plus(self, at: float, counts: Strata, design: Design, phi: float, *, well: bool) -> Self:
        """Return the test after a tick that ended ``at`` (seconds of the epoch), in which stable was well or was not.

        Requests alone end a block, never how they were answered, so that its factor's expectation stays 1.
        """
        gap, strata, learning = self.gaps.now, self.strata, self._learning
        evidence: dict[str, list[float]] = {}
        changed: dict[str, Stratum] = {}
        for name, more in counts.items():
            known = _told_apart(strata, name, len(changed))
            if known is None:
                continue
            block = known.block.plus(more) if any(known.block) else more
            if block.n and block.m:
                gap = gap.plus(block)
                # without bad requests every factor is 1
                if block.e + block.f:
                    evidence[name] = design.relative_steps(*block, phi)
                block = NOTHING
            if learning and name != ALL:
                known = known.usually(more) if well else known
                changed[name] = Stratum(block, known.m, known.f, known.judged.plus(more))
            elif block != known.block:
                changed[name] = known._replace(block=block)
        gaps = self.gaps if gap is self.gaps.now else self.gaps.at(at, gap)
        together, apart = self._betting(evidence) if evidence else (self.together, self.apart)
        return type(self)(together, {**strata, **changed} if changed else strata, self.chosen, apart, gaps)

    def usual(self, counts: Strata, enough: float) -> float:
        """Return what stable's usual ratios make of the canary's requests in a tick: the share of bad ones among them.

        Below ``enough`` requests a stratum of stable's counts as if the missing ones had been good. 0 where there is
        but one stratum: then stable's ratio as a whole says it better.
        """
        if not self.chosen:
            return 0.0
        requests = expected = 0.0
        for name, of_stratum in counts.items():
            if of_stratum.n:
                known = self.strata.get(name, UNSEEN)
                requests += of_stratum.n
                expected += of_stratum.n * known.f / max(known.m, enough)
        return expected / requests if requests else 0.0

    @property
    def _learning(self) -> bool:
        """Whether what stable usually does may matter: it does not where one stratum was bet on alone."""
        return bool(self.chosen or not self.together.ticks)

    @property
    def log_e(self) -> float:
        """The E-value's natural logarithm."""
        if not self.chosen:
            return self.together.log_e
        bets = [self.together.log_e, *[wealth.log_e for wealth in self.apart.values()]]
        if unbet := len(self.chosen) - len(self.apart):
            bets.append(self.single.log_e + log(unbet))
        return log_sum_exp(bets)

    @property
    def log_bound(self) -> float:
        """What ln E is at most; where single strata are bet on, what it is."""
        return self.log_e if self.chosen else self.together.log_bound

    @property
    def unbet(self) -> Wealth:
        """The initial wealth that bets on all strata together."""
        return Wealth.of(self.together.steps, TOGETHER if self.chosen else 1.0)

    @property
    def single(self) -> Wealth:
        """The wealth of a stratum that has had no evidence yet."""
        return Wealth.of(self.together.steps, (1 - TOGETHER) / len(self.chosen)).begin(self.together.begun)

    def _choosing(self) -> Self:
        """Return the test with the strata of which stable has had most requests bet on by themselves."""
        known = {name: stratum.m for name, stratum in self.strata.items() if stratum.m}
        chosen = tuple(sorted(known, key=lambda name: (-known[name], name))[:MOST_APART]) if len(known) > 1 else ()
        test = self._replace(chosen=chosen)
        # copies that have begun have begun, also where the step is an earlier one
        return test._replace(together=test.unbet.begin(self.together.begun))

    @property
    def worst(self) -> Worst | None:
        """The stratum that has most evidence of those that are bet on by themselves."""
        if not self.apart:
            return None
        log_e, name = max((wealth.log_e - wealth.log_share, name) for name, wealth in self.apart.items())
        return Worst(name, self.strata[name].judged, log_e)

    def _betting(self, evidence: Mapping[str, list[float]]) -> tuple[Wealth, Mapping[str, Wealth]]:
        """Return the wealth of all strata together and of single ones, with each stratum's increments bet on."""
        every = [*evidence.values()]
        steps = every[0] if len(every) == 1 else [sum(of_alternative) for of_alternative in zip(*every, strict=True)]
        apart = dict(self.apart)
        for name, of_stratum in evidence.items():
            if name in self.chosen:
                apart[name] = apart.get(name, self.single).plus(of_stratum)
        return self.together.plus(steps), apart


def _told_apart(strata: Mapping[str, Stratum], name: str, more: int = 0) -> Stratum | None:
    """Return a stratum by its name; None for a further one than are told apart, of which so many are new."""
    known = strata.get(name)
    return UNSEEN if known is None and len(strata) + more < MOST_STRATA else known
