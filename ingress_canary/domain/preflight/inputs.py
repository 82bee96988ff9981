"""Inputs of preflight: one rollout and the cluster around it, gathered before any rule runs.

The engine makes one at the start and before every step, ``lint --live`` makes one without starting anything.
"""

from datetime import datetime
from typing import NamedTuple, Protocol

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.metrics.capabilities import Capabilities
from ingress_canary.domain.metrics.samples import OrphanTypes
from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Key

CARRYING = frozenset({Phase.PROGRESSING, Phase.PAUSED, Phase.PROMOTING})
"""Phases in which a shadow may be there."""


class Route(Protocol):
    """The weight, header and cookie of some step: the part of its exposure that rules read."""

    @property
    def weight(self) -> float:
        """Percent, 0..100."""

    @property
    def header(self) -> HeaderRoute | None:
        """The header that sends requests to the canary."""

    @property
    def cookie(self) -> str | None:
        """The cookie that sends requests to the canary."""


class Rival(NamedTuple):
    """Another CanaryRollout of the same namespace."""

    key: Key
    created: datetime
    primary: str
    canary_service: str
    phase: Phase
    begun: bool = False
    """Its shadow is there already, be it at weight 0."""


class ControllerFacts(NamedTuple):
    """Facts of the ingress controllers' own configuration; None where they are not known."""

    annotations_risk_level: str | None = None
    metrics: bool | None = None
    """Whether request metrics are on."""
    undefined_hosts: bool | None = None
    """Whether requests for a host that no rule names literally are counted."""
    topology: bool | None = None
    """Whether topology-aware routing is on."""
    legacy_class: str | None = None
    """The value of the legacy class annotation that they serve."""
    without_class: bool | None = None
    """Whether they serve Ingresses that name no class."""
    left_out: Capabilities = frozenset()
    """What they are told not to export."""
    custom_http_errors: str | None = None
    """Statuses that an error backend answers instead, for every Ingress that says none of its own."""
    service_upstream: bool | None = None
    """Whether requests are sent to Services instead of their endpoints."""
    own_answers: frozenset[str] = frozenset()
    """Statuses that they answer themselves, for any Ingress, and count as stable's; "" for one that is not known."""
    pods: int | None = None
    orphaned: OrphanTypes | None = None
    """Their own word that the shadow is inert."""


UNKNOWN_FACTS = ControllerFacts()


class PreflightInputs(NamedTuple):
    """One rollout with everything that the rules read."""

    key: Key
    uid: str
    created: datetime
    phase: Phase
    spec: RolloutSpec
    routes: tuple[Route, ...]
    """Every route that a step of the schedule uses, the one wanted now included."""
    primary: Ingress | None
    shadow: Ingress | None
    """The shadow, when it is there and this rollout's."""
    view: ClusterView
    prefix: str
    """Prefix of the router's annotations."""
    rivals: tuple[Rival, ...] = ()
    next_weight: float | None = None
    """Percent of the step that is about to be entered."""
    controllers: frozenset[str] = frozenset()
    """Further ``spec.controller`` values that the settings call known."""
    facts: ControllerFacts = UNKNOWN_FACTS
    bad_statuses: tuple[str, ...] = ()
    """Statuses that SLOs call bad, as patterns such as ``5..``."""
    judged_by: Capabilities = frozenset()
    """What of the controllers' metrics SLOs are judged by; empty where none is."""
    settle: float = 0.0
    """Seconds after a change of weight whose requests are left out: ``analysis.settle``."""

    @property
    def ingress(self) -> Ingress:
        """The primary, for the rules that run once rule 0 has found it."""
        assert self.primary is not None
        return self.primary

    @property
    def label(self) -> str:
        """The rollout's name in problems."""
        return f"CanaryRollout {self.key}"

    @property
    def stable(self) -> Key:
        """The stable Service."""
        return Key(self.key.namespace, self.spec.stable_service)

    @property
    def canary(self) -> Key:
        """The canary Service."""
        return Key(self.key.namespace, self.spec.canary_service)

    @property
    def ports(self) -> tuple[str, ...]:
        """Ports by which the primary's paths reach the stable Service: those of the shadow, as written."""
        return tuple(self.port_fields())

    def port_fields(self) -> dict[str, str]:
        """Return each of these ports with the first field that names it."""
        found: dict[str, str] = {}
        for r, rule in enumerate(self.primary.rules if self.primary else ()):
            for p, path in enumerate(rule.paths or ()):
                if path.backend.service == self.spec.stable_service:
                    found.setdefault(path.backend.port, f"spec.rules[{r}].http.paths[{p}].backend.service.port")
        return found

    def owns(self, ingress: Ingress) -> bool:
        """Return whether an Ingress is this rollout's own shadow: by its owner, or by the uid in status."""
        if self.shadow is not None and ingress.meta.key == self.shadow.meta.key:
            return True
        return ingress.meta.owner is not None and ingress.meta.owner.uid == self.uid
