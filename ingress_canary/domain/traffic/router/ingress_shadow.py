"""Shadows that are Ingresses: what all routers by annotations have in common, whatever their annotations are.

Such a router is a subclass that says which annotations its controller acts on, and what they mean (docs/adr/0022).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from ingress_canary.domain.objects.ingress import Ingress, ShadowObject
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.domain.objects.resource import INGRESSES, Resource
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.traffic.router.ingress_classes import CLASS_ANNOTATION, class_name
from ingress_canary.domain.traffic.router.router import ShadowEdits

UNSERVED_CLASS = "ingress-canary-none"
"""A class that no controller serves: what still leads clients with an affinity cookie off the canary."""


class IngressShadow(ABC):
    """The part of a Router that is the same for every canary Ingress."""

    __slots__ = ()

    @property
    def resource(self) -> Resource:
        """Its shadows are Ingresses."""
        return INGRESSES

    @abstractmethod
    def settings(self, shadow: ShadowObject) -> Mapping[str, str]:
        """Return the annotations that this controller acts on, by whole key."""

    def content(self, shadow: ShadowObject) -> Any:
        """Return settings, class, default backend and paths."""
        ingress = _ingress(shadow)
        default = ingress.default_backend.service if ingress.default_backend else None
        return [sorted(self.settings(ingress).items()), ingress.class_name, default, sorted(_paths(ingress))]

    def edits(self, shadow: ShadowObject, target: ShadowObject) -> ShadowEdits:
        """Return the changes of paths, class and annotations."""
        ingress, wanted = _ingress(shadow), _ingress(target)
        now, then = set(_paths(ingress)), set(_paths(wanted))
        added = now - then or ingress.default_backend
        removed = then - now or ingress.class_name != wanted.class_name
        others = self._changed_settings(ingress, wanted)
        return ShadowEdits(
            added=Message(MessageKey.DRIFT_PATHS_ADDED) if added else None,
            removed=Message(MessageKey.DRIFT_PATHS_REMOVED) if removed else None,
            others=Message(MessageKey.DRIFT_ANNOTATIONS, names=tuple(sorted(others))) if others else None,
        )

    def spec_patch(self, shadow: ShadowObject, target: ShadowObject) -> Json | None:
        """Return the patch to the wanted class and rules, without a default backend."""
        ingress, wanted = _ingress(shadow), _ingress(target)
        if (
            ingress.class_name == wanted.class_name
            and not ingress.default_backend
            and ingress.rules == wanted.rules
        ):  # fmt: skip
            return None
        return {"defaultBackend": None, "ingressClassName": wanted.class_name, "rules": wanted.spec["rules"]}

    def unserved(self, shadow: ShadowObject) -> Json:
        """Return the patch to a class that no controller serves, by whichever way it is named."""
        legacy = {CLASS_ANNOTATION: UNSERVED_CLASS} if CLASS_ANNOTATION in shadow.meta.annotations else {}
        return {"metadata": {"annotations": legacy}, "spec": {"ingressClassName": UNSERVED_CLASS}}

    def served(self, shadow: ShadowObject) -> bool:
        """Return whether its class is a controller's."""
        return class_name(_ingress(shadow)) != UNSERVED_CLASS

    def _changed_settings(self, shadow: Ingress, target: Ingress) -> set[str]:
        now, then = self.settings(shadow), self.settings(target)
        return {key for key in now.keys() | then.keys() if now.get(key) != then.get(key)}


def _ingress(shadow: ShadowObject) -> Ingress:
    """Return a shadow of kind Ingress as the view that every one of that kind has."""
    assert isinstance(shadow, Ingress)
    return shadow


def _paths(ingress: Ingress) -> list[tuple[str, str, str, str, str]]:
    return [
        (rule.host, path.path, path.type, path.backend.service or "", path.backend.port)
        for rule in ingress.rules
        for path in rule.paths or ()
    ]
