"""What the lab's API and a real API server make of our own kinds: definitions, defaults, rules, columns, ownership.

Like ``test_api_contract.py`` it runs against the lab's API, or against the real server that the environment's
E2E_KUBECONFIG names, which may serve custom resources alone.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pydantic import ValidationError

from ingress_canary.api import GROUP
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.schema.crd import KINDS, crd
from tests.lab.api_client import MERGE, Client, Json, contract_client
from tests.lab.test_api_contract import APPLY, CRDS

SAMPLES = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted((Path(__file__).parents[2] / "config/samples").glob("*.yaml"))
}
API = f"/apis/{GROUP}/v1alpha1"
MODELS = {"CanaryRollout": RolloutSpec, "CanarySchedule": ScheduleSpec}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

Edit = Callable[[Json], object]


@pytest.fixture
async def api(kubeconfig: Json) -> AsyncIterator[Client]:
    async with contract_client(kubeconfig) as client:
        for kind in KINDS:
            await define(client, crd(kind))
        async with asyncio.timeout(30):
            while not all([await client.serves(f"{API}/{kind.lower()}s") for kind in KINDS]):
                await asyncio.sleep(0.05)
        yield client


async def define(client: Client, definition: Json) -> None:
    """Create a definition, or make the one that is there like it."""
    path = f"{CRDS}/{definition['metadata']['name']}"
    code, found = await client.call("GET", path)
    if code == 404:
        await client.ok("POST", CRDS, definition)
    elif found["spec"]["versions"] != definition["spec"]["versions"]:
        await client.ok("PUT", path, found | {"spec": definition["spec"]})


def collection(kind: str) -> str:
    """Return the path of a kind's objects in the test's namespace."""
    return f"{API}/namespaces/{{ns}}/{kind.lower()}s"


def minimal(kind: str) -> Json:
    """Return a valid object named ``shop`` that says as little as possible."""
    schedule: Json = {
        "steps": [{"weight": 5, "bake": "10m"}, {"ramp": {"from": 10, "to": 50, "by": 20, "bake": "5m"}}],
        "slos": [{"name": "errors", "objective": 99.5, "sli": {"requests": {}}}],
    }
    spec = schedule if kind == "CanarySchedule" else {
        "ingresses": ["shop"], "stableService": "shop", "canaryService": "shop-canary",
        "schedule": {"inline": schedule},
    }  # fmt: skip
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": {"name": "shop"}, "spec": spec}


class Refusal(NamedTuple):
    """An object that breaks one rule."""

    kind: str
    edit: Edit
    field: str
    message: str


def schedules(edit: Edit, field: str, message: str) -> Refusal:
    return Refusal("CanarySchedule", edit, f"spec.{field}", message)


def rollouts(edit: Edit, field: str, message: str) -> Refusal:
    return Refusal("CanaryRollout", edit, f"spec.{field}" if field else "spec", message)


def first_step(**members: Any) -> Edit:
    """Return the edit that changes members of the first step; None takes one away."""
    return lambda spec: _change(spec["steps"], members)


def ramp(**members: Any) -> Edit:
    return lambda spec: spec["steps"][1]["ramp"].update(members)


def slo(**members: Any) -> Edit:
    """Return the edit that changes members of the SLO; None takes one away."""
    return lambda spec: _change(spec["slos"], members)


def _change(many: list[Json], members: Json) -> None:
    many[0] = {name: value for name, value in (many[0] | members).items() if value is not None}


def sli(**kind: Any) -> Edit:
    return slo(sli=kind)


def threshold(**members: Any) -> Edit:
    return slo(objective=None, sli={"prometheusThreshold": {"query": "max(up)", **members}})


def members(**changes: Any) -> Edit:
    return lambda spec: spec.update(changes)


def gate(when: str, **more: Any) -> Edit:
    return members(gates=[{"name": "qa", "when": when, "url": "http://qa.example/", **more}])


STEP, RAMP, SLO = "steps[0]", "steps[1].ramp", "slos[0]"
ONE_SLI = "say exactly one of requests, latency, latencyDistribution, prometheus and prometheusThreshold"
DECIMALS = "a weight has at most three decimals"
BOTH_HEADERS = "value and pattern exclude each other: a value makes the pattern ignored"
BY_RULE = {
    "weight-and-ramp": schedules(
        first_step(bake=None, ramp={"from": 1, "to": 2, "by": 1, "bake": "1m"}), STEP,
        "say exactly one of weight and ramp",
    ),
    "neither": schedules(first_step(weight=None), STEP, "say exactly one of weight and ramp"),
    "no-bake": schedules(
        first_step(bake=None), STEP, "a step with a weight needs a bake; a ramp has its own"
    ),
    "decimals": schedules(first_step(weight=0.0005), f"{STEP}.weight", DECIMALS),
    "ramp-from-decimals": schedules(ramp(**{"from": 10.0001}), f"{RAMP}.from", DECIMALS),
    "ramp-to-decimals": schedules(ramp(to=49.99999), f"{RAMP}.to", DECIMALS),
    "by-and-factor": schedules(ramp(factor=2), RAMP, "say exactly one of by and factor"),
    "falling-ramp": schedules(ramp(to=10), RAMP, "a ramp rises: from must be below to"),
    "header": schedules(
        members(routing={"header": {"name": "X-Canary", "value": "a", "pattern": "b"}}), "routing.header", BOTH_HEADERS
    ),
    "step-header": schedules(
        first_step(header={"name": "X-Canary", "value": "a", "pattern": "b"}), f"{STEP}.header", BOTH_HEADERS
    ),
    "bake": schedules(first_step(bake="8760h1ms"), f"{STEP}.bake", "must be 0s to 8760h"),
    "approval": schedules(
        first_step(approval={"timeout": "0s"}), f"{STEP}.approval.timeout", "must be 1ms to 8760h"
    ),
    "settle": schedules(slo(settle="11m"), f"{SLO}.settle", "must be 0s to 10m"),
    "gate-timeout": schedules(gate("beforeStep", timeout="61s"), "gates[0].timeout", "must be 1ms to 60s"),
    "gate-backoff": schedules(gate("beforeStep", backoff="500ms"), "gates[0].backoff", "must be 1s to 5m"),
    "gate-steps": schedules(
        gate("beforeStart", steps=["1"]), "gates[0]", "steps are for gates with when beforeStep or duringStep"
    ),
    "gate-on-reject": schedules(
        gate("afterFinish", onReject="Pause"), "gates[0]",
        "afterFinish is called after the end, and its answer changes nothing: onReject is for the others",
    ),
    "no-objective": schedules(
        slo(objective=None), SLO,
        "an objective is needed for everything but latencyDistribution, prometheusThreshold",
    ),
    "distribution": schedules(
        sli(latencyDistribution={}), SLO, "latencyDistribution has no objective"
    ),
    "two-slis": schedules(sli(requests={}, latency={"threshold": "1s"}), f"{SLO}.sli", ONE_SLI),
    "bad-and-good": schedules(
        sli(prometheus={"bad": "a", "good": "b", "total": "c"}), f"{SLO}.sli.prometheus",
        "say exactly one of bad and good",
    ),
    "no-bounds": schedules(threshold(), f"{SLO}.sli.prometheusThreshold", "say min, max or both"),
    "crossed-bounds": schedules(
        threshold(min=2, max=1), f"{SLO}.sli.prometheusThreshold", "min must not be above max"
    ),
    "threshold": schedules(sli(latency={"threshold": "61m"}), f"{SLO}.sli.latency.threshold", "must be 1ms to 1h"),
    "probe": rollouts(
        members(probe={"url": "http://shop.example/", "header": "X-Version", "value": "v2", "timeout": "31s"}),
        "probe.timeout", "must be 1ms to 30s"
    ),
    "one-service": rollouts(
        members(canaryService="shop"), "", "stableService and canaryService must be two Services"
    ),
    "ref-and-inline": rollouts(
        lambda spec: spec["schedule"].update(ref={"name": "x"}), "schedule", "say exactly one of ref and inline"
    ),
    "neither-ref": rollouts(members(schedule={}), "schedule", "say exactly one of ref and inline"),
}  # fmt: skip
"""For each rule of the CRDs at least one object that breaks it."""


def rules(schema: Json) -> Iterator[str]:
    """Yield the message of every rule at or below a schema."""
    yield from (one["message"] for one in schema.get("x-kubernetes-validations", ()))
    for member in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from rules(member)


def test_each_rule_of_the_definitions_has_an_object_that_breaks_it() -> None:
    said = {one for kind in KINDS for one in rules(crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])}
    assert said == {one.message for one in BY_RULE.values()}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_definition_is_established_and_structural(api: Client, kind: str) -> None:
    name = crd(kind)["metadata"]["name"]
    async with asyncio.timeout(10):
        while True:
            status = (await api.ok("GET", f"{CRDS}/{name}"))["status"]
            conditions = {one["type"]: one["status"] for one in status["conditions"]}
            if conditions.get("Established") == "True":
                break
            await asyncio.sleep(0.05)
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert status["storedVersions"] == ["v1alpha1"]
    assert status["acceptedNames"] == crd(kind)["spec"]["names"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_definition_is_stored_as_it_is_written(api: Client, kind: str) -> None:
    stored = await api.ok("GET", f"{CRDS}/{crd(kind)['metadata']['name']}")
    (version,) = stored["spec"]["versions"]
    assert version == crd(kind)["spec"]["versions"][0]


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_sample_is_taken_and_completed_as_our_models_complete_it(api: Client, name: str) -> None:
    sample = copy.deepcopy(SAMPLES[name])
    sample["metadata"]["namespace"] = api.namespace
    made = await api.ok("POST", f"{collection(sample['kind'])}?fieldValidation=Strict", sample)
    model = MODELS[sample["kind"]]
    assert model.model_validate(made["spec"]).dump() == model.model_validate(sample["spec"]).dump()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_minimal_object_is_taken_strictly_and_again_unchanged(api: Client, kind: str) -> None:
    made = await api.ok("POST", f"{collection(kind)}?fieldValidation=Strict", minimal(kind))
    assert await api.ok("PUT", f"{collection(kind)}/shop?fieldValidation=Strict", made) == made


@pytest.mark.parametrize("name", BY_RULE)
async def test_what_breaks_a_rule_is_refused_at_its_field_with_our_words(api: Client, name: str) -> None:
    kind, edit, field, message = BY_RULE[name]
    body = minimal(kind)
    edit(body["spec"])
    code, answer = await api.call("POST", collection(kind), body)
    assert (code, answer["reason"]) == (422, "Invalid"), answer
    causes = {one["field"]: one["message"] for one in answer["details"]["causes"]}
    assert set(causes) == {field}
    assert causes[field].endswith(f": {message}")
    assert f"{field}: {causes[field]}" in answer["message"]
    with pytest.raises(ValidationError):
        MODELS[kind].model_validate(body["spec"])


UNASKED = (
    "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing "
    "errors to complete validation"
)
BY_SCHEMA: dict[str, tuple[Edit, dict[str, str]]] = {
    "empty": (members(steps=[]), {"steps": "Invalid value: 0: spec.steps in body should have at least 1 items"}),
    "missing": (slo(sli=None), {f"{SLO}.sli": "Required value", "": UNASKED}),
    "type": (
        first_step(weight="5"),
        {
            f"{STEP}.weight": f'Invalid value: "string": spec.{STEP}.weight in body must be of type number: "string"',
            "": UNASKED,
        },
    ),
    "choice": (
        first_step(require="Hope"),
        {f"{STEP}.require": 'Unsupported value: "Hope": supported values: "Proof", "NoFail"', "": UNASKED},
    ),
    "short": (
        slo(name=""), {f"{SLO}.name": f'Invalid value: "": spec.{SLO}.name in body should be at least 1 chars long'}
    ),
    "long": (slo(name="e" * 64), {f"{SLO}.name": "Too long: may not be more than 63 bytes", "": UNASKED}),
    "many": (
        members(slos=[{"name": f"a{n}", "objective": 99, "sli": {"requests": {}}} for n in range(11)]),
        {"slos": "Too many: 11: must have at most 10 items", "": UNASKED},
    ),
    "large": (
        slo(objective=100),
        {f"{SLO}.objective": f"Invalid value: 100: spec.{SLO}.objective in body should be less than 100"},
    ),
    "small-and-falling": (
        ramp(by=-1, to=1),
        {
            f"{RAMP}.by": f"Invalid value: -1: spec.{RAMP}.by in body should be greater than 0",
            RAMP: "Invalid value: a ramp rises: from must be below to",
        },
    ),
    "no-span": (
        first_step(bake="ten minutes"),
        {
            f"{STEP}.bake": "Invalid value: \"string\": type conversion error from 'string' to "
            "'google.protobuf.Duration' evaluating rule: must be 0s to 8760h",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_SCHEMA)
async def test_what_breaks_the_schema_is_refused_and_leaves_rules_unasked_only_where_it_must(
    api: Client, name: str
) -> None:
    edit, expected = BY_SCHEMA[name]
    body = minimal("CanarySchedule")
    edit(body["spec"])
    code, answer = await api.call("POST", collection("CanarySchedule"), body)
    assert (code, answer["reason"]) == (422, "Invalid"), answer
    causes = {one["field"]: one["message"] for one in answer["details"]["causes"]}
    assert causes == {f"spec.{path}" if path else "<nil>": message for path, message in expected.items()}


async def test_unknown_fields_of_a_rollout_are_pruned_and_named(api: Client) -> None:
    body = minimal("CanaryRollout")
    body["spec"]["schedule"]["inline"]["steps"][0]["wait"] = "5m"
    assert await api.refused("POST", f"{collection('CanaryRollout')}?fieldValidation=Strict", body) == (
        400, "BadRequest",
    )  # fmt: skip
    made = await api.ok("POST", collection("CanaryRollout"), body)
    assert "wait" not in made["spec"]["schedule"]["inline"]["steps"][0]


async def test_a_status_is_written_by_its_own_path_and_bounded(api: Client) -> None:
    path = collection("CanaryRollout")
    made = await api.ok("POST", path, minimal("CanaryRollout") | {"status": {"phase": "Succeeded"}})
    assert "status" not in made
    status = {"phase": "Progressing", "reason": "Baking", "weight": 5, "observedGeneration": 1, "fancy": 1}
    after = await api.ok("PATCH", f"{path}/shop/status", {"status": status}, kind=MERGE)
    assert after["status"] == {key: value for key, value in status.items() if key != "fancy"}
    assert after["metadata"]["generation"] == 1
    wrong = {"status": {"phase": "Lost"}}
    assert await api.causes("PATCH", f"{path}/shop/status", wrong, kind=MERGE) == {"status.phase", "<nil>"}
    long = {"status": {"message": "x" * 2000}}
    assert await api.causes("PATCH", f"{path}/shop/status", long, kind=MERGE) == {"status.message", "<nil>"}


async def test_a_table_has_the_columns_of_a_rollout(api: Client) -> None:
    path = collection("CanaryRollout")
    await api.ok("POST", path, minimal("CanaryRollout"))
    status = {
        "phase": "Progressing", "reason": "Baking", "actualWeight": 12.5, "weight": 50, "observedShare": 0.125,
        "step": {"index": 2, "weight": 50, "startedAt": "2026-01-01T00:00:00Z"}, "revision": "v2",
    }  # fmt: skip
    await api.ok("PATCH", f"{path}/shop/status", {"status": status}, kind=MERGE)
    async with api.session.get(path.format(ns=api.namespace), headers={"Accept": TABLE}) as response:
        table = await response.json()
    names = [one["name"] for one in table["columnDefinitions"] if not one["priority"]]
    assert names == ["Name", "Phase", "Reason", "Step", "Weight", "Share", "Revision", "Age"]
    (row,) = table["rows"]
    cells = dict(zip([one["name"] for one in table["columnDefinitions"]], row["cells"], strict=True))
    assert cells.pop("Age").endswith("s")
    assert cells == {
        "Name": "shop", "Phase": "Progressing", "Reason": "Baking", "Step": 2, "Weight": 12.5, "Wanted": 50,
        "Share": 0.125, "Revision": "v2",
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_appliers_of_an_object_own_its_fields(api: Client, kind: str) -> None:
    path, body = f"{collection(kind)}/shop", minimal(kind)
    made = await api.ok("PATCH", f"{path}?fieldManager=chart", body, kind=APPLY)
    assert [(one["manager"], one["operation"]) for one in made["metadata"]["managedFields"]] == [("chart", "Apply")]
    again = await api.ok("PATCH", f"{path}?fieldManager=chart", body, kind=APPLY)
    assert again == made
    inside = copy.deepcopy(body)
    slos = inside["spec"]["slos"] if kind == "CanarySchedule" else inside["spec"]["schedule"]["inline"]["slos"]
    slos[0]["objective"] = 99
    code, answer = await api.call("PATCH", f"{path}?fieldManager=person", inside, kind=APPLY)
    whose = ".spec" if kind == "CanarySchedule" else ".spec.schedule.inline"
    # a list is owned whole, and the steps say the same as before: nothing is filled in inside of lists
    assert (code, [one["field"] for one in answer["details"]["causes"]]) == (409, [f"{whose}.slos"])
    slos[0]["objective"] = 100
    forced = f"{path}?fieldManager=person&force=true"
    assert len(await api.causes("PATCH", forced, inside, kind=APPLY)) == 1


def before_two_rules() -> Json:
    """Return the definition of CanaryRollouts without a rule, and with longer names of stable's Service."""
    definition = crd("CanaryRollout")
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["x-kubernetes-validations"]
    spec["properties"]["stableService"]["maxLength"] += 1
    return definition


