"""Versions of a rollout's workloads: the canary's revision, and whether both sides run the same pods."""

from typing import NamedTuple

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.objects.revision import same_version, template_hash
from ingress_canary.domain.objects.views import Workload


class Versions(NamedTuple):
    """What both workloads run."""

    revision: str | None
    """The canary's; None while its workload does not exist."""
    stable: str | None
    """The hash of the pod template."""
    canary: str | None
    same: bool


def versions_of(spec: RolloutSpec, canary: Workload | None, stable: Workload | None) -> Versions:
    """Return the revision, the hashes of stable's and the canary's pod templates, and whether both run one version."""
    return Versions(
        revision=_revision(spec, canary),
        stable=template_hash(stable) if stable else None,
        canary=template_hash(canary) if canary else None,
        same=canary is not None and stable is not None and same_version(canary, stable),
    )


def _revision(spec: RolloutSpec, canary: Workload | None) -> str | None:
    """Return the revision: ``spec.revision`` from CI, or the pod template's hash, or a constant without either."""
    if spec.workload.canary is not None and canary is None:
        return None
    if spec.revision is not None:
        return spec.revision
    return template_hash(canary) if canary is not None else "initial"
