"""History of a campaign, as values: all that the oracle may read.

What the API server stored of Ingresses, Deployments and the Lease, with who wrote it; what the campaign released, and
how bad that truly is; what people said. Nothing of it is what a daemon recorded: no status, Event, metric or log.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Course:
    """The way that a release goes by its schedule."""

    weights: tuple[float, ...]
    """Percent, by step; they rise."""
    bake: float
    """Seconds on the lab's clock that each step takes at least."""
    requests: int
    """Requests that the canary has answered at least before a step is left."""
    approved: frozenset[int] = frozenset()
    """Steps, from 1, that a person has to approve before they are entered."""


@dataclass(frozen=True, slots=True)
class Released:
    """The campaign gave the canary of a shop a new build."""

    at: float
    """Real seconds since the campaign began, as everywhere here."""
    shop: str
    build: str
    bad: bool
    """Whether it truly violates its SLO by far; it is as good as stable otherwise."""
    course: Course


@dataclass(frozen=True, slots=True)
class Said:
    """A person's action was stored."""

    at: float
    shop: str
    verb: str
    step: int | None = None


@dataclass(frozen=True, slots=True)
class ShadowStored:
    """A version of a shop's shadow was stored."""

    at: float
    shop: str
    writer: str
    """The user whose request it was; empty for the API server's own."""
    weight: float | None
    """Percent that it sends to the canary; None once it is gone."""
    served: int = 0
    """Requests that the present build had got until then."""
    terminating: bool = False
    """Whether somebody has deleted it and a finalizer holds it."""


@dataclass(frozen=True, slots=True)
class PrimaryStored:
    """A version of a shop's primary Ingress was stored."""

    at: float
    shop: str
    writer: str


@dataclass(frozen=True, slots=True)
class StableStored:
    """A version of a shop's stable Deployment was stored."""

    at: float
    shop: str
    writer: str
    build: str
    served: int = 0
    """Requests that the canary's present build had got until then."""


@dataclass(frozen=True, slots=True)
class LeaseStored:
    """A version of the Lease was stored."""

    at: float
    writer: str
    holder: str
    """Empty where nobody holds it, or it is gone."""


@dataclass(frozen=True, slots=True)
class Due:
    """The release of a shop has ended, or must have ended by now."""

    at: float
    shop: str


Entry = Released | Said | ShadowStored | PrimaryStored | StableStored | LeaseStored | Due


def shop_of(entry: Entry) -> str:
    """Return the shop that an entry is about; empty for the Lease."""
    return "" if isinstance(entry, LeaseStored) else entry.shop
