"""CanaryRollout: one canary of one Service behind one Ingress. Owned by app teams."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self, TypedDict, Unpack

from pydantic import ConfigDict, Field, model_validator

from ingress_canary.api.model import InvalidValue, Model, NotExactlyOne, closed, rule
from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.api.schedule import HeaderToken, ScheduleSpec
from ingress_canary.api.units import Duration, Name, ObjectName, between
from ingress_canary.api.workload import WorkloadSpec


class ShadowSpec(Model):
    """The canary Ingress that the daemon creates next to the primary."""

    name: ObjectName | None = None
    """Name of the shadow; ``<primary>-canary`` by default."""
    share_upstream: bool = False
    """Accept that other paths of the same stable Service get the canary too (a canary applies to a whole upstream)."""


class PromotionStrategy(StrEnum):
    """How stable becomes the new version."""

    MANUAL = "Manual"
    COPY_IMAGES = "CopyImages"


class Promotion(Model):
    """What happens after the last step."""

    strategy: PromotionStrategy = PromotionStrategy.MANUAL


class Probe(Model):
    """A request that only the canary may answer: sent each tick with the step's header or cookie, where it has one."""

    url: Annotated[str, Field(max_length=2048, pattern=r"^https?://[^/?#@\s]+([/?#][^\s]*)?$")]
    """URL to request, through the ingress controller: the public address, or its Service with ``host``. Messages repeat
    it, so it takes no user and password."""
    host: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Host header of the request, a host that the primary serves; the URL's host by default."""
    send: HeaderToken | None = None
    """Value to send in the step's header, where the step matches it by a pattern."""
    header: HeaderToken
    """The response header that distinguishes the versions, such as ``X-Version``."""
    value: Annotated[str, Field(min_length=1, max_length=256)]
    """The canary's value of that header; ``{{revision}}`` stands for the rollout's revision."""
    timeout: Annotated[Duration, between("1ms", "30s")] = timedelta(seconds=5)
    """Time-out of the request."""


class ScheduleRef(Model):
    """A CanarySchedule by name."""

    name: ObjectName
    """The CanarySchedule's name."""
    namespace: Name | None = None
    """Namespace of the CanarySchedule; the daemon's own by default."""


class ScheduleSource(Model):
    """A shared schedule by reference, or an inline one."""

    model_config = ConfigDict(
        json_schema_extra=closed(rule("has(self.ref) != has(self.inline)", "say exactly one of ref and inline"))
    )

    ref: ScheduleRef | None = None
    inline: ScheduleSpec | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.ref is None) == (self.inline is None):
            raise NotExactlyOne("ref", "inline")
        return self


class RolloutSpecChanges(TypedDict, total=False):
    """Changes of a rollout's spec that is read already."""

    schedule: ScheduleSource


class RolloutSpec(Model):
    """The Ingress, Services and workloads of a rollout, and its schedule."""

    model_config = ConfigDict(
        json_schema_extra=closed(
            rule("self.stableService != self.canaryService", "stableService and canaryService must be two Services")
        )
    )

    ingresses: Annotated[list[ObjectName], Field(min_length=1, max_length=1)]
    """The primary Ingress: read, never written. Exactly one in this release."""
    stable_service: Name
    """The Service of the present version: one of the primary's backends."""
    canary_service: Name
    """The Service of the new version; used by no Ingress but the shadow."""
    shadow: ShadowSpec = ShadowSpec()
    workload: WorkloadSpec = WorkloadSpec()
    revision: (
        Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$")] | None
    ) = None
    """Name of the revision, set by CI; by default the hash of the canary workload's pod template."""
    promotion: Promotion = Promotion()
    schedule: ScheduleSource
    paused: bool = False
    """Stops advancing; the analysis goes on, and a fail still rolls back."""
    probe: Probe | None = None
    """A request that shows which version answers, before there is enough traffic for statistics."""

    @property
    def primary(self) -> str:
        """The primary Ingress's name."""
        return self.ingresses[0]

    @property
    def shadow_name(self) -> str:
        """The shadow's name."""
        return self.shadow.name or f"{self.primary}-canary"

    def updated(self, **changes: Unpack[RolloutSpecChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if self.stable_service == self.canary_service:
            raise InvalidValue(
                "canaryService must not be stableService",
                "name the Service in front of the canary's pods",
                about="canaryService",
            )
        if len(self.shadow_name) > 253:
            raise InvalidValue("the shadow's name would be longer than 253 characters", "set a shorter shadow.name")
        if self.shadow_name == self.primary:
            raise InvalidValue(
                "shadow.name must not be the primary's name", "leave it out or choose another", about="shadow.name"
            )
        return self


class CanaryRollout(Model):
    """One canary of one Service behind one Ingress."""

    api_version: Literal["ingress-canary.io/v1alpha1"]
    kind: Literal["CanaryRollout"]
    spec: RolloutSpec
    status: RolloutStatus = RolloutStatus()
