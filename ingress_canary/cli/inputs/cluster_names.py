"""Names of the cluster for completion: rollouts and namespaces. Within seconds, or none at all."""

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ingress_canary.domain.objects.resource import Resource

PATIENCE = 3.0
"""Seconds for which the cluster is waited for; kubectl waits for five."""


def rollout_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the CanaryRollouts of the namespace that is meant so far."""
    from ingress_canary.adapters.kube.client.resources import ROLLOUTS  # noqa: PLC0415 - only when TAB asks

    return _names(ROLLOUTS, context.params, incomplete, namespaced=True)


def namespace_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the namespaces of the cluster."""
    from ingress_canary.adapters.kube.client.resources import NAMESPACES  # noqa: PLC0415

    return _names(NAMESPACES, context.params, incomplete, namespaced=False)


def _names(resource: "Resource", options: dict[str, Any], incomplete: str, *, namespaced: bool) -> list[str]:
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415
    from ingress_canary.cli.inputs.kube_context import kubeconfig_of, namespace_of  # noqa: PLC0415

    async def ask(kubeconfig: str | None, context: str | None) -> None:
        namespace = namespace_of(options.get("namespace"), kubeconfig, context) if namespaced else None
        async with asyncio.timeout(PATIENCE):  # a plugin for credentials that takes longer is ended too
            session = await connect(kubeconfig=kubeconfig, context=context, request_timeout=PATIENCE)
        try:
            items = (await session.request("GET", resource.path(namespace))).get("items") or ()
            found.extend(item["metadata"]["name"] for item in items)
        finally:
            await session.close()

    found: list[str] = []

    path = kubeconfig_of(options.get("kubeconfig"))
    _within(PATIENCE + 1, lambda: asyncio.run(ask(path, options.get("context"))))
    return sorted(name for name in found if name.startswith(incomplete))


def _within(seconds: float, look: Callable[[], None]) -> None:
    """Call a function that may fail or hang: in a thread, because the name of a server is resolved in one too."""

    def quietly() -> None:
        try:
            look()
        except Exception:  # noqa: BLE001 - no cluster, no rights, no name
            return

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    thread.join(seconds)
