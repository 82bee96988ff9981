"""What set-up promises: locks for every supported Python, no more than a purpose needs, one sentence for each failure.

The locks are compared with pyproject.toml without asking a package index; `make lock-check` asks one.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from scripts.lock import PYTHONS
from scripts.set_up import LARGE, SIZES, explain, share
from tests.pages import ROOT

LOCKS = ROOT / "scripts/locks"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
OLDEST = PROJECT["requires-python"].removeprefix(">=") + ".0"
LIMIT = 230
"""MB that the environment of `make demo` may take."""


@dataclass(frozen=True)
class Pin:
    """One package of a lock."""

    version: str
    marker: Marker | None
    hashes: tuple[str, ...]


def pins(text: str) -> dict[str, Pin]:
    """Return a lock's packages by name; fails on anything that is no exact version."""
    found = {}
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    for line in lines:
        name, *hashes = line.split(" --hash=")
        pin = Requirement(name)
        (specifier,) = pin.specifier
        assert specifier.operator == "==", line
        found[canonicalize_name(pin.name)] = Pin(specifier.version, pin.marker, tuple(each.strip() for each in hashes))
    assert len(found) == len(lines)
    return found


TEXTS = {file.stem: file.read_text() for file in sorted(LOCKS.glob("*.txt"))}
PINS = {name: pins(text) for name, text in TEXTS.items()}


def group(name: str) -> Iterator[str]:
    """Yield the requirements of a dependency group, with those of the groups that it includes."""
    for entry in PYPROJECT["dependency-groups"][name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from group(entry["include-group"])


RUN: list[str] = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["notifications"]]
BUILD: list[str] = PYPROJECT["build-system"]["requires"]
WANTED: dict[str, list[Requirement]] = {
    name: [Requirement(one) for one in requirements]
    for name, requirements in {
        "build": BUILD,
        "run": RUN,
        "docs": [*group("docs")],
        "test": [*RUN, *group("test")],
        "dev": [*RUN, *BUILD, *group("dev")],
    }.items()
}
"""What pyproject.toml asks for, by lock."""


def applies(marker: Marker | None, **environment: Any) -> bool:
    return marker is None or marker.evaluate(environment)


def test_each_purpose_has_a_lock_and_a_size() -> None:
    assert PINS.keys() == WANTED.keys()
    assert SIZES.keys() == WANTED.keys() - {"build"}


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("python", PYTHONS)
def test_a_lock_has_a_version_that_was_asked_for_of_all_that_pyproject_names(name: str, python: str) -> None:
    version = {"python_version": ".".join(python.split(".")[:2]), "python_full_version": python}
    for wanted in WANTED[name]:
        if applies(wanted.marker, **version):
            pin = PINS[name].get(canonicalize_name(wanted.name))
            assert pin, f"{wanted.name} is not in scripts/locks/{name}.txt: make lock"
            assert applies(pin.marker, **version), wanted
            assert pin.version in wanted.specifier, f"scripts/locks/{name}.txt has {pin.version}: make lock"


