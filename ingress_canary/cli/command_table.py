"""Table of commands: the words that ``--help`` shows of each, and the module that is imported only when it is used.

A command needs little of what the others import: half a second of CPU that ``--help``, and memory that the daemon,
would have for nothing. ``main.py`` makes the command line of it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ingress_canary.domain.reasons.verbs import Verb

Command = Any
"""A command or a group of typer, whose base class it keeps under a private name."""
COMMANDS = {
    "completion": "Print the script that completes commands, options and names: "
    "source <(ingress-canary completion bash).",
    "crds": "Print the CustomResourceDefinitions: "
    "ingress-canary crds | kubectl apply --server-side --force-conflicts -f -.",
    "lint": "Check CanaryRollouts and CanarySchedules: every problem with its file, line, field and remedy.",
    "plan": "Work out how long each step takes with a healthy canary, and when a worse one is caught.",
    "simulate": "Roll a schedule out many times in random traffic, and count what becomes of it.",
    "backtest": "Hold a schedule against recorded traffic: who would have been rolled back, and what would have been "
    "caught.",
    "record": "Record the traffic of an Ingress, for backtest: from controllers' metrics pages, or from Prometheus.",
    "status": "Show where rollouts are; of one also its steps, evidence, findings of preflight, and history.",
    "wait": "Wait until a rollout is promoted: "
    "exit code 0; 2 when rolled back or withdrawn, 3 after the timeout, else 1.",
    "demo": "Run a whole rollout on an embedded cluster: real traffic, real metrics, nothing outside this machine.",
    "run": "Run the daemon. "
    "Every setting is a flag (--interval 10s), INGRESS_CANARY_INTERVAL, or a line in --settings.",
    "notifications": "Messages to people.",
    "abort": "Take the canary off traffic now; with --all every canary of the cluster, or of a namespace.",
}
"""The first paragraph of each docstring (a test holds that they are the same), by the name of the command: a module
of ``cli/commands`` that has a function or a group of that name."""
FOLDERS = {"backtest": "recordings.", "record": "recordings."}
"""Folder of ``cli/commands`` of those that are in one."""
HELP = COMMANDS | {str(verb): verb.row.help for verb in Verb if verb is not Verb.ABORT}
"""Of every command: verbs but ``abort`` differ in nothing but their rows."""


def imported(name: str) -> Command:
    """Return a command, with everything that it imports; ``OPTIONS`` of its module are typer's."""
    if name == "demo" and find_spec("ingress_canary.lab") is None:
        return made("demo", no_demo, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    module = import_module(f"ingress_canary.cli.commands.{FOLDERS.get(name, '')}{name}")
    member = getattr(module, name)
    if isinstance(member, typer.Typer):
        return typer.main.get_group(member)
    return made(name, member, **getattr(module, "OPTIONS", {}))


def no_demo() -> None:
    """Run a whole rollout on an embedded cluster: not in the image, which carries none."""
    print("error: the image has no embedded cluster; pip install ingress-canary, then say demo there", file=sys.stderr)
    raise typer.Exit(1)


def verb_command(verb: Verb) -> Command:
    """Return the command of a verb, which writes the one-shot action."""
    command: Callable[[Verb], Callable[..., None]] = import_module("ingress_canary.cli.commands.verbs").command
    return made(str(verb), command(verb))


def made(name: str, function: Callable[..., None], **options: Any) -> Command:
    """Return the command that calls a function."""
    alone = typer.Typer(add_completion=False)
    alone.command(name, **options)(function)
    return typer.main.get_command(alone)


class CommandTable(Mapping[str, Command]):
    """The commands by name; each is imported when it is asked for."""

    def __getitem__(self, name: str) -> Command:
        if name in COMMANDS:
            return imported(name)
        verb = Verb.of(name)
        if verb is None:
            raise KeyError(name)
        return verb_command(verb)

    def __iter__(self) -> Iterator[str]:
        return iter(HELP)

    def __len__(self) -> int:
        return len(HELP)


class CommandLine(TyperGroup):
    """The group of all commands, whose help imports none of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": None})
        self.commands: Any = CommandTable()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help from the table alone."""
        with self._words_alone():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return what completes the name of a command from the table alone."""
        with self._words_alone():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _words_alone(self) -> Iterator[None]:
        table = self.commands
        self.commands = {name: TyperCommand(name, help=text) for name, text in HELP.items()}
        try:
            yield
        finally:
            self.commands = table
