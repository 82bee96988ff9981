"""Store of one resource: objects parsed once per version, never replaced by older ones, indexed for look-ups.

The watches feed it, and so do the daemon's own writes with their responses (write-through). Because both may arrive
in any order, an object that is older than what is held never replaces it, and one that is known to be deleted never
comes back. ``cache/cluster_view.py`` reads it.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from ingress_canary.adapters.kube.client.errors import Garbled
from ingress_canary.domain.objects.metadata import Json, Key

T = TypeVar("T")

_REMEMBERED_DEATHS = 10_000

CacheIndex = Callable[[T], Iterable[Hashable]]
Changed = Callable[[T | None, T | None], None]
"""Told of a change: the object before, and after; None when it was not there, or is gone."""


@dataclass(frozen=True, slots=True)
class CachedObject(Generic[T]):
    """One version of an object."""

    key: Key
    uid: str
    version: str
    """The resourceVersion."""
    value: T


class Odd(Garbled):
    """An object that cannot be parsed into a view."""


def version_of(body: object) -> str:
    """Return an object's resourceVersion. Raises Garbled when there is none."""
    version = _meta(body).get("resourceVersion")
    if not isinstance(version, str) or not version:
        raise Garbled("an object without a resourceVersion")
    return version


def is_older(version: str, held: str) -> bool:
    """Return whether a resourceVersion precedes another one; False when they cannot be compared.

    Kubernetes 1.35 and later promise that they are comparable integers; earlier API servers made them so all along.
    """
    return version.isdecimal() and held.isdecimal() and int(version) < int(held)


class ObjectCache(Generic[T]):
    """The objects of one resource by key.

    ``parse`` makes the view of an object's JSON. ``indexes`` name functions that return the values under which
    :meth:`by` finds an object.
    """

    def __init__(self, parse: Callable[[Json], T], indexes: Mapping[str, CacheIndex[T]] | None = None) -> None:
        self._parse = parse
        self._entries: dict[Key, CachedObject[T]] = {}
        self._dead: OrderedDict[str, None] = OrderedDict()
        self._indexes = indexes or {}
        self._found: dict[tuple[str, Hashable], dict[Key, None]] = {}
        self._listeners: list[Changed[T]] = []

    def listen(self, changed: Changed[T]) -> None:
        """Call ``changed`` after each change."""
        self._listeners.append(changed)

    def get(self, key: Key) -> T | None:
        """Return the cached object."""
        entry = self._entries.get(key)
        return entry.value if entry else None

    def keys(self) -> list[Key]:
        """Return the keys of all objects."""
        return list(self._entries)

    def by(self, index: str, value: Hashable) -> list[T]:
        """Return the objects with this value in ``index``."""
        return [self._entries[key].value for key in self._found.get((index, value), ())]

    def values(self, index: str) -> list[Hashable]:
        """Return all values of ``index``."""
        return [value for name, value in self._found if name == index]

    def entry(self, body: object) -> CachedObject[T]:
        """Return a version of an object. Raises Garbled for JSON that is no object, Odd where it has no view."""
        version, meta = version_of(body), _meta(body)
        if not isinstance(meta.get("name"), str) or not isinstance(meta.get("uid"), str):
            raise Garbled("an object without name and uid")
        key = Key(meta.get("namespace") or "", meta["name"])
        try:
            return CachedObject(key, meta["uid"], version, self._parse(cast("Json", body)))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise Odd(f"{key}: {type(error).__name__}: {error}") from error

    def put(self, entry: CachedObject[T]) -> None:
        """Store a version from a watch, a list or an own write, unless a newer one is stored."""
        held = self._entries.get(entry.key)
        if entry.uid in self._dead or (
            held and (held.version == entry.version or is_older(entry.version, held.version))
        ):
            return
        self._set(entry.key, held, entry)

    def remove(self, entry: CachedObject[T]) -> None:
        """Remove an object that a watch reports as deleted; a new object of the same name stays."""
        self.bury(entry.key, entry.uid)
        held = self._entries.get(entry.key)
        if held and not is_older(entry.version, held.version):
            self._set(entry.key, held, None)

    def bury(self, key: Key, uid: str) -> None:
        """Remove an object for good: no late event or list brings this uid back."""
        self._dead[uid] = None
        while len(self._dead) > _REMEMBERED_DEATHS:
            self._dead.popitem(last=False)
        held = self._entries.get(key)
        if held and held.uid == uid:
            self._set(key, held, None)

    def replace(self, entries: Iterable[CachedObject[T]], version: str, within: Callable[[Key], bool]) -> None:
        """Replace the keys ``within`` the scope of a complete list by its items, at resourceVersion ``version``.

        What is held and newer than the list stays: it was created after the list was made.
        """
        listed = set()
        for entry in entries:
            listed.add(entry.key)
            self.put(entry)
        gone = [
            (key, held)
            for key, held in self._entries.items()
            if key not in listed and within(key) and not is_older(version, held.version)
        ]
        for key, held in gone:
            self._set(key, held, None)

    def reset(self, within: Callable[[Key], bool]) -> None:
        """Drop the keys ``within`` scope, and every recorded deletion: the API server's history was set back."""
        self._dead.clear()
        self.replace((), "", within)

    def _set(self, key: Key, before: CachedObject[T] | None, after: CachedObject[T] | None) -> None:
        if before:
            del self._entries[key]
            self._file(before, remove=True)
        if after:
            self._entries[key] = after
            self._file(after, remove=False)
        for changed in self._listeners:
            changed(before.value if before else None, after.value if after else None)

    def _file(self, entry: CachedObject[T], *, remove: bool) -> None:
        for name, values in self._indexes.items():
            for value in values(entry.value):
                place = (name, value)
                if not remove:
                    self._found.setdefault(place, {})[entry.key] = None
                elif keys := self._found.get(place):
                    keys.pop(entry.key, None)
                    if not keys:
                        del self._found[place]


def _meta(body: object) -> Json:
    meta = body.get("metadata") if isinstance(body, dict) else None
    return meta if isinstance(meta, dict) else {}
