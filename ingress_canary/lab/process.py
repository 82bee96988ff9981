"""Process of the daemon, started against a lab as against a cluster; it can be killed and frozen."""

import asyncio
import os
import re
import signal
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import aiohttp

STARTED = re.compile(rb'"port": ?(\d+)')
STOP_WITHIN = 15.0
PROGRAM = (sys.executable,) if getattr(sys, "frozen", False) else (sys.executable, "-m", "ingress_canary")
"""This program: in the archive its own executable, which is no Python."""


class StartedProcess(Protocol):
    """What is used of a process of asyncio's."""

    @property
    def pid(self) -> int:
        """The process's id."""

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""

    def send_signal(self, signal: int, /) -> None:
        """Send a signal."""

    async def wait(self) -> int:
        """Wait for the end and return the exit code."""


class DaemonProcess:
    """``ingress-canary run`` against a kubeconfig; its log goes to a file.

    It has a session of its own: Ctrl-C on the terminal is for who started it, who then ends it.
    """

    def __init__(
        self, kubeconfig: Path, log: Path, *, scale: float = 1.0, epoch: datetime | None = None,
        tree: Path | None = None, **settings: str,
    ):  # fmt: skip
        """``tree`` is that of another release to run, instead of the one that is installed."""
        self.log = log
        self._tree = tree
        self.port = 0
        self._flags = {
            "kubeconfig": str(kubeconfig), "listen": "127.0.0.1:0", "log_format": "json", "clock_scale": f"{scale:g}",
            "leader_election": "false",
            **({"clock_epoch": epoch.isoformat()} if epoch else {}), **settings,
        }  # fmt: skip
        self._process: StartedProcess | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start a new process. It is ready when :meth:`ready` returns."""
        words = [f"--{name.replace('_', '-')}={value}" for name, value in self._flags.items()]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("INGRESS_CANARY_")}
        with self.log.open("ab") as log:
            self._offset = self.log.stat().st_size
            self._process = await self._launch(["run", *words], environment, log)

    async def ready(self, within: float = 30.0) -> None:
        """Wait until the daemon drives rollouts. Raises RuntimeError with its log when it ends or takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.running:
                    matches = [STARTED.search(line) for line in self._lines() if b'"event": "started"' in line]
                    if matches and matches[-1]:
                        self.port = int(matches[-1][1])
                        return
                    await asyncio.sleep(0.02)
        raise RuntimeError(f"the daemon did not start:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.running:
            self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait for the end and return the exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> int:
        """End the process with SIGTERM, harder if it does not listen, and return the exit code."""
        if not self.running:
            return 0
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN):
                return await self.wait()
        except TimeoutError:
            self.kill()
            return await self.wait()

    async def metrics(self) -> str:
        """Return the daemon's own metrics page."""
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return await answer.text()

    async def _launch(self, words: list[str], environment: dict[str, str], output: BinaryIO) -> StartedProcess:
        """Return a new process that runs the command line with these words."""
        return await asyncio.create_subprocess_exec(
            *PROGRAM, *words, stdout=output, stderr=output, start_new_session=True,
            # Python looks for a module that it runs in the working directory first
            cwd=self._tree, env=environment,
        )  # fmt: skip

    def _lines(self) -> list[bytes]:
        return self.log.read_bytes()[self._offset :].splitlines()
