"""Annotation keys of ingress-nginx, and how its parser reads their values.

Shared by the router (``nginx/router.py``) and by the rules; nothing else outside the lab names these keys.
Source: internal/ingress/annotations/parser of ingress-nginx v1.15.
"""

from ingress_canary.domain.objects.ingress import Ingress
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
LEAKING = frozenset({"stream-snippet"})
"""What reaches the configuration of all from a canary Ingress too (controller.go, getStreamSnippets)."""
LEAKING_PREFIXES = ("auth-tls-", "proxy-ssl-")
"""What reaches the primary's server from a canary Ingress that is read before it (controller.go, getBackendServers)."""
INERT = frozenset(
    {
        "allowlist-source-range", "app-root", "auth-always-set-cookie", "auth-cache-duration", "auth-cache-key",
        "auth-keepalive", "auth-keepalive-requests", "auth-keepalive-share-vars", "auth-keepalive-timeout",
        "auth-method", "auth-proxy-set-headers", "auth-realm", "auth-request-redirect", "auth-response-headers",
        "auth-secret", "auth-secret-type", "auth-signin", "auth-signin-redirect-param", "auth-snippet", "auth-type",
        "auth-url", "backend-protocol", "client-body-buffer-size", "configuration-snippet",
        "connection-proxy-header", "cors-allow-credentials", "cors-allow-headers", "cors-allow-methods",
        "cors-allow-origin", "cors-expose-headers", "cors-max-age", "custom-headers", "custom-http-errors",
        "default-backend", "denylist-source-range", "disable-proxy-intercept-errors", "enable-access-log",
        "enable-cors", "enable-global-auth", "enable-modsecurity", "enable-opentelemetry",
        "enable-owasp-core-rules", "enable-rewrite-log", "fastcgi-index", "fastcgi-params-configmap",
        "force-ssl-redirect", "from-to-www-redirect", "http2-push-preload", "limit-allowlist",
        "limit-burst-multiplier", "limit-connections", "limit-rate", "limit-rate-after", "limit-rpm", "limit-rps",
        "limit-whitelist", "mirror-host", "mirror-request-body", "mirror-target", "modsecurity-snippet",
        "modsecurity-transaction-id", "opentelemetry-operation-name", "opentelemetry-trust-incoming-span",
        "permanent-redirect", "permanent-redirect-code", "preserve-trailing-slash", "proxy-body-size",
        "proxy-buffer-size", "proxy-buffering", "proxy-buffers-number", "proxy-busy-buffers-size",
        "proxy-connect-timeout", "proxy-cookie-domain", "proxy-cookie-path", "proxy-http-version",
        "proxy-max-temp-file-size", "proxy-next-upstream", "proxy-next-upstream-timeout",
        "proxy-next-upstream-tries", "proxy-read-timeout", "proxy-redirect-from", "proxy-redirect-to",
        "proxy-request-buffering", "proxy-send-timeout", "relative-redirects", "rewrite-target", "satisfy",
        "server-alias", "server-snippet", "ssl-ciphers", "ssl-passthrough", "ssl-prefer-server-ciphers",
        "ssl-redirect", "temporal-redirect", "temporal-redirect-code", "upstream-vhost", "use-port-in-redirects",
        "use-regex", "whitelist-source-range", "x-forwarded-prefix",
    }
)  # fmt: skip
"""What a canary Ingress may carry without any effect: of locations and servers, which it has none of (controller.go,
createServers and locationApplyAnnotations). Whatever is in none of these lists is taken for leaking."""

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


def leaks(name: str) -> bool:
    """Return whether an annotation, without prefix, is known to reach others than the canary Ingress that has it."""
    return name in LEAKING or name.startswith(LEAKING_PREFIXES)


def takes_effect(name: str) -> bool:
    """Return whether an annotation, without prefix, has effect on a canary Ingress."""
    return name in CANARY_KEYS or name in EFFECTIVE or name.startswith(EFFECTIVE_PREFIXES)


def ingress_label(ingress: Ingress) -> str:
    """Return the name of an Ingress in problems."""
    return f"Ingress {ingress.meta.key}"
