"""Daemons that are forked from a process that has imported the program already.

To import the daemon takes a second of CPU, to fork it a few milliseconds, and the tests start hundreds. Each is a
process of its own all the same, in a session of its own, that can be killed and frozen, and begins with imports alone.
None outlives the tests, however those end. Daemons of the demo and of the image are started as people start them.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from typing import BinaryIO

from ingress_canary.lab.process import DaemonProcess, StartedProcess
from tests.pages import ROOT


class Template:
    """The process that forks daemons; started with the first, and ended by :meth:`close`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._control.close()
            self._process.wait()
            self._process = None

    async def fork(self, words: list[str], environment: dict[str, str], output: BinaryIO) -> "Forked":
        """Return a new process that runs ``ingress-canary`` with these words."""
        if self._process is None:
            self._start()
        ours, theirs = socket.socketpair()
        with theirs:
            request = json.dumps({"words": words, "environment": environment}).encode()
            socket.send_fds(self._control, [request], [output.fileno(), theirs.fileno()])
        reader, writer = await asyncio.open_connection(sock=ours)
        return Forked(int(await reader.readline()), reader, writer)

    def _start(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.template_process"]
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), cwd=ROOT, start_new_session=True)


class Forked:
    """A process that the template has forked."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.create_task(self._end(reader, writer))

    def send_signal(self, number: int, /) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    async def _end(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        try:
            self.returncode = code = int(await reader.readline())
            return code
        finally:
            writer.close()


TEMPLATE = Template()
"""That of this process and its tests."""


class ForkedDaemon(DaemonProcess):
    """The daemon of the tree that is tested, forked; one of another release is started as ever."""

    async def _launch(self, words: list[str], environment: dict[str, str], output: BinaryIO) -> StartedProcess:
        if self._tree is not None:
            return await super()._launch(words, environment, output)
        return await TEMPLATE.fork(words, environment, output)
