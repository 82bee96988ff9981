"""Answers to TAB: what may stand in the place of an incomplete word. The scripts of ``completion`` ask for them.

``ingress-canary __complete WORD...`` is answered as cobra's programs answer it, kubectl among them: a line each, with a
description behind a tab, then ``:4``, or ``:0`` where files may be named. Nothing else is printed, whatever fails, and
nothing is waited for longer than ``cluster_names.py`` waits.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import typer

ASKED = "__complete"
FILES, NO_FILES = ":0", ":4"
"""cobra's ShellCompDirectiveDefault and ShellCompDirectiveNoFileComp."""


def answer(app: typer.Typer, words: Sequence[str]) -> None:
    """Print what completes the last word, and end the process with all that it has started."""
    ours = os.getpgrp() != os.getpid()
    if ours:
        os.setpgid(0, 0)
    # a plugin for credentials neither takes what is being typed nor writes into it
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, sys.stdin.fileno())
    os.dup2(nothing, sys.stderr.fileno())
    try:
        print(*answers(app, words), sep="\n", flush=True)
    finally:
        # without waiting for threads: one may still ask for the address of an API server
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.killpg(0, signal.SIGTERM)
        os._exit(0)


def answers(app: typer.Typer, words: Sequence[str]) -> Iterator[str]:
    """Yield the lines of an answer."""
    # bash makes a word of the = in --output=yaml
    *before, incomplete = [word for word in words if word != "="] if words and words[-1] != "=" else [*words[:-1], ""]
    found = _completer(app).get_completions(before, incomplete)
    for item in found:
        yield f"{item.value}\t{' '.join(item.help.split())}" if item.help else str(item.value)
    yield NO_FILES if found else FILES


def _completer(app: typer.Typer) -> Any:
    """Return typer's own; whichever shell it is for, it finds the same."""
    machinery = import_module("typer.completion")
    machinery.completion_init()
    return machinery.shell_completion.get_completion_class("bash")(
        typer.main.get_command(app), {}, "ingress-canary", ""
    )


def kubectl() -> None:
    """Answer kubectl, which asks ``kubectl_complete-icanary`` of what completes ``kubectl icanary``."""
    sys.argv[1:1] = [ASKED]
    import_module("ingress_canary.cli.main").main()
