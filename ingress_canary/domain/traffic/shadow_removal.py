"""Shadow removal when a finalizer holds a deleted shadow: the patches that take traffic off it, and its message.

A controller may go on serving it (ingress-nginx looks at deletionTimestamp in its admission checks only, v1.15), so
that nobody is off the canary before the object itself says so. Asked by ``reconcile/assemble.py`` and by the executor.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ingress_canary.api import APPLIED_ANNOTATION, ROLLOUT_LABEL
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Meta
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.drift import fingerprint
from ingress_canary.domain.traffic.router.router import Router


class Terminating(NamedTuple):
    """A shadow that is being deleted and still exists."""

    kind: str
    name: str
    finalizers: tuple[str, ...]
    """What holds it."""
    exposure: Exposure | None
    """The exposure it still has; None when it is not marked as a canary, so that all requests go to the canary."""
    sticky: bool
    """Clients with an affinity cookie of the canary stay on it, whatever the exposure is (rule 16)."""
    served: bool
    """A controller may serve it."""

    @property
    def on(self) -> bool:
        """Return whether it still sends requests to the canary."""
        return self.served and (self.sticky or self.exposure != Exposure())

    @property
    def message(self) -> Message:
        """The message for a person, with the remedy."""
        if not self.finalizers:
            return Message(MessageKey.TERMINATING_BY_ITSELF, kind=self.kind, name=self.name, sends=self._sends())
        return Message(
            MessageKey.TERMINATING, kind=self.kind, name=self.name, finalizers=self.finalizers, sends=self._sends()
        )

    def _sends(self) -> Message:
        if not self.on:
            return Message(MessageKey.SENDS_NOBODY)
        if self.exposure is None:
            return Message(MessageKey.SENDS_EVERYBODY)
        routes = [Message(MessageKey.SENDS_WEIGHT, weight=self.exposure.weight)]
        routes += [Message(MessageKey.SENDS_HEADER, name=self.exposure.header.name)] if self.exposure.header else []
        routes += [Message(MessageKey.SENDS_COOKIE, name=self.exposure.cookie)] if self.exposure.cookie else []
        routes += [Message(MessageKey.SENDS_STICKY)] if self.sticky else []
        return Message(MessageKey.SENDS, routes=tuple(routes))


def terminating(router: Router, shadow: ShadowObject) -> Terminating | None:
    """Return the state of a shadow that is being deleted; None for any other."""
    return _state(router, shadow) if shadow.meta.deleting else None


def is_off(router: Router, shadow: ShadowObject) -> bool:
    """Return whether a shadow, as it is stored, sends no requests to the canary."""
    return not _state(router, shadow).on


def _state(router: Router, shadow: ShadowObject) -> Terminating:
    return Terminating(
        kind=shadow.resource.kind,
        name=shadow.meta.name,
        finalizers=shadow.meta.finalizers,
        exposure=router.exposure(shadow),
        sticky=router.sticky(shadow),
        served=router.served(shadow),
    )


def is_ours(shadow: ShadowObject) -> bool:
    """Return whether the daemon made an object or has written it: naming a CanaryRollout as its owner is no proof."""
    return APPLIED_ANNOTATION in shadow.meta.annotations or ROLLOUT_LABEL in shadow.meta.labels


def left_behind(owned: Iterable[ShadowObject], rollout: Json | None) -> Iterator[ShadowObject]:
    """Yield the shadows to remove, of those whose rollout is deleted (None) or being deleted.

    Whatever is not marked yet goes with its owner; while something holds the owner that does not happen. Who asked for
    its dependents to be orphaned gets that.
    """
    meta = Meta.of(rollout) if rollout is not None else None
    held = meta.uid if meta is not None and "orphan" not in meta.finalizers else None
    for shadow in filter(is_ours, owned):
        if shadow.meta.deleting or (shadow.meta.owner is not None and shadow.meta.owner.uid == held):
            yield shadow


def without_exposure(router: Router, shadow: ShadowObject) -> Json | None:
    """Return the merge patch to weight 0 and no routes; None where the shadow has these already."""
    return _patch(router, shadow, router.without_exposure(shadow))


def unserved(router: Router, shadow: ShadowObject) -> Json | None:
    """Return the merge patch that takes clients with an affinity cookie off; None where nobody is on the canary.

    Where the weight could not be written it takes everybody off.
    """
    return None if is_off(router, shadow) else _patch(router, shadow, router.unserved(shadow))


OFF: tuple[Callable[[Router, ShadowObject], Json | None], ...] = (without_exposure, unserved)
"""Patches that take all traffic off a shadow, one write each: where one is refused the other is tried."""


def _patch(router: Router, shadow: ShadowObject, patch: Json) -> Json | None:
    """Return the part of a merge patch that changes anything, with the new fingerprint; None where nothing does."""
    present, wanted = shadow.meta.annotations, (patch.get("metadata") or {}).get("annotations") or {}
    annotations = {key: value for key, value in wanted.items() if present.get(key) != value}
    spec = {key: value for key, value in (patch.get("spec") or {}).items() if shadow.spec.get(key) != value}
    if not annotations and not spec:
        return None
    after = shadow.patched({"metadata": {"annotations": annotations}, "spec": spec})
    stamp = {APPLIED_ANNOTATION: fingerprint(router, after)}
    needed: dict[str, Any] = {"metadata": {"annotations": {**annotations, **stamp}}}
    return {**needed, "spec": spec} if spec else needed
