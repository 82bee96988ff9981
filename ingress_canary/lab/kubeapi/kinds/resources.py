"""Resources: one :class:`ServedResource` for each served version of each kind, and their registry.

Built-in ones come from ``builtin_kinds.py``, custom ones from their CustomResourceDefinitions while the server runs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ingress_canary.lab.kubeapi.errors import ApiError, Cause, Json, VersionNotServed, no_such_path, qualified


def _nothing(_: Json) -> None:
    """Default nothing."""


def _no_causes(_: Json) -> Sequence[Cause]:
    return ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``: ``path`` is a JSONPath, or a function of the object."""

    name: str
    value: str | Callable[[Json], object]
    type: str = "string"
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class ServedResource:
    """A resource, as one version of its group serves it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has_status: bool = False
    """Whether status is a subresource of its own."""
    scales: bool = False
    """Whether scale is a subresource of its own."""
    counts_generations: bool = False
    columns: tuple[Column, ...] = ()
    schema: Json | None = None
    """The structural schema of a custom resource; None for built-in ones."""
    defaults: Callable[[Json], None] = _nothing
    """Fills in a built-in object's defaults, in place."""
    check: Callable[[Json], Sequence[Cause]] = _no_causes
    """The rules of a built-in kind."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Members that this version calls differently: stored name -> served name."""
    stored_as: str = ""
    """The stored resource when this is another view of it."""
    stored_version: str = ""
    """The apiVersion of stored objects when it is not this one."""
    selectable: tuple[str, ...] = ()
    """Fields that field selectors may name in addition to name and namespace."""
    unconditional_updates: bool = True
    """Whether an update may leave metadata.resourceVersion out."""

    @property
    def custom(self) -> bool:
        """Whether a CustomResourceDefinition defines it."""
        return self.schema is not None

    @property
    def api_version(self) -> str:
        """Group and version, as objects name them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def name(self) -> str:
        """The plural with its group."""
        return qualified(self.plural, self.group)

    @property
    def storage(self) -> str:
        """The name under which the store holds the objects."""
        return self.stored_as or self.name

    def served(self, body: Json) -> Json:
        """Return a stored object as this version shows it."""
        if body["apiVersion"] == self.api_version:
            return body
        return {self.renamed.get(key, key): value for key, value in body.items()} | {"apiVersion": self.api_version}

    def stored(self, body: Json) -> Json:
        """Return an object of this version as the store holds it."""
        if not self.stored_version:
            return body
        names = {served: stored for stored, served in self.renamed.items()}
        return {names.get(key, key): value for key, value in body.items()} | {"apiVersion": self.stored_version}


class Registry:
    """The resources that are served now."""

    def __init__(self, resources: Sequence[ServedResource]) -> None:
        self._resources = {(resource.group, resource.version, resource.plural): resource for resource in resources}
        self._built_in = {resource.group for resource in resources}

    def __iter__(self) -> Iterator[ServedResource]:
        return iter(list(self._resources.values()))

    def find(self, group: str, version: str, plural: str) -> ServedResource:
        """Return a resource. Raises ApiError (404)."""
        try:
            return self._resources[group, version, plural]
        except KeyError:
            raise self.unknown(group) from None

    def unknown(self, group: str) -> ApiError:
        """Return the refusal of a path in a group: a built-in one knows itself what it does not serve."""
        return no_such_path() if group in self._built_in else VersionNotServed()

    def named(self, name: str) -> ServedResource:
        """Return a resource as it is stored, by its plural, with or without its group. Raises ApiError (404)."""
        for resource in self:
            if name in (resource.plural, resource.name) and not resource.stored_version:
                return resource
        raise no_such_path()

    def define(self, crd: Json) -> None:
        """Serve what a CustomResourceDefinition says, instead of what its resource was before."""
        self.drop(crd)
        for resource in of_crd(crd):
            self._resources[resource.group, resource.version, resource.plural] = resource

    def drop(self, crd: Json) -> None:
        """Stop serving the resource of a CustomResourceDefinition."""
        gone = (crd["spec"]["group"], crd["spec"]["names"]["plural"])
        self._resources = {key: resource for key, resource in self._resources.items() if (key[0], key[2]) != gone}


def of_crd(crd: Json) -> Iterator[ServedResource]:
    """Yield the served versions of a CustomResourceDefinition, the stored one first."""
    spec, names = crd["spec"], crd["spec"]["names"]
    stored = next(version["name"] for version in spec["versions"] if version.get("storage"))
    for version in sorted(spec["versions"], key=lambda version: not version.get("storage")):
        if not version.get("served"):
            continue
        resource = ServedResource(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec["scope"] == "Namespaced",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            has_status="status" in (version.get("subresources") or {}),
            counts_generations=True,
            columns=tuple(_columns(version)),
            schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
            unconditional_updates=False,
        )
        yield resource if version["name"] == stored else replace(resource, stored_version=f"{spec['group']}/{stored}")


def _columns(version: Json) -> Iterator[Column]:
    columns = version.get("additionalPrinterColumns") or [
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    ]
    for column in columns:
        yield Column(
            column["name"], column["jsonPath"], column["type"], column.get("priority", 0), column.get("description", "")
        )
