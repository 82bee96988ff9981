"""Routes of a pass: each one's state by its own inputs, compared with what the status asks for; and leftovers."""

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.decision.observation import is_shadow
from ingress_canary.domain.decision.route import RouteState
from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.objects.metadata import Json, Owner
from ingress_canary.domain.reconcile.inputs import OwnedShadow, PassInputs, Remember, RouteInputs
from ingress_canary.domain.schedule.steps import Exposure, wanted_exposure
from ingress_canary.domain.traffic.drift import Drift, compare, merge_patch, stamped, untouched
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.traffic.shadow_removal import Terminating, is_ours, terminating


def manifest_of(router: Router, primary: Ingress, spec: RolloutSpec, owner: Owner, exposure: Exposure) -> Json:
    """Return the shadow's manifest with its fingerprint, as it is stored."""
    return stamped(router, router.shadow(primary, spec, owner, exposure))


def route_state(route: RouteInputs, inputs: PassInputs, owner: Owner, remembered: Remember) -> RouteState:
    """Return what is known of a route of the rollout that these are the inputs of."""
    router, primary, named, recorded = route
    shadow = named if named is not None and is_shadow(named, owner.uid, recorded) else None
    carried, drift, is_pending = _compared(route, shadow, inputs, owner, remembered)
    return RouteState(
        router=router,
        primary=primary,
        shadow=shadow,
        recorded=recorded,
        foreign=named is not None and shadow is None,
        removed=recorded is not None and recorded.uid in inputs.memory.removed,
        terminating=terminating(router, shadow) if shadow is not None else None,
        drift=drift,
        carried=carried,
        is_pending=is_pending,
        sticky=primary is not None and router.sticky(primary),
    )


def leftovers_of(inputs: PassInputs, owner: Owner, routes: tuple[RouteState, ...]) -> tuple[OwnedShadow, ...]:
    """Return shadows that a rollout left under another name, and an earlier rollout's that a finalizer holds."""
    wanted = {route.shadow.meta.uid for route in routes if route.shadow is not None}
    return tuple(
        one
        for one in inputs.owned
        if is_ours(one.shadow)
        and (one.shadow.meta.deleting or one.shadow.meta.owner == owner)
        and one.shadow.meta.uid not in wanted
    )


def first_held(leftovers: tuple[OwnedShadow, ...]) -> Terminating | None:
    """Return the first leftover that is being deleted and is still there."""
    for router, shadow in leftovers:
        held = terminating(router, shadow)
        if held is not None:
            return held
    return None


def _compared(
    route: RouteInputs, shadow: ShadowObject | None, inputs: PassInputs, owner: Owner, remembered: Remember
) -> tuple[Exposure, Drift | None, bool]:
    """Return the exposure that evidence is about, the drift, and whether a write to the shadow is still to come."""
    router, primary, _, recorded = route
    wanted = wanted_exposure(inputs.status)
    if primary is None or shadow is None or recorded is None:
        return wanted, None, False
    manifest, drift = remembered(manifest_of, router, primary, inputs.spec, owner, wanted), None
    if not remembered(untouched, router, shadow):
        drift = compare(router, shadow, wanted, manifest)
    if remembered(merge_patch, router, shadow, manifest) is None and recorded.uid == shadow.meta.uid:
        return wanted, drift, False
    return router.exposure_if_marked(shadow), drift, True
