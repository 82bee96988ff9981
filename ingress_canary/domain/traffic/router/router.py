"""Router: the interface of one kind of ingress controller; all that differs between controllers is behind it.

``decide.py`` and the engine know a Router and nothing of any controller; another one is a folder
beside ``nginx/`` (docs/adr/0007).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.metrics.sli_kinds import Signals
from ingress_canary.domain.objects.views import Ingress, Json, Owner
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.preflight.rule import PreflightRule
from ingress_canary.domain.schedule.steps import Exposure


class Router(Protocol):
    """How one kind of controller is told who reaches the canary, and how its numbers are read."""

    @property
    def prefix(self) -> str:
        """Prefix of the annotations that the rules read."""

    @property
    def rules(self) -> Sequence[PreflightRule]:
        """Every known way in which its canaries do nothing or do harm, in the order in which they are reported."""

    def shadow(self, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
        """Return the whole shadow: a pure function, so that the same status makes the same object."""

    def exposure(self, shadow: Ingress) -> Exposure | None:
        """Return what a shadow does now by the controller's own reading; None when it is no canary at all."""

    def exposure_if_marked(self, shadow: Ingress) -> Exposure:
        """Return what a shadow would do if it were marked as a canary."""

    def without_exposure(self, shadow: Ingress) -> Mapping[str, str | None]:
        """Return the annotations, by whole key, with which a shadow sends nobody to the canary; None is for absent."""

    def settings(self, ingress: Ingress) -> Mapping[str, str]:
        """Return the annotations of an Ingress that this controller acts on, by whole key."""

    def signals(self, primary: Ingress, spec: RolloutSpec) -> Signals:
        """Return which series speak for which side."""

    def forcing(self, exposure: Exposure, value: str | None) -> Mapping[str, str]:
        """Return the request headers that force one to the canary; empty when only the weight leads there.

        ``value`` is sent where a pattern decides; without one that header forces nothing.
        """

    def facts(self, config: Mapping[str, str] | None, arguments: Sequence[str] | None) -> ControllerFacts:
        """Return what the controllers' own ConfigMap and arguments say; both are None where they cannot be read."""

    def sticky(self, primary: Ingress) -> bool:
        """Return whether clients stick to a side by an affinity cookie, which no weight can move."""
