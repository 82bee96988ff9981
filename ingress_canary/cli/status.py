"""``ingress-canary status``: the rollouts of a namespace at a glance, or one with all that it is judged by."""

import asyncio
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from ingress_canary.cli.status_view import one, table
from ingress_canary.domain.objects import Json
from ingress_canary.ports import ClusterError
from ingress_canary.settings import usual_kubeconfig


class Format(StrEnum):
    """The value of -o."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def status(
    name: Annotated[str | None, typer.Argument(help="One CanaryRollout; all of the namespace unless named.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Whose rollouts.")] = "default",
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Those of all namespaces.")] = False,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="text, or the objects as json or yaml.")
    ] = Format.TEXT,
    kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig to use; kubectl's unless said.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
) -> None:
    """Show where rollouts are; of one also its steps, evidence, findings of preflight, and history."""
    if name and everywhere:
        raise typer.BadParameter("name one rollout, or say -A", param_hint="NAME")
    path = str(kubeconfig) if kubeconfig else usual_kubeconfig()
    try:
        found = asyncio.run(_read(None if everywhere else namespace, name, path, context))
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    match output:
        case Format.JSON:
            print(json.dumps(found, indent=2))
        case Format.YAML:
            print(yaml.safe_dump(found, sort_keys=False), end="")
        case Format.TEXT:
            from ingress_canary.adapters.clock import SystemClock  # noqa: PLC0415

            now = SystemClock().now()
            print(one(found, now) if name else table(found["items"], now))


async def _read(namespace: str | None, name: str | None, kubeconfig: str | None, context: str | None) -> dict[str, Any]:
    """Return a rollout, or a list of them, as the API has it. Raises ClusterError."""
    from ingress_canary.adapters.kube.connect import connect  # noqa: PLC0415 - half a second that help need not cost
    from ingress_canary.adapters.kube.resources import ROLLOUTS  # noqa: PLC0415

    session = await connect(kubeconfig=kubeconfig, context=context)
    try:
        found = await session.request("GET", ROLLOUTS.path(namespace, name))
    finally:
        await session.close()
    items = [_plain(body) for body in found.get("items") or ()]
    return _plain(found) if name else {"apiVersion": "v1", "kind": "List", "items": items}


def _plain(body: Json) -> dict[str, Any]:
    """Return an object without what only the API server reads."""
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key != "managedFields"}
    return {**body, "metadata": metadata}
