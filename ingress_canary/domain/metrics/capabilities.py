"""Capabilities: what a metrics source can answer and an SLI needs; one comparison says which source serves a rollout.

Sources declare theirs (``ports.MetricsSource``), SLI kinds what they need of them; the engine reads each rollout from
the first source that can answer all of it, and refuses what none can (``unsupported.py``).
"""

from collections.abc import Sequence
from enum import StrEnum

from ingress_canary.api.model import FieldFault


class Capability(StrEnum):
    """One thing that a metrics source can answer."""

    REQUESTS = "requests"
    """The ingress controllers' own request counters."""
    LATENCY_BUCKETS = "latencyBuckets"
    """The buckets and counts of the controllers' request duration histogram."""
    QUERY_COUNTERS = "queryCounters"
    """The users' own counters, by queries in PromQL."""
    QUERY_VALUES = "queryValues"
    """The one number that a user's query in PromQL answers."""
    PAST = "past"
    """Readings of instants before now; nothing needs them, and without them evidence begins with the first reading."""

    @property
    def unanswered(self) -> FieldFault:
        """The fault of a field that needs it where no source has it."""
        if self in (Capability.QUERY_COUNTERS, Capability.QUERY_VALUES):
            remedy = "run the daemon with --source prometheus, or use requests or latency"
            return FieldFault("needs evidence from Prometheus", remedy)
        remedy = "run the daemon with --source controllers or prometheus"
        return FieldFault("needs evidence from the ingress controllers", remedy)


Capabilities = frozenset[Capability]
EVERYTHING: Capabilities = frozenset(Capability)
OF_CONTROLLERS: Capabilities = frozenset({Capability.REQUESTS, Capability.LATENCY_BUCKETS})
"""What the ingress controllers' own pages answer."""


def source_for(needs: Capabilities, sources: Sequence[Capabilities]) -> int:
    """Return the index of the first source that answers all that is needed, or else of the one that lacks least."""
    return min(range(len(sources)), key=lambda index: len(needs - sources[index]))


def lacking(needs: Capabilities, sources: Sequence[Capabilities]) -> Capabilities:
    """Return what is needed and not answered by the source that serves it; empty where one answers everything."""
    return needs - sources[source_for(needs, sources)]
