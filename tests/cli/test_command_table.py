"""Table of commands: the words of the help are the commands' own, and what a command does not use is not imported."""

import inspect
import subprocess
import sys

import pytest

from ingress_canary.cli.command_table import HELP, CommandTable


@pytest.mark.parametrize("name", CommandTable())
def test_the_help_says_of_a_command_what_its_docstring_says(name: str) -> None:
    command = CommandTable()[name]
    assert command.name == name
    assert " ".join(inspect.cleandoc(command.help).split("\n\n")[0].split()) == HELP[name]


def imported_by(*words: str) -> set[str]:
    """Return the modules that are loaded when a command has ended."""
    program = (
        "import sys; from ingress_canary.cli.main import main\n"
        f"sys.argv = ['ingress-canary', *{words!r}]\n"
        "try: main()\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"aiohttp", "pydantic", "kubernetes", "yaml", "structlog", "prometheus_client"}


@pytest.mark.parametrize("words", [("--help",), ("--version",), ()])
def test_the_help_imports_no_command_and_none_of_its_libraries(words: tuple[str, ...]) -> None:
    loaded = imported_by(*words)
    assert not loaded & HEAVY
    assert not [name for name in loaded if name.startswith("ingress_canary.cli.commands.")]


@pytest.mark.parametrize(
    ("words", "apart"),
    [
        (("run", "--print-settings"), {"ingress_canary.lab", "ingress_canary.whatif", "kubernetes", "aiohttp"}),
        (("crds",), {"ingress_canary.lab", "ingress_canary.whatif", "ingress_canary.app", "kubernetes", "aiohttp"}),
        (("plan", "--help"), {"ingress_canary.lab", "ingress_canary.app", "kubernetes", "aiohttp"}),
    ],
)
def test_a_command_imports_what_it_uses(words: tuple[str, ...], apart: set[str]) -> None:
    assert not imported_by(*words) & apart
