"""Router: the interface to one kind of ingress controller, which hides what differs between controllers.

``decide.py`` and the engine know a Router and nothing of any controller; another one is a folder
next to ``nginx/`` (docs/adr/0007).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.views import Ingress, Json, Owner
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.preflight.rule import PreflightRule
from ingress_canary.domain.schedule.steps import Exposure


class Router(Protocol):
    """One kind of ingress controller: how it splits traffic, and how its metrics are read."""

    @property
    def prefix(self) -> str:
        """Prefix of the annotations that the rules read."""

    @property
    def rules(self) -> Sequence[PreflightRule]:
        """Preflight rules of this controller, in the order in which they are reported."""

    def shadow(self, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
        """Return the shadow's manifest: a pure function, so that the same status gives the same object."""

    def exposure(self, shadow: Ingress) -> Exposure | None:
        """Return the exposure of a shadow as the controller reads it; None when it is no canary."""

    def exposure_if_marked(self, shadow: Ingress) -> Exposure:
        """Return the exposure of a shadow as if it were marked as a canary."""

    def without_exposure(self, shadow: Ingress) -> Mapping[str, str | None]:
        """Return the annotations, by whole key, with which a shadow sends the canary nothing; None means absent."""

    def settings(self, ingress: Ingress) -> Mapping[str, str]:
        """Return the annotations of an Ingress that this controller acts on, by whole key."""

    def signals(self, primary: Ingress, spec: RolloutSpec) -> Signals:
        """Return the metric series of both sides."""

    def forcing(self, exposure: Exposure, value: str | None) -> Mapping[str, str]:
        """Return the request headers that route a request to the canary; empty when only the weight does.

        ``value`` is sent where a pattern decides; without one that header forces nothing.
        """

    def facts(self, config: Mapping[str, str] | None, arguments: Sequence[str] | None) -> ControllerFacts:
        """Return facts from the controllers' own ConfigMap and arguments; both are None where they cannot be read."""

    def sticky(self, primary: Ingress) -> bool:
        """Return whether an affinity cookie binds clients to a side, whatever the weight."""
