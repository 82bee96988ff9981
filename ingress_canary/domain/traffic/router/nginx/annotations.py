"""Annotation keys of ingress-nginx, and how its parser reads their values.

Shared by the router (``nginx/router.py``) and by the rules; nothing else outside the lab names these keys.
Source: internal/ingress/annotations/parser of ingress-nginx v1.15.
"""

from ingress_canary.domain.objects.views import Ingress
from ingress_canary.domain.preflight.inputs import PreflightInputs

CONTROLLER = "k8s.io/ingress-nginx"
"""``spec.controller`` of ingress-nginx and of Chainguard's fork."""
LEGACY_CLASS = "nginx"
"""The value of the legacy annotation that the controller serves by default."""

CANARY_KEYS = frozenset(
    {
        "canary",
        "canary-weight",
        "canary-weight-total",
        "canary-by-header",
        "canary-by-header-value",
        "canary-by-header-pattern",
        "canary-by-cookie",
    }
)
EFFECTIVE = frozenset({"load-balance", "upstream-hash-by", "service-upstream", "affinity", "affinity-mode"})
"""Rule 17: what else has effect on a canary Ingress."""
EFFECTIVE_PREFIXES = ("affinity-canary-", "session-cookie-")

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


def annotation_value(subject: PreflightInputs, ingress: Ingress, key: str) -> str:
    """Return the value of an annotation of the router's prefix, empty when it is not there."""
    return ingress.meta.annotations.get(f"{subject.prefix}/{key}") or ""


def enabled(subject: PreflightInputs, ingress: Ingress, key: str) -> bool:
    """Return whether the controller reads an annotation as true (Go's strconv.ParseBool)."""
    return annotation_value(subject, ingress, key) in TRUE


def annotation_field(subject: PreflightInputs, key: str) -> str:
    """Return an annotation's field path in problems."""
    return f"metadata.annotations[{subject.prefix}/{key}]"


def takes_effect(name: str) -> bool:
    """Return whether an annotation, without prefix, has effect on a canary Ingress."""
    return name in CANARY_KEYS or name in EFFECTIVE or name.startswith(EFFECTIVE_PREFIXES)


def ingress_label(ingress: Ingress) -> str:
    """Return the name of an Ingress in problems."""
    return f"Ingress {ingress.meta.key}"
