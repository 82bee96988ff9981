"""Balancer of ingress-nginx as a pure function: which side a request goes to.

The order of precedence is that of ``balancer.lua``: the stable side's affinity cookie, the canary side's, the header,
the cookie, the weight. ``proxy.py`` asks; the truth table in ``tests/lab/routing-vectors.yaml`` is the judge.
"""

import hashlib
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from multidict import MultiMapping

from ingress_canary.lab.dataplane.annotations import Policy
from ingress_canary.lab.dataplane.routes import Affinity, Upstream

Headers = MultiMapping[str]
"""A request's headers: names without case, repeated names kept."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


class BackendSide(StrEnum):
    """Which upstream takes a request."""

    STABLE = "stable"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Sticky:
    """Cookie affinity of one side; the cookie's value is ``<key>|<side's mark>``."""

    affinity: Affinity
    mark: str
    _cookie: re.Pattern[str]

    @classmethod
    def of(cls, affinity: Affinity, upstream: str) -> "Sticky":
        """Return the affinity of an upstream; its mark is a hash of the name, so it survives a restart."""
        inner = hashlib.md5(upstream.encode(), usedforsecurity=False).hexdigest()
        mark = hashlib.md5((inner + upstream).encode(), usedforsecurity=False).hexdigest()
        return cls(affinity, mark, re.compile(rf"(?:^|;)\s*{re.escape(affinity.cookie)}=([^;]*)"))

    def read(self, headers: Headers) -> tuple[str, str]:
        """Return a request's key and mark, "" for what it does not carry."""
        values = self._cookie.findall(headers.get("Cookie", ""))
        key, _, mark = (values[-1] if values else "").partition("|")
        return key, mark


@dataclass(frozen=True, slots=True)
class Shaping:
    """A canary's policy, ready to be asked."""

    policy: Policy
    header: str
    """Request header to look at, "" for none: the proxy knows only names of letters, digits and dashes."""
    pattern: re.Pattern[str] | None
    """None when there is none, or when it is no valid expression."""
    cookie: re.Pattern[str] | None
    total: int

    @classmethod
    def of(cls, policy: Policy) -> "Shaping":
        """Return a policy with its expressions compiled and its total read: 100 or less is 100."""
        name = policy.header.replace("_", "-")
        cookie = policy.cookie and re.compile(rf"(?:^|[;,])\s*{re.escape(policy.cookie)} *= *([^;]*)", re.IGNORECASE)
        return cls(
            policy,
            header=name if _HEADER_NAME.fullmatch(name) else "",
            pattern=_expression(policy.header_pattern),
            cookie=cookie or None,
            total=max(policy.total, 100),
        )


@dataclass(frozen=True, slots=True)
class Balancer:
    """One upstream as the proxy's workers hold it; an upstream without endpoints has none."""

    name: str
    endpoints: tuple[str, ...]
    shaping: Shaping
    alternative: str | None
    """The only alternative that is ever used: the first."""
    sticky: Sticky | None
    subset: bool
    """Hashed by subset: takes new endpoints, and nothing else, once it exists."""

    @classmethod
    def of(cls, upstream: Upstream) -> "Balancer":
        """Return a new balancer for an upstream."""
        sticky = Sticky.of(upstream.affinity, upstream.name) if upstream.affinity else None
        return cls(
            upstream.name,
            upstream.endpoints,
            Shaping.of(upstream.policy),
            upstream.alternatives[0] if upstream.alternatives else None,
            sticky,
            subset=upstream.hash_by_subset and sticky is None,
        )

    def holds(self, headers: Headers) -> bool:
        """Return whether the request carries this side's affinity cookie."""
        return self.sticky is not None and self.sticky.read(headers)[1] == self.sticky.mark


def advance(held: Mapping[str, Balancer], upstreams: Mapping[str, Upstream]) -> dict[str, Balancer]:
    """Return the workers' balancers after a poll: what exists now, with the frozen parts of subset hashing kept."""
    balancers = {}
    for name, upstream in upstreams.items():
        if not upstream.endpoints:
            continue
        new, old = Balancer.of(upstream), held.get(name)
        if old and old.subset and new.subset:
            new = replace(old, endpoints=new.endpoints)
        balancers[name] = new
    return balancers


def choose(stable: Balancer, canary: Balancer | None, headers: Headers, draw: Callable[[int], int]) -> BackendSide:
    """Return the side of one request.

    ``canary`` is the balancer of ``stable.alternative``, None when it has no endpoints or was never merged;
    ``draw(total)`` returns a whole number, uniformly from 1 to total.
    """
    # a cookie of the stable side wins over everything
    if canary is None or stable.holds(headers):
        return BackendSide.STABLE
    # then one of the canary's, weight 0 and "never" included
    if canary.holds(headers):
        return BackendSide.CANARY
    shaping = canary.shaping
    if decided := _by_header(shaping, headers) or _by_cookie(shaping, headers):
        return decided
    return BackendSide.CANARY if draw(shaping.total) <= shaping.policy.weight else BackendSide.STABLE


def _by_header(shaping: Shaping, headers: Headers) -> BackendSide | None:
    values = headers.getall(shaping.header, []) if shaping.header else []
    if not values:
        return None
    value, policy = ", ".join(values), shaping.policy
    # a value leaves no meaning to the pattern, and both leave none to always and never
    if policy.header_value:
        return BackendSide.CANARY if value == policy.header_value else None
    if policy.header_pattern:
        if shaping.pattern is None:
            return BackendSide.STABLE  # an expression that fails ends the decision
        return BackendSide.CANARY if shaping.pattern.search(value) else None
    return _always_or_never(value)


def _by_cookie(shaping: Shaping, headers: Headers) -> BackendSide | None:
    match = shaping.cookie.search(headers.get("Cookie", "")) if shaping.cookie else None
    return _always_or_never(match[1]) if match else None


def _always_or_never(value: str) -> BackendSide | None:
    return {"always": BackendSide.CANARY, "never": BackendSide.STABLE}.get(value)


def _expression(pattern: str) -> re.Pattern[str] | None:
    """Return a PCRE expression as Python's: what Python would read differently counts as an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        try:
            return re.compile(pattern, re.ASCII) if pattern else None
        except (re.error, FutureWarning):
            return None
