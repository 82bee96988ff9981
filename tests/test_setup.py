"""What `make setup` promises: the pins suit every supported Python, what is missing is reported with its remedy."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OLDEST = PROJECT["requires-python"].removeprefix(">=") + ".0"
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def test_every_pin_suits_the_oldest_python_of_every_patch_version() -> None:
    admitted = {}
    for pin in PINS:
        if pin.marker and not pin.marker.evaluate({"python_full_version": OLDEST}):
            continue
        try:
            admitted[str(pin)] = metadata(pin.name).get("Requires-Python") or ""
        except PackageNotFoundError:  # what builds the wheel is never installed
            continue
    assert len(admitted) > 80
    assert {pin: wants for pin, wants in admitted.items() if OLDEST not in SpecifierSet(wants)} == {}


def make(place: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `make setup` in a clone where pip finds no package: that comes after the virtual environment."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (place / name).symlink_to(ROOT / name)
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PIP_"))}
    environment = {**ours, "PIP_NO_INDEX": "1", **more}
    command = ["make", "setup", f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=place, env=environment, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("half_made", [False, True])
def test_a_python_without_its_venv_module_is_reported_in_one_sentence(tmp_path: Path, half_made: bool) -> None:
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    (lacking / "ensurepip.py").write_text("raise ModuleNotFoundError('as on Debian without python3-venv')")
    if half_made:
        leave_half_made(tmp_path / ".venv", sys.executable)
    done = make(tmp_path, PYTHONPATH=str(lacking))
    message, *rest = done.stderr.splitlines()
    assert message == f"make: the venv module of {sys.executable} is missing: apt-get install python3-venv"
    assert (done.returncode, len(rest)) == (2, 1), "the rest is make's own line"


def leave_half_made(place: Path, python: str) -> None:
    """Leave what `python -m venv` leaves where it finds no ensurepip: everything but pip."""
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").symlink_to(python)
    (place / "pyvenv.cfg").write_text("home = /usr/bin\n")


@pytest.mark.slow
@pytest.mark.parametrize("python", [sys.executable, "/gone/since/then/python"])
def test_a_half_made_virtual_environment_is_made_anew(tmp_path: Path, python: str) -> None:
    leave_half_made(tmp_path / ".venv", python)
    done = make(tmp_path)
    assert "No matching distribution found" in done.stderr, "pip was there to be asked"
    pip = [str(tmp_path / ".venv" / "bin" / "python"), "-m", "pip", "--version"]
    assert subprocess.run(pip, check=False, capture_output=True).returncode == 0


@pytest.mark.slow
def test_a_directory_that_is_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "diary").write_text("kept")
    make(tmp_path)
    assert (tmp_path / ".venv" / "diary").read_text() == "kept"
    assert (tmp_path / ".venv" / "pyvenv.cfg").exists()
