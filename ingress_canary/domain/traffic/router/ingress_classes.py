"""IngressClass of an Ingress, and which controller serves it. Used to choose a router, and by rules."""

from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.objects.ingress import Ingress

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
"""The legacy way to name a class."""


def class_name(ingress: Ingress) -> str | None:
    """Return the class of an Ingress, from its spec or the legacy annotation; None when it names none."""
    if ingress.class_name is not None:
        return ingress.class_name
    return ingress.meta.annotations.get(CLASS_ANNOTATION)


def controller_of(view: ClusterView, ingress: Ingress) -> str | None:
    """Return ``spec.controller`` of an Ingress's class, or of the default class; None without a class."""
    name = class_name(ingress)
    ingress_class = view.default_class() if name is None else view.ingress_class(name)
    return ingress_class.controller if ingress_class is not None else None
