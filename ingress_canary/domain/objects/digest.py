"""Digest of a JSON value, as it is stored in a status or on a shadow, and its comparison with a stored one.

A stored digest carries its algorithm: ``<algorithm>:<digits>``, and without one it is of the first, for ever. It is
compared by its own algorithm, so that a release with another one takes nothing for changed (docs/adr/0020).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

Algorithm = Callable[[Any], str]
FIRST = ""
"""Name of the algorithm whose digests carry none: those are in people's scripts, and in every status of release 0.1."""


def sha256_ten(value: Any) -> str:
    """Return ten hexadecimal digits of the SHA-256 of a JSON value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType({FIRST: sha256_ten})
"""By name; the last one makes what is stored from now on. None is ever taken away."""


class Digest(str):
    """A digest by the newest algorithm, which can be made again by an older one."""

    __slots__ = ("_algorithms", "_formerly", "value")
    value: Any
    _formerly: Any
    _algorithms: Mapping[str, Algorithm]

    @classmethod
    def of(cls, value: Any, algorithms: Mapping[str, Algorithm] = ALGORITHMS, *, formerly: Any = None) -> Self:
        """Return the digest of a value by the last of these algorithms.

        ``formerly`` is what an earlier release digested instead, where that is another value.
        """
        *_, name = algorithms
        digest = cls(_tagged(name, algorithms[name](value)))
        digest.value, digest._formerly, digest._algorithms = value, formerly, algorithms
        return digest

    @property
    def has_former(self) -> bool:
        """Whether an earlier release digested something else instead of this value."""
        return self._formerly is not None

    def is_former(self, stored: str) -> bool:
        """Return whether a stored digest is of that."""
        if stored == self or not self.has_former:
            return False
        return stored in {_tagged(name, made(self._formerly)) for name, made in self._algorithms.items()}

    def is_stored_as(self, stored: str) -> bool | None:
        """Return whether a stored digest is of this value; None when its algorithm is of a newer release."""
        if stored == self:
            return True
        name, _, _ = stored.rpartition(":")
        if name not in self._algorithms:
            return None
        return stored == _tagged(name, self._algorithms[name](self.value)) or self.is_former(stored)


def renewed(stored: str | None, present: str | None) -> str | None:
    """Return what is to be stored from now on: the present digest in place of what an earlier release digested.

    That has parts which may change without any other version, and would then no longer be recognised.
    """
    return str(present) if stored and isinstance(present, Digest) and present.is_former(stored) else stored


def same(stored: str | None, present: str | None) -> bool | None:
    """Return whether what is stored is the present digest or name; None when that cannot be known.

    It cannot where one of them is missing, or where a newer release has made the stored one.
    """
    if stored is None or present is None:
        return None
    return present.is_stored_as(stored) if isinstance(present, Digest) else stored == present


def _tagged(name: str, digits: str) -> str:
    return f"{name}:{digits}" if name else digits
