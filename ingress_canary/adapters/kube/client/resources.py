"""Resources of the Kubernetes API that the daemon reads or writes, with their paths."""

from collections.abc import Mapping
from dataclasses import dataclass

from ingress_canary.api import GROUP, VERSION
from ingress_canary.domain.objects.resource import Resource

ROLLOUTS = Resource(GROUP, VERSION, "canaryrollouts", "CanaryRollout")
SCHEDULES = Resource(GROUP, VERSION, "canaryschedules", "CanarySchedule")
CLASSES = Resource("networking.k8s.io", "v1", "ingressclasses", "IngressClass")
SERVICES = Resource("", "v1", "services", "Service")
SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
WORKLOADS = tuple(
    Resource("apps", "v1", f"{kind.lower()}s", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet")
)
WORKLOADS_BY_KIND = {resource.kind: resource for resource in WORKLOADS}
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Call:
    """Verb, resource and object of a request, as RBAC and the audit log name them."""

    verb: str
    resource: str
    """Plural, with the subresource behind a slash."""
    namespace: str
    name: str

    @classmethod
    def of(cls, method: str, path: str, query: Mapping[str, str]) -> "Call":
        """Return the call of ``method path?query``; an unknown path is its own resource."""
        parts = path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else parts
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        name = rest[1] if len(rest) > 1 else ""
        resource = "/".join([*rest[:1], *rest[2:]]) or path
        reading = "get" if name else "watch" if query.get("watch") else "list"
        return cls(_VERBS.get(method, reading), resource, namespace, name)

    def __str__(self) -> str:
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.resource} {where}".rstrip()
