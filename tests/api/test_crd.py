"""The CRDs are what a real API server takes, and what an older installed one would lose is reported."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.schema.crd import KINDS, crd, pruned_by, render
from ingress_canary.api.schema.structural import structural
from ingress_canary.api.units import DURATION_PATTERN, parse_duration

ROOT = Path(__file__).resolve().parents[2]
KEYWORDS = {
    "description", "type", "format", "enum", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "pattern", "minItems", "maxItems", "items", "properties", "required",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
}  # fmt: skip

Json = dict[str, Any]


def nodes(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every schema object with its path."""
    yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from nodes(member, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def schema_of(definition: Json) -> Json:
    schema: Json = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def filled(value: Any, schema: Json) -> Any:
    """Return ``value`` with the schema's defaults, as an API server fills them in."""
    if isinstance(value, list):
        return [filled(item, schema["items"]) for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    missing = {
        name: member["default"]
        for name, member in schema["properties"].items()
        if "default" in member and name not in value
    }
    return {name: filled(one, schema["properties"].get(name, {})) for name, one in (value | missing).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_object_is_structural(kind: str) -> None:
    for path, schema in nodes(schema_of(crd(kind))):
        assert set(schema) <= KEYWORDS, path
        assert schema["type"] in {"string", "integer", "number", "boolean", "array", "object"}, path
        for bound in ("exclusiveMinimum", "exclusiveMaximum"):
            assert schema.get(bound, True) is True, path


@pytest.mark.parametrize("kind", KINDS)
def test_every_string_and_list_is_bounded_so_that_cel_costs_are_too(kind: str) -> None:
    for path, schema in nodes(schema_of(crd(kind))):
        if schema["type"] == "string":
            assert "maxLength" in schema, path
        if schema["type"] == "array":
            assert "maxItems" in schema, path


@pytest.mark.parametrize("kind", KINDS)
def test_no_object_says_its_members_and_keeps_what_it_does_not_know(kind: str) -> None:
    for path, schema in nodes(schema_of(crd(kind))):
        if schema["type"] == "object":
            assert not ("properties" in schema and schema.get("x-kubernetes-preserve-unknown-fields", False)), path
            assert schema.get("properties") != {}, path  # which no API server stores
            assert set(schema.get("required", ())) <= set(schema.get("properties", ())), path


def test_a_status_is_given_no_defaults() -> None:
    status = schema_of(crd("CanaryRollout"))["properties"]["status"]
    assert [path for path, schema in nodes(status) if "default" in schema] == []


SLOW: Json = {"latency": {"threshold": "300ms"}}


def test_a_server_defaulted_spec_means_the_same() -> None:
    written: Json = {
        "steps": [{"weight": 5, "bake": "1m", "approval": {}}, {"ramp": {"from": 6, "to": 9, "by": 1, "bake": "1m"}}],
        "slos": [{"name": "a", "objective": 99, "sli": {"requests": {}}}, {"name": "b", "objective": 99, "sli": SLOW}],
        "windows": {"allow": [{"days": ["Mon"], "from": "09:00", "to": "16:00"}]},
        "analysis": {"baseline": {}},
    }
    rollout: Json = {
        "ingresses": ["a"], "stableService": "a", "canaryService": "b", "schedule": {"inline": written},
    }  # fmt: skip
    for model, spec, kind in ((ScheduleSpec, written, "CanarySchedule"), (RolloutSpec, rollout, "CanaryRollout")):
        defaulted = filled(copy.deepcopy(spec), schema_of(crd(kind))["properties"]["spec"])
        meant = model.model_validate(spec).dump()
        assert model.model_validate(defaulted).dump() == meant
        schedule = meant if model is ScheduleSpec else meant["schedule"]["inline"]
        # what depends on the SLI is the daemon's to fill in
        assert [slo.pop("maxBurn") for slo in schedule["slos"]] == [10, 1]
        assert filled(copy.deepcopy(spec), structural(model)) == meant
        # a tool that applies a list again would find another one than the server had made of it
        served = defaulted if model is ScheduleSpec else defaulted["schedule"]["inline"]
        assert served["analysis"]["baseline"]["maxRatio"] == 1.25
        assert {name: served[name] for name in ("steps", "slos")} == {name: written[name] for name in ("steps", "slos")}


def test_unions_and_weights_are_guarded_by_cel() -> None:
    spec = schema_of(crd("CanarySchedule"))["properties"]["spec"]["properties"]
    step = spec["steps"]["items"]
    rules = [one["rule"] for one in step["x-kubernetes-validations"]]
    assert "has(self.weight) != has(self.ramp)" in rules
    for weight in (step["properties"]["weight"], step["properties"]["ramp"]["properties"]["from"]):
        assert "three decimals" in weight["x-kubernetes-validations"][0]["message"]
    assert "sli" in spec["slos"]["items"]["required"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_duration_that_people_write_is_bounded_by_cel(kind: str) -> None:
    durations = {path: one for path, one in nodes(schema_of(crd(kind))) if one.get("pattern") == DURATION_PATTERN}
    assert durations
    for path, one in durations.items():
        (bounds,) = one["x-kubernetes-validations"]
        most = bounds["message"].rpartition(" ")[2]
        assert f"duration(self) <= duration('{most}')" in bounds["rule"], path
        assert parse_duration(most) <= timedelta(hours=8760), path


def test_a_rollout_shows_where_it_is_at_a_glance() -> None:
    version = crd("CanaryRollout")["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    columns = [(column["name"].upper(), column["jsonPath"]) for column in version["additionalPrinterColumns"]]
    assert columns == [
        ("PHASE", ".status.phase"),
        ("REASON", ".status.reason"),
        ("STEP", ".status.step.index"),
        ("WEIGHT", ".status.actualWeight"),
        ("WANTED", ".status.weight"),
        ("SHARE", ".status.observedShare"),
        ("REVISION", ".status.revision"),
        ("AGE", ".metadata.creationTimestamp"),
    ]


def test_both_are_rendered_as_one_stream_without_anchors() -> None:
    assert [one["spec"]["names"]["kind"] for one in yaml.safe_load_all(render())] == list(KINDS)
    assert "&id" not in render()


def test_files_that_helm_puts_together_without_a_separator_stay_documents() -> None:
    together = "\n".join(render(kind) for kind in KINDS)
    found = [one["spec"]["names"]["kind"] for one in yaml.safe_load_all(together) if one is not None]
    assert found == list(KINDS)


def test_the_generated_files_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# what an installed CRD would lose


def version(definition: Json) -> Json:
    one: Json = definition["spec"]["versions"][0]
    return one


def member(definition: Json, *path: str) -> Json:
    """Return the schema at a path; ``[]`` means a list's items."""
    schema = schema_of(definition)
    for part in path:
        schema = schema["items"] if part == "[]" else schema["properties"][part]
    return schema


LOSSES: list[tuple[Callable[[Json], object], str]] = [
    (lambda old: version(old).update(name="v1alpha0"), "v1alpha1 is not served"),
    (lambda old: version(old).update(served=False), "v1alpha1 is not served"),
    (lambda old: old["spec"].update(scope="Cluster"), "spec.scope: is Cluster, needs Namespaced"),
    (lambda old: version(old).pop("subresources"), "spec.versions: the status subresource is missing"),
    (lambda old: version(old).pop("schema"), ": is None, needs object"),
    (lambda old: member(old, "status")["properties"].pop("analysisState"), "status.analysisState: is pruned"),
    (lambda old: member(old, "status", "slos", "[]")["properties"].pop("logE"), "status.slos[].logE: is pruned"),
    (lambda old: member(old, "spec")["properties"].pop("revision"), "spec.revision: is pruned"),
    (
        lambda old: member(old, "status", "schedule", "content").pop("x-kubernetes-preserve-unknown-fields"),
        "status.schedule.content: its members are pruned",
    ),
    (lambda old: member(old, "status", "weight").update(type="integer"), "status.weight: is integer, needs number"),
    (
        lambda old: member(old, "status", "analysisState").update(maxLength=10),
        "status.analysisState: maxLength is 10, needs 262144",
    ),
    (lambda old: member(old, "status", "phase")["enum"].remove("Paused"), "status.phase: Paused not accepted"),
    (lambda old: member(old, "status").update(required=["step"]), "status: step must not be required"),
    (lambda old: member(old, "status", "step", "index").update(minimum=5), "status.step.index: minimum is 5, needs"),
]


@pytest.mark.parametrize(("damage", "words"), LOSSES)
def test_what_an_older_crd_loses_is_reported(damage: Callable[[Json], object], words: str) -> None:
    installed = json.loads(json.dumps(crd("CanaryRollout")))
    damage(installed)
    (problem, *more) = pruned_by(installed, crd("CanaryRollout"))
    assert words in problem
    assert more == []


ADDITIONS: list[Callable[[Json], object]] = [
    lambda newer: None,
    lambda newer: member(newer, "status")["properties"].update(added={"type": "string"}),
    lambda newer: member(newer, "spec", "ingresses").update(maxItems=0),
    lambda newer: newer["spec"]["versions"].insert(0, {"name": "v1", "served": True}),
    lambda newer: (
        member(newer, "status", "baseline").pop("properties"),
        member(newer, "status", "baseline").update({"x-kubernetes-preserve-unknown-fields": True}),
    ),
]


@pytest.mark.parametrize("addition", ADDITIONS)
def test_what_a_newer_crd_adds_loses_nothing(addition: Callable[[Json], object]) -> None:
    installed = json.loads(json.dumps(crd("CanaryRollout")))
    addition(installed)
    assert pruned_by(installed, crd("CanaryRollout")) == []
