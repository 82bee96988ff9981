"""Command ``notifications test``: a marked message to every address, and the result of each."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ingress_canary.cli.inputs.kube_context import kubeconfig_of
from ingress_canary.cli.inputs.notification_targets import Ask, audiences
from ingress_canary.cli.inputs.output_format import Output
from ingress_canary.domain.status.notices import Notice, trial_notice
from ingress_canary.logs import configure
from ingress_canary.ports import ClusterError
from ingress_canary.settings import SettingsError

notifications = typer.Typer(name="notifications", no_args_is_help=True, help="Messages to people.")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one message."""

    notification: str
    secret: str
    key: str
    address: int
    service: str
    sent: bool
    message: str

    def __str__(self) -> str:
        where = f"Secret {self.secret}, key {self.key}, " if self.secret else ""
        number = f"address {self.address}" if self.address else "no address"
        service = f", {self.service}" if self.service else ""
        return f"{self.notification} ({where}{number}{service}): {self.message}"


@notifications.command("test")
def attempt(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A CanarySchedule, a CanaryRollout, or the daemon's own notifications."),
    ] = None,
    rollout: Annotated[str | None, typer.Option(help="A CanaryRollout of the cluster, as namespace/name.")] = None,
    schedule: Annotated[str | None, typer.Option(help="A CanarySchedule of the cluster, as namespace/name.")] = None,
    name: Annotated[list[str] | None, typer.Option(help="Only this notification; may be repeated.")] = None,
    url: Annotated[
        list[str] | None,
        typer.Option(help="Address to use instead of the Secrets'; - reads them from standard input, one a line."),
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="The daemon's own namespace.")] = "ingress-canary",
    kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig to use; kubectl's by default.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="text or json.")] = Output.TEXT,
) -> None:
    """Send a message that says that it is a test to every address of notifications, and tell which ones went.

    Name a file, a rollout or a schedule of the cluster, or an address alone. Secrets are read with your own rights.
    Each message is tried once. Exits 1 when one did not go.
    """
    configure("error")
    if sum(option is not None for option in (file, rollout, schedule)) > 1:
        raise typer.BadParameter("name one of FILE, --rollout and --schedule")
    if not (file or rollout or schedule or url):
        raise typer.BadParameter("name a FILE, --rollout or --schedule, or an address with --url")
    urls = _urls(url or [])
    path = kubeconfig_of(kubeconfig)
    try:
        results = asyncio.run(_test(Ask(file, rollout, schedule, namespace, tuple(name or ())), urls, path, context))
    except (ClusterError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if output is Output.JSON:
        print(json.dumps([asdict(result) for result in results], indent=2))
    else:
        for result in results:
            print(result)
    if not results or not all(result.sent for result in results):
        raise typer.Exit(1)


def _urls(words: Sequence[str]) -> list[str]:
    urls = [word for word in words if word != "-"]
    if "-" in words:
        from ingress_canary.adapters.notify.outbox import addresses  # noqa: PLC0415

        urls += addresses(sys.stdin.read())
        if not urls:
            raise typer.BadParameter("standard input holds no address", param_hint="--url")
    return urls


async def _test(ask: Ask, urls: list[str], kubeconfig: str | None, context: str | None) -> list[Result]:
    """Send all messages at once and return their results, in order. Raises ClusterError, SettingsError."""
    from ingress_canary.adapters.kube.client.connect import connect  # noqa: PLC0415 - half a second that help need not cost
    from ingress_canary.adapters.kube.secrets import KubeSecrets  # noqa: PLC0415
    from ingress_canary.adapters.notify.delivery_queue import Undelivered  # noqa: PLC0415
    from ingress_canary.adapters.notify.outbox import Letter, addressed  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        session = None
        if ask.of_cluster or not urls:
            session = await connect(kubeconfig=kubeconfig, context=context)
            stack.push_async_callback(session.close)
        letters: list[Letter] = []
        results: list[Result] = []
        for notice in await _notices(ask, session):
            if urls:
                letters += [Letter(notice, line, address) for line, address in enumerate(urls, 1)]
                continue
            assert session is not None
            try:
                letters += await addressed(KubeSecrets(session), Letter(notice))
            except Undelivered as problem:
                results.append(_result(Letter(notice), "", str(problem), sent=False))
        return [*results, *await asyncio.gather(*(_send(letter, own=not urls) for letter in letters))]


async def _notices(ask: Ask, session: Any) -> list[Notice]:
    from ingress_canary.adapters.clock import SystemClock  # noqa: PLC0415

    now = SystemClock().now()
    return [
        notice
        for about, recipients in await audiences(ask, session)
        for notice in trial_notice(about, recipients, now, ask.names)
    ]


async def _send(letter: Any, *, own: bool) -> Result:
    from ingress_canary.adapters.notify import apprise_services  # noqa: PLC0415
    from ingress_canary.adapters.notify.delivery_queue import Undelivered  # noqa: PLC0415
    from ingress_canary.adapters.notify.threads import Threads  # noqa: PLC0415

    service, notice = "", letter.notice
    try:
        service = apprise_services.service_of(letter.url)
        await Threads().run(lambda: apprise_services.send(letter.url, notice.title, notice.body, notice.severity))
    except Undelivered as problem:
        return _result(letter, service, f"not sent: {problem}", sent=False, own=own)
    return _result(letter, service, "sent", sent=True, own=own)


def _result(letter: Any, service: str, message: str, *, sent: bool, own: bool = True) -> Result:
    notice = letter.notice
    secret, key = (str(notice.secret), notice.entry) if own else ("", "")
    return Result(notice.notification, secret, key, letter.line, service, sent, message)
