"""Proves what the Dockerfile says, where no container engine runs: the same steps, and then a life as in a pod.

``build_image.sh`` installs into a clean tree, as the Dockerfile has it do. Then, as the image's user, without a home, a
directory for temporary files and capabilities, and where this machine allows it on a root file system that is mounted
read-only: the help, the CRDs, and the daemon against the lab until it is ready, a few times. The first start warms the
disk's cache.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.lab.cluster import Lab

ROOT = Path(__file__).resolve().parent.parent
USER = "65532"
TARGET = 3.0
"""Seconds from the start to ready, on a warm cache."""
ENVIRONMENT = {
    "HOME": "/nonexistent",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "TMPDIR": "/nonexistent",
}
READ_ONLY = 'mount --make-rprivate / && mount -o remount,ro,bind / && exec "$@"'

REACHED = "import sys, venv; open(sys.executable, 'rb').close()"
"""Fails in a Python whose files the user cannot read: setpriv still starts it, with another one's library."""


@dataclass(frozen=True)
class Start:
    """What one start of the daemon took."""

    wall: float
    """Seconds from the start of the process to the first 200 of /readyz."""
    cpu: float
    """Seconds of processor time until then: what ``wall`` is on an idle machine, without waiting for the API."""
    resident: float
    """MiB, when ready."""


def main() -> int:
    """Prove it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=3, help="starts that are measured, after one that warms up")
    starts = parser.parse_args().starts
    with tempfile.TemporaryDirectory(prefix="ingress-canary-image-") as name:
        room = Path(name)
        room.chmod(0o755)
        program = built(room / "opt")
        before = listing(room / "opt")
        measured = asyncio.run(started(program, room, starts))
        assert listing(room / "opt") == before, "the tree has been written to"
    wall, cpu = (statistics.median(getattr(one, name) for one in measured) for name in ("wall", "cpu"))
    resident = max(one.resident for one in measured)
    print(
        f"ready after {wall:.2f} s, of which {cpu:.2f} s are processor time (target: {TARGET:g} s); {resident:.0f} MiB"
    )
    return 0 if cpu < TARGET else 1


def built(tree: Path) -> list[str]:
    """Build the tree, look at what it holds and says, and return how the program is started in it."""
    jail = confined()
    python = interpreter(jail)
    print(f"building with {python}, to run as {'user ' + USER if jail else 'yourself: you are not root'}")
    environment = {**os.environ, "PYTHON": python, "PIP_PYTHON": sys.executable}
    subprocess.run(["sh", "scripts/build_image.sh", str(tree)], cwd=ROOT, env=environment, check=True)
    subprocess.run(["chmod", "-R", "a-w,a+rX", str(tree)], check=True)
    left = [one for one in ("pip", "pytest", "hatchling", "setuptools") if [*tree.glob(f"lib/*/site-packages/{one}")]]
    assert not left, f"the tree holds {left}"
    assert modules(next(tree.glob("lib/*/site-packages"))) == modules(ROOT) - lab(ROOT)
    program = [*jail, str(tree / "bin/ingress-canary")]
    assert "Usage" in said(program, "--help")
    assert (
        subprocess.run([*program, "demo"], check=False, capture_output=True, env=ENVIRONMENT, cwd="/").returncode == 1
    )
    assert list(yaml.safe_load_all(said(program, "crds"))) == list(map(crd, KINDS))
    return program


def modules(root: Path) -> set[str]:
    """Return the package's files under ``root``, bytecode aside."""
    found = (
        file for file in (root / "ingress_canary").rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )
    return {str(file.relative_to(root)) for file in found}


def lab(root: Path) -> set[str]:
    """Return the files of the package that a wheel carries for the demo, and an image does not."""
    return {name for name in modules(root) if name.startswith("ingress_canary/lab/")}


async def started(program: Sequence[str], room: Path, starts: int) -> list[Start]:
    """Start the daemon against the lab so many times, after one that warms up."""
    async with Lab() as lab:
        kubeconfig = lab.api.write_kubeconfig(room / "kubeconfig", token="image")  # noqa: S106 - the lab's API takes any
        await asyncio.to_thread(kubeconfig.chmod, 0o644)
        return [await start(program, kubeconfig) for _ in range(1 + starts)][1:]


def confined() -> list[str]:
    """Return what to put before a command so that it runs as in a pod; nothing for who is not root."""
    if os.getuid() != 0:
        return []
    user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
    shut = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"]
    if subprocess.run([*shut, "true"], check=False, capture_output=True).returncode:
        print("this machine allows no mount of its own: the tree is only not writable")
        return user
    return [*shut, *user]


def interpreter(jail: Sequence[str]) -> str:
    """Return a Python that the image's user may run: the one at hand may lie in somebody's home."""
    for found in (
        os.path.realpath(sys.executable),
        shutil.which("python3"),
        "/usr/bin/python3",
        "/usr/local/bin/python3",
    ):
        if (
            found
            and subprocess.run([*jail, found, "-c", REACHED], check=False, capture_output=True, cwd="/").returncode == 0
        ):
            return found
    raise SystemExit(f"prove_image: no Python here can be run by user {USER}: install Debian's python3")


def said(program: Sequence[str], *words: str) -> str:
    """Return the output of a command."""
    done = subprocess.run([*program, *words], check=True, capture_output=True, text=True, env=ENVIRONMENT, cwd="/")
    return done.stdout


def listing(tree: Path) -> list[tuple[str, int]]:
    """Return every file with its size."""
    return sorted((str(file), file.lstat().st_size) for file in tree.rglob("*"))


async def start(program: Sequence[str], kubeconfig: Path) -> Start:
    """Start the daemon, wait until it is ready, and stop it; it must end well."""
    port = await free_port()
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *program, "run", f"--kubeconfig={kubeconfig}", f"--listen=127.0.0.1:{port}", "--log-format=json",
        env=ENVIRONMENT, cwd="/", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    problem = ""
    try:
        problem = await ready(process, port)
        wall = time.monotonic() - began
        cpu, resident = (0.0, 0.0) if problem else used(process.pid)
        assert problem or user_of(process.pid) == (int(USER) if os.getuid() == 0 else os.getuid())
    finally:
        if process.returncode is None:
            process.terminate()
        output, _ = await process.communicate()
    assert not problem, f"{problem}:\n{output.decode()}"
    assert process.returncode == 0, output.decode()
    return Start(wall, cpu, resident)


async def ready(process: asyncio.subprocess.Process, port: int) -> str:
    """Wait for the first 200 of /readyz, and return what went wrong. Raises TimeoutError."""
    async with asyncio.timeout(120), aiohttp.ClientSession() as http:
        while process.returncode is None:
            try:
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return ""
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.01)
    return "the daemon ended before it was ready"


def used(pid: int) -> tuple[float, float]:
    """Return the processor seconds and the MiB that a process has."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    ticks = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / ticks, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def user_of(pid: int) -> int:
    """Return the number of the user that a process runs as."""
    return Path(f"/proc/{pid}").stat().st_uid


async def free_port() -> int:
    """Return a port that nobody listens on now."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


if __name__ == "__main__":
    sys.exit(main())
