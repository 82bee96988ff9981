"""Command ``wait``: block until a rollout is promoted or otherwise decided, for pipelines."""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import ValidationError

from ingress_canary.api.rollout_status import Phase, RolloutStatus
from ingress_canary.cli.commands.verbs import Context, Kubeconfig, Name, Namespace, OutputOption
from ingress_canary.cli.inputs.amounts import patience
from ingress_canary.cli.inputs.kube_context import kubeconfig_of, namespace_of
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.domain.objects.metadata import Json
from ingress_canary.domain.reasons.printable import printable
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.ports import ClusterError, Missing, Refused

LOOK_AGAIN = 2.0
"""Seconds between two requests: modest, and soon enough for a pipeline."""


class Goal(StrEnum):
    """The states that can be waited for."""

    SUCCEEDED = "succeeded"
    PROMOTING = "promoting"
    PAUSED = "paused"
    ROLLED_BACK = "rolledback"


PHASES = {
    Goal.SUCCEEDED: Phase.SUCCEEDED,
    Goal.PROMOTING: Phase.PROMOTING,
    Goal.PAUSED: Phase.PAUSED,
    Goal.ROLLED_BACK: Phase.ROLLED_BACK,
}
CODES = {"reached": 0, "failed": 1, "rolledBack": 2, "succeeded": 2, "withdrawn": 2, "timedOut": 3}
"""Exit code of each result: 2 is an end other than the one that was waited for."""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of waiting."""

    result: str
    """``reached``, or which end came instead, or ``failed``, or ``timedOut``."""
    revision: str | None
    phase: str
    reason: str
    message: str


def wait(
    name: Name,
    namespace: Namespace = None,
    goal: Annotated[Goal, typer.Option("--for", help="What to wait for.")] = Goal.SUCCEEDED,
    revision: Annotated[
        str | None, typer.Option(help="The revision that must reach it; by default spec.revision, else any.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(parser=patience, metavar="DURATION", help="How long at most, such as 90s or 1h.")
    ] = "1h",  # type: ignore[assignment]  # parsed as if it were typed
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Wait until a rollout is promoted: exit code 0; 2 when rolled back or withdrawn, 3 after the timeout, else 1."""
    path = kubeconfig_of(kubeconfig)
    namespace = namespace_of(namespace, path, context)
    try:
        ended = asyncio.run(_waited(namespace, name, goal, revision, timeout, path, context))
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if output is Output.JSON:
        print(json.dumps({"namespace": namespace, "name": name, "for": goal} | asdict(ended)))
    else:
        what = f"revision {ended.revision}: " if ended.revision else ""
        found = f"{what}{ended.phase}, {ended.reason or '-'}: {ended.message or '-'}"
        print(f"{ended.result} {namespace}/{name}: {printable(found)}")
    raise typer.Exit(CODES[ended.result])


def judged(body: Json, goal: Goal, revision: str | None, *, appeared: bool) -> Found | None:
    """Return the result of a rollout as it is now; None while it is open.

    ``appeared``: the revision that is waited for has been seen as the one being rolled out.
    """
    spec = body.get("spec") or {}
    try:
        status = RolloutStatus.model_validate(body.get("status") or {}, extra="ignore")
    except ValidationError:
        return None
    if revision is None and (body.get("metadata") or {}).get("generation", 0) > status.observed_generation:
        # the status is not about this spec yet
        return None
    wanted = revision or spec.get("revision")
    if wanted is not None and status.revision != wanted:
        if wanted == status.stable_revision and goal is Goal.SUCCEEDED:
            return _found("reached", status, wanted)
        return _found("failed", status, f"{wanted} was replaced by {status.revision}") if appeared else None
    if status.phase is Phase.SUCCEEDED and not _promoted(status):
        return _found("withdrawn", status)
    if status.phase is PHASES[goal]:
        return _found("reached", status)
    if goal is Goal.PROMOTING and status.phase is Phase.SUCCEEDED:
        return _found("reached", status)
    ended = {Phase.SUCCEEDED: "succeeded", Phase.ROLLED_BACK: "rolledBack"}.get(status.phase)
    return _found(ended, status) if ended is not None else None


def _promoted(status: RolloutStatus) -> bool:
    """Return whether a rollout that has Succeeded was promoted: a canary set back to stable's version was not."""
    promoted = next((condition.status for condition in status.conditions if condition.type == "Promoted"), None)
    ended = status.history[-1].reason if status.history else Reason.PROMOTED
    return promoted == "True" if promoted is not None else ended == Reason.PROMOTED


def out_of_time(body: Json, revision: str | None) -> Found:
    """Return the result at the timeout, with why the awaited state was not reached."""
    status, wanted = body.get("status") or {}, revision or (body.get("spec") or {}).get("revision")
    there, message = status.get("revision"), status.get("message") or ""
    if wanted is not None and there != wanted:
        message = f"revision {wanted} has not appeared" + (f"; of {there}: {message}" if there else "")
    return Found("timedOut", there, status.get("phase") or "Pending", status.get("reason") or "", message)


def _found(result: str, status: RolloutStatus, revision: str | None = None) -> Found:
    return Found(result, revision or status.revision, status.phase, status.reason, status.message)


async def _waited(
    namespace: str, name: str, goal: Goal, revision: str | None, patience: float, kubeconfig: str | None,
    context: str | None,
) -> Found:  # fmt: skip
    """Watch the rollout until there is a result. Raises ClusterError for errors that waiting does not cure."""
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415 - half a second that help need not cost
    from ingress_canary.adapters.kube.client.resources import ROLLOUTS  # noqa: PLC0415

    session = await connect(kubeconfig=kubeconfig, context=context)
    clock = asyncio.get_running_loop().time
    deadline, appeared, printed = clock() + patience, False, ""
    last = Found("timedOut", revision, "unknown", "", "the API server has not answered")
    try:
        while True:
            line = ""
            try:
                body = await session.request("GET", ROLLOUTS.path(namespace, name))
            except (Missing, Refused):
                raise
            except ClusterError as error:
                line = f"asking again: {error}"
            else:
                outcome = judged(body, goal, revision, appeared=appeared)
                if outcome is not None:
                    return outcome
                status = body.get("status") or {}
                appeared = appeared or (status.get("revision") == (revision or body["spec"].get("revision")))
                last = out_of_time(body, revision)
                line = f"{last.phase}, {last.reason or '-'}"
            if line != printed:
                print(f"{namespace}/{name}: {printable(line)}", file=sys.stderr)
                printed = line
            left = deadline - clock()
            if left <= 0:
                return last
            await asyncio.sleep(min(LOOK_AGAIN, left))
    finally:
        await session.close()
