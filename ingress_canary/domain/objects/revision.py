"""Revision of a workload: the hash of its whole pod template; equality with stable is the pod spec's alone."""

from ingress_canary.domain.objects.digest import Digest
from ingress_canary.domain.objects.views import Json, Workload


def template_hash(workload: Workload) -> Digest:
    """Return the hash of a workload's whole pod template: a change of configuration alone is a new revision."""
    return Digest.of(workload.template)


def pod_spec(workload: Workload) -> Json:
    """Return the pod spec without labels, which must differ between canary and stable."""
    spec: Json = workload.template.get("spec") or {}
    return spec


def same_version(workload: Workload, other: Workload) -> bool:
    """Return whether two workloads run the same pods."""
    return pod_spec(workload) == pod_spec(other)


def images(workload: Workload) -> dict[str, str]:
    """Return the image of each container by name, init containers included."""
    spec = pod_spec(workload)
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return {container.get("name", ""): container.get("image", "") for container in containers}
