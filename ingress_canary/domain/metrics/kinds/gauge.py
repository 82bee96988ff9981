"""Gauge: compares one number that a query of the user's answers with bounds (``sli.prometheusThreshold``)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, Self

from ingress_canary.api.model import FieldFault
from ingress_canary.api.sli import ThresholdSli
from ingress_canary.domain.metrics.capabilities import Capability
from ingress_canary.domain.metrics.kinds.kind import AcceptedRange, ComparedSli, DocumentFault, Need, Questions
from ingress_canary.domain.metrics.promql import FILTERED, bound_notes, example, fill, is_filtered, value_faults
from ingress_canary.domain.metrics.samples import NoData, Reading, Side
from ingress_canary.domain.metrics.signals import Signals


@dataclass(frozen=True, slots=True)
class Gauge(ComparedSli[ThresholdSli]):
    """Compares one number of the canary with bounds."""

    query: str
    accepted: AcceptedRange

    @classmethod
    def of(cls, model: ThresholdSli) -> Self:
        """Return the SLI of its model."""
        bounds = AcceptedRange(model.min, model.max, model.window.total_seconds(), model.failures)
        return cls(model.query, bounds)

    @property
    def needs(self) -> tuple[Need, ...]:
        """The query."""
        return (Need("query", Capability.QUERY_VALUES, value_faults(self.query)),)

    def questions(self, variables: Mapping[str, str]) -> Questions:
        """Return the query with its variables rendered."""
        return Questions(values=(self._filled(variables),))

    def number(self, reading: Reading, signals: Signals) -> float | NoData:
        """Return the number that the query answered, or why there is none."""
        query = self._filled(signals.variables)
        why = reading.error or reading.failed.get(query)
        if why is not None:
            return NoData(why)
        value = reading.values.get(query, nan)
        return value if isfinite(value) else NoData(f"no number came from {query}")

    def notes(self) -> Iterator[FieldFault]:
        """Yield bounds that are not found by their text."""
        yield from (fault._replace(field="query") for fault in bound_notes(self.query))

    @classmethod
    def document_faults(cls, document: Mapping[str, Any], excluded: Sequence[str]) -> Iterator[DocumentFault]:
        """Yield a query that answers nothing while all is well, so that it is never judged."""
        query = document.get("query")
        if isinstance(query, str) and is_filtered(example(query)):
            yield ("query",), "has no answer where its comparison does not hold, and nothing to judge then", FILTERED

    def _filled(self, variables: Mapping[str, str]) -> str:
        return fill(self.query, variables, Side.CANARY)
