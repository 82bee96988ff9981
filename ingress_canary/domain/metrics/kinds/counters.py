"""Counters: counts events by two counters of the user's own queries (``sli.prometheus``).

Each series is followed by itself, as the controllers' are, and summed afterwards: a sum would hide the reset of a part.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ingress_canary.api.model import FieldFault
from ingress_canary.api.sli import PrometheusSli
from ingress_canary.domain.metrics.capabilities import Capabilities, Capability
from ingress_canary.domain.metrics.counter_feed import OTHERS, CounterFeed, Followed, no_count
from ingress_canary.domain.metrics.counter_state import Sample, SeriesKey
from ingress_canary.domain.metrics.kinds.kind import CountedSli, DocumentFault, Need, Questions
from ingress_canary.domain.metrics.promql import (
    bound_notes,
    counter_faults,
    fill,
    is_sided,
    metric_name,
    one_sided,
    selector,
)
from ingress_canary.domain.metrics.samples import Counts, NoData, Reading, Side, Strata, is_count
from ingress_canary.domain.metrics.signals import Signals

COUNTER = "write a counter of events as it is exposed, such as errors_total or requests_count"
NO_COUNTERS = (
    "_sum", "_rate", "_ratio", "_percent", "_average", "_avg", "_max", "_min", "_mean", "_current", "_in_flight",
    "_inflight", "_active", "_pending", "_size", "_depth", "_length", "_usage", "_utilization", "_bytes", "_seconds",
    "_celsius", "_info", "_timestamp",
)  # fmt: skip
"""Ends of names that are amounts and gauges where the conventions of Prometheus are kept."""
PART, TOTAL = "part", "total"
"""What a sample counts, in the place of a status."""


@dataclass(frozen=True, slots=True)
class Counters(CountedSli[PrometheusSli], CounterFeed):
    """Counts from two counters of the user's own queries."""

    counts_requests: ClassVar[bool] = False

    part: str
    """The query of what is bad, or of what is good."""
    total: str
    part_is_good: bool

    @classmethod
    def of(cls, model: PrometheusSli) -> Self:
        """Return the SLI of its model."""
        part = model.good if model.bad is None else model.bad
        assert part is not None
        return cls(part, model.total, part_is_good=model.bad is None)

    @property
    def needs(self) -> tuple[Need, ...]:
        """Both queries."""
        return (
            Need(self._member, Capability.QUERY_COUNTERS, counter_faults(self.part)),
            Need("total", Capability.QUERY_COUNTERS, counter_faults(self.total)),
        )

    def questions(self, variables: Mapping[str, str]) -> Questions:
        """Return the selectors of both sides."""
        pairs = [pair for side in Side if (pair := self.selectors(variables, side)) is not None]
        return Questions(parts=tuple(part for part, _ in pairs), totals=tuple(total for _, total in pairs))

    @property
    def feed(self) -> CounterFeed:
        """The series of both queries."""
        return self

    @property
    def counts_stable(self) -> bool:
        """Whether the queries distinguish the sides."""
        return is_sided(self.part) and is_sided(self.total)

    def selectors(self, variables: Mapping[str, str], side: Side) -> tuple[str, str] | None:
        """Return the selectors (part, total) of a side; None for stable where queries do not distinguish sides."""
        if side is Side.STABLE and not self.counts_stable:
            return None
        return _raw(fill(self.part, variables, side)), _raw(fill(self.total, variables, side))

    def samples(self, reading: Reading, signals: Signals) -> dict[SeriesKey, Sample] | NoData:
        """Return the samples of both sides, for the counted part and for the total; or why there are none."""
        samples: dict[SeriesKey, Sample] = {}
        for side in Side:
            for query, counts in zip(self.selectors(signals.variables, side) or (), (PART, TOTAL), strict=False):
                if query in reading.failed:
                    return NoData(reading.failed[query])
                for series in reading.series:
                    if series.family != query:
                        continue
                    if not is_count(series.value):
                        return no_count(series)
                    # one series may be in both queries, or even belong to both sides
                    key = series.instance, frozenset({*series.labels.items(), (side.value, counts)})
                    samples[key] = Sample(series.at, side, counts, (series.value,))
        return samples

    @property
    def title(self) -> str:
        """The query of all events."""
        return self.total

    def counts(self, followed: Followed) -> Strata | NoData:
        """Return the counts of both sides; a good event more than all of them is left to the check of the counts."""
        if followed.counters.falling:
            return NoData(f"a series of {self.part} or of {self.total} falls at most looks: {OTHERS}")
        sums = {(side, counts): 0 for side in Side for counts in (PART, TOTAL)}
        for increase in followed.increases:
            sums[increase.side, increase.status] += round(increase.by[0])
        (n, e), (m, f) = (
            (sums[side, TOTAL], sums[side, TOTAL] - sums[side, PART] if self.part_is_good else sums[side, PART])
            for side in (Side.CANARY, Side.STABLE)
        )
        return {"": Counts(n, e, m, f)}

    def notes(self) -> Iterator[FieldFault]:
        """Yield the queries whose metric is no counter by its name, and bounds that are not found by their text."""
        for member, query in ((self._member, self.part), ("total", self.total)):
            yield from (fault._replace(field=member) for fault in bound_notes(query))
            name = metric_name(query)
            if name.endswith(NO_COUNTERS):
                yield FieldFault(f"`{name}` is no counter of events by its name: {OTHERS}", COUNTER, member)

    @classmethod
    def document_faults(cls, document: Mapping[str, Any], excluded: Sequence[str]) -> Iterator[DocumentFault]:
        """Yield the queries of what a recording rule computes: it falls without a reset, and is seldom whole."""
        for member in ("bad", "good", "total"):
            query = document.get(member)
            name = metric_name(query) if isinstance(query, str) else ""
            if ":" in name:
                yield (member,), f"`{name}` is what a recording rule computes, by its colon, and no counter", COUNTER

    def faults(self, missing: Capabilities) -> Iterator[FieldFault]:
        """Yield the faults of both queries, and the one that covers both sides while the other covers one."""
        yield from super(Counters, self).faults(missing)
        if not one_sided(self.part, self.total):
            return
        everybody, sided = ("total", self._member) if is_sided(self.part) else (self._member, "total")
        yield FieldFault(
            f"has neither {{{{side}}}} nor {{{{service}}}} while {sided} has, so that the canary's share would be "
            "taken of other requests too",
            "tell the sides apart in both, or write {{canaryService}} in both: that judges it alone",
            everybody,
        )

    @property
    def _member(self) -> str:
        return "good" if self.part_is_good else "bad"


def _raw(query: str) -> str:
    """Return the raw counters of a query, or the query itself where it is invalid, for the source to refuse it."""
    try:
        return selector(query)
    except ValueError:
        return query
