"""Registry of the SLI kinds: the class of each field of ``api.sli.Sli``. A new kind is a line here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ingress_canary.api.sli import Sli
from ingress_canary.domain.metrics.kinds.availability import Availability
from ingress_canary.domain.metrics.kinds.counters import Counters
from ingress_canary.domain.metrics.kinds.gauge import Gauge
from ingress_canary.domain.metrics.kinds.kind import SliKind
from ingress_canary.domain.metrics.kinds.latency import Latency
from ingress_canary.domain.metrics.kinds.latency_distribution import LatencyDistribution

SliKinds = Mapping[str, type[SliKind[Any]]]
"""By the field's name in manifests."""

SLI_KINDS: SliKinds = MappingProxyType(
    {
        "requests": Availability,
        "latency": Latency,
        "latencyDistribution": LatencyDistribution,
        "prometheus": Counters,
        "prometheusThreshold": Gauge,
    }
)


def kind_of(sli: Sli, kinds: SliKinds = SLI_KINDS) -> tuple[str, SliKind[Any]]:
    """Return an SLI by its kind, and the name of its field."""
    member, model = sli.chosen
    return member, kinds[member].of(model)
