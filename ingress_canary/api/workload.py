"""Workloads of a CanaryRollout: whose pod template is the revision, and which of them the daemon scales."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ingress_canary.api.model import Model
from ingress_canary.api.units import LONG, Duration, ObjectName


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
