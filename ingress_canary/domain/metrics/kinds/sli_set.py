"""SLI set: the SLIs of one schedule by SLO, apart by how they are judged, and what they ask of a source together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ingress_canary.api.schedule import AnalysisSettings
from ingress_canary.api.slo import Slo
from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS, Capabilities, Capability
from ingress_canary.domain.metrics.counter_feed import CounterFeed
from ingress_canary.domain.metrics.kinds.kind import ComparedSli, CountedSli, DistributionSli, Questions, SliKind
from ingress_canary.domain.metrics.kinds.registry import SLI_KINDS, SliKinds, kind_of
from ingress_canary.domain.metrics.request_feed import is_told_apart


@dataclass(frozen=True, slots=True)
class SliSet:
    """The SLI of each SLO."""

    counted: Mapping[str, CountedSli[Any]]
    """Those that the sequential tests judge."""
    excluded: frozenset[str] = frozenset()
    """Statuses that count on neither side."""
    compared: Mapping[str, ComparedSli[Any]] = field(default_factory=dict)
    """Those whose number is held against bounds."""
    distributions: Mapping[str, DistributionSli[Any]] = field(default_factory=dict)
    """Those whose histogram is compared with stable's."""
    feeds: tuple[CounterFeed, ...] = field(init=False)
    """The counters to follow, each once."""
    bad_statuses: tuple[str, ...] = field(init=False)
    """The statuses that SLOs call bad, as patterns such as ``5..``, each once."""
    by_controllers: Capabilities = field(init=False)
    """What of the controllers' metrics SLOs are judged by; empty where none is."""

    def __post_init__(self) -> None:
        """Note once what each pass asks."""
        slis = self.counted.values()
        object.__setattr__(self, "feeds", tuple(dict.fromkeys(sli.feed for sli in slis)))
        statuses = dict.fromkeys(status for sli in slis for status in sli.bad_statuses)
        object.__setattr__(self, "bad_statuses", tuple(statuses))
        needed = {need.capability for sli in self._every for need in sli.needs}
        object.__setattr__(self, "by_controllers", OF_CONTROLLERS & needed)

    @property
    def alone(self) -> frozenset[str]:
        """The SLOs that count only the canary, so that there is no comparison with stable."""
        return frozenset(name for name, sli in self.counted.items() if not sli.counts_stable)

    @property
    def slow(self) -> tuple[str, ...]:
        """The SLOs whose bad events are slow ones, in the schedule's order."""
        return tuple(name for name, sli in self.counted.items() if sli.is_slowness)

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The latency threshold of each SLO that has one, in seconds, in the schedule's order."""
        return {name: bound for name, sli in self.counted.items() for bound in sli.bounds}

    @property
    def needs(self) -> Capabilities:
        """What a source must answer; the share of requests is taken of every rollout."""
        every = (need.capability for sli in self._every for need in sli.needs)
        return frozenset({Capability.REQUESTS, *every})

    def left_out(self, own_answers: frozenset[str]) -> frozenset[str]:
        """Return which statuses count on neither side, where a controller answers some itself."""
        return self.excluded | {status for status in own_answers if is_told_apart(status, self.bad_statuses)}

    def questions(self, variables: Mapping[str, str]) -> Questions:
        """Return the queries of all of them: each once, sorted."""
        each = [sli.questions(variables) for sli in self._every]
        return Questions(
            totals=tuple(sorted({total for asked in each for total in asked.totals})),
            parts=tuple(sorted({part for asked in each for part in asked.parts})),
            values=tuple(sorted({value for asked in each for value in asked.values})),
        )

    @classmethod
    def of(cls, slos: Iterable[Slo], analysis: AnalysisSettings, kinds: SliKinds = SLI_KINDS) -> Self:
        """Return the SLIs of a schedule's SLOs."""
        slis = {slo.name: kind_of(slo.sli, kinds)[1] for slo in slos}
        return cls(
            {name: sli for name, sli in slis.items() if isinstance(sli, CountedSli)},
            frozenset(analysis.exclude_statuses),
            {name: sli for name, sli in slis.items() if isinstance(sli, ComparedSli)},
            {name: sli for name, sli in slis.items() if isinstance(sli, DistributionSli)},
        )

    @property
    def _every(self) -> tuple[SliKind[Any], ...]:
        return (*self.counted.values(), *self.compared.values(), *self.distributions.values())
