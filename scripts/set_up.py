"""Puts what a purpose needs into a virtual environment: ``set_up.py DIRECTORY PURPOSE``, which make calls.

What is installed is scripts/locks/PURPOSE.txt, by hashes; for ``run`` the program itself too, as an editable package.
Nobody waits in silence, and whatever goes wrong is one sentence with its remedy; the installer's own words are in
DIRECTORY/set-up.log. Nothing but Python's standard library is needed, the module venv included.
"""

import filecmp
import importlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "scripts/locks"
SIZES = {"run": "220 MB", "docs": "200 MB", "test": "800 MB", "dev": "1 GB"}
"""What the directory takes in the end, rounded up."""
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
INSTALL = ("install", "--no-compile", "--no-deps")
"""A lock is complete, so nothing has to be resolved; what is compiled is chosen below."""
NEVER_IMPORTED = r"/site-packages/(kubernetes/client|mypyc?|setuptools|pkg_resources)/|/tests/"
"""What needs no bytecode: the Kubernetes client's half without asyncio, what mypy has compiled, and others' tests."""
RETRIES = "2"
"""Of pip's, unless the environment says otherwise: with its own five a machine without network waits for long."""
BEAT = 2.0
"""Seconds between two lines of progress."""
LARGE = 1 << 20
"""Bytes from which a file is compared with its equals."""


class SetUpError(Exception):
    """What went wrong and what to do, in one sentence."""


