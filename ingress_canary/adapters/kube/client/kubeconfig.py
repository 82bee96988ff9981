"""Kubeconfig as kubectl reads it, where kubernetes.aio (37.0) reads it otherwise.

Of several files the first that sets the current context counts, where the library takes the last one's; and whom a
user's ``as``, ``as-groups``, ``as-uid`` and ``as-user-extra`` name is impersonated, which the library leaves out. Both
would let a command act on another cluster, or with other rights, than kubectl does (client-go, tools/clientcmd and
transport). Used by ``connect.py`` and by the commands.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import yaml

HEADER = "Impersonate"
NAME_CHARACTERS = "!#$&'*+-.^_`|~"
"""What a header's name may hold besides letters and digits."""


class KubeconfigError(Exception):
    """A user of a kubeconfig that cannot be obeyed; the message says why and what to do."""


class KubeContext(NamedTuple):
    """The context of a kubeconfig that is meant."""

    name: str | None
    """None where nobody names one."""
    namespace: str | None = None
    user: str = ""
    """Name of its user."""
    settings: Mapping[str, Any] = {}
    """Of that user."""

    def impersonation(self) -> list[tuple[str, str]]:
        """Return the headers by which the user impersonates another one. Raises KubeconfigError."""
        groups = self._words("as-groups", self.settings.get("as-groups") or [])
        uid = self._word("as-uid", self.settings.get("as-uid") or "")
        extra = self.settings.get("as-user-extra") or {}
        user = self._word("as", self.settings.get("as") or "")
        if not isinstance(extra, dict):
            raise KubeconfigError(f"user {self.user}: as-user-extra must be a mapping of lists")
        if not user:
            alone = [name for name in ("as-groups", "as-uid", "as-user-extra") if self.settings.get(name)]
            if alone:
                said = ", ".join(alone)
                raise KubeconfigError(f"user {self.user} has {said} without as: name whom it impersonates")
            return []
        return [
            (f"{HEADER}-User", user),
            *([(f"{HEADER}-Uid", uid)] if uid else []),
            *((f"{HEADER}-Group", group) for group in groups),
            *(
                (f"{HEADER}-Extra-{quote(key, safe=NAME_CHARACTERS).lower()}", value)
                for key, values in extra.items()
                for value in self._words("as-user-extra", values)
            ),
        ]

    def _word(self, field: str, value: object) -> str:
        if not isinstance(value, str):
            raise KubeconfigError(f"user {self.user}: {field} must be a string, not {value!r}")
        return value

    def _words(self, field: str, values: object) -> list[str]:
        if not isinstance(values, list):
            raise KubeconfigError(f"user {self.user}: {field} must be a list of strings, not {values!r}")
        return [self._word(field, value) for value in values]


def usual_kubeconfig() -> str | None:
    """Return the kubeconfig that kubectl would use; None in a pod with a service account, or when there is none."""
    if named := os.environ.get("KUBECONFIG"):
        return named
    in_pod = Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()
    usual = Path.home() / ".kube" / "config"
    return str(usual) if not in_pod and usual.exists() else None


def kube_context(kubeconfig: str | None, context: str | None = None) -> KubeContext:
    """Return the context that was named, else the current one of the first file that sets it.

    ``kubeconfig`` is a path, or several as in KUBECONFIG. A file that cannot be read says nothing here: the library is
    about to say why.
    """
    files = list(_read(kubeconfig))
    name = context or next((file["current-context"] for file in files if file.get("current-context")), None)
    found = _named(files, "contexts", "context", name)
    user = found.get("user") or ""
    return KubeContext(name, found.get("namespace"), user, _named(files, "users", "user", user))


def _named(files: Sequence[Mapping[str, Any]], kind: str, member: str, name: str | None) -> Mapping[str, Any]:
    """Return the entry of this name in the first file that has one; empty without."""
    for entry in (entry for file in files for entry in file.get(kind) or ()):
        if isinstance(entry, dict) and entry.get("name") == name:
            value = entry.get(member)
            return value if isinstance(value, dict) else {}
    return {}


def _read(kubeconfig: str | None) -> Iterator[Mapping[str, Any]]:
    for file in (kubeconfig or "").split(os.pathsep):
        try:
            document = yaml.safe_load(Path(file).expanduser().read_text(encoding="utf-8")) if file else None
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(document, dict):
            yield document
