"""Registry of the traffic profiles, by the name that the command line knows them by."""

from collections.abc import Mapping
from types import MappingProxyType

from ingress_canary.whatif.traffic_profiles.incidents import (
    BimodalLatency,
    CanaryCausedIncident,
    IncidentInWarmUp,
    RetryStorm,
)
from ingress_canary.whatif.traffic_profiles.load import DiurnalLoad, QuietHours, StaffOnAnotherMix
from ingress_canary.whatif.traffic_profiles.profile import TrafficProfile
from ingress_canary.whatif.traffic_profiles.version import BrokenPod, ColdStart, RegressionAtWeight, SlowGrowth

PROFILES: Mapping[str, type[TrafficProfile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            IncidentInWarmUp, QuietHours, RetryStorm, StaffOnAnotherMix, ColdStart, BrokenPod, SlowGrowth,
            RegressionAtWeight, BimodalLatency, DiurnalLoad, CanaryCausedIncident,
        )
    }
)  # fmt: skip
