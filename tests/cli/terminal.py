"""A terminal with a shell in it, at which a test types and reads."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Self

import pytest

PATIENCE = 60.0
"""Real seconds for which something is waited for on the screen."""
TO_THE_BEGINNING = "\x01"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


def program(name: str) -> str:
    """Return a shell's path; without it the test is skipped, in CI it fails."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has no {name}: apt-get install {name}")
        pytest.skip(f"no {name} on this machine: apt-get install {name}")
    return found


class Terminal:
    """A shell that believes somebody sits before it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = command, environment
        self._screen = ""

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        self._shell = subprocess.Popen(
            self._command, env=self._environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._ours)

    def enter(self, line: str) -> None:
        """Type a line, and wait until the shell has carried it out."""
        self.type(f"{line}; echo done-$((40 + 2))\r")
        self.read_until("done-42")

    def completed(self, line: str) -> str:
        """Return what becomes of a line by TAB; ``said`` prints it instead of carrying it out."""
        self.type(f"{line}\t{TO_THE_BEGINNING}said \r")
        return self.read_until(r"\nsaid:(.*)\n").strip()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def read_until(self, pattern: str) -> str:
        """Return the first group of a pattern, or the match, once it is on the screen; what is before is forgotten."""
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self._screen)):
            ready, _, _ = select.select([self._ours], [], [], deadline - time.monotonic())
            if not ready:
                pytest.fail(f"no {pattern!r} on the screen:\n{self._screen}")
            with suppress(OSError):
                self._screen += _ESCAPES.sub("", os.read(self._ours, 4096).decode(errors="replace"))
        self._screen = self._screen[match.end() :]
        return match[match.lastindex or 0]
