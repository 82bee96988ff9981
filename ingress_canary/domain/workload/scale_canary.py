"""ScaleCanary, how many: the replicas that the canary is to have by its status, and whether they are still to be set.

``rules/scale_canary.py`` decides with it, ``reconcile/effects.py`` writes what is due. A number is asked for once: an
autoscaler or a person who changes it afterwards is not fought.
"""

from ingress_canary.api.rollout_status import AT_REST, RolloutStatus
from ingress_canary.api.workload import ScaleStatus
from ingress_canary.domain.objects.workload import Workload


def replicas_due(status: RolloutStatus, canary: Workload | None) -> int | None:
    """Return the replicas to set on the canary now; None when there is nothing to write."""
    scale = status.scale
    if scale is None or canary is None or scale.done or not concerns(scale, canary):
        return None
    up_at_rest = status.phase in AT_REST and scale.wanted != scale.before
    return None if up_at_rest or canary.replicas == scale.wanted else scale.wanted


def concerns(scale: ScaleStatus, canary: Workload) -> bool:
    """Return whether this workload is the one that was scaled: the spec may name another one by now."""
    return (scale.kind, scale.name) == (canary.kind, canary.meta.name)
