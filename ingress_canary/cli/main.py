"""Entry point of ``ingress-canary`` and ``kubectl icanary``. Exit code 1 for failures, 64 for usage."""

import gc
import os
import sys
from typing import Annotated

import typer

from ingress_canary import __version__
from ingress_canary.cli.command_table import CommandLine
from ingress_canary.cli.completion import ASKED, answer

USAGE = 64
"""EX_USAGE of sysexits.h; 2 means something of its own to ``wait``."""

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""click's base of all usage errors, which typer carries under a private name."""

Abort: type[BaseException] = typer.Abort
"""A person who was asked something ended the command instead."""
INTERRUPTED = 130
GARBAGE = 50_000
"""Objects made and still there after which Python looks for cycles among them. What imports make lives as long as the
command, the caches and the evidence of many rollouts long too, and hold none: at Python's own 700 a tenth of a
command's CPU, and a sixth of a tick's, went into looking through them."""


app = typer.Typer(
    name="ingress-canary",
    cls=CommandLine,
    no_args_is_help=True,
    add_completion=False,
)


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
    gc.set_threshold(GARBAGE)
    # pydantic would look for plugins in every package that is installed
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if sys.argv[1:2] == [ASKED]:
        answer(app, sys.argv[2:])
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
    finally:
        # the interpreter would look through everything once more on its way out
        gc.freeze()
