"""Latency distribution: compares how long requests take with stable, at every bound (``sli.latencyDistribution``)."""

from dataclasses import dataclass
from typing import Self

from ingress_canary.api.sli import LatencyDistributionSli
from ingress_canary.domain.metrics.capabilities import Capability
from ingress_canary.domain.metrics.kinds.kind import DistributionSli, Need


@dataclass(frozen=True, slots=True)
class LatencyDistribution(DistributionSli[LatencyDistributionSli]):
    """Compares all buckets of the controllers' request duration histogram: ``histogram.py`` follows them."""

    @classmethod
    def of(cls, model: LatencyDistributionSli) -> Self:
        """Return the SLI of its model."""
        return cls()

    @property
    def needs(self) -> tuple[Need, ...]:
        """The histogram, for the SLI as a whole."""
        return (Need("", Capability.LATENCY_BUCKETS),)
