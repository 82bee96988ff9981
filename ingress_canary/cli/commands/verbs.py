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
from ingress_canary.cli.inputs.cluster_names import namespace_names, rollout_names
from ingress_canary.cli.inputs.kube_context import kubeconfig_of, namespace_of
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.domain.reasons.action_results import ActionOutcome, Refusal, no_effect, parse_result, render_result
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.printable import printable
from ingress_canary.domain.reasons.verbs import NOTE, Verb, VerbTarget
from ingress_canary.ports import ClusterError

if TYPE_CHECKING:
    from ingress_canary.adapters.kube.client.client import KubeClient

LOOK_AGAIN = 0.2
PATIENCE: Any = "10s"
"""Of --timeout: parsed as if it were typed."""

Name = Annotated[str, typer.Argument(help="The CanaryRollout.", autocompletion=rollout_names)]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        help="Its namespace; by default the context's, else default.",
        autocompletion=namespace_names,
    ),
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


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """The answer to an action."""

    document: Json
    """As ``-o json`` prints it."""
    accepted: bool
    """Whether the action was done, or was written without waiting for the daemon."""


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

    handler = act_on_step if verb.row.target.has_step else act
    handler.__doc__ = verb.row.help
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
        print(json.dumps(answer.document))
    else:
        print(format_answer(answer))
    if not answer.accepted:
        raise typer.Exit(1)


def check(request: ActionRequest) -> None:
    """Refuse a reason that is too long. Raises typer.BadParameter."""
    if len(request.reason) > NOTE:
        raise typer.BadParameter(f"{len(request.reason)} characters; say it in {NOTE}", param_hint="--reason")


def format_answer(answer: ActionAnswer) -> str:
    """Return an answer in one line."""
    document = answer.document
    return printable(f"{document['verb']} {document['namespace']}/{document['name']}: {document['result']}")


async def _ask(
    request: ActionRequest, namespace: str, name: str, kubeconfig: str | None, context: str | None
) -> ActionAnswer:
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415 - half a second that help need not cost

    session = await connect(kubeconfig=kubeconfig, context=context)
    try:
        return await ask(session, request, namespace, name)
    finally:
        await session.close()


async def ask(session: "KubeClient", request: ActionRequest, namespace: str, name: str) -> ActionAnswer:
    """Write the action and wait for the daemon's answer. Raises ClusterError."""
    from ingress_canary.adapters.kube.client.client import MERGE_PATCH  # noqa: PLC0415
    from ingress_canary.adapters.kube.client.resources import ROLLOUTS  # noqa: PLC0415

    path, ident = ROLLOUTS.path(namespace, name), uuid.uuid4().hex[:12]
    asked = {"verb": str(request.verb), "namespace": namespace, "name": name, "id": ident}
    status: Json = {}
    if request.verb.row.target is not VerbTarget.NOTHING:
        status = (await session.request("GET", path)).get("status") or {}
    target = _target(request, status)
    if isinstance(target, Refusal):
        return ActionAnswer(asked | {"result": render_result(target), "phase": status.get("phase")}, accepted=False)
    patch = {"metadata": {"annotations": {ACTION_ANNOTATION: _action(request, target, ident)}}}
    await session.request("PATCH", path, body=patch, content_type=MERGE_PATCH)
    deadline = asyncio.get_running_loop().time() + request.patience
    while request.patience > 0:
        status = (await session.request("GET", path)).get("status") or {}
        last = status.get("lastAction") or {}
        if last.get("id") == ident:
            result = last.get("result", "")
            done = parse_result(result) is ActionOutcome.DONE
            return ActionAnswer(asked | {"result": result, "phase": status.get("phase")}, accepted=done)
        if asyncio.get_running_loop().time() > deadline:
            missing = f"no answer within {request.patience:g} s; is the daemon running?"
            return ActionAnswer(asked | {"result": missing}, accepted=False)
        await asyncio.sleep(LOOK_AGAIN)
    return ActionAnswer(asked | {"result": "asked for"}, accepted=True)


def _target(request: ActionRequest, status: Json) -> str | Refusal:
    """Return the revision and step that the action names; what was not given is taken from the present status."""
    needed, revision, step = request.verb.row.target, request.revision, request.step
    if needed is not VerbTarget.NOTHING and not revision:
        revision = status.get("revision")
        if not revision:
            return no_effect(Message(MessageKey.NO_REVISION))
    if needed.has_step and step is None:
        found = _step(needed, status)
        if isinstance(found, Refusal):
            return found
        step = found
    return f":{revision}{f'/{step}' if step else ''}" if revision else ""


def _step(target: VerbTarget, status: Json) -> int | Refusal:
    """Return the step in the status: the present one, or the one that waits for an approval."""
    if target is VerbTarget.AWAITED_STEP:
        waiting = status.get("approval") or {}
        if not waiting or waiting.get("givenAt"):
            return no_effect(Message(MessageKey.NO_APPROVAL_AWAITED))
        return int(waiting["step"])
    present = status.get("step")
    if not present:
        phase = status.get("phase") or "Pending"
        return no_effect(Message(MessageKey.NO_STEP, phase=phase))
    return int(present["index"])


def _action(request: ActionRequest, target: str, ident: str) -> str:
    """Return the annotation's text."""
    note = " ".join(request.reason.split())
    return f"{request.verb}{target}#{ident}{f'#{note}' if note else ''}"
