"""Builds the archive that runs where neither Python nor the project is: ingress-canary-VERSION-OS-ARCHITECTURE.tar.gz.

``make archive`` runs it. The program is collected by PyInstaller (``bundle.spec``), of what ``contents.py`` works out.
Krew unpacks folders and regular files only, so links become files. The same commit
and the same installed packages make the same bytes.
"""

import argparse
import compileall
import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode

import contents

from ingress_canary import __version__

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's names, which krew and the images use, by Linux's."""
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))
"""Time of every file: 1980, before which some archivers know no time."""


def main() -> None:
    """Build it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder of the archive and its checksum")
    output: Path = parser.parse_args().output
    check_machine()
    output.mkdir(parents=True, exist_ok=True)
    stem = f"ingress-canary-{__version__}-linux-{ARCHITECTURES[platform.machine()]}"
    archive = output / f"{stem}.tar.gz"
    with tempfile.TemporaryDirectory(prefix="ingress-canary-archive-") as name:
        tree = collect(Path(name))
        add_licences(tree)
        pack(tree, archive, stem)
        size, glibc = sum(file.stat().st_size for file in tree.rglob("*")), needed_glibc(tree)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_name(f"{archive.name}.sha256").write_text(f"{digest}  {archive.name}\n")
    print(f"{archive}: {archive.stat().st_size / 1e6:.0f} MB, {size / 1e6:.0f} MB unpacked; needs glibc {glibc}")


def check_machine() -> None:
    """Exit with the remedy where the archive cannot be built."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        raise SystemExit(f"archive: built on Linux, {' or '.join(ARCHITECTURES)}; this is {platform.platform()}")
    for tool in ("objcopy", "objdump", "strip"):
        if shutil.which(tool) is None:
            raise SystemExit(f"archive: {tool} is missing: apt-get install binutils")
    # imported here, because it asks for such tools when it is imported
    from PyInstaller.depend.bindepend import get_python_library_path  # noqa: PLC0415
    from PyInstaller.exceptions import PythonLibraryNotFoundError  # noqa: PLC0415

    library = sysconfig.get_config_var("INSTSONAME")
    try:
        found = get_python_library_path()
    except PythonLibraryNotFoundError:
        found = None
    if found is None:
        raise SystemExit(
            f"archive: {sys.executable} has no shared library {library}: on Debian apt-get install "
            f"libpython{sysconfig.get_python_version()}, with pyenv PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install"
        )


def collect(room: Path) -> Path:
    """Return the folder of the program."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level=ERROR"]
    places = [
        f"--distpath={room / 'dist'}",
        f"--workpath={room / 'work'}",
        str(Path(__file__).with_name("bundle.spec")),
    ]
    # the order of sets ends up in the files
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYINSTALLER_CONFIG_DIR": str(room / "cache")}
    subprocess.run([*command, *places], check=True, env=environment)
    tree = room / "dist" / "bundle"
    compileall.compile_dir(
        tree / "lib" / "ingress_canary", quiet=1, stripdir=tree / "lib",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip
    return tree


def add_licences(tree: Path) -> None:
    """Add our licence where krew looks for one, and those of all that is in the archive."""
    shutil.copy(ROOT / "LICENSE", tree)
    for folder, file in contents.licences():
        target = tree / "licenses" / folder
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


def pack(tree: Path, archive: Path, stem: str) -> None:
    """Write the folder as ``stem`` into an archive whose bytes depend on nothing but its files."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = EPOCH
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=EPOCH) as packed,
        tarfile.open(fileobj=packed, mode="w", dereference=True) as file,
    ):
        for path in [tree, *sorted(tree.rglob("*"))]:
            file.add(path, str(Path(stem, path.relative_to(tree))), recursive=False, filter=plain)


def needed_glibc(tree: Path) -> str:
    """Return the least version of the C library that the programs and libraries in a folder run with."""
    named = {
        tuple(map(int, version.split(b".")))
        for file in tree.rglob("*")
        if file.is_file() and (binary := file.read_bytes()).startswith(b"\x7fELF")
        for version in re.findall(rb"\0GLIBC_(\d+\.\d+)", binary)
    }
    return ".".join(map(str, max(named)))


if __name__ == "__main__":
    main()
