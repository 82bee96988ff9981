"""Last write of a leader whose lease has ended: it takes off a canary that is proven to fail (docs/adr/0030).

Asked by ``engine/leadership/lapsed_term.py`` after each pass for which there is no lease.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.observation import Decision, Observation
from ingress_canary.domain.decision.rules.failure_mark import failure_mark
from ingress_canary.domain.decision.rules.rollout_facts import why_stable_unready
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.traffic.shadow_removal import is_off


class LastSeen(NamedTuple):
    """What a leader knew of a rollout when its lease ended."""

    leader: str | None
    """The term that its status names."""
    versions: Mapping[str, str]
    """By uid, the resourceVersion of its shadow."""


class FailedShadow(NamedTuple):
    """A shadow whose canary is proven to fail, and that still sends requests to it."""

    router: Router
    shadow: ShadowObject
    mark: str
    """The reason, as the next leader reads it off the shadow."""


def failed_shadows(seen: Observation, decision: Decision) -> tuple[FailedShadow, ...]:
    """Return the shadows that a decision takes off because an SLO is proven violated; none for any other decision."""
    status = decision.status
    is_proven = status.phase is Phase.ROLLED_BACK and status.reason == Reason.SLO_VIOLATED
    if decision.moved is None or decision.message is None or not is_proven:
        return ()
    mark = failure_mark(seen.status, decision.message)
    shadows = [(route.router, route.shadow) for route in seen.routes if route.shadow is not None]
    return tuple(FailedShadow(router, shadow, mark) for router, shadow in shadows if not is_off(router, shadow))


def why_left_alone(seen: Observation, last: LastSeen) -> str | None:
    """Return why the next leader has to take a failing canary off; None where this one may, without the lease."""
    if seen.status.leader != last.leader:
        return "another leader has taken the rollout over"
    if seen.status.copying is not None:
        return "images are being copied to stable"
    if why_stable_unready(seen) is not None:
        return "stable is not as ready as at the start"
    shadows = [route.shadow.meta for route in seen.routes if route.shadow is not None]
    if any(last.versions.get(shadow.uid) != shadow.resource_version for shadow in shadows):
        return "the shadow has changed since the lease ended"
    return None
