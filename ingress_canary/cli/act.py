"""The verbs ``pause``, ``resume``, ``abort``, ``retry``, ``finish``: the one-shot action, and the daemon's answer."""

import asyncio
import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ingress_canary.api import ACTION_ANNOTATION, API_VERSION
from ingress_canary.cli.output import Output
from ingress_canary.domain.actions import NEED_REVISION, Verb
from ingress_canary.ports import ClusterError
from ingress_canary.settings import usual_kubeconfig

HELP = {
    Verb.PAUSE: "Stop advancing; watching and rollback go on.",
    Verb.RESUME: "Go on with a rollout that is paused.",
    Verb.ABORT: "Take the canary off traffic now.",
    Verb.RETRY: "Try a revision again that was rolled back.",
    Verb.FINISH: "Say that a Manual promotion is done: stable is the new version.",
}
LOOK_AGAIN = 0.2


def command(verb: Verb) -> Callable[..., None]:
    """Return the command of a verb."""

    def act(
        name: Annotated[str, typer.Argument(help="The CanaryRollout.")],
        namespace: Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")] = "default",
        revision: Annotated[
            str | None, typer.Option(help="Do nothing unless this is the revision being rolled out.")
        ] = None,
        timeout: Annotated[float, typer.Option(help="Seconds to wait for the daemon's answer; 0 does not wait.")] = 10,
        kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig to use; kubectl's unless said.")] = None,
        context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
        output: Annotated[Output, typer.Option("--output", "-o", help="text or json.")] = Output.TEXT,
    ) -> None:
        path = str(kubeconfig) if kubeconfig else usual_kubeconfig()
        try:
            answer = asyncio.run(_act(verb, namespace, name, revision, timeout, path, context))
        except ClusterError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        if output is Output.JSON:
            print(json.dumps(answer))
        else:
            print(f"{verb} {namespace}/{name}: {answer['result']}")
        if answer["result"] not in ("done", "asked for"):
            raise typer.Exit(1)

    act.__doc__ = HELP[verb]
    return act


async def _act(
    verb: Verb,
    namespace: str,
    name: str,
    revision: str | None,
    patience: float,
    kubeconfig: str | None,
    context: str | None,
) -> dict[str, Any]:
    """Ask, and wait until the daemon says what it made of it. Raises ClusterError."""
    from ingress_canary.adapters.kube.connect import connect  # noqa: PLC0415 - half a second that help need not cost
    from ingress_canary.adapters.kube.session import MERGE_PATCH  # noqa: PLC0415

    session = await connect(kubeconfig=kubeconfig, context=context)
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/canaryrollouts/{name}"
    try:
        if revision is None and verb in NEED_REVISION:
            revision = ((await session.request("GET", path)).get("status") or {}).get("revision")
        ident = uuid.uuid4().hex[:12]
        action = f"{verb}:{revision}#{ident}" if revision else f"{verb}#{ident}"
        patch = {"metadata": {"annotations": {ACTION_ANNOTATION: action}}}
        await session.request("PATCH", path, body=patch, content_type=MERGE_PATCH)
        answer = {"verb": str(verb), "namespace": namespace, "name": name, "id": ident, "result": "asked for"}
        deadline = asyncio.get_running_loop().time() + patience
        while patience > 0:
            status = (await session.request("GET", path)).get("status") or {}
            last = status.get("lastAction") or {}
            if last.get("id") == ident:
                return answer | {"result": last.get("result", ""), "phase": status.get("phase")}
            if asyncio.get_running_loop().time() > deadline:
                return answer | {"result": f"no answer within {patience:g} s; is the daemon running?"}
            await asyncio.sleep(LOOK_AGAIN)
        return answer
    finally:
        await session.close()
