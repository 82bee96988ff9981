"""Drift of the shadow by another writer: raised or lowered exposure, and the response (rule 2 of docs/concepts.md).

A shadow carries the fingerprint of the content this daemon wrote last. While content and fingerprint agree nobody
else has touched it, and a difference from what is wanted is only a write of ours that is still to come. Once they
disagree somebody else has edited: what raises exposure is undone at once, what lowers it is honoured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import Any

from ingress_canary.api import APPLIED_ANNOTATION
from ingress_canary.domain.objects.digest import Digest, same
from ingress_canary.domain.objects.views import Json, ShadowObject, shadow_object
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.router import Router


@dataclass(frozen=True, slots=True)
class Drift:
    """Another writer's changes, by direction."""

    raised: tuple[str, ...]
    """Changes that add exposure, or that are nobody's to make: undone."""
    lowered: tuple[str, ...]
    """Changes that take exposure away: honoured."""
    honoured: Exposure
    """The exposure that is left: nothing above what was wanted, nothing put back that was taken away."""


def fingerprint(router: Router, shadow: ShadowObject) -> Digest:
    """Return the digest of the part of a shadow that the controller acts on."""
    return Digest.of(router.content(shadow))


def stamped(router: Router, manifest: Json) -> Json:
    """Return a shadow's manifest with the fingerprint of its content."""
    stamp = fingerprint(router, shadow_object(router.resource, manifest))
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED_ANNOTATION: stamp}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def untouched(router: Router, shadow: ShadowObject) -> bool:
    """Return whether the shadow's effective content and owner are as this daemon last wrote them."""
    return shadow.meta.owner is not None and _intact(router, shadow)


def compare(router: Router, shadow: ShadowObject, wanted: Exposure, manifest: Json) -> Drift:
    """Return how a shadow that another writer changed differs from the wanted exposure, by direction."""
    actual, target = router.exposure_if_marked(shadow), shadow_object(router.resource, manifest)
    raised, lowered = _estranged(router, shadow, target), list[str]()
    if _intact(router, shadow):
        # whatever else is not as wanted is a write of ours that is still to come
        return Drift(tuple(raised), (), wanted)
    weight, header, cookie = wanted.weight, wanted.header, wanted.cookie
    if actual.weight > wanted.weight + 1e-9:
        raised.append(f"weight {actual.weight:g} % instead of {wanted.weight:g} %")
    elif actual.weight < wanted.weight - 1e-9:
        lowered.append(f"weight {actual.weight:g} % instead of {wanted.weight:g} %")
        # a total of somebody's own makes any fraction; what is stored has three decimals, and no more than is left
        weight = floor(actual.weight * 1000) / 1000
    if actual.header != wanted.header:
        if actual.header is None:
            lowered.append("the header route was removed")
            header = None
        else:
            raised.append(f"header route {actual.header.name} was added or changed")
    if actual.cookie != wanted.cookie:
        if actual.cookie is None:
            lowered.append("the cookie route was removed")
            cookie = None
        else:
            raised.append(f"cookie route {actual.cookie} was added or changed")
    honoured = Exposure(weight, header, cookie)
    edits = router.edits(shadow, target)
    if edits.added:
        raised.append(edits.added)
    if edits.removed:
        # a shadow that is partly inert cannot be stored as a weight: the nearest state below it is none at all
        lowered.append(edits.removed)
        honoured = Exposure()
    if edits.others and not raised and not lowered:
        raised.append(edits.others)
    return Drift(tuple(raised), tuple(lowered), honoured)


def merge_patch(router: Router, shadow: ShadowObject, manifest: Json) -> Json | None:
    """Return the merge patch that turns a shadow into the manifest; None when it already is."""
    target = shadow_object(router.resource, manifest)
    wanted: Mapping[str, str] = target.meta.annotations
    present = router.settings(shadow)
    annotations: dict[str, str | None] = {key: None for key in present if key not in wanted}
    # a stamp by an older algorithm stays as long as it is the content's
    annotations |= {key: value for key, value in wanted.items() if not same(shadow.meta.annotations.get(key), value)}
    patch: dict[str, Any] = {}
    metadata: dict[str, Any] = {"annotations": annotations} if annotations else {}
    if shadow.meta.owner != target.meta.owner:
        metadata["ownerReferences"] = manifest["metadata"]["ownerReferences"]
    if metadata:
        patch["metadata"] = metadata
    spec = router.spec_patch(shadow, target)
    if spec is not None:
        patch["spec"] = spec
    return patch or None


def _intact(router: Router, shadow: ShadowObject) -> bool:
    return same(shadow.meta.annotations.get(APPLIED_ANNOTATION), fingerprint(router, shadow)) is True


def _estranged(router: Router, shadow: ShadowObject, target: ShadowObject) -> list[str]:
    """Return the changes by which an object would no longer be this rollout's shadow."""
    lost = []
    if router.exposure(shadow) is None:
        # without the canary mark it is an object that owns the paths: everybody would be on the canary
        lost.append("the canary mark was removed")
    if shadow.meta.owner != target.meta.owner:
        # without its owner it would outlive the rollout, with all its traffic
        lost.append("its owner was removed or changed")
    return lost
