"""Command ``status``: the rollouts of a namespace as a table, or one in detail."""

import asyncio
import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from ingress_canary.cli.inputs.cluster_names import namespace_names, rollout_names
from ingress_canary.cli.inputs.kube_context import kubeconfig_of, namespace_of
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.ports import ClusterError, Missing

if TYPE_CHECKING:
    from ingress_canary.adapters.kube.client.client import KubeClient

LOOK_AGAIN = 2.0
"""Seconds between two requests with -w."""
CLEAR = "\x1b[H\x1b[2J"
INTERRUPTED = 130
"""What a shell calls an end by Ctrl-C."""


class StatusFormat(StrEnum):
    """The value of -o."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def status(
    name: Annotated[
        str | None,
        typer.Argument(help="One CanaryRollout; all of the namespace unless named.", autocompletion=rollout_names),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            help="Namespace of the rollouts; by default the context's, else default.",
            autocompletion=namespace_names,
        ),
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Those of all namespaces.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again whenever it changes, until Ctrl-C.")
    ] = False,
    output: Annotated[
        StatusFormat, typer.Option("--output", "-o", help="text, or the objects as json or yaml.")
    ] = StatusFormat.TEXT,
    kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig to use; kubectl's by default.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
) -> None:
    """Show where rollouts are; of one also its steps, evidence, findings of preflight, and history."""
    if name and everywhere:
        raise typer.BadParameter("name one rollout, or say -A", param_hint="NAME")
    path = kubeconfig_of(kubeconfig)
    shown = _watched if watch else _once
    try:
        asyncio.run(
            shown(
                StatusView(None if everywhere else namespace_of(namespace, path, context), name, output), path, context
            )
        )
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


@dataclass(frozen=True, slots=True)
class StatusView:
    """The rollouts to show, and in which format."""

    namespace: str | None
    name: str | None
    output: StatusFormat

    async def read(self, session: "KubeClient") -> dict[str, Any]:
        """Return a rollout, or a list of them, as the API server has it. Raises ClusterError."""
        from ingress_canary.adapters.kube.client.resources import ROLLOUTS  # noqa: PLC0415 - as above

        found = await session.request("GET", ROLLOUTS.path(self.namespace, self.name))
        items = [_plain(body) for body in found.get("items") or ()]
        return _plain(found) if self.name else {"apiVersion": "v1", "kind": "List", "items": items}

    async def text(self, session: "KubeClient", found: dict[str, Any], *, lines: bool = False) -> str:
        """Return the output; ``lines`` puts each JSON document on one line."""
        if self.output is StatusFormat.JSON:
            return json.dumps(found, indent=None if lines else 2)
        if self.output is StatusFormat.YAML:
            return ("---\n" if lines else "") + yaml.safe_dump(found, sort_keys=False).rstrip("\n")
        from ingress_canary.adapters.clock import SystemClock  # noqa: PLC0415

        now = SystemClock().now()
        if not self.name:
            from ingress_canary.cli.views.rollout_table import render_table  # noqa: PLC0415 - json and yaml need no models

            return render_table(found["items"], now, self.namespace)
        from ingress_canary.cli.views.status_text import render_rollout  # noqa: PLC0415 - evidence of one rollout

        return render_rollout(found, now, await _primary(session, found))


async def _once(view: StatusView, kubeconfig: str | None, context: str | None) -> None:
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415 - half a second that help need not cost

    session = await connect(kubeconfig=kubeconfig, context=context)
    try:
        print(await view.text(session, await view.read(session)))
    finally:
        await session.close()


async def _watched(view: StatusView, kubeconfig: str | None, context: str | None) -> None:
    """Show the rollouts, again after each change. Raises ClusterError when the first request fails."""
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415

    session = await connect(kubeconfig=kubeconfig, context=context)
    redraws = sys.stdout.isatty() and view.output is StatusFormat.TEXT
    shown: object = None
    try:
        while True:
            try:
                found = await view.read(session)
                text = await view.text(session, found, lines=True)
            except ClusterError as error:
                if shown is None or isinstance(error, Missing):
                    raise
                print(f"asking again: {error}", file=sys.stderr)
            else:
                # on a terminal ages are updated too; elsewhere only changes of the objects are printed
                news = text if redraws else found
                if news != shown:
                    parted = "" if shown is None or view.output is not StatusFormat.TEXT else "\n"
                    print(f"{CLEAR if redraws else parted}{text}", flush=True)
                shown = news
            await asyncio.sleep(LOOK_AGAIN)
    finally:
        await session.close()


async def _primary(session: "KubeClient", rollout: Json) -> Json | None:
    """Return the primary Ingress, for the curl command that reaches the canary; None where none is needed."""
    from ingress_canary.domain.objects.resource import INGRESSES  # noqa: PLC0415

    names = (rollout.get("spec") or {}).get("ingresses") or ()
    if not names or not ((rollout.get("status") or {}).get("routing") or {}):
        return None
    try:
        return await session.request("GET", INGRESSES.path(rollout["metadata"].get("namespace"), names[0]))
    except ClusterError:
        return None


def _plain(body: Json) -> dict[str, Any]:
    """Return an object without managedFields and the like, which only the API server reads."""
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key != "managedFields"}
    return {**body, "metadata": metadata}
