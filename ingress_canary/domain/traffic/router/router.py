"""Router: the interface to one kind of ingress controller, which hides what differs between controllers.

``decide.py`` and the engine know a Router and nothing of any controller; another one is a folder
next to ``nginx/`` (docs/adr/0007).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.objects.metadata import Json, Owner
from ingress_canary.domain.objects.resource import Resource
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.preflight.rule import PreflightRule
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.schedule.steps import Exposure


class ShadowEdits(NamedTuple):
    """Another writer's changes of a shadow beside its exposure, in words; None where there are none."""

    added: Message | None = None
    """More requests reach the canary: undone."""
    removed: Message | None = None
    """Fewer do, so that no weight says how many: honoured as none at all."""
    others: Message | None = None
    """Neither: undone."""


class Router(Protocol):
    """One kind of ingress controller: how it splits traffic, and how its metrics are read."""

    @property
    def prefix(self) -> str:
        """Prefix of the annotations that the rules read."""

    @property
    def rules(self) -> Sequence[PreflightRule]:
        """Preflight rules of this controller, in the order in which they are reported."""

    @property
    def resource(self) -> Resource:
        """The kind of its shadows."""

    def shadow(self, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
        """Return the shadow's manifest: a pure function, so that the same status gives the same object."""

    def exposure(self, shadow: ShadowObject) -> Exposure | None:
        """Return the exposure of a shadow as the controller reads it; None when it is no canary."""

    def exposure_if_marked(self, shadow: ShadowObject) -> Exposure:
        """Return the exposure of a shadow as if it were marked as a canary."""

    def settings(self, shadow: ShadowObject) -> Mapping[str, str]:
        """Return the annotations of a shadow that this controller acts on, by whole key."""

    def content(self, shadow: ShadowObject) -> Any:
        """Return all that the controller acts on as a JSON value: the fingerprint is its digest."""

    def edits(self, shadow: ShadowObject, target: ShadowObject) -> ShadowEdits:
        """Return how a shadow's content differs from what is wanted, its exposure left out."""

    def spec_patch(self, shadow: ShadowObject, target: ShadowObject) -> Json | None:
        """Return the merge patch of the spec that makes a shadow the wanted one; None where it is."""

    def without_exposure(self, shadow: ShadowObject) -> Json:
        """Return the merge patch, of annotations and spec, with which a shadow sends the canary nothing."""

    def unserved(self, shadow: ShadowObject) -> Json:
        """Return the merge patch with which no controller serves a shadow."""

    def served(self, shadow: ShadowObject) -> bool:
        """Return whether a controller may serve a shadow."""

    def signals(self, primary: Ingress, spec: RolloutSpec, facts: ControllerFacts) -> Signals:
        """Return the metric series of both sides, by what is known of the controllers."""

    def counts(self, primary: Ingress, spec: RolloutSpec, facts: ControllerFacts) -> bool | None:
        """Return whether the controllers count the primary's requests; None where that is not known."""

    def forcing(self, exposure: Exposure, value: str | None) -> Mapping[str, str]:
        """Return the request headers that route a request to the canary; empty when only the weight does.

        ``value`` is sent where a pattern decides; without one that header forces nothing.
        """

    def facts(self, config: Mapping[str, str] | None, arguments: Sequence[str] | None) -> ControllerFacts:
        """Return facts from the controllers' own ConfigMap and arguments; both are None where they cannot be read."""

    def sticky(self, route: ShadowObject) -> bool:
        """Return whether, by a primary or a shadow, an affinity cookie binds clients to a side, whatever the weight."""
