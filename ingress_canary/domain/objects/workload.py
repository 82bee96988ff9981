"""Frozen view of a Deployment, StatefulSet or DaemonSet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from ingress_canary.domain.objects.field_ownership import owned_parts
from ingress_canary.domain.objects.metadata import Json, Meta


def _overdue(status: Json) -> str:
    """Return what a Deployment's controller says of a progress deadline that was exceeded; empty where none was."""
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "ProgressDeadlineExceeded" and condition.get("status") == "False":
            return str(condition.get("message") or condition["reason"])
    return ""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet."""

    meta: Meta
    kind: str
    template: Json = field(repr=False)
    """The whole pod template."""
    replicas: int
    rolled_out: bool
    """Every wanted replica is of the newest template and available, by the controller's own word."""
    owned_parts: frozenset[str] = frozenset()
    """The subresources through which the daemon's updates own fields, "" among them for the object itself."""
    paused: bool = False
    """Its controller rolls nothing out until a person resumes it."""
    overdue: str = ""
    """The controller's words when the progress deadline was exceeded."""

    @classmethod
    def of(cls, body: Json) -> Self:
        """Return the view of a workload."""
        kind = body.get("kind") or ""
        spec, status = body.get("spec") or {}, body.get("status") or {}
        if kind == "DaemonSet":
            wanted, updated = status.get("desiredNumberScheduled") or 0, status.get("updatedNumberScheduled") or 0
            available, existing = status.get("numberAvailable") or 0, status.get("currentNumberScheduled") or 0
        else:
            wanted = 1 if spec.get("replicas") is None else spec["replicas"]
            updated, available = status.get("updatedReplicas") or 0, status.get("availableReplicas") or 0
            existing = status.get("replicas") or 0
        observed = (status.get("observedGeneration") or 0) >= ((body.get("metadata") or {}).get("generation") or 0)
        rolled_out = observed and updated >= wanted and available >= wanted and existing <= max(updated, wanted)
        owned = owned_parts((body.get("metadata") or {}).get("managedFields"))
        paused = spec.get("paused") is True
        return cls(
            Meta.of(body), kind, spec.get("template") or {}, wanted, rolled_out, owned, paused, _overdue(status)
        )  # fmt: skip

    @property
    def title(self) -> str:
        """Kind and name, for messages."""
        return f"{self.kind} {self.meta.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the pods that it starts."""
        return (self.template.get("metadata") or {}).get("labels") or {}

    @property
    def port_names(self) -> frozenset[str]:
        """Names of the ports of the pods that it starts; empty when the template names none."""
        spec = self.template.get("spec") or {}
        containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
        named = (port.get("name") for container in containers for port in container.get("ports") or ())
        return frozenset(name for name in named if name)
