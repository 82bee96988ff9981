"""What the archive holds, worked out of the package and of its distribution's requirements: no list goes stale.

``bundle.spec`` asks for modules, ``build.py`` for licences.
"""

import pkgutil
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ingress_canary

PROJECT = "ingress-canary"
LICENCES = ("licen", "copying", "notice", "authors")
"""How the names of files begin that go with a distribution wherever it is copied to."""


def modules() -> list[str]:
    """Return every module of the package: the command line imports by name, which no analysis of the code can see."""
    return [one.name for one in pkgutil.walk_packages(ingress_canary.__path__, f"{ingress_canary.__name__}.")]


def requirements() -> dict[str, Distribution]:
    """Return what the project requires on this machine, without extras, by canonical name; itself is not among it."""
    found: dict[str, Distribution] = {}
    wanted = [Requirement(PROJECT)]
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in found and not requirement.extras:
            continue
        found[name] = distribution(name)
        wanted += [
            needed
            for needed in map(Requirement, found[name].requires or ())
            if needed.marker is None
            or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras))
        ]
    del found[PROJECT]
    return found


def unwanted() -> list[str]:
    """Return the installed modules that the project does not require: pydantic's plugin would bring mypy along."""
    wanted = {PROJECT, *requirements()}
    return [
        module
        for module, names in packages_distributions().items()
        if not wanted & {canonicalize_name(name) for name in names}
    ]


def licences() -> Iterator[tuple[str, Path]]:
    """Yield a folder's name and a file for each licence and notice of what is required, and of Python."""
    for one in requirements().values():
        for file in one.files or ():
            if ".dist-info" in file.parts[0] and file.name.lower().startswith(LICENCES):
                yield f"{one.name}-{one.version}", Path(str(file.locate()))
    for python in (Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", Path("/usr/share/doc/python3/copyright")):
        if python.exists():
            yield "python", python
            return
