"""Release of ownership: once the daemon is done with a workload's images or replicas, it owns no field of it. Pure.

Until then its ownership protects a copy under way from an apply of an old manifest; afterwards it would only keep
people from applying their own (``domain/objects/field_ownership.py``). What is owned is read from the workload as it
is, so that what an earlier process, or an earlier version, left behind is given up as well.
"""

from typing import NamedTuple

from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.domain.objects.field_ownership import OBJECT, SCALE
from ingress_canary.domain.objects.workload import Workload


class OwnedPart(NamedTuple):
    """Fields of a workload that the daemon's updates own: those of the object itself, or of a subresource."""

    workload: Workload
    part: str


def releases_due(status: RolloutStatus, stable: Workload | None, canary: Workload | None) -> tuple[OwnedPart, ...]:
    """Return what is to be given up now: nothing of a workload that a copy or a scaling is still about."""
    ended = ((stable, OBJECT, status.copying is None), (canary, SCALE, status.scale is None))
    return tuple(
        OwnedPart(workload, part)
        for workload, part, is_over in ended
        if workload is not None and is_over and part in workload.owned_parts
    )


def with_ownership(status: RolloutStatus, stable: Workload | None, canary: Workload | None) -> RolloutStatus:
    """Return the status with ``ownershipReleased`` as it is: False while fields are owned, then True."""
    is_held = status.copying is not None or status.scale is not None or bool(releases_due(status, stable, canary))
    # what was never owned stays unset
    released = not is_held if is_held or status.ownership_released is not None else None
    return status if released == status.ownership_released else status.updated(ownership_released=released)
