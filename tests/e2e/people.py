"""People at the command line: commands run as processes of their own against the lab's API. Used by several tests."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingress_canary.lab.cluster import Lab


class Person:
    """Somebody with a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    async def says(self, *words: str, namespace: str = "shop") -> tuple[int, str, str]:
        """Run one command and return its exit code, stdout and stderr."""
        process = await self.begins(*words, namespace=namespace)
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def asks(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run one command with ``-o json`` and return its exit code and its document."""
        code, out, err = await self.says(*words, "-o", "json")
        assert out, err
        return code, json.loads(out)

    async def begins(self, *words: str, namespace: str = "shop") -> asyncio.subprocess.Process:
        """Begin one command and return it, running."""
        where = ("-n", namespace) if namespace else ()
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ingress_canary", *words, *where, "--kubeconfig", str(self._kubeconfig),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip


def condition(lab: Lab, kind: str, name: str = "checkout") -> dict[str, Any]:
    """Return one condition of a rollout; empty while there is none."""
    return next((one for one in lab.status(name).get("conditions", ()) if one["type"] == kind), {})


def reason_is(lab: Lab, reason: str, name: str = "checkout") -> Callable[[], bool]:
    """Return what tells whether this is the reason of a rollout's status."""
    return lambda: lab.status(name).get("reason") == reason
