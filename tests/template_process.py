"""Template process: imports the program once and forks a process for each request that comes in on its stdin.

A request names the words and the environment, and brings two descriptors: where the output goes, and whom to tell the
process's id and, once it has ended, its exit code. It ends with its stdin. Used by ``forked.py``.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

# all that `ingress-canary run` imports
import ingress_canary.app
import ingress_canary.cli.commands.run
import ingress_canary.logs  # noqa: F401
from ingress_canary.cli.main import main


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork a process for each request. Returns in each with its request, and with None in the template at the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that watch leave nothing to wait for
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 2)
        if not message:
            return None
        output, watcher = descriptors
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            fork_watched(watcher)
            become(output)
            return dict(json.loads(message))
        os.close(output)
        os.close(watcher)


def fork_watched(watcher: int) -> None:
    """Return in a new process; stay behind until that has ended, and tell how it did. It ends with who is told."""
    pid = os.fork()
    if pid == 0:
        os.close(watcher)
        return
    tell(watcher, pid)
    # nothing is ever said from there: what can be read is the end of it
    if watcher in select.select([os.pidfd_open(pid), watcher], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    tell(watcher, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def tell(watcher: int, number: int) -> None:
    """Write a line, if somebody listens."""
    with suppress(OSError):
        os.write(watcher, f"{number}\n".encode())


def become(output: int) -> None:
    """Be in a session of its own, with nothing to read and this output."""
    os.setsid()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


if __name__ == "__main__":
    gc.freeze()  # what is shared stays shared
    wanted = serve(socket.socket(fileno=os.dup(0)))
    if wanted is not None:
        os.environ.clear()
        os.environ.update(wanted["environment"])
        sys.argv = ["ingress-canary", *wanted["words"]]
        main()
