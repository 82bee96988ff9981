"""Version: what is different about the canary itself."""

from dataclasses import dataclass
from typing import ClassVar

from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.whatif.expected_traffic import BadKind, Moment, Strata
from ingress_canary.whatif.traffic_profiles.profile import FromOne, RegressionProfile, Share, Span, TrafficProfile


@dataclass(frozen=True, slots=True)
class ColdStart(TrafficProfile):
    """A canary that gets more requests answers slowly at first.

    Caches are cold, connections new, code is not compiled yet: when the weight rises, `share` of the canary's requests
    are slow on top of the usual ones (or fail, with `of=errors`), half as many after each `half-life`, at every rise
    anew. That is no regression.
    """

    name: ClassVar[str] = "cold-start"
    share: Share = 0.2
    half_life: Span = 20.0
    of: BadKind = BadKind.SLOW

    @property
    def kind(self) -> BadKind:
        """What the canary has more of at first."""
        return self.of

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic with a canary that is not warm yet."""
        if moment.raised_at is None:
            return strata
        share = self.share * 0.5 ** ((moment.at - moment.raised_at) / self.half_life)
        return tuple(part.worse(self.of, 0.0, share) for part in strata)


@dataclass(frozen=True, slots=True)
class BrokenPod(RegressionProfile):
    """One of the canary's pods fails.

    Of `pods` pods of the canary one answers `share` of its requests with errors (slowly, with `of=slow`) from the onset
    on: it has a bad disk, or a secret of another environment. Pods get their requests in turn, so one of n pods is a
    canary of which 1/n fails.
    """

    name: ClassVar[str] = "broken-pod"
    share: Share = 1.0
    pods: FromOne = 10.0

    @property
    def most(self) -> float:
        """The share of the canary's requests that the pod answers badly."""
        return self.share / self.pods

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic with a canary of which one pod fails."""
        return tuple(part.worse(self.of, 0.0, self.most) for part in strata) if moment.regressed else strata


@dataclass(frozen=True, slots=True)
class SlowGrowth(RegressionProfile):
    """The canary becomes worse little by little.

    It leaks memory, or connections: from the onset on the share of its requests that fail (are slow, with `of=slow`)
    rises evenly, until it is `share` after `lasts`, where it stays. Each minute is hardly worse than the one before.
    """

    name: ClassVar[str] = "slow-growth"
    lasts: Span = 7200.0

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic with a canary that has become worse for so long."""
        share = self.share * min(1.0, max(0.0, moment.at - moment.onset) / self.lasts)
        return tuple(part.worse(self.of, 0.0, share) for part in strata)


@dataclass(frozen=True, slots=True)
class RegressionAtWeight(RegressionProfile):
    """The canary is worse only from some weight on.

    It holds a lock that nobody notices until many want it: while its weight is `weight` or more, `share` of its
    requests fail (are slow, with `of=slow`); below that it is as good as stable. What the lighter steps have shown says
    nothing about it. Times to rollback count from the step on at which it shows.
    """

    name: ClassVar[str] = "regression-at-weight"
    weight: Share = 0.16

    def shown_at(self, exposure: Exposure) -> bool:
        """Return whether the weight is that high."""
        return exposure.weight >= 100 * self.weight - 1e-9

    def change(self, strata: Strata, moment: Moment) -> Strata:
        """Return the traffic with a canary that is worse at such a weight."""
        if not (moment.regressed and self.shown_at(moment.exposure)):
            return strata
        return tuple(part.worse(self.of, 0.0, self.share) for part in strata)
