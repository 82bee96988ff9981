"""Annotations as ingress-nginx reads them: invalid is never refused, it becomes the default.

Used by ``objects.py``. The rules are those of the controller's ``annotations/parser`` and of each annotation's own
parser; what the lab's proxy does not simulate is not read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

PREFIX = "nginx.ingress.kubernetes.io/"

_BASIC = re.compile(r"[/\-._~a-zA-Z0-9:]*")
_PATTERN = re.compile(r"[/\-._~a-zA-Z0-9:^$\[\](){}*+?|&=\\]*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_RETURN = re.compile(r"if \(\$http_(\w+)\) \{ return ([0-9]{3}); \}")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


@dataclass(frozen=True, slots=True)
class Policy:
    """How requests are drawn for an upstream; the defaults are those of an upstream that is no canary."""

    weight: int = 0
    total: int = 100
    header: str = ""
    header_value: str = ""
    header_pattern: str = ""
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answers every request with a redirect, before a backend is looked for."""

    url: str
    status: int


@dataclass(frozen=True, slots=True)
class Annotations:
    """What one Ingress says about its paths and upstreams."""

    canary: Policy | None
    """None for a plain Ingress, whatever its other canary annotations say."""
    affinity_cookie: str | None
    """Name of the cookie under cookie affinity."""
    affinity_legacy: bool
    """On a canary Ingress: do not share the stable side's affinity."""
    hash_by_subset: bool
    redirect: Redirect | None
    force_ssl_redirect: bool
    cors: bool
    """Answers every OPTIONS request, before a backend is looked for."""
    returns: tuple[tuple[str, int], ...]
    """Of a configuration-snippet, statuses that are answered before a backend is looked for, each by a header."""
    ssl_passthrough: bool
    default_backend: str
    """Service that stands in when an upstream has no endpoints; "" for none."""
    aliases: tuple[str, ...]

    @classmethod
    def of(cls, raw: Mapping[str, str]) -> "Annotations":
        """Return the meaning of an Ingress's annotations."""
        own = {key.removeprefix(PREFIX): value for key, value in raw.items() if key.startswith(PREFIX)}
        snippet = own.get("configuration-snippet", "")
        return cls(
            canary=_policy(own) if _bool(own, "canary") else None,
            affinity_cookie=_affinity(own),
            affinity_legacy=own.get("affinity-canary-behavior", "").strip() == "legacy",
            hash_by_subset=bool(own.get("upstream-hash-by")) and _bool(own, "upstream-hash-by-subset"),
            redirect=_redirect(own),
            force_ssl_redirect=_bool(own, "force-ssl-redirect"),
            cors=_bool(own, "enable-cors"),
            returns=tuple((name.replace("_", "-"), int(status)) for name, status in _RETURN.findall(snippet)),
            ssl_passthrough=_bool(own, "ssl-passthrough"),
            default_backend=own.get("default-backend", "").strip(),
            aliases=tuple(alias for name in own.get("server-alias", "").split(",") if (alias := name.strip().lower())),
        )


def _policy(own: Mapping[str, str]) -> Policy:
    return Policy(
        weight=_int(own, "canary-weight", 0),
        total=_int(own, "canary-weight-total", 100),
        header=_text(own, "canary-by-header", _basic),
        header_value=_text(own, "canary-by-header-value", _basic),
        header_pattern=_text(own, "canary-by-header-pattern", _pattern),
        cookie=_text(own, "canary-by-cookie", _basic),
    )


def _affinity(own: Mapping[str, str]) -> str | None:
    if own.get("affinity", "").strip() != "cookie":
        return None
    return _text(own, "session-cookie-name", _basic) or "INGRESSCOOKIE"


def _redirect(own: Mapping[str, str]) -> Redirect | None:
    # the temporal one wins over the permanent one, as the controller's parser returns on it first
    for name, status, highest in (("temporal-redirect", 302, 307), ("permanent-redirect", 301, 308)):
        url = own.get(name, "").strip()
        if urlsplit(url).scheme.startswith("http"):
            wanted = _int(own, f"{name}-code", 0)
            return Redirect(url, wanted if 300 <= wanted <= highest else status)
    return None


def _bool(own: Mapping[str, str], name: str) -> bool:
    """Return Go's ``strconv.ParseBool``, false when it fails."""
    return own.get(name) in _TRUE


def _int(own: Mapping[str, str], name: str, default: int) -> int:
    """Return Go's ``strconv.Atoi``, ``default`` when it fails: no spaces, underscores, percent signs or decimals."""
    value = own.get(name, "")
    if not _INTEGER.fullmatch(value) or len(value) > 20:
        return default
    number = int(value)
    return number if -(2**63) <= number < 2**63 else default


def _text(own: Mapping[str, str], name: str, valid: Callable[[str], bool]) -> str:
    value = own.get(name, "")
    return value.strip() if valid(value) else ""


def _basic(value: str) -> bool:
    # the controller takes spaces out before it looks
    return _BASIC.fullmatch(value.replace(" ", "")) is not None


def _pattern(value: str) -> bool:
    return _PATTERN.fullmatch(value) is not None
