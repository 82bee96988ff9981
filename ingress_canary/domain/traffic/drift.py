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
from ingress_canary.domain.objects.ingress import ShadowObject, shadow_object
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.router.router import Router


@dataclass(frozen=True, slots=True)
class Drift:
    """Another writer's changes, by direction."""

    raised: tuple[Message, ...]
    """Changes that add exposure, or that are nobody's to make: undone."""
    lowered: tuple[Message, ...]
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
    raised, lowered = _estranged(router, shadow, target), list[Message]()
    if _intact(router, shadow):
        # whatever else is not as wanted is a write of ours that is still to come
        return Drift(tuple(raised), (), wanted)
    weight, header, cookie = wanted.weight, wanted.header, wanted.cookie
    if actual.weight > wanted.weight + 1e-9:
        raised.append(Message(MessageKey.DRIFT_WEIGHT, weight=actual.weight, wanted=wanted.weight))
    elif actual.weight < wanted.weight - 1e-9:
        lowered.append(Message(MessageKey.DRIFT_WEIGHT, weight=actual.weight, wanted=wanted.weight))
        # a total of somebody's own makes any fraction; what is stored has three decimals, and no more than is left
        weight = floor(actual.weight * 1000) / 1000
    if actual.header != wanted.header:
        if actual.header is None:
            lowered.append(Message(MessageKey.DRIFT_HEADER_REMOVED))
            header = None
        else:
            raised.append(Message(MessageKey.DRIFT_HEADER, name=actual.header.name))
    if actual.cookie != wanted.cookie:
        if actual.cookie is None:
            lowered.append(Message(MessageKey.DRIFT_COOKIE_REMOVED))
            cookie = None
        else:
            raised.append(Message(MessageKey.DRIFT_COOKIE, name=actual.cookie))
    honoured = Exposure(weight, header, cookie)
    edits = router.edits(shadow, target)
    if edits.added is not None:
        raised.append(edits.added)
    if edits.removed is not None:
        # a shadow that is partly inert cannot be stored as a weight: the nearest state below it is none at all
        lowered.append(edits.removed)
        honoured = Exposure()
    if edits.others is not None and not raised and not lowered:
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


def _estranged(router: Router, shadow: ShadowObject, target: ShadowObject) -> list[Message]:
    """Return the changes by which an object would no longer be this rollout's shadow."""
    lost = list[Message]()
    if router.exposure(shadow) is None:
        # without the canary mark it is an object that owns the paths: everybody would be on the canary
        lost.append(Message(MessageKey.DRIFT_MARK_REMOVED))
    if shadow.meta.owner != target.meta.owner:
        # without its owner it would outlive the rollout, with all its traffic
        lost.append(Message(MessageKey.DRIFT_OWNER))
    return lost
