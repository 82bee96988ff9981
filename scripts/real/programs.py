"""The programs of others that ``make real`` tests against: pinned versions, built from Go modules into a cache.

Each is built by a module of its own in the cache that requires the program's and nothing else, so that all of its
dependencies are those that its authors released it with; the go command compares them with the checksum database. A
binary that is there is not built again. Nothing of it comes into the repository.
"""

import hashlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
GO = (1, 21)
"""The first Go that fetches the toolchain that a module asks for, as a module."""
SAYS_IT_IS_THERE = 30.0
"""Seconds between two lines about a build that goes on."""


class CannotBuild(Exception):
    """Raised when a program cannot be built; the message says by which command, and what it answered."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program in Go, of one version."""

    name: str
    module: str
    version: str
    package: str
    """Import path of its main package; empty when that is ours: a folder of this one, called as the program is."""
    go: str
    """The Go that its module asks for."""
    tags: str = ""
    """Build tags, of which its authors say what they leave out."""

    @property
    def source(self) -> Path | None:
        """The file of our own main package, if it is ours."""
        return None if self.package else HERE / self.name / "main.go"

    def binary(self, cache: Path) -> Path:
        """Return where it is once it is built, which differs from version to version."""
        ours = f"-{hashlib.sha256(self.source.read_bytes()).hexdigest()[:8]}" if self.source else ""
        return cache / "bin" / f"{self.name}-{self.version}{ours}"


PROMETHEUS = Program(
    "prometheus", "github.com/prometheus/prometheus", "v0.316.0", "github.com/prometheus/prometheus/cmd/prometheus",
    go="1.26.7", tags="remove_all_sd",  # discovery by files stays; the clouds' SDKs take longer than all else together
)  # fmt: skip
VICTORIA = Program(
    "victoria-metrics", "github.com/VictoriaMetrics/VictoriaMetrics", "v1.151.0",
    "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics", go="1.26.6",
)  # fmt: skip
APISERVER = Program("apiserver", "k8s.io/apiextensions-apiserver", "v0.37.2", "", go="1.26.0")
PROGRAMS = (PROMETHEUS, VICTORIA, APISERVER)


def missing() -> list[str]:
    """Return what has to be installed first, one sentence each."""
    found = []
    wanted = max(one.go for one in PROGRAMS)
    remedy = f"install Go {GO[0]}.{GO[1]} or later, which fetches the {wanted} that is asked for as a module."
    if shutil.which("go") is None:
        found.append(f"Go is missing: {remedy}")
    elif (version := _go_version()) < GO:
        found.append(f"Go {version[0]}.{version[1]} is too old: {remedy}")
    if shutil.which("etcd") is None:
        found.append("etcd is missing: apt-get install etcd-server.")
    return found


def cache_folder() -> Path:
    """Return where programs are built: INGRESS_CANARY_REAL, or a folder of the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("INGRESS_CANARY_REAL") or Path(home) / "ingress-canary-real")


def build(program: Program, cache: Path) -> float | None:
    """Build a program unless it is there; return the seconds that it took. Raises CannotBuild."""
    binary = program.binary(cache)
    if binary.exists():
        return None
    room = cache / "build" / program.name
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    (room / "go.mod").write_text(f"module real\n\ngo {program.go}\n\nrequire {program.module} {program.version}\n")
    if program.source:
        shutil.copy(program.source, room)
    began = time.monotonic()
    unfinished = binary.with_name(f"{binary.name}.unfinished")
    _go(room, "build", "-mod=mod", f"-tags={program.tags}", f"-o={unfinished}", program.package or ".")
    unfinished.rename(binary)
    return time.monotonic() - began


def _go_version() -> tuple[int, ...]:
    said = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def _go(room: Path, *words: str) -> None:
    """Run the go command, with a line now and then that it goes on. Raises CannotBuild."""
    environment = os.environ | {"GOTOOLCHAIN": "auto", "GOWORK": "off", "CGO_ENABLED": "0"}
    began = time.monotonic()
    with (room / "log").open("w+") as log:
        process = subprocess.Popen(["nice", "go", *words], cwd=room, env=environment, stdout=log, stderr=log)
        while True:
            try:
                code = process.wait(SAYS_IT_IS_THERE)
                break
            except subprocess.TimeoutExpired:
                print(f"  go {words[0]} ... {time.monotonic() - began:.0f} s", flush=True)
            except BaseException:
                process.terminate()
                process.wait()
                raise
        log.seek(0)
        said = [line for line in log.read().splitlines() if not line.startswith("go: downloading")]
    if code:
        raise CannotBuild("\n".join([f"go {' '.join(words)} in {room} exited with {code}:", *said[-20:]]))
