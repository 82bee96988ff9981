"""Command ``abort``: take one canary off traffic now, or all of them."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ingress_canary.api.rollout_status import AT_REST
from ingress_canary.cli.commands.verbs import (
    PATIENCE,
    ActionAnswer,
    ActionRequest,
    Context,
    Kubeconfig,
    OutputOption,
    Reason,
    Revision,
    Timeout,
    act_on_rollout,
    ask,
    check,
    format_answer,
)
from ingress_canary.cli.inputs.cluster_names import namespace_names, rollout_names
from ingress_canary.cli.inputs.kube_context import kubeconfig_of
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.domain.objects.metadata import Key, Meta
from ingress_canary.domain.reasons.verbs import Verb
from ingress_canary.ports import ClusterError, Missing

AT_ONCE = 16
"""Rollouts that are asked at one time."""


def abort(
    name: Annotated[str | None, typer.Argument(help="The CanaryRollout.", autocompletion=rollout_names)] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            help="Its namespace, as for the other verbs; with --all only those of this one.",
            autocompletion=namespace_names,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every rollout that is not at rest.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --all, do not ask before.")] = False,
    revision: Revision = None,
    reason: Reason = "",
    timeout: Timeout = PATIENCE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Take the canary off traffic now; with --all every canary of the cluster, or of a namespace."""
    request = ActionRequest(Verb.ABORT, revision, None, reason, timeout)
    if (name is None) != everything:
        raise typer.BadParameter("name one rollout, or say --all", param_hint="NAME")
    if name is not None:
        act_on_rollout(request, namespace, name, kubeconfig, context, output)
        return
    if revision is not None:
        raise typer.BadParameter("a revision is one rollout's; leave it away with --all", param_hint="--revision")
    check(request)
    path = kubeconfig_of(kubeconfig)
    try:
        answers = asyncio.run(_all(request, namespace, path, context, sure=yes or not sys.stdin.isatty()))
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    failed = [answer for answer in answers if not _off(answer)]
    if output is Output.JSON:
        print(json.dumps([answer.document for answer in answers]))
    else:
        print("\n".join(map(format_answer, answers)) if answers else "nothing to abort: every rollout is at rest")
    if failed:
        print(f"error: {len(failed)} of {len(answers)} are not known to be off", file=sys.stderr)
        raise typer.Exit(1)


async def _all(
    request: ActionRequest, namespace: str | None, kubeconfig: str | None, context: str | None, *, sure: bool
) -> list[ActionAnswer]:
    """Abort every rollout that is not at rest, and return the answers by namespace and name.

    Raises ClusterError, also when the namespace that was named holds none.
    """
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415 - half a second that help need not cost
    from ingress_canary.adapters.kube.client.resources import ROLLOUTS  # noqa: PLC0415

    session = await connect(kubeconfig=kubeconfig, context=context)
    places = asyncio.Semaphore(AT_ONCE)

    async def asked(key: Key) -> ActionAnswer:
        async with places:
            try:
                return await ask(session, request, key.namespace, key.name)
            except ClusterError as error:
                # a rollout that cannot be written must not keep the others on traffic
                document = {"verb": str(request.verb), "namespace": key.namespace, "name": key.name}
                return ActionAnswer(document | {"result": str(error)}, accepted=False)

    try:
        bodies = (await session.request("GET", ROLLOUTS.path(namespace))).get("items") or ()
        if namespace and not bodies:
            # more likely a typing mistake than what somebody in a hurry wanted to know
            raise Missing(f"there is no CanaryRollout in namespace {namespace}")
        active = sorted(Meta.of(body).key for body in bodies if (body.get("status") or {}).get("phase") not in AT_REST)
        if active and not sure:
            _confirm(active)
        return list(await asyncio.gather(*map(asked, active)))
    finally:
        await session.close()


def _confirm(active: Sequence[Key]) -> None:
    """Ask for confirmation at the terminal. Raises typer.Exit with 1 unless it is given."""
    names = ", ".join(map(str, active))
    many = "1 canary" if len(active) == 1 else f"{len(active)} canaries"
    if not typer.confirm(f"Take {many} off traffic now ({names})?", err=True):
        raise typer.Exit(1)


def _off(answer: ActionAnswer) -> bool:
    """Return whether the canary is off traffic, or the request was sent without waiting."""
    return answer.accepted or answer.document.get("phase") in AT_REST
