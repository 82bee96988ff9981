"""A terminal for the blocks of a page: one bash, so that what a block exports or starts is there for the next."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.pages import Block

PATIENCE = 200.0
"""Real seconds within which a block says something, or ends."""


def environment(home: Path, **more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "KUBECTL_KUBERC": "false", **more}


class Shell:
    """One bash for the whole page, so that what a block exports holds in the next."""

    def __init__(self, where: Path, environment: dict[str, str]) -> None:
        self._where, self._environment = where, environment

    async def __aenter__(self) -> Self:
        self._bash = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", cwd=self._where, env=self._environment, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGTERM)
        await self._bash.communicate()

    async def run(self, block: Block) -> str:
        """Run a block and return what it printed. Fails with that when a command of it does."""
        await self._type(block.text + "echo @@done\n")
        lines: list[str] = []
        while line := (await asyncio.wait_for(self._read(), PATIENCE)).decode():
            if line == "@@done\n":
                return "".join(lines)
            lines.append(line)
        pytest.fail(f"{block.text}\n{''.join(lines)}")

    async def leave_running(self, block: Block) -> None:
        """Start a block beside what comes after it, as in another terminal; what it prints goes to a file."""
        await self._type("{\n" + block.text + "} >running.log 2>&1 </dev/null &\n")

    async def _read(self) -> bytes:
        assert self._bash.stdout is not None
        return await self._bash.stdout.readline()

    async def _type(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(text.encode())
        await self._bash.stdin.drain()
