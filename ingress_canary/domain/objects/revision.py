"""Revision of a workload: the hash of its pod template; equality with stable is the pod spec's alone."""

from collections.abc import Collection, Mapping

from ingress_canary.domain.objects.digest import Digest
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.domain.objects.workload import Workload

RESTART_ANNOTATIONS = ("kubectl.kubernetes.io/restartedAt", "cattle.io/timestamp")
"""Annotations of a pod template that restart its pods and change nothing else: ``kubectl rollout restart`` (1.36,
polymorphichelpers/objectrestarter.go) and Rancher's redeploy."""


def template_hash(workload: Workload, restarts: Collection[str] = RESTART_ANNOTATIONS) -> Digest:
    """Return the hash of a workload's pod template: a change of configuration alone is a new revision.

    A restart is none, which would let a condemned revision begin anew: annotations named in ``restarts`` are left out.
    """
    template = workload.template
    metadata = template.get("metadata") or {}
    annotations: Json = metadata.get("annotations") or {}
    kept = {name: value for name, value in annotations.items() if name not in restarts}
    if len(kept) == len(annotations):
        return Digest.of(template)
    others = {name: value for name, value in metadata.items() if name != "annotations"}
    versioned = {**template, "metadata": {**others, "annotations": kept} if kept else others}
    # the first release hashed all of it
    return Digest.of(versioned, formerly=template)


def pod_spec(workload: Workload) -> Json:
    """Return the pod spec without labels, which must differ between canary and stable."""
    spec: Json = workload.template.get("spec") or {}
    return spec


def same_version(workload: Workload, other: Workload) -> bool:
    """Return whether two workloads run the same pods."""
    return pod_spec(workload) == pod_spec(other)


def same_images(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether images by container are the same ones, where an admission policy may have added digests."""
    return one.keys() == other.keys() and all(_same_image(image, other[name]) for name, image in one.items())


def _same_image(one: str, other: str) -> bool:
    """Return whether two references name one image: equal, or one of them with a digest and the other without."""
    (name, _, digest), (other_name, _, other_digest) = one.partition("@"), other.partition("@")
    return name == other_name and (digest == other_digest or not digest or not other_digest)


def images(workload: Workload) -> dict[str, str]:
    """Return the image of each container by name, init containers included."""
    spec = pod_spec(workload)
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return {container.get("name", ""): container.get("image", "") for container in containers}
