"""Entry point of ``ingress-canary`` and ``kubectl icanary``. Exit code 1 for failures, 64 for usage."""

import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from ingress_canary import __version__
from ingress_canary.cli.commands.abort import abort
from ingress_canary.cli.commands.crds import crds
from ingress_canary.cli.commands.lint import lint
from ingress_canary.cli.commands.notifications import notifications
from ingress_canary.cli.commands.plan import plan
from ingress_canary.cli.commands.run import OPTIONS, SETTINGS_HELP, run
from ingress_canary.cli.commands.simulate import simulate
from ingress_canary.cli.commands.status import status
from ingress_canary.cli.commands.verbs import command
from ingress_canary.cli.commands.wait import wait
from ingress_canary.domain.reasons.verbs import Verb

USAGE = 64
"""EX_USAGE of sysexits.h; 2 means something of its own to ``wait``."""

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""click's base of all usage errors, which typer carries under a private name."""

Abort: type[BaseException] = typer.Abort
"""A person who was asked something ended the command instead."""
INTERRUPTED = 130


def add_demo(app: typer.Typer) -> None:
    """Add ``demo``; in the image, which carries no lab, the command says where to run it instead."""
    if find_spec("ingress_canary.lab") is None:
        app.command("demo", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(no_demo)
        return
    from ingress_canary.cli.commands.demo import demo  # noqa: PLC0415 - it imports the lab

    app.command()(demo)


def no_demo() -> None:
    """Run a whole rollout on an embedded cluster: not in the image."""
    print("error: the image has no embedded cluster; pip install ingress-canary, then say demo there", file=sys.stderr)
    raise typer.Exit(1)


app = typer.Typer(
    name="ingress-canary",
    no_args_is_help=True,
    add_completion=False,
)
app.command()(crds)
app.command()(lint)
app.command()(plan)
app.command()(simulate)
app.command()(status)
app.command()(wait)
add_demo(app)
app.command(context_settings=OPTIONS, epilog=SETTINGS_HELP)(run)
app.add_typer(notifications, name="notifications")
app.command()(abort)
for verb in Verb:
    if verb is not Verb.ABORT:
        app.command(str(verb))(command(verb))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ingress-canary {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Safe canary releases behind NGINX-annotation ingress controllers, without a service mesh."""


def main() -> None:
    """Run one command and exit with its code."""
    try:
        sys.exit(app(standalone_mode=False))
    except Abort:
        sys.exit(INTERRUPTED)
    except UsageError as error:
        # its own words name the option; none when no command was named and the help has been shown
        if str(error):
            message: str = getattr(error, "format_message", error.__str__)()
            print(f"error: {message.replace('Value error, ', '')}", file=sys.stderr)
        sys.exit(USAGE)
