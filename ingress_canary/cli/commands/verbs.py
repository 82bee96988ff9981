"""Verb commands (pause, resume, abort ...): write the one-shot action and print the daemon's answer."""

import asyncio
import json
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.cli.inputs.amounts import patience
from ingress_canary.cli.inputs.kube_context import kubeconfig_of, namespace_of
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.domain.objects.views import Json
from ingress_canary.domain.reasons.verbs import NEED_REVISION, NEED_STEP, NOTE, Verb
from ingress_canary.ports import ClusterError

if TYPE_CHECKING:
    from ingress_canary.adapters.kube.client.client import KubeClient

HELP = {
    Verb.APPROVE: "Consent to the step that waits for it.",
    Verb.PAUSE: "Stop advancing; watching and rollback go on.",
    Verb.RESUME: "Go on with a rollout that is paused.",
    Verb.PROMOTE: "Go to the last step, whatever lies between; it is judged as it always would be.",
    Verb.ABORT: "Take the canary off traffic now.",
    Verb.RETRY: "Try a revision again that was rolled back.",
    Verb.SKIP: "Leave the present step for the next, as if its requirement were met.",
    Verb.FINISH: "Say that a Manual promotion is done: stable is the new version.",
    Verb.RESTART: "Begin anew at the first step, with the schedule as it is now and fresh evidence.",
}
LOOK_AGAIN = 0.2
PATIENCE: Any = "10s"
"""Of --timeout: parsed as if it were typed."""
DONE = ("done", "asked for")

Name = Annotated[str, typer.Argument(help="The CanaryRollout.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Its namespace; by default the context's, else default.")
]
Revision = Annotated[str | None, typer.Option(help="Do nothing unless this is the revision being rolled out.")]
StepNumber = Annotated[
    int | None, typer.Option(min=1, help="Do nothing unless this is the step, by its number from 1.")
]
Reason = Annotated[str, typer.Option(help="Why: kept in the status and in the history.")]
Timeout = Annotated[
    float,
    typer.Option(
        parser=patience, metavar="DURATION", help="How long to wait for the daemon's answer; 0 does not wait."
    ),
]
Kubeconfig = Annotated[Path | None, typer.Option(help="Kubeconfig to use; kubectl's by default.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="text or json.")]


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """The action to write, for any rollout."""

    verb: Verb
    revision: str | None = None
    step: int | None = None
    reason: str = ""
    patience: float = 10
    """Seconds to wait for the daemon's answer."""


def command(verb: Verb) -> Callable[..., None]:
    """Return the typer command of a verb."""

    def act(
        name: Name, namespace: Namespace = None, revision: Revision = None, reason: Reason = "",
        timeout: Timeout = PATIENCE, kubeconfig: Kubeconfig = None, context: Context = None,
        output: OutputOption = Output.TEXT,
    ) -> None:  # fmt: skip
        act_on_rollout(
            ActionRequest(verb, revision, None, reason, timeout), namespace, name, kubeconfig, context, output
        )

    def act_on_step(
        name: Name,
        namespace: Namespace = None,
        revision: Revision = None,
        step: StepNumber = None,
        reason: Reason = "",
        timeout: Timeout = PATIENCE,
        kubeconfig: Kubeconfig = None,
        context: Context = None,
        output: OutputOption = Output.TEXT,
    ) -> None:
        act_on_rollout(
            ActionRequest(verb, revision, step, reason, timeout), namespace, name, kubeconfig, context, output
        )

    handler = act_on_step if verb in NEED_STEP else act
    handler.__doc__ = HELP[verb]
    return handler


def act_on_rollout(
    request: ActionRequest,
    namespace: str | None,
    name: str,
    kubeconfig: Path | None,
    context: str | None,
    output: Output,
) -> None:
    """Write the action of one rollout and print its answer. Raises typer.Exit with 1 when nothing was done."""
    check(request)
    path = kubeconfig_of(kubeconfig)
    try:
        answer = asyncio.run(_ask(request, namespace_of(namespace, path, context), name, path, context))
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if output is Output.JSON:
        print(json.dumps(answer))
    else:
        print(format_answer(answer))
    if answer["result"] not in DONE:
        raise typer.Exit(1)


def check(request: ActionRequest) -> None:
    """Refuse a reason that is too long. Raises typer.BadParameter."""
    if len(request.reason) > NOTE:
        raise typer.BadParameter(f"{len(request.reason)} characters; say it in {NOTE}", param_hint="--reason")


def format_answer(answer: Json) -> str:
    """Return an answer in one line."""
    return f"{answer['verb']} {answer['namespace']}/{answer['name']}: {answer['result']}"


async def _ask(
    request: ActionRequest, namespace: str, name: str, kubeconfig: str | None, context: str | None
) -> dict[str, Any]:
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415 - half a second that help need not cost

    session = await connect(kubeconfig=kubeconfig, context=context)
    try:
        return await ask(session, request, namespace, name)
    finally:
        await session.close()


async def ask(session: "KubeClient", request: ActionRequest, namespace: str, name: str) -> dict[str, Any]:
    """Write the action and wait for the daemon's answer. Raises ClusterError."""
    from ingress_canary.adapters.kube.client.client import MERGE_PATCH  # noqa: PLC0415
    from ingress_canary.adapters.kube.client.resources import ROLLOUTS  # noqa: PLC0415

    path, ident = ROLLOUTS.path(namespace, name), uuid.uuid4().hex[:12]
    answer = {"verb": str(request.verb), "namespace": namespace, "name": name, "id": ident, "result": "asked for"}
    status: Json = {}
    if request.verb in NEED_REVISION:
        status = (await session.request("GET", path)).get("status") or {}
        if lacking := _missing_input(request, status):
            return answer | {"result": lacking, "phase": status.get("phase")}
    patch = {"metadata": {"annotations": {ACTION_ANNOTATION: _action(request, status, ident)}}}
    await session.request("PATCH", path, body=patch, content_type=MERGE_PATCH)
    deadline = asyncio.get_running_loop().time() + request.patience
    while request.patience > 0:
        status = (await session.request("GET", path)).get("status") or {}
        last = status.get("lastAction") or {}
        if last.get("id") == ident:
            return answer | {"result": last.get("result", ""), "phase": status.get("phase")}
        if asyncio.get_running_loop().time() > deadline:
            return answer | {"result": f"no answer within {request.patience:g} s; is the daemon running?"}
        await asyncio.sleep(LOOK_AGAIN)
    return answer


def _missing_input(request: ActionRequest, status: Json) -> str | None:
    """Return why the status lacks what the action must name; None when it does not."""
    if request.revision is None and not status.get("revision"):
        return "no effect: no revision is being rolled out yet"
    if request.step is None and request.verb is Verb.SKIP and not status.get("step"):
        return f"no effect: no step is under way in phase {status.get('phase') or 'Pending'}"
    waiting = status.get("approval") or {}
    if request.step is None and request.verb is Verb.APPROVE and (not waiting or waiting.get("givenAt")):
        return "no effect: no step waits for an approval"
    return None


def _action(request: ActionRequest, status: Json, ident: str) -> str:
    """Return the annotation's text; a revision or step that was not given is taken from the present status."""
    revision, step = request.revision, request.step
    if request.verb in NEED_REVISION:
        revision = revision or status["revision"]
    if request.verb in NEED_STEP and step is None:
        step = status["approval"]["step"] if request.verb is Verb.APPROVE else status["step"]["index"]
    target = f":{revision}{f'/{step}' if step else ''}" if revision else ""
    note = " ".join(request.reason.split())
    return f"{request.verb}{target}#{ident}{f'#{note}' if note else ''}"
