"""Frozen views of Ingresses, of their classes, and of objects that serve as shadows."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from ingress_canary.domain.objects.merge_patch import merged
from ingress_canary.domain.objects.metadata import Json, Meta
from ingress_canary.domain.objects.resource import INGRESSES, Resource


@dataclass(frozen=True, slots=True)
class IngressBackend:
    """The backend of a path. ``service`` is None for a resource backend."""

    service: str | None
    port: str
    """Number or name, as written."""

    @classmethod
    def of(cls, body: Json | None) -> Self | None:
        """Return the view of a backend, None when there is none."""
        if not body:
            return None
        service = body.get("service")
        if not service:
            return cls(None, "")
        port = service.get("port") or {}
        return cls(service.get("name") or "", str(port.get("name") or port.get("number") or ""))


@dataclass(frozen=True, slots=True)
class IngressPath:
    """One path of a rule."""

    path: str
    type: str
    """As written; empty when not given."""
    backend: IngressBackend


@dataclass(frozen=True, slots=True)
class IngressRule:
    """One rule. ``paths`` is None for a rule without ``http``."""

    host: str
    paths: tuple[IngressPath, ...] | None

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of one rule."""
        http = body.get("http")
        if http is None:
            return cls(body.get("host") or "", None)
        paths = (
            IngressPath(
                path.get("path") or "",
                path.get("pathType") or "",
                IngressBackend.of(path.get("backend")) or IngressBackend(None, ""),
            )
            for path in http.get("paths") or ()
        )
        return cls(body.get("host") or "", tuple(paths))


@dataclass(frozen=True, slots=True)
class ShadowObject:
    """An object of a kind that a router makes shadows of: the daemon reads its metadata, that router the rest."""

    meta: Meta
    spec: Json = field(repr=False)
    resource: Resource = field(kw_only=True)

    def patched(self, patch: Json) -> Self:
        """Return the object after a merge patch of its annotations and its spec."""
        annotations = merged(self.meta.annotations, (patch.get("metadata") or {}).get("annotations") or {})
        return self._with(replace(self.meta, annotations=annotations), merged(self.spec, patch.get("spec") or {}))

    def _with(self, meta: Meta, spec: Json) -> Self:
        return replace(self, meta=meta, spec=spec)


@dataclass(frozen=True, slots=True)
class Ingress(ShadowObject):
    """An Ingress: the primary, the shadow, or somebody else's."""

    spec: Json = field(repr=False, compare=False)
    """The whole spec, for comparisons with what was applied."""
    resource: Resource = field(default=INGRESSES, repr=False, compare=False, kw_only=True)
    class_name: str | None
    default_backend: IngressBackend | None
    rules: tuple[IngressRule, ...]

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of an Ingress."""
        return cls._made(Meta.of(body), body.get("spec") or {})

    def _with(self, meta: Meta, spec: Json) -> Self:
        return self._made(meta, spec)

    @classmethod
    def _made(cls, meta: Meta, spec: Json) -> Self:
        return cls(
            meta=meta,
            class_name=spec.get("ingressClassName"),
            default_backend=IngressBackend.of(spec.get("defaultBackend")),
            rules=tuple(IngressRule.of(rule) for rule in spec.get("rules") or ()),
            spec=spec,
        )

    def backends(self) -> Iterable[IngressBackend]:
        """Yield every backend, the default one included."""
        if self.default_backend:
            yield self.default_backend
        for rule in self.rules:
            for path in rule.paths or ():
                yield path.backend


def shadow_object(resource: Resource, body: Json) -> ShadowObject:
    """Return the view of a shadow of this kind, which the items of a list do not name."""
    if resource == INGRESSES:
        return Ingress.of(body)
    return ShadowObject(Meta.of(body), body.get("spec") or {}, resource=resource)


@dataclass(frozen=True, slots=True)
class IngressClass:
    """An IngressClass."""

    meta: Meta
    controller: str
    is_default: bool

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of an IngressClass."""
        meta = Meta.of(body)
        default = meta.annotations.get("ingressclass.kubernetes.io/is-default-class") == "true"
        return cls(meta, (body.get("spec") or {}).get("controller") or "", default)
