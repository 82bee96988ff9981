"""Deployment controller of the lab: after a new image the application changes its behaviour, a little later.

The composition hands it each Deployment that a watch reports and writes back the status that it returns.
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