def closure(requirements: list[Requirement]) -> set[str]:
    """Return the names of what the requirements need here, by what the installed packages say of themselves."""
    found: set[str] = set()
    asked: set[tuple[str, str]] = set()
    waiting = [(one, extra) for one in requirements for extra in ("", *one.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        found.add(name)
        needed = [Requirement(each) for each in requires(name) or ()]
        waiting += [(one, more) for one in needed if applies(one.marker, extra=extra) for more in ("", *one.extras)]
    return found


@pytest.mark.parametrize("name", ["build", "run", "docs", "test"])
def test_a_lock_has_what_is_needed_and_nothing_else(name: str) -> None:
    assert closure(WANTED[name]) == {package for package, pin in PINS[name].items() if applies(pin.marker)}


def test_every_pin_has_hashes_and_no_lock_names_a_package_index() -> None:
    for name, locked in PINS.items():
        assert [
            package
            for package, pin in locked.items()
            if not pin.hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in pin.hashes)
        ] == []
        assert not re.search(r"://|^\s*--(?!hash)", TEXTS[name], re.MULTILINE)


def test_one_environment_can_hold_every_lock() -> None:
    assert [
        (name, package)
        for name, locked in PINS.items()
        for package, pin in locked.items()
        if (pin.version, pin.hashes) != (PINS["dev"][package].version, PINS["dev"][package].hashes)
    ] == []


def test_every_pin_suits_the_oldest_python_of_every_patch_version() -> None:
    admitted = {}
    for package, pin in PINS["dev"].items():
        try:
            admitted[f"{package} {pin.version}"] = metadata(package).get("Requires-Python") or ""
        except PackageNotFoundError:  # for developers alone; `make lock-check` resolves these too
            continue
    assert len(admitted) > 80
    assert {pin: wants for pin, wants in admitted.items() if OLDEST not in SpecifierSet(wants)} == {}
    assert PYTHONS[0] == OLDEST


PIP = """\
WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3.\
connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno {}')': /simple/aiohttp/
ERROR: Could not find a version that satisfies the requirement aiohttp==3.14.5 (from versions: none)
ERROR: No matching distribution found for aiohttp==3.14.5
"""
"""What pip says where nobody answers."""


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (PIP.format("111] Connection refused"), "no package index can be reached (Connection refused): look at"),
        (PIP.format("-3] Temporary failure in name resolution"), "no package index can be reached (Temporary failure"),
        ("ReadTimeoutError: HTTPSConnectionPool(host='a'): Read timed out.", "no package index can be reached (timed"),
        ("ERROR: No matching distribution found for scipy==1.17.1\n", "the package index has no scipy==1.17.1 for"),
        ("OSError: [Errno 28] No space left on device\n", "the disk of .venv is full, or that of temporary files:"),
        ("[Errno 2] No usable temporary directory found in ['/tmp']", "the disk of .venv is full, or that"),
        ("ERROR: [Errno 13] Permission denied: '/a/b'\nCheck", "/a/b cannot be written (permission denied): make it"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "a package is not the one that was locked: do not use"),
        ("Collecting a\nERROR: Something new\nnote: x\n", "ERROR: Something new: say make clean, and try again"),
        ("", "the installer failed without a word: say make clean, and try again"),
        # what is certain goes before what may have been overcome
        (PIP.format("111] Connection refused") + "OSError: [Errno 28] No space left on device", "the disk of .venv is"),
    ],
)  # fmt: skip
def test_what_the_installer_says_becomes_one_sentence_with_its_remedy(output: str, sentence: str) -> None:
    said = explain(output, Path(".venv"), "run")
    assert said.startswith(sentence)
    assert "\n" not in said


def test_equal_large_files_become_one(tmp_path: Path) -> None:
    place = tmp_path / "lib/python3.11/site-packages/helm"
    place.mkdir(parents=True)
    contents = {
        "a.so": b"a" * LARGE,
        "a.so.1": b"a" * LARGE,
        "a.so.1.2": b"a" * LARGE,
        "b.so": b"b" * LARGE,
        "c.so": b"a",
    }
    for name, content in contents.items():
        (place / name).write_bytes(content)
    share(tmp_path)
    assert {file.name: file.read_bytes() for file in place.iterdir()} == contents
    assert {name: (place / name).stat().st_nlink for name in contents} == {
        "a.so": 3, "a.so.1": 3, "a.so.1.2": 3, "b.so": 1, "c.so": 1,
    }  # fmt: skip


def clone(place: Path) -> Path:
    """Lay out what set-up reads, as a clone has it."""
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    shutil.copytree(LOCKS, place / "scripts/locks")
    shutil.copy(ROOT / "scripts/set_up.py", place / "scripts")
    return place


def make(place: Path, *words: str, within: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[str]:
    """Run `make command` in a clone, where pip finds no package unless told otherwise."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PIP_"))}
    environment = {**ours, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, **more}
    command = [*within, "make", "command", f"PYTHON={sys.executable}", *words]
    return subprocess.run(command, cwd=place, env=environment, check=False, capture_output=True, text=True)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed set-up said; the only other line is make's own."""
    said, *rest = done.stderr.splitlines()
    assert (done.returncode, len(rest)) == (2, 1), done.stderr
    return said


def test_a_missing_python_is_reported_in_one_sentence(tmp_path: Path) -> None:
    done = make(clone(tmp_path), "PYTHON=python9")
    assert sentence(done) == "make: python9 is missing: install Python 3.11 or later"


def test_an_old_python_is_reported_in_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "old"
    older = "import sys; sys.version_info = (3, 10, 13, 'final', 0)"
    old.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c "{older}; $2"\nexit 99\n')
    old.chmod(0o755)
    done = make(clone(tmp_path), f"PYTHON={old}")
    assert sentence(done) == "make: Python 3.11 or later is needed; say make PYTHON=python3.12"


@pytest.mark.parametrize("half_made", [False, True])
def test_a_python_without_its_venv_module_is_reported_in_one_sentence(tmp_path: Path, half_made: bool) -> None:
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    (lacking / "ensurepip.py").write_text("raise ModuleNotFoundError('as on Debian without python3-venv')")
    if half_made:
        leave_half_made(tmp_path / ".venv", sys.executable)
    done = make(clone(tmp_path), PYTHONPATH=str(lacking))
    assert sentence(done) == f"make: the venv module of {sys.executable} is missing: apt-get install python3-venv"
    assert done.stdout.startswith("setting up .venv for run: about"), "nobody waits in silence"


def leave_half_made(place: Path, python: str) -> None:
    """Leave what `python -m venv` leaves where it finds no ensurepip: everything but pip."""
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").symlink_to(python)
    (place / "pyvenv.cfg").write_text("home = /usr/bin\n")


def test_a_directory_that_cannot_be_made_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    done = make(clone(tmp_path), "VENV=file/.venv")
    assert re.fullmatch(r"make: \S*file\S* cannot be written \(not a directory\): make it yours, or .*", sentence(done))


@pytest.mark.slow
@pytest.mark.parametrize("python", [sys.executable, "/gone/since/then/python"])
def test_a_half_made_virtual_environment_is_made_anew(tmp_path: Path, python: str) -> None:
    leave_half_made(tmp_path / ".venv", python)
    done = make(clone(tmp_path))
    assert sentence(done).startswith("make: the package index has no hatchling=="), "pip was there to be asked"
    assert "No matching distribution found" in (tmp_path / ".venv/set-up.log").read_text()
    pip = [str(tmp_path / ".venv" / "bin" / "python"), "-m", "pip", "--version"]
    assert subprocess.run(pip, check=False, capture_output=True).returncode == 0


@pytest.mark.slow
def test_a_directory_that_is_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "diary").write_text("kept")
    make(clone(tmp_path))
    assert (tmp_path / ".venv" / "diary").read_text() == "kept"
    assert (tmp_path / ".venv" / "pyvenv.cfg").exists()


