"""Resource: a kind of Kubernetes object, as manifests and API paths name it. A router names the kind of its shadows."""

from typing import NamedTuple
from urllib.parse import quote


class Resource(NamedTuple):
    """A resource as API paths name it: a tuple, since every pass looks shadows up by it."""

    group: str
    version: str
    plural: str
    kind: str
    """List items carry no kind of their own, except custom ones."""

    @property
    def api_version(self) -> str:
        """Group and version, as manifests name them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the path of one object, or of all (of a namespace) when ``name`` is None."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        parts += [quote(part, safe="") for part in (name, subresource) if part]
        return "/".join(parts)

    def title(self, namespace: str | None = None) -> str:
        """Return the resource's name in messages: ``ingresses.networking.k8s.io``, with a namespace if given."""
        name = f"{self.plural}.{self.group}" if self.group else self.plural
        return f"{name} in {namespace}" if namespace else name


INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
