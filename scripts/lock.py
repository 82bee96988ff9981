"""Writes scripts/locks anew from pyproject.toml: exact versions with their hashes, for every Python that is supported.

Versions that are locked stay unless ``--upgrade`` says otherwise. dev.txt is resolved first and has everything; the
others take their versions from it, so that one environment can hold them all. No lock names a package index: each
installer asks the one that it is set up for. ``--check`` writes nothing and fails where a lock would change.
"""

import argparse
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "scripts/locks"
BIN = Path(sys.executable).parent
PYTHONS = ("3.11.0", "3.12", "3.13", "3.14")
"""Each must resolve: the oldest patch version, because a distribution stays with it, and every minor version."""
HEADER = "# Written by `make lock` from pyproject.toml: do not edit. scripts/lock.py says how.\n"
PROGRAM = ["pyproject.toml", "--extra", "notifications"]
BACKEND = "-"
"""What builds the package: `build-system.requires`, given on standard input."""
SOURCES = {
    "dev": [*PROGRAM, BACKEND, "--group", "dev"],
    "build": [BACKEND],
    "run": PROGRAM,
    "test": [*PROGRAM, "--group", "test"],
    "docs": ["--group", "docs"],
}
"""What each lock is made of; the first holds all others."""


def main() -> int:
    """Write the locks, or compare them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail where a lock would change")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml admits")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        for purpose in SOURCES:
            write(purpose, room, upgrade=chosen.upgrade)
            prove(room / f"{purpose}.txt")
        changed = [purpose for purpose in SOURCES if text(room, purpose) != text(LOCKS, purpose)]
        if chosen.check:
            for purpose in changed:
                print(f"scripts/locks/{purpose}.txt is stale: make lock, and commit it", file=sys.stderr)
            return 1 if changed else 0
        for purpose in changed:
            (LOCKS / f"{purpose}.txt").write_text(text(room, purpose), encoding="utf-8")
            print(f"scripts/locks/{purpose}.txt")
    return 0


def text(place: Path, purpose: str) -> str:
    """Return a lock's text; none where it is new."""
    file = place / f"{purpose}.txt"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def write(purpose: str, room: Path, *, upgrade: bool) -> None:
    """Resolve one lock into ``room``: from the versions that are locked, and within those of dev.txt."""
    lock = room / f"{purpose}.txt"
    lock.write_text(text(LOCKS, purpose), encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    options = ["--universal", f"--python-version={PYTHONS[0]}", "--generate-hashes", "--no-header", "--no-annotate"]
    if purpose != "dev":
        options += ["--constraints", str(room / "dev.txt")]
    elif upgrade:
        options += ["--upgrade"]
    backend = "\n".join(project["build-system"]["requires"])
    uv("pip", "compile", *SOURCES[purpose], *options, "--output-file", str(lock), given=backend)
    lock.write_text(HEADER + lock.read_text(encoding="utf-8"), encoding="utf-8")


def prove(lock: Path) -> None:
    """Resolve a lock for each Python by its hashes alone, from wheels, into a place where nothing is installed."""
    for python in PYTHONS:
        options = ["--require-hashes", "--only-binary=:all:", f"--python-version={python}", "--dry-run"]
        uv("pip", "install", *options, "--target", str(lock.with_suffix(".none")), "--requirements", str(lock))
        print(f"scripts/locks/{lock.name} resolves for Python {python}")


def uv(*words: str, given: str = "") -> None:
    """Run uv; end with its words where it fails."""
    done = subprocess.run(
        [str(BIN / "uv"), *words, "--quiet", "--no-progress"],
        cwd=ROOT, input=given, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"lock: uv {' '.join(words)}\n{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
