"""Kubeconfig and namespace of a command. Used by all that take -n."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ingress_canary.settings import usual_kubeconfig

USUAL = "default"
"""Namespace of objects without one."""


def kubeconfig_of(path: Path | None) -> str | None:
    """Return the kubeconfig that was named, else kubectl's; None in a pod, or when there is none."""
    return str(path) if path else usual_kubeconfig()


def namespace_of(namespace: str | None, kubeconfig: str | None, context: str | None = None) -> str:
    """Return the namespace that was named, else that of the kubeconfig's context, as kubectl does, else ``default``.

    Of several files the first that says something counts. One that cannot be read says nothing here: ``connect`` is
    about to say why. The files are read here, because the client's own loader takes half a second to import.
    """
    if namespace:
        return namespace
    files = list(_read(kubeconfig))
    wanted = context or next(
        (document["current-context"] for document in files if document.get("current-context")), None
    )
    for entry in (entry for document in files for entry in document.get("contexts") or ()):
        if isinstance(entry, dict) and entry.get("name") == wanted:
            return (entry.get("context") or {}).get("namespace") or USUAL
    return USUAL


def _read(kubeconfig: str | None) -> Iterator[Mapping[str, Any]]:
    for file in (kubeconfig or "").split(os.pathsep):
        try:
            document = yaml.safe_load(Path(file).read_text(encoding="utf-8")) if file else None
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(document, dict):
            yield document
