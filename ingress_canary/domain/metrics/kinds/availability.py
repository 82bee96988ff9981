"""Availability: counts requests whose status is bad (``sli.requests``)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ingress_canary.api.sli import RequestsSli
from ingress_canary.domain.metrics.capabilities import Capability
from ingress_canary.domain.metrics.counter_feed import CounterFeed, Followed
from ingress_canary.domain.metrics.kinds.kind import CountedSli, DocumentFault, Need
from ingress_canary.domain.metrics.request_feed import REQUESTS, status_matcher, sums_of_sides
from ingress_canary.domain.metrics.samples import NoData, Strata


@dataclass(frozen=True, slots=True)
class Availability(CountedSli[RequestsSli]):
    """Counts requests whose status is bad."""

    bad: tuple[str, ...]
    """Statuses; a dot stands for any digit."""

    @classmethod
    def of(cls, model: RequestsSli) -> Self:
        """Return the SLI of its model."""
        return cls(tuple(model.bad))

    @property
    def needs(self) -> tuple[Need, ...]:
        """The request counters."""
        return (Need("bad", Capability.REQUESTS),)

    @property
    def feed(self) -> CounterFeed:
        """The request counters, by status."""
        return REQUESTS

    @property
    def bad_statuses(self) -> tuple[str, ...]:
        """The statuses that it calls bad."""
        return self.bad

    def counts(self, followed: Followed) -> Strata | NoData:
        """Return the requests, and those with a bad status."""
        narrow = [pattern for pattern in self.bad if not pattern.endswith("..")]
        if followed.classes and narrow:
            return NoData(
                f"the controllers report status classes only, so {', '.join(narrow)} cannot be told apart: "
                "remove --report-status-classes, or count a whole class such as 5.."
            )
        matches = status_matcher(self.bad).fullmatch
        return sums_of_sides(
            followed.increases, lambda increase: round(increase.by[0]) if matches(increase.status) else 0
        )

    @classmethod
    def document_faults(cls, document: Mapping[str, Any], excluded: Sequence[str]) -> Iterator[DocumentFault]:
        """Yield statuses that are excluded: they count on neither side, whatever an SLO says of them."""
        bad = document.get("bad")
        for place, status in enumerate(bad if isinstance(bad, list) else ()):
            if status in excluded:
                remedy = "remove it here, or from analysis.excludeStatuses (101 and 308 by default)"
                yield ("bad", place), f"{status} is excluded and never counts as bad", remedy
