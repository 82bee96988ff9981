"""Choice of the router of a rollout, by the controller of its primary's IngressClass (docs/adr/0007)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.objects.resource import Resource
from ingress_canary.domain.traffic.router.ingress_classes import controller_of
from ingress_canary.domain.traffic.router.router import Router


@dataclass(frozen=True, slots=True)
class Routers:
    """All available routers, made by ``app.py``."""

    usual: Router
    """For every other controller; its own rules refuse those that it does not know."""
    by_controller: Mapping[str, Router] = field(default_factory=dict)
    """By ``spec.controller`` of the IngressClass."""

    @property
    def kinds(self) -> tuple[Resource, ...]:
        """The kinds of all routers' shadows, which are watched."""
        return tuple(dict.fromkeys(router.resource for router in self._all))

    def of(self, primary: Ingress | None, view: ClusterView, before: Router | None = None) -> Router:
        """Return the router of a primary; ``before``, the last one, while its controller is not known."""
        controller = controller_of(view, primary) if primary is not None else None
        if controller is None:
            return before or self.usual
        return self.by_controller.get(controller, self.usual)

    def of_shadow(self, shadow: ShadowObject, view: ClusterView, before: Router | None = None) -> Router:
        """Return the router that reads a shadow, without its primary: by an Ingress's class, else by the kind."""
        found = self.of(shadow, view, before) if isinstance(shadow, Ingress) else before or self.usual
        if found.resource == shadow.resource:
            return found
        return next((router for router in self._all if router.resource == shadow.resource), found)

    @property
    def _all(self) -> tuple[Router, ...]:
        return self.usual, *self.by_controller.values()
