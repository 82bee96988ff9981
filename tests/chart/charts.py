"""The chart as Helm's own engine renders it."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/ingress-canary"
NAME = HOME = "ingress-canary"
"""Release and namespace, as config/rbac has them."""
SETS = {
    "default": {},
    **{
        file.name.removesuffix("-values.yaml"): yaml.safe_load(file.read_text())
        for file in sorted(CHART.glob("ci/*.yaml"))
    },
}
"""The documented sets of values."""


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def texts(values: Json, name: str = NAME, namespace: str = HOME) -> dict[str, str]:
    """Return each template's text."""
    found: dict[str, str] = chart().render(values, name=name, namespace=namespace)
    return found


def manifests(values: Json, name: str = NAME, namespace: str = HOME) -> list[Json]:
    """Return all objects that an installation makes, without the CRDs, which Helm's render leaves out."""
    return [
        document
        for path, text in sorted(texts(values, name, namespace).items())
        if path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]


def one(documents: list[Json], kind: str, name: str = "") -> Json:
    """Return the only object of a kind, or the one with that name."""
    (found,) = [each for each in documents if each["kind"] == kind and name in ("", each["metadata"]["name"])]
    return found


def settings(documents: list[Json]) -> Json:
    """Return what the settings file says."""
    (config,) = [
        each for each in documents if each["kind"] == "ConfigMap" and each["metadata"]["name"].endswith("-settings")
    ]
    found: Json = yaml.safe_load(config["data"]["settings.yaml"])
    return found


def container(documents: list[Json]) -> Json:
    (found,) = one(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def reasons(text: str) -> Iterator[tuple[str, str]]:
    """Yield each rule of roles with the comment above it, both without line ends."""
    for comment, rule in re.findall(r"((?:^# .*\n)*)((?:^- apiGroups:.*\n)(?:^  .*\n?)+)", text, re.MULTILINE):
        yield " ".join(comment.replace("#", "").split()), " ".join(rule.split())
