"""Faults of the API server on purpose, per matching request: what the daemon must survive.

Tests and demo scenarios add :class:`Fault` objects to ``KubeApi.faults``; the server asks for one before it answers.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ingress_canary.lab.kubeapi.requests import RequestInfo

Predicate = Callable[[RequestInfo], bool]

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Refuse:
    """An error with a Status body."""

    code: int
    message: str = "refused by the lab"
    after: float = 0.0
    """Seconds until it is answered, as for an admission webhook that answers nothing itself."""

    @property
    def reason(self) -> str:
        """The Status reason that belongs to the code."""
        return _REASONS.get(self.code, "")


@dataclass(frozen=True, slots=True)
class ForeignPage:
    """An answer that is not the API's, such as a proxy's."""

    code: int = 502
    text: str = _PAGE


@dataclass(frozen=True, slots=True)
class Empty:
    """200 without a body."""


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the fault is removed or the client goes away; then the request is served."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is closed without an answer."""


@dataclass(frozen=True, slots=True)
class Gone:
    """410 Expired; for a watch with ``in_stream`` as an ERROR event after a 200, as real servers mostly do."""

    in_stream: bool = False


@dataclass(frozen=True, slots=True)
class Delay:
    """The request is served, later."""

    seconds: float


Effect = Refuse | ForeignPage | Empty | Hang | Drop | Gone | Delay


@dataclass(eq=False, slots=True)
class Fault:
    """One way to fail."""

    matches: Predicate
    effect: Effect
    times: int | None = None
    """How many requests it hits; None for all."""
    hits: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the fault is removed."""


class Faults:
    """The faults in force; the first that matches a request hits it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def add(self, matches: Predicate, effect: Effect, times: int | None = None) -> Fault:
        """Put a fault in force and return it."""
        fault = Fault(matches, effect, times)
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """End a fault and release what hangs in it."""
        fault.released.set()
        if fault in self._faults:
            self._faults.remove(fault)

    def clear(self) -> None:
        """End all faults."""
        for fault in list(self._faults):
            self.remove(fault)

    def hit(self, info: RequestInfo) -> Fault | None:
        """Return the fault that hits a request, and count it."""
        for fault in self._faults:
            if (fault.times is None or fault.hits < fault.times) and fault.matches(info):
                fault.hits += 1
                return fault
        return None


def requests(**wanted: str | tuple[str, ...]) -> Predicate:
    """Return what matches requests by fields of RequestInfo: ``requests(verb="patch", resource="ingresses")``.

    A tuple matches any of its values.
    """
    allowed = {key: (value,) if isinstance(value, str) else value for key, value in wanted.items()}
    return lambda info: all(getattr(info, key) in values for key, values in allowed.items())
