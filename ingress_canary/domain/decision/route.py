"""RouteState: what is known of one route of a rollout, and what becomes of several of them together.

``reconcile/routes.py`` makes one of each route's inputs. Rules ask the Observation, which has the answer for all.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ingress_canary.api.rollout_status import ShadowStatus
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.drift import Drift
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.traffic.shadow_removal import Terminating


class RouteState(NamedTuple):
    """One route of a rollout: a primary, and the shadow by which its requests reach the canary."""

    router: Router
    primary: Ingress | None = None
    shadow: ShadowObject | None = None
    """The object of the shadow's name that this rollout owns."""
    recorded: ShadowStatus | None = None
    """The shadow that the stored status tells of."""
    foreign: bool = False
    """The shadow's name belongs to somebody else."""
    removed: bool = False
    """The recorded shadow is gone because this daemon removed it before it could store why."""
    terminating: Terminating | None = None
    """The shadow, while it is being deleted and is still there."""
    drift: Drift | None = None
    carried: Exposure = Exposure()
    """The exposure that evidence is about."""
    is_pending: bool = False
    """A write to the shadow is still to come."""
    sticky: bool = False
    """An affinity cookie binds clients to a side, whatever the weight."""

    @property
    def is_shadow_lost(self) -> bool:
        """Whether another writer deleted the recorded shadow or made another in its place."""
        if self.shadow is None or self.shadow.meta.deleting:
            return not self.removed
        return self.recorded is not None and self.shadow.meta.uid != self.recorded.uid


def joint_drift(routes: Iterable[RouteState]) -> Drift | None:
    """Return the drift of all routes as one: what is left is what is left everywhere."""
    drifts = [route.drift for route in routes if route.drift is not None]
    if len(drifts) < 2:
        return drifts[0] if drifts else None
    left = [drift.honoured for drift in drifts]
    return Drift(
        raised=tuple(change for drift in drifts for change in drift.raised),
        lowered=tuple(change for drift in drifts for change in drift.lowered),
        honoured=Exposure(
            weight=min(one.weight for one in left),
            header=left[0].header if all(one.header is not None for one in left) else None,
            cookie=left[0].cookie if all(one.cookie is not None for one in left) else None,
        ),
    )
