"""Import of kubernetes.aio without the rest of its distribution. Used by ``connect.py``.

``kubernetes`` and ``kubernetes.aio`` (37.0) import every part of themselves, the synchronous client and its
libraries included: a third of a command's CPU time, and memory of the daemon, for what neither uses.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

PACKAGES = ("kubernetes", "kubernetes.aio")


def import_parts_alone() -> None:
    """Let ``import kubernetes.aio.client`` and the like import that part only.

    What these two packages import of themselves is imported when somebody asks them for an attribute.
    """
    for name in PACKAGES:
        if name in sys.modules:
            continue
        spec = find_spec(name)
        assert spec is not None
        sys.modules[name] = _idle(spec)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])


def _idle(spec: ModuleSpec) -> ModuleType:
    """Return a package whose ``__init__`` runs when an attribute is missing (PEP 562)."""
    package = module_from_spec(spec)

    def run_and_get(name: str) -> Any:
        vars(package).pop("__getattr__", None)
        assert spec.loader is not None
        spec.loader.exec_module(package)
        return getattr(package, name)

    vars(package)["__getattr__"] = run_and_get
    return package
