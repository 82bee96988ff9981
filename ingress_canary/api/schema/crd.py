"""CustomResourceDefinitions made from the models, and the fields that an older installed CRD would lose.

``ingress-canary crds`` and ``scripts/generate.py`` print them, the lab serves them, and the daemon compares them with
the installed ones at its start: an API server prunes what its schema does not know, silently.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ingress_canary.api import GROUP, ROLLOUT_KIND, SCHEDULE_KIND, VERSION
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.schema.structural import Defaults, Schema, structural

Json = Mapping[str, Any]

KINDS = (ROLLOUT_KIND, SCHEDULE_KIND)

HEADER = "# Generated from the models in ingress_canary/api by `python scripts/generate.py`; do not edit.\n"

_COLUMNS = (
    ("Phase", "string", ".status.phase", "Where the rollout is in its life"),
    ("Reason", "string", ".status.reason", "Why it is there"),
    ("Step", "integer", ".status.step.index", "Step of the expanded list, from 1"),
    ("Weight", "number", ".status.actualWeight", "Percent of requests that the shadow sends to the canary"),
    ("Wanted", "number", ".status.weight", "Percent of requests meant for the canary"),
    ("Share", "number", ".status.observedShare", "Share of requests that the canary answered, 0..1"),
    ("Revision", "string", ".status.revision", "What is rolled out"),
    ("Age", "date", ".metadata.creationTimestamp", ""),
)
_WIDE = frozenset({"Wanted"})
"""Columns of ``kubectl get -o wide`` only."""


def crd(kind: str) -> Schema:
    """Return the CustomResourceDefinition of one of ``KINDS``."""
    if kind == ROLLOUT_KIND:
        return _definition(kind, "icr", _rollout_version())
    return _definition(kind, "ics", _schedule_version())


def render(*kinds: str) -> str:
    """Return the CRDs of ``kinds`` (all of them when none is named) as one YAML stream.

    Each begins with its separator: ``helm show crds`` of Helm 3 puts the files together without one.
    """
    documents = (yaml.dump(crd(kind), Dumper=_Dumper, sort_keys=False, width=110) for kind in kinds or KINDS)
    return HEADER + "".join(f"---\n{document}" for document in documents)


def pruned_by(installed: Json, wanted: Json) -> list[str]:
    """Return the fields of the daemon that the ``installed`` CRD would prune or reject, as paths with a reason.

    Additions of the installed one are fine, and so are stricter bounds on a spec, which only people write.
    """
    ours = wanted["spec"]["versions"][0]
    theirs = next((version for version in installed["spec"]["versions"] if version["name"] == ours["name"]), None)
    if theirs is None or not theirs.get("served"):
        return [f"spec.versions: {ours['name']} is not served"]
    problems = []
    if installed["spec"]["scope"] != wanted["spec"]["scope"]:
        problems.append(f"spec.scope: is {installed['spec']['scope']}, needs {wanted['spec']['scope']}")
    if "subresources" in ours and "status" not in (theirs.get("subresources") or {}):
        problems.append("spec.versions: the status subresource is missing")
    schema = (theirs.get("schema") or {}).get("openAPIV3Schema") or {}
    return problems + list(_lost(schema, ours["schema"]["openAPIV3Schema"], ""))


def _lost(theirs: Json, ours: Json, path: str) -> Iterator[str]:
    """Yield each path at or below ``path`` that ``theirs`` prunes."""
    if theirs.get("type") != ours["type"]:
        yield f"{path}: is {theirs.get('type')}, needs {ours['type']}"
        return
    if path.startswith("status"):
        yield from _refused(theirs, ours, path)
    keeps = theirs.get("x-kubernetes-preserve-unknown-fields", False)
    if ours.get("x-kubernetes-preserve-unknown-fields") and not keeps:
        yield f"{path}: its members are pruned"
    members = theirs.get("properties") or {}
    for name, member in ours.get("properties", {}).items():
        inner = f"{path}.{name}".removeprefix(".")
        if name in members:
            yield from _lost(members[name], member, inner)
        elif not keeps:
            yield f"{inner}: is pruned"
    if "items" in ours:
        yield from _lost(theirs.get("items") or {}, ours["items"], f"{path}[]")


def _refused(theirs: Json, ours: Json, path: str) -> Iterator[str]:
    """Yield why a value that the daemon may write at ``path`` would be rejected."""
    for bound in ("maxLength", "maxItems", "maximum"):
        if bound in theirs and theirs[bound] < ours.get(bound, float("inf")):
            yield f"{path}: {bound} is {theirs[bound]}, needs {ours.get(bound, 'none')}"
    for bound in ("minLength", "minItems", "minimum"):
        if bound in theirs and theirs[bound] > ours.get(bound, float("-inf")):
            yield f"{path}: {bound} is {theirs[bound]}, needs {ours.get(bound, 'none')}"
    if "enum" in theirs and (missing := [word for word in ours.get("enum", ()) if word not in theirs["enum"]]):
        yield f"{path}: {', '.join(missing)} not accepted"
    if missing := sorted(set(theirs.get("required") or ()) - set(ours.get("required") or ())):
        yield f"{path}: {', '.join(missing)} must not be required"


def _definition(kind: str, short: str, version: Schema) -> Schema:
    singular = kind.lower()
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{singular}s.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": f"{singular}s",
                "singular": singular,
                "shortNames": [short],
            },
            "scope": "Namespaced",
            "versions": [{"name": VERSION, "served": True, "storage": True} | version],
        },
    }


def _rollout_version() -> Schema:
    spec, status = structural(RolloutSpec, Defaults.OUTSIDE_LISTS), structural(RolloutStatus, Defaults.NOWHERE)
    columns = [
        {"name": name, "type": kind, "jsonPath": path}
        | ({"description": text} if text else {})
        | ({"priority": 1} if name in _WIDE else {})
        for name, kind, path, text in _COLUMNS
    ]
    return {
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": _root("One canary of one Service behind one Ingress.", spec=spec, status=status),
    }


def _schedule_version() -> Schema:
    spec = structural(ScheduleSpec, Defaults.OUTSIDE_LISTS)
    return {"schema": _root("A schedule that rollouts share by name.", spec=spec)}


def _root(description: str, **members: Schema) -> Schema:
    """Return the schema of a whole object; apiVersion, kind and metadata are the API server's own."""
    schema = {"description": description, "type": "object", "properties": members, "required": ["spec"]}
    return {"openAPIV3Schema": schema}


class _Dumper(yaml.SafeDumper):
    """YAML dumper without anchors, which readers of manifests do not expect."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        return True