async def answered(api: Client, path: str, body: Json) -> int:
    """Return the code that a creation is answered with."""
    return (await api.call("POST", path, body))[0]


async def test_what_a_later_definition_forbids_may_stay_and_its_status_be_written(api: Client) -> None:
    path = collection("CanaryRollout")
    bodies = [minimal("CanaryRollout") | {"metadata": {"name": name}} for name in ("long", "twin", "new")]
    long, twin, new = bodies
    for one in (long, new):
        one["spec"]["stableService"] = "s" * 64
    twin["spec"]["canaryService"] = twin["spec"]["stableService"]
    await define(api, before_two_rules())
    async with asyncio.timeout(30):  # a definition is in force a moment after it is stored
        while await answered(api, path, long) != 201:
            await asyncio.sleep(0.05)
    assert await answered(api, path, twin) == 201
    await define(api, crd("CanaryRollout"))
    async with asyncio.timeout(30):
        while await answered(api, f"{path}?dryRun=All", new) != 422:
            await asyncio.sleep(0.05)
    for name in ("long", "twin"):
        note = {"metadata": {"annotations": {"seen": "yes"}}}
        await api.ok("PATCH", f"{path}/{name}", note, kind=MERGE)
        await api.ok("PATCH", f"{path}/{name}/status", {"status": {"phase": "Pending"}}, kind=MERGE)
    # a rule is asked again once anything below it changes, a bound once its own field does
    revision = {"spec": {"revision": "v2"}}
    assert await api.causes("PATCH", f"{path}/twin", revision, kind=MERGE) == {"spec"}
    await api.ok("PATCH", f"{path}/long", revision, kind=MERGE)
    longer = {"spec": {"stableService": "s" * 65}}
    assert "spec.stableService" in await api.causes("PATCH", f"{path}/long", longer, kind=MERGE)
