"""Workloads of a CanaryRollout: whose pod template is the revision, and what the daemon does to them and keeps."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self, TypedDict, Unpack

from pydantic import Field

from ingress_canary.api.model import Model
from ingress_canary.api.units import LONG, Duration, ObjectName, Text


class WorkloadKind(StrEnum):
    """Kinds of workload whose pod template is hashed to a revision."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


class WorkloadRef(Model):
    """A workload of the rollout's namespace."""

    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    name: ObjectName
    """Name of the workload."""


class ScaleCanary(Model):
    """Scale the canary workload up at the start and back after the end."""

    to: Annotated[int, Field(ge=1, le=1000)]
    """Replicas while the rollout runs."""
    drain: Annotated[Duration, LONG] = timedelta(seconds=60)
    """How long the canary keeps its replicas after it lost its traffic."""


class WorkloadSpec(Model):
    """The workloads behind the two Services: they give revision and readiness, and are not owned."""

    canary: WorkloadRef | None = None
    stable: WorkloadRef | None = None
    scale_canary: ScaleCanary | None = None
    not_ready_timeout: Annotated[Duration, LONG] = timedelta(minutes=10)
    """How long the canary may lack a ready endpoint before it is rolled back."""


class ContainerImage(Model):
    """The image of one container, init containers included."""

    name: Annotated[str, Field(max_length=63)]
    """The container's name."""
    image: Annotated[str, Field(max_length=1024)]
    """Image as in the pod template."""


class UndoStatus(Model):
    """Why stable gets its old images back, and how the rollout ends once it has them."""

    reason: Annotated[str, Field(max_length=64)]
    """One word of the vocabulary (reasons.md)."""
    message: Text = ""
    """The sentence with the numbers."""


class CopyStatusChanges(TypedDict, total=False):
    """Changes of CopyImages under way."""

    done: bool
    undo: UndoStatus | None


class CopyStatus(Model):
    """CopyImages under way: stored before stable is changed."""

    before: Annotated[list[ContainerImage], Field(max_length=500)]
    """Stable's images before the copy."""
    after: Annotated[list[ContainerImage], Field(max_length=500)]
    """The canary's images, which stable gets."""
    done: bool = False
    """Stable has been seen with the images set here: they are not set again if another writer changes them."""
    undo: UndoStatus | None = None
    """Set while stable gets its old images back, after a fail or an abort."""

    def updated(self, **changes: Unpack[CopyStatusChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)


class ScaleStatusChanges(TypedDict, total=False):
    """Changes of the canary's scaling."""

    wanted: int
    done: bool


class ScaleStatus(Model):
    """The canary's replicas while it is scaled up for a rollout: stored before it is scaled."""

    kind: WorkloadKind
    name: Annotated[str, Field(max_length=253)]
    """The workload that is scaled."""
    before: int
    """Replicas before the rollout, restored after its end and the drain."""
    wanted: int
    """Replicas that are set now."""
    done: bool = False
    """The canary has been seen with these replicas: they are not set again if another writer changes them."""

    def updated(self, **changes: Unpack[ScaleStatusChanges]) -> Self:
        """Return the record with these changes."""
        return self.model_copy(update=changes)
