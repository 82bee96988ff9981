"""Every command with its arguments and options, from the command line itself."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from ingress_canary.cli.main import app
from reference.markdown import GENERATED, code, table

HEAD = f"""\
# Command line

{GENERATED}
`ingress-canary` and, where it is on the PATH as a plugin of kubectl, `kubectl icanary` are one program. Exit code 0 is
success, 1 a failure, 64 wrong usage. The verbs write one annotation on the CanaryRollout and wait for the daemon's
answer: whoever may patch the CanaryRollout may use them. Kubeconfigs are read as kubectl reads them, several files of
KUBECONFIG and users that impersonate another one (`as`) included.
"""


def page() -> str:
    """Return the page."""
    group: Any = typer.main.get_command(app)
    return HEAD + "".join(_command(name, command) for name, command in _commands(group))


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its words; a group stands for its own."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _command(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    words = [name, *(one.metavar or one.name.upper() for one in arguments)]
    rows = [(_names(one), _default(one), one.help or "") for one in command.params]
    text = f"\n## {name}\n\n    ingress-canary {' '.join(words)}\n\n{_prose(command.help)}\n"
    if command.epilog:
        text += "\nIts settings are flags too: [settings](settings.md).\n"
    return text + ("\n" + table(("argument or option", "default", "meaning"), rows) if rows else "")


def _prose(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(parameter.metavar or parameter.name.upper())
    return ", ".join(code(name) for name in (*parameter.opts, *parameter.secondary_opts))


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    return "" if value is None or value is False or callable(value) else code(value)
