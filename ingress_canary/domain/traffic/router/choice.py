"""Choice of the router of a rollout, by the controller of its primary's IngressClass (docs/adr/0007)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingress_canary.domain.objects.views import ClusterView, Ingress
from ingress_canary.domain.traffic.router.ingress_classes import controller_of
from ingress_canary.domain.traffic.router.router import Router


@dataclass(frozen=True, slots=True)
class Routers:
    """All available routers, made by ``app.py``."""

    usual: Router
    """For every other controller; its own rules refuse those that it does not know."""
    by_controller: Mapping[str, Router] = field(default_factory=dict)
    """By ``spec.controller`` of the IngressClass."""

    def of(self, primary: Ingress | None, view: ClusterView, before: Router | None = None) -> Router:
        """Return the router of a primary; ``before``, the last one, while its controller is not known."""
        controller = controller_of(view, primary) if primary is not None else None
        if controller is None:
            return before or self.usual
        return self.by_controller.get(controller, self.usual)