@pytest.mark.slow
def test_a_machine_without_network_is_reported_in_one_sentence(tmp_path: Path) -> None:
    done = make(clone(tmp_path), PIP_NO_INDEX="", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="1")
    assert sentence(done).startswith("make: no package index can be reached (Connection refused): look at the network")
    assert (tmp_path / ".venv/set-up.log").read_text().count("Retrying") == 1, "what the environment says is kept"


def mounted(room: Path, options: str) -> tuple[str, ...]:
    """Return what to put before a command so that ``room`` is a file system of its own, in its eyes alone."""
    room.mkdir()
    other = () if os.getuid() == 0 else ("--user", "--map-root-user")
    return "unshare", "--mount", *other, "sh", "-c", f'mount -t tmpfs -o {options} none {room} && exec "$@"', "sh"


def ballast(place: Path) -> str:
    """Write a wheel that is small, and 100 MB when installed; return the line that locks it."""
    wheel = place / "ballast-1-py3-none-any.whl"
    info = "ballast-1.dist-info"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ballast.bin", bytes(100 << 20))
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: ballast\nVersion: 1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"ballast.bin,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"ballast==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.mark.slow
@pytest.mark.parametrize("size", ["8m", "64m"], ids=["while pip is put there", "while pip installs"])
def test_a_full_disk_is_reported_in_one_sentence(tmp_path: Path, size: str) -> None:
    clone(tmp_path)
    (tmp_path / "scripts/locks/run.txt").write_text(ballast(tmp_path))
    (tmp_path / "scripts/locks/build.txt").write_text("")
    room = tmp_path / "room"
    done = make(tmp_path, f"VENV={room}/.venv", within=mounted(room, f"size={size}"), PIP_FIND_LINKS=str(tmp_path))
    assert sentence(done).startswith(f"make: the disk of {room}/.venv is full, or that of temporary files: free ")


@pytest.mark.slow
def test_a_disk_that_cannot_be_written_is_reported_in_one_sentence(tmp_path: Path) -> None:
    room = tmp_path / "room"
    done = make(clone(tmp_path), f"VENV={room}/.venv", within=mounted(room, "ro"))
    assert sentence(done).startswith(f"make: {room}/.venv cannot be written (read-only file system): make it yours")


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_demo_needs_the_lock_of_run_time_and_little_space(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "ingress_canary", clone(tmp_path) / "ingress_canary", ignore=shutil.ignore_patterns("__py*"))
    told = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    done = make(tmp_path, **{"HOME": str(tmp_path / "home"), "PIP_NO_INDEX": "", **told})
    assert done.returncode == 0, done.stderr
    listed = [str(tmp_path / ".venv/bin/python"), "-m", "pip", "list", "--format=freeze"]
    lines = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
    there = {canonicalize_name(line.partition("==")[0]) for line in lines}
    locked = {name for lock in ("build", "run") for name, pin in PINS[lock].items() if applies(pin.marker)}
    assert there - {"pip", "setuptools"} == locked | {"ingress-canary"}
    used = subprocess.run(["du", "-sm", str(tmp_path / ".venv")], check=True, capture_output=True, text=True)
    assert int(used.stdout.split()[0]) <= LIMIT
    subprocess.run([str(tmp_path / ".venv/bin/ingress-canary"), "demo", "--help"], check=True, capture_output=True)
