"""Shadow removal when a finalizer holds a deleted shadow: the patches that take traffic off it, and its message.

A controller may go on serving it (ingress-nginx looks at deletionTimestamp in its admission checks only, v1.15), so
that nobody is off the canary before the object itself says so. Asked by ``reconcile/assemble.py`` and by the executor.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ingress_canary.api import APPLIED_ANNOTATION, ROLLOUT_LABEL
from ingress_canary.domain.objects.views import Ingress, Json, Meta
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.drift import fingerprint
from ingress_canary.domain.traffic.router.ingress_classes import CLASS_ANNOTATION, class_name
from ingress_canary.domain.traffic.router.router import Router

UNSERVED_CLASS = "ingress-canary-none"
"""A class that no controller serves: what still leads clients with an affinity cookie off the canary."""


class Terminating(NamedTuple):
    """A shadow that is being deleted and still exists."""

    name: str
    finalizers: tuple[str, ...]
    """What holds it."""
    exposure: Exposure | None
    """The exposure it still has; None when it is no canary Ingress, so that all requests go to the canary."""
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
            return Message(MessageKey.TERMINATING_BY_ITSELF, name=self.name, sends=self._sends())
        return Message(MessageKey.TERMINATING, name=self.name, finalizers=self.finalizers, sends=self._sends())

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


def terminating(router: Router, shadow: Ingress) -> Terminating | None:
    """Return the state of a shadow that is being deleted; None for any other."""
    return _state(router, shadow) if shadow.meta.deleting else None


def is_off(router: Router, shadow: Ingress) -> bool:
    """Return whether a shadow, as it is stored, sends no requests to the canary."""
    return not _state(router, shadow).on


def _state(router: Router, shadow: Ingress) -> Terminating:
    return Terminating(
        name=shadow.meta.name,
        finalizers=shadow.meta.finalizers,
        exposure=router.exposure(shadow),
        sticky=router.sticky(shadow),
        served=class_name(shadow) != UNSERVED_CLASS,
    )


def is_ours(ingress: Ingress) -> bool:
    """Return whether the daemon made an Ingress or has written it: naming a CanaryRollout as its owner is no proof."""
    return APPLIED_ANNOTATION in ingress.meta.annotations or ROLLOUT_LABEL in ingress.meta.labels


def left_behind(owned: Iterable[Ingress], rollout: Json | None) -> Iterator[Ingress]:
    """Yield the shadows to remove, of those whose rollout is deleted (None) or being deleted.

    Whatever is not marked yet goes with its owner; while something holds the owner that does not happen. Who asked for
    its dependents to be orphaned gets that.
    """
    meta = Meta.of(rollout) if rollout is not None else None
    held = meta.uid if meta is not None and "orphan" not in meta.finalizers else None
    for ingress in filter(is_ours, owned):
        if ingress.meta.deleting or (ingress.meta.owner is not None and ingress.meta.owner.uid == held):
            yield ingress


def without_exposure(router: Router, shadow: Ingress) -> Json | None:
    """Return the merge patch to weight 0 and no routes; None where the shadow has these already."""
    return _patch(router, shadow, router.without_exposure(shadow), shadow.class_name)


def unserved(router: Router, shadow: Ingress) -> Json | None:
    """Return the merge patch that takes clients with an affinity cookie off; None where nobody is on the canary.

    Where the weight could not be written it takes everybody off.
    """
    if is_off(router, shadow):
        return None
    legacy = {CLASS_ANNOTATION: UNSERVED_CLASS} if CLASS_ANNOTATION in shadow.meta.annotations else {}
    return _patch(router, shadow, legacy, UNSERVED_CLASS)


OFF: tuple[Callable[[Router, Ingress], Json | None], ...] = (without_exposure, unserved)
"""Patches that take all traffic off a shadow, one write each: where one is refused the other is tried."""


def _patch(router: Router, shadow: Ingress, annotations: Mapping[str, str | None], named: str | None) -> Json | None:
    """Return the merge patch for these annotations and this class, with the new fingerprint."""
    changes = {key: value for key, value in annotations.items() if shadow.meta.annotations.get(key) != value}
    if not changes and named == shadow.class_name:
        return None
    left = {key: value for key, value in {**shadow.meta.annotations, **changes}.items() if value is not None}
    after = replace(shadow, meta=replace(shadow.meta, annotations=left), class_name=named)
    patch: dict[str, Any] = {"metadata": {"annotations": {**changes, APPLIED_ANNOTATION: fingerprint(router, after)}}}
    if named != shadow.class_name:
        patch["spec"] = {"ingressClassName": named}
    return patch
