"""Deployment and EndpointSlice controllers of the lab: rollouts of images, and the pods that a Service selects.

The composition hands over each Deployment that a watch reports, and writes back the status and the endpoints that come
of it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from ingress_canary.lab.application import Application, Profile

Json = Mapping[str, Any]


def rolled_out_status(deployment: Json) -> dict[str, Any]:
    """Return the status of a Deployment all of whose replicas run the newest template and are available."""
    wanted = _wanted(deployment)
    return _status(deployment, wanted, "True") | {"readyReplicas": wanted, "availableReplicas": wanted}


def stuck_status(deployment: Json) -> dict[str, Any]:
    """Return the status of a Deployment whose newest template never becomes ready, as of an image nobody has."""
    wanted = _wanted(deployment)
    return _status(deployment, wanted, "False") | {
        "readyReplicas": 0,
        "availableReplicas": 0,
        "unavailableReplicas": wanted,
    }


class DeploymentController:
    """Rolls Deployments out on the applications that stand for their pods."""

    def __init__(
        self, images: Mapping[str, Profile], applications: Mapping[tuple[str, str], Application], delay: float = 0.0
    ) -> None:
        """``applications`` are by namespace and name of the Deployment; ``delay`` is a rollout's real seconds."""
        self._images = images
        self._applications = applications
        self._delay = delay

    async def reconcile(self, deployment: Json) -> dict[str, Any] | None:
        """Return a Deployment's new status once it is rolled out; None when it is already, or is nobody's here.

        The application runs the image's profile, on as many replicas as it has addresses for, when this returns.
        """
        meta = deployment["metadata"]
        application = self._applications.get((meta["namespace"], meta["name"]))
        observed = (deployment.get("status") or {}).get("observedGeneration")
        if application is None or observed == meta.get("generation", 1):
            return None
        await asyncio.sleep(self._delay)
        profile = self._images.get(deployment["spec"]["template"]["spec"]["containers"][0]["image"])
        if profile is None:
            return stuck_status(deployment)
        application.profile = profile
        application.replicas = _wanted(deployment)
        return rolled_out_status(deployment)


def selected(service: Json, template: Json, endpoint_slice: Json) -> dict[str, Any]:
    """Return what a slice holds of a Service whose pods these are, as the EndpointSlice controller has it.

    Nothing when the selector matches no label of theirs, or there is none; endpoints without a port when the Service
    targets a port by a name that no container has.
    """
    labels, selector = (template.get("metadata") or {}).get("labels") or {}, service.get("selector") or {}
    if service.get("type") == "ExternalName" or not selector or not selector.items() <= labels.items():
        return {"endpoints": [], "ports": endpoint_slice["ports"]}
    names = {port.get("name") for container in template["spec"]["containers"] for port in container.get("ports") or ()}
    targets = {port.get("targetPort", port["port"]) for port in service.get("ports") or ()}
    resolved = any(isinstance(target, int) or target in names for target in targets)
    return {"endpoints": endpoint_slice["endpoints"], "ports": endpoint_slice["ports"] if resolved else []}


def _wanted(deployment: Json) -> int:
    replicas = deployment["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _status(deployment: Json, wanted: int, available: str) -> dict[str, Any]:
    return {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": wanted,
        "updatedReplicas": wanted,
        "conditions": [{"type": "Available", "status": available}, {"type": "Progressing", "status": available}],
    }