def main() -> int:
    """Set up one purpose; return the exit code."""
    directory, purpose = Path(sys.argv[1]), sys.argv[2]
    print(f"setting up {directory} for {purpose}: about {SIZES[purpose]}, most of it downloaded once", flush=True)
    try:
        make_environment(directory, purpose)
        install(directory, purpose)
    except SetUpError as error:
        print(f"make: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def make_environment(directory: Path, purpose: str) -> None:
    """Make the virtual environment, or anew one that was left half-made; a directory that is something else is kept."""
    try:
        for module in ("venv", "ensurepip"):
            importlib.import_module(module)
    except ImportError:
        raise SetUpError(f"the venv module of {sys.executable} is missing: apt-get install python3-venv") from None
    python = directory / "bin/python"
    if has_pip(python):
        return
    clear = ["--clear"] if (directory / "pyvenv.cfg").exists() else []
    venv = [sys.executable, "-m", "venv", "--without-pip", *clear, str(directory)]
    # venv would run ensurepip itself, and keep for itself why that failed
    for command in (venv, [str(python), "-m", "ensurepip", "--upgrade", "--default-pip"]):
        run(command, directory, purpose, lambda _: "making the virtual environment")


def has_pip(python: Path) -> bool:
    """Return whether an interpreter is there, runs, and has pip."""
    try:
        return subprocess.run([str(python), *PIP, "--version"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def install(directory: Path, purpose: str) -> None:
    """Install a purpose's lock; for ``run`` also what builds the program, and the program."""
    python = str(directory / "bin/python")
    locks = [LOCKS / f"{name}.txt" for name in (("build", "run") if purpose == "run" else (purpose,))]
    given = [word for lock in locks for word in ("--requirement", str(lock))]
    total = sum(len(re.findall(r"^\S+==", lock.read_text(encoding="utf-8"), re.MULTILINE)) for lock in locks)
    run(
        [python, *PIP, *INSTALL, "--only-binary=:all:", "--require-hashes", *given],
        directory, purpose, lambda lines: progress(lines, total, directory),
    )  # fmt: skip
    if purpose == "run":
        editable = [python, *PIP, *INSTALL, "--no-build-isolation", "--editable", str(ROOT)]
        run(editable, directory, purpose, lambda _: "installing ingress-canary")
    share(directory)
    compile_modules(directory, purpose)


def compile_modules(directory: Path, purpose: str) -> None:
    """Compile what may be imported, for whoever keeps Python from doing it then (PYTHONDONTWRITEBYTECODE)."""
    compileall = [str(directory / "bin/python"), "-m", "compileall", "-q", "-j", "0", "-x", NEVER_IMPORTED]
    # a file that is for another Python does not compile, and is not imported either
    run([*compileall, str(directory / "lib")], directory, purpose, lambda _: "compiling", required=False)


def run(
    command: Sequence[str],
    directory: Path,
    purpose: str,
    doing: Callable[[Sequence[str]], str],
    *,
    required: bool = True,
) -> None:
    """Run a command, and tell every other second what it is doing. Raises SetUpError where it fails and must not."""
    environment = {"PIP_RETRIES": RETRIES, **os.environ, "PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout
        reader = threading.Thread(target=collect, args=(process.stdout, lines))
        reader.start()
        while reader.is_alive():
            reader.join(BEAT)
            if reader.is_alive():
                print(f"  {doing(lines)}", flush=True)
    if process.returncode and required:
        raise SetUpError(explain("".join(lines), directory, purpose) + logged(lines, directory))


def collect(output: Iterable[str], lines: list[str]) -> None:
    """Add each line as it comes: another thread looks at them."""
    for line in output:
        lines.append(line)  # noqa: PERF402 - extend does not say when it adds them


def progress(lines: Sequence[str], total: int, directory: Path) -> str:
    """Return how far pip is, by what it has said and by what is there."""
    if any(line.startswith("Installing collected") for line in lines[-3:]):
        there = len(list(directory.glob("lib/python*/site-packages/*.dist-info")))
        return f"installing: {there} packages are there"
    if lines and "Retrying" in lines[-1]:
        return "the package index does not answer, asking again"
    known = [line.split()[1] for line in lines if line.startswith("Collecting ")]
    settled = sum(line.startswith(("Collecting ", "Requirement already", "Ignoring ")) for line in lines)
    return f"fetching: {settled} of {total} packages" + (f", {known[-1]}" if known else "")


def explain(output: str, directory: Path, purpose: str) -> str:
    """Return in one sentence why a command failed, and what to do."""
    # first what is certain by its own words; a connection that broke once may have come back
    if "DO NOT MATCH THE HASHES" in output:
        return "a package is not the one that was locked: do not use this package index, or ask who runs it"
    if re.search(r"No space left on device|Disk quota exceeded|No usable temporary directory", output):
        return (
            f"the disk of {directory} is full, or that of temporary files: free {SIZES[purpose]},"
            f" or name other places (make VENV=DIRECTORY, TMPDIR=DIRECTORY)"
        )
    if found := re.search(r"(Permission denied|Read-only file system|Not a directory): '?([^'\n]+)", output):
        return f"{found[2]} cannot be written ({found[1].lower()}): make it yours, or say make VENV=DIRECTORY"
    if found := re.search(r"connection broken by|timed out|confirming the ssl certificate|Connection aborted", output):
        return (
            f"no package index can be reached ({broken(output)}):"
            " look at the network, at HTTPS_PROXY, and at PIP_INDEX_URL where there is a mirror"
        )
    if found := re.search(r"No matching distribution found for (\S+)", output):
        version = ".".join(map(str, sys.version_info[:2]))
        return (
            f"the package index has no {found[1]} for Python {version} on this machine:"
            " ask another one (PIP_INDEX_URL), or use another Python (make PYTHON=python3.13 VENV=.venv-3.13)"
        )
    return f"{last(output)}: say make clean, and try again"


def broken(output: str) -> str:
    """Return why a connection broke, as shortly as pip's output has it."""
    found = re.findall(r"\[Errno -?\d+\] ([^'\")\]]+)|(timed out)|(certificate verify failed)", output)
    return next(filter(None, found[-1])) if found else "the connection broke"


def last(output: str) -> str:
    """Return the last line that says anything, errors first."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["the installer failed without a word"])[-1]


def logged(lines: Sequence[str], directory: Path) -> str:
    """Keep a command's output, and return where; nothing where it cannot be kept."""
    log = directory / "set-up.log"
    try:
        log.write_text("".join(lines), encoding="utf-8")
    except OSError:
        return ""
    return f" (all that was said: {log})"


def share(directory: Path) -> None:
    """Make equal large files one file: a wheel has no links, so Helm's library comes three times, 85 MB each."""
    large = sorted(
        (file.stat().st_size, file)
        for file in directory.glob("lib/python*/site-packages/**/*.so*")
        if not file.is_symlink() and file.stat().st_size >= LARGE
    )
    for (size, kept), (other_size, other) in pairwise(large):
        if size == other_size and not kept.samefile(other) and filecmp.cmp(kept, other, shallow=False):
            link = other.with_name(f"{other.name}.link")
            try:
                link.hardlink_to(kept)
            except OSError:  # a file system without links: it takes the space, and works
                return
            link.replace(other)


if __name__ == "__main__":
    sys.exit(main())
