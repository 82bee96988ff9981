"""What the lab's API and a real API server have in common: the lab is only worth what this suite says.

It runs against the lab's API, or against the real server that the environment's E2E_KUBECONFIG names. It needs no
controllers: only an API server and its storage. Of one that serves custom resources alone it asks for no others.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lab.api_client import CRD, GROUP, MERGE, WIDGETS, Client, Json, config_map, contract_client, ingress, widget

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MAPS = "/api/v1/namespaces/{ns}/configmaps"
SERVICES = "/api/v1/namespaces/{ns}/services"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{ns}/deployments"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


def deployment() -> Json:
    """Return a Deployment of two containers."""
    labels = {"app": "shop"}
    containers = [
        {"name": "app", "image": "app:v1", "env": [{"name": "A", "value": "1"}]},
        {"name": "sidecar", "image": "sidecar:v1"},
    ]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": spec}


@pytest.fixture
async def api(kubeconfig: Json) -> AsyncIterator[Client]:
    async with contract_client(kubeconfig) as client:
        code, answer = await client.call("POST", CRDS, CRD)
        assert code in (201, 409), answer
        async with asyncio.timeout(30):  # a new kind is served a moment after it is defined
            while not await client.serves(f"/apis/{GROUP}/v1/widgets"):
                await asyncio.sleep(0.05)
        yield client


async def test_discovery_names_what_is_served(api: Client) -> None:
    core = {one["name"] for one in (await api.ok("GET", "/api/v1"))["resources"]}
    assert {"namespaces", "services", "pods", "events", "secrets", "configmaps"} <= core
    groups = {group["name"] for group in (await api.ok("GET", "/apis"))["groups"]}
    assert {GROUP, "apps", "networking.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"} <= groups
    widgets = (await api.ok("GET", f"/apis/{GROUP}/v1"))["resources"]
    assert {"widgets", "widgets/status"} == {one["name"] for one in widgets}
    assert widgets[0]["shortNames"] == ["wd"]
    assert (await api.ok("GET", "/version"))["major"] == "1"


async def test_a_definition_says_that_it_is_established(api: Client) -> None:
    crd = await api.ok("GET", f"{CRDS}/widgets.{GROUP}")
    conditions = {one["type"]: one["status"] for one in crd["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert crd["status"]["storedVersions"] == ["v1"]


async def test_a_created_object_has_its_metadata_and_defaults(api: Client) -> None:
    made = await api.ok("POST", WIDGETS, widget("a", parts=[{"name": "x"}]) | {"status": {"phase": "sneaked in"}})
    meta = made["metadata"]
    assert (meta["name"], meta["namespace"], meta["generation"]) == ("a", api.namespace, 1)
    assert meta["uid"]
    assert meta["resourceVersion"]
    assert meta["creationTimestamp"].endswith("Z")
    assert made["spec"] == {"size": 3, "color": "red", "parts": [{"name": "x", "count": 1}]}
    assert "status" not in made
    assert await api.ok("GET", f"{WIDGETS}/a") == made


async def test_a_generated_name_begins_as_asked(api: Client) -> None:
    body = widget()
    body["metadata"]["generateName"] = "some-"
    names = {(await api.ok("POST", WIDGETS, body))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("some-") and len(name) == 10 for name in names)


async def test_unknown_fields_are_pruned_warned_of_or_refused(api: Client) -> None:
    body = widget("a", extra=1, free={"any": {"thing": 1}})
    async with api.session.post(WIDGETS.format(ns=api.namespace), json=body) as response:
        assert 'unknown field \\"spec.extra\\"' in response.headers["Warning"]
        made = await response.json()
    assert made["spec"] == {"size": 3, "color": "red", "free": {"any": {"thing": 1}}}
    strict = "?fieldValidation=Strict"
    assert await api.refused("POST", WIDGETS + strict, widget("b", extra=1)) == (400, "BadRequest")
    patch = {"spec": {"extra": 1}}
    assert await api.causes("PATCH", f"{WIDGETS}/a{strict}", patch, kind=MERGE) == {"patch"}
    assert await api.refused("PUT", f"{WIDGETS}/a{strict}", made | {"extra": 1}) == (400, "BadRequest")
    body = widget("b")
    body["metadata"]["extra"] = 1
    assert await api.refused("POST", WIDGETS + strict, body) == (400, "BadRequest")
    assert "extra" not in (await api.ok("POST", WIDGETS, body))["metadata"]


async def test_unknown_fields_of_built_in_kinds_are_no_change(api: Client) -> None:
    made = await api.ok("POST", INGRESSES, ingress("i"))
    patch = {"spec": {"extra": 1, "rules": None, "defaultBackend": {"service": {"name": "a", "nom": "b"}}}}
    for strange in ({"spec": {"extra": 1}}, {"metadata": {"extra": 1}}, {"extra": 1}):
        assert await api.ok("PATCH", f"{INGRESSES}/i", strange, kind=MERGE) == made
        strict = f"{INGRESSES}/i?fieldValidation=Strict"
        assert await api.causes("PATCH", strict, strange, kind=MERGE) == {"patch"}
    patch["spec"]["defaultBackend"]["service"]["port"] = {"number": 80}
    after = await api.ok("PATCH", f"{INGRESSES}/i", patch, kind=MERGE)
    assert after["spec"] == {"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}}
    body = ingress("j") | {"extra": 1}
    assert await api.refused("POST", f"{INGRESSES}?fieldValidation=Strict", body) == (400, "BadRequest")


@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"annotations": {"weight": 5}}},
        {"metadata": {"annotations": "weight"}},
        {"spec": {"ingressClassName": 5}},
        {"spec": {"rules": {"host": "a"}}},
        {"kind": "Gadget"},
    ],
)
async def test_what_cannot_be_decoded_is_a_bad_request_or_an_invalid_patch(api: Client, patch: Json) -> None:
    made = await api.ok("POST", INGRESSES, ingress("i"))
    assert await api.causes("PATCH", f"{INGRESSES}/i", patch, kind=MERGE) == {"patch"}
    body = ingress("j")
    body = body | {key: body[key] | part if isinstance(part, dict) else part for key, part in patch.items()}
    assert await api.refused("POST", INGRESSES, body) == (400, "BadRequest")
    assert await api.ok("GET", f"{INGRESSES}/i") == made


async def test_null_is_absence(api: Client) -> None:
    body = ingress("i")
    body["metadata"] |= {"annotations": None, "labels": None, "ownerReferences": None}
    body["spec"] |= {"tls": None, "ingressClassName": None}
    made = await api.ok("POST", INGRESSES, body)
    assert set(made["spec"]) == {"rules"}
    assert not {"annotations", "labels", "ownerReferences"} & set(made["metadata"])


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({"size": None}, {"spec.size"}),
        ({"size": 10}, {"spec.size"}),
        ({"size": 0}, {"spec.size"}),
        ({"size": "3"}, {"spec.size"}),
        ({"size": 2.5}, {"spec.size", "<nil>"}),
        ({"size": True}, {"spec.size"}),
        ({"share": 100.5}, {"spec.share"}),
        ({"share": "1"}, {"spec.share"}),
        ({"color": "blue"}, {"spec.color"}),
        ({"title": "Upper"}, {"spec.title"}),
        ({"title": "abcdef"}, {"spec.title"}),
        ({"title": "abc\n"}, {"spec.title"}),
        ({"parts": {}}, {"spec.parts"}),
        ({"parts": [{"name": "a"}, {"count": 1}]}, {"spec.parts[1].name"}),
        ({"parts": [{"name": ""}]}, {"spec.parts[0].name"}),
        ({"parts": [{"name": "a"}] * 3}, {"spec.parts"}),
        ({"port": 1.5}, {"spec.port"}),
        ({"free": []}, {"spec.free"}),
        ({"tags": {"a": 1}}, {"spec.tags.a"}),
        ({"size": 10, "color": "blue"}, {"spec.size", "spec.color"}),
    ],
)
async def test_what_the_schema_forbids_is_invalid_and_named(api: Client, spec: Json, fields: set[str]) -> None:
    assert await api.causes("POST", WIDGETS, widget("a", **spec)) == fields


@pytest.mark.parametrize(
    "spec",
    [
        {"share": 3},
        {"share": 0.5},
        {"size": 3.0},
        {"note": None},
        {"color": None},
        {"title": ""},
        {"port": 80},
        {"port": "http"},
        {"tags": {"a": "b"}},
    ],
)
async def test_what_the_schema_allows_is_stored(api: Client, spec: Json) -> None:
    made = await api.ok("POST", WIDGETS, widget("a", **spec))
    expected = {"size": 3, "color": "red"} | {key: value for key, value in spec.items() if key != "color"}
    assert made["spec"] == expected


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b'{"apiVersion": "contract.example.test/v1", "kind": "Widget", "spec": {"size": NaN}}', 400, "BadRequest"),
        (b'{"spec": {"size": Infinity}}', 400, "BadRequest"),
        (b"not json", 400, "BadRequest"),
        (widget("Upper"), 422, "Invalid"),
        (widget(), 422, "Invalid"),
        (widget("a") | {"kind": "Gadget"}, 422, "Invalid"),
        (widget("a") | {"apiVersion": "contract.example.test/v2"}, 400, "BadRequest"),
        (widget("a") | {"metadata": {"name": "a", "namespace": "elsewhere"}}, 400, "BadRequest"),
        (widget("a") | {"metadata": {"name": "a", "annotations": {"weight": 5}}}, 400, "BadRequest"),
        (widget("a") | {"metadata": {"name": "a", "resourceVersion": "1"}}, 500, ""),
    ],
)
async def test_what_cannot_be_an_object_is_refused(api: Client, body: Any, code: int, reason: str) -> None:
    assert await api.refused("POST", WIDGETS, body) == (code, reason)


async def test_namespaces_must_exist(api: Client) -> None:
    await api.ok("GET", "/api/v1/namespaces/{ns}")
    assert await api.refused("POST", f"/apis/{GROUP}/v1/namespaces/nowhere/widgets", widget("a")) == (404, "NotFound")


async def test_names_are_taken(api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"))
    assert await api.refused("POST", WIDGETS, widget("a")) == (409, "AlreadyExists")
    assert await api.refused("GET", f"{WIDGETS}/b") == (404, "NotFound")
    assert await api.refused("DELETE", f"{WIDGETS}/b") == (404, "NotFound")
    assert await api.refused("PATCH", f"{WIDGETS}/b", {}, kind=MERGE) == (404, "NotFound")


async def test_a_stale_writer_gets_a_conflict(api: Client) -> None:
    old = await api.ok("POST", WIDGETS, widget("a"))
    await api.ok("PATCH", f"{WIDGETS}/a", {"spec": {"size": 4}}, kind=MERGE)
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}}
    assert await api.refused("PUT", f"{WIDGETS}/a", old) == (409, "Conflict")
    assert await api.refused("PATCH", f"{WIDGETS}/a", stale, kind=MERGE) == (409, "Conflict")
    assert await api.refused("PATCH", f"{WIDGETS}/a/status", stale, kind=MERGE) == (409, "Conflict")
    assert await api.refused("PUT", f"{WIDGETS}/a", widget("a")) == (422, "Invalid")


async def test_a_version_that_is_no_number_is_a_fault_inside(api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"))
    strange = {"metadata": {"resourceVersion": "abc"}}
    assert await api.refused("PATCH", f"{WIDGETS}/a", strange, kind=MERGE) == (500, "")
    assert await api.refused("GET", f"{WIDGETS}?watch=1&resourceVersion=abc") == (500, "")
    assert await api.refused("GET", f"{WIDGETS}?resourceVersion=abc") == (400, "BadRequest")


async def test_a_uid_is_a_precondition_of_a_put_and_no_more_than_a_field_of_a_patch(api: Client) -> None:
    made = await api.ok("POST", WIDGETS, widget("a"))
    await api.ok("POST", INGRESSES, ingress("i"))
    other = {"metadata": {"uid": str(uuid.uuid4())}}
    body = made | {"metadata": made["metadata"] | other["metadata"]}
    assert await api.refused("PUT", f"{WIDGETS}/a", body) == (409, "Conflict")
    for path in (f"{WIDGETS}/a", f"{INGRESSES}/i", f"{INGRESSES}/i/status"):
        assert await api.causes("PATCH", path, other, kind=MERGE) == {"metadata.uid"}
    ignored = await api.ok("PATCH", f"{WIDGETS}/a/status", other | {"status": {"phase": "Ok"}}, kind=MERGE)
    assert (ignored["metadata"]["uid"], ignored["status"]) == (made["metadata"]["uid"], {"phase": "Ok"})
    other["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    assert await api.refused("PATCH", f"{WIDGETS}/a", other, kind=MERGE) == (409, "Conflict")


async def test_a_built_in_object_may_be_replaced_unconditionally(api: Client) -> None:
    await api.ok("POST", MAPS, config_map("a", x="1"))
    assert (await api.ok("PUT", f"{MAPS}/a", config_map("a", x="2")))["data"] == {"x": "2"}
    assert await api.refused("PUT", f"{MAPS}/a", config_map("b")) == (400, "BadRequest")


async def test_generations_count_changes_of_what_is_wanted(api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"))

    async def generation(path: str, patch: Json) -> int:
        return int((await api.ok("PATCH", path, patch, kind=MERGE))["metadata"]["generation"])

    assert await generation(f"{WIDGETS}/a", {"metadata": {"annotations": {"a": "b"}}}) == 1
    assert await generation(f"{WIDGETS}/a/status", {"status": {"phase": "Ok"}}) == 1
    assert await generation(f"{WIDGETS}/a", {"spec": {"size": 4}}) == 2
    await api.ok("POST", INGRESSES, ingress("i"))
    assert await generation(f"{INGRESSES}/i", {"metadata": {"annotations": {"a": "b"}}}) == 1
    assert await generation(f"{INGRESSES}/i", {"spec": {"ingressClassName": "nginx"}}) == 2


async def test_status_and_the_rest_are_written_apart(api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"))
    both = {"spec": {"size": 5}, "status": {"phase": "Ok"}, "metadata": {"labels": {"a": "b"}}}
    after = await api.ok("PATCH", f"{WIDGETS}/a/status", both, kind=MERGE)
    assert (after["spec"]["size"], after["status"], after["metadata"].get("labels")) == (3, {"phase": "Ok"}, None)
    after = await api.ok("PATCH", f"{WIDGETS}/a", both | {"status": {"phase": "No"}}, kind=MERGE)
    assert (after["spec"]["size"], after["status"], after["metadata"]["labels"]) == (5, {"phase": "Ok"}, {"a": "b"})
    wrong = {"status": {"count": "many"}}
    assert await api.causes("PATCH", f"{WIDGETS}/a/status", wrong, kind=MERGE) == {"status.count"}


async def test_a_write_that_changes_nothing_leaves_the_version(api: Client) -> None:
    made = await api.ok("POST", WIDGETS, widget("a"))
    same = await api.ok("PATCH", f"{WIDGETS}/a", {"spec": {"size": 3}}, kind=MERGE)
    assert same["metadata"] == made["metadata"]
    assert (await api.ok("PUT", f"{WIDGETS}/a", made))["metadata"] == made["metadata"]


async def test_managers_are_named_by_parameter_or_user_agent(api: Client) -> None:
    await api.ok("POST", f"{WIDGETS}?fieldManager=maker", widget("a"))
    await api.ok(
        "PATCH", f"{WIDGETS}/a", {"metadata": {"annotations": {"x": "1", "y": "1"}}}, kind=MERGE, agent="editor/2 (x)"
    )
    after = await api.ok("PATCH", f"{WIDGETS}/a/status", {"status": {"phase": "Ok"}}, kind=MERGE, agent="daemon")
    managers = {
        (one["manager"], one["operation"], one.get("subresource", "")) for one in after["metadata"]["managedFields"]
    }
    assert managers == {("maker", "Update", ""), ("editor", "Update", ""), ("daemon", "Update", "status")}
    assert {one["apiVersion"] for one in after["metadata"]["managedFields"]} == {f"{GROUP}/v1"}


async def test_a_field_has_one_owner_and_a_remover_leaves_no_trace(api: Client) -> None:
    await api.ok("POST", f"{WIDGETS}?fieldManager=maker", widget("a"))
    notes = {"metadata": {"annotations": {"x": "1"}}}
    await api.ok("PATCH", f"{WIDGETS}/a?fieldManager=first", notes, kind=MERGE)
    notes["metadata"]["annotations"]["x"] = "2"
    after = await api.ok("PATCH", f"{WIDGETS}/a?fieldManager=second", notes, kind=MERGE)
    owned = {one["manager"]: one["fieldsV1"] for one in after["metadata"]["managedFields"]}
    assert set(owned) == {"maker", "first", "second"}
    assert owned["first"] == {"f:metadata": {"f:annotations": {}}}  # the map, without members
    assert owned["second"] == {"f:metadata": {"f:annotations": {"f:x": {}}}}
    gone = {"metadata": {"annotations": None}}
    after = await api.ok("PATCH", f"{WIDGETS}/a?fieldManager=third", gone, kind=MERGE)
    assert {one["manager"] for one in after["metadata"]["managedFields"]} == {"maker"}


async def test_strategic_patches_are_for_built_in_kinds(api: Client) -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 90}]
    spec = {"selector": {"app": "shop"}, "ports": ports}
    await api.ok("POST", SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec})
    patch = {"spec": {"ports": [{"port": 90, "targetPort": 8080}]}}
    after = await api.ok("PATCH", f"{SERVICES}/s", patch, kind=STRATEGIC)
    assert [(one["port"], one["targetPort"]) for one in after["spec"]["ports"]] == [(80, 80), (90, 8080)]
    await api.ok("POST", WIDGETS, widget("a"))
    assert await api.refused("PATCH", f"{WIDGETS}/a", {}, kind=STRATEGIC) == (415, "UnsupportedMediaType")
    assert (await api.refused("PATCH", f"{WIDGETS}/a", {}))[0] == 415


async def test_containers_are_merged_by_name_under_a_version(api: Client) -> None:
    made = await api.ok("POST", DEPLOYMENTS, deployment())
    spec = {"template": {"spec": {"containers": [{"name": "app", "image": "app:v2"}]}}}
    patch = {
        "metadata": {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]},
        "spec": spec,
    }
    new = await api.ok("PATCH", f"{DEPLOYMENTS}/shop", patch, kind=STRATEGIC)
    containers = new["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("app", "app:v2"), ("sidecar", "sidecar:v1")]
    assert containers[0]["env"] == [{"name": "A", "value": "1"}]
    assert (await api.call("PATCH", f"{DEPLOYMENTS}/shop", patch, kind=STRATEGIC))[0] == 409


async def test_a_workload_is_scaled_by_its_subresource_under_a_version(api: Client) -> None:
    made = await api.ok("POST", DEPLOYMENTS, deployment())
    version = {"resourceVersion": made["metadata"]["resourceVersion"]}
    patch = {"metadata": version, "spec": {"replicas": 3}}
    scale = await api.ok("PATCH", f"{DEPLOYMENTS}/shop/scale", patch, kind=MERGE)
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 3})
    assert scale["metadata"]["uid"] == made["metadata"]["uid"]
    found = await api.ok("GET", f"{DEPLOYMENTS}/shop")
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (3, 2)
    assert found["spec"]["template"] == made["spec"]["template"]
    assert (await api.call("PATCH", f"{DEPLOYMENTS}/shop/scale", patch, kind=MERGE))[0] == 409
    assert (await api.ok("GET", f"{DEPLOYMENTS}/shop/scale"))["spec"] == {"replicas": 3}
    assert (await api.call("GET", f"{MAPS}/none/scale"))[0] == 404


async def test_json_patches_apply_or_change_nothing(api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a", parts=[{"name": "x"}]))
    operations = [
        {"op": "test", "path": "/spec/size", "value": 3},
        {"op": "replace", "path": "/spec/size", "value": 4},
        {"op": "add", "path": "/spec/parts/-", "value": {"name": "y"}},
        {"op": "remove", "path": "/spec/parts/0"},
    ]
    after = await api.ok("PATCH", f"{WIDGETS}/a", operations, kind=JSON_PATCH)
    assert after["spec"] == {"size": 4, "color": "red", "parts": [{"name": "y", "count": 1}]}
    assert (await api.refused("PATCH", f"{WIDGETS}/a", operations, kind=JSON_PATCH))[0] == 422


async def test_an_applier_owns_what_it_says_and_drops_what_it_leaves_out(api: Client) -> None:
    def config(**spec: Any) -> Json:
        return widget("a", **spec)

    one = f"{WIDGETS}/a?fieldManager=one"
    made = await api.ok("PATCH", one, config(title="x", share=1), kind=APPLY)
    assert made["spec"] == {"size": 3, "color": "red", "title": "x", "share": 1}
    assert (await api.ok("PATCH", one, config(share=1), kind=APPLY))["spec"] == {"size": 3, "color": "red", "share": 1}
    two = f"{WIDGETS}/a?fieldManager=two"
    assert await api.refused("PATCH", two, config(share=2), kind=APPLY) == (409, "Conflict")
    assert (await api.ok("PATCH", f"{two}&force=true", config(share=2), kind=APPLY))["spec"]["share"] == 2
    assert await api.causes("PATCH", f"{WIDGETS}/a", config(), kind=APPLY) == {"fieldManager"}


def release(version: str, entries: list[Json]) -> Json:
    """Return the merge patch that gives an object these managedFields."""
    return {"metadata": {"resourceVersion": version, "managedFields": entries}}


async def test_an_apply_conflicts_over_one_container_until_its_owner_gives_it_up(api: Client) -> None:
    by_chart = f"{DEPLOYMENTS}/shop?fieldManager=chart"
    made = await api.ok("PATCH", by_chart, deployment(), kind=APPLY)
    spec = {"template": {"spec": {"containers": [{"name": "app", "image": "app:v2"}]}}}
    await api.ok("PATCH", f"{DEPLOYMENTS}/shop?fieldManager=copier", {"spec": spec}, kind=STRATEGIC)
    code, refusal = await api.call("PATCH", by_chart, deployment(), kind=APPLY)
    field = '.spec.template.spec.containers[name="app"].image'
    assert (code, refusal["message"]) == (
        409,
        f'Apply failed with 1 conflict: conflict with "copier" using apps/v1: {field}',
    )
    assert [(one["reason"], one["field"]) for one in refusal["details"]["causes"]] == [("FieldManagerConflict", field)]

    found = await api.ok("GET", f"{DEPLOYMENTS}/shop")
    entries = found["metadata"]["managedFields"]
    assert {(one["manager"], one["operation"]) for one in entries} == {("chart", "Apply"), ("copier", "Update")}
    kept = [one for one in entries if one["manager"] != "copier"]
    stale = release(made["metadata"]["resourceVersion"], kept)
    assert (await api.refused("PATCH", f"{DEPLOYMENTS}/shop", stale, kind=MERGE))[0] == 409
    patch = release(found["metadata"]["resourceVersion"], kept)
    after = await api.ok("PATCH", f"{DEPLOYMENTS}/shop?fieldManager=copier", patch, kind=MERGE)
    assert after["metadata"]["managedFields"] == kept
    assert (after["spec"], after["metadata"]["generation"]) == (found["spec"], found["metadata"]["generation"])
    again = await api.ok("PATCH", by_chart, deployment(), kind=APPLY)
    containers = again["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("app", "app:v1"), ("sidecar", "sidecar:v1")]


async def test_a_scale_takes_the_replicas_of_an_applier(api: Client) -> None:
    by_chart = f"{DEPLOYMENTS}/shop?fieldManager=chart"
    await api.ok("PATCH", by_chart, deployment(), kind=APPLY)
    scaling = {"spec": {"replicas": 2}}
    await api.ok("PATCH", f"{DEPLOYMENTS}/shop/scale?fieldManager=scaler", scaling, kind=MERGE)
    _, refusal = await api.call("PATCH", by_chart, deployment(), kind=APPLY)
    why = 'conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas'
    assert refusal["message"] == f"Apply failed with 1 conflict: {why}"
    after = await api.ok("PATCH", f"{by_chart}&force=true", deployment(), kind=APPLY)
    assert after["spec"]["replicas"] == 1
    assert {one["manager"] for one in after["metadata"]["managedFields"]} == {"chart"}


@pytest.mark.parametrize("before", [[], [2]], ids=["at once", "after another scale"])
async def test_replicas_that_were_scaled_to_zero_are_nobody_s(api: Client, before: list[int]) -> None:
    by_chart = f"{DEPLOYMENTS}/shop?fieldManager=chart"
    await api.ok("PATCH", by_chart, deployment(), kind=APPLY)
    for replicas in (*before, 0):
        scaling = {"spec": {"replicas": replicas}}
        scale = await api.ok("PATCH", f"{DEPLOYMENTS}/shop/scale?fieldManager=scaler", scaling, kind=MERGE)
    # a Scale leaves a zero out, and nobody owns what is not there
    assert scale["spec"] == {}
    found = await api.ok("GET", f"{DEPLOYMENTS}/shop")
    assert found["spec"]["replicas"] == 0
    assert {one["manager"] for one in found["metadata"]["managedFields"]} == {"chart"}
    assert all("f:replicas" not in one["fieldsV1"]["f:spec"] for one in found["metadata"]["managedFields"])
    assert (await api.ok("PATCH", by_chart, deployment(), kind=APPLY))["spec"]["replicas"] == 1


async def test_managed_fields_of_custom_objects_are_cleared_by_one_empty_entry_and_by_nothing_less(api: Client) -> None:
    entries = (await api.ok("POST", WIDGETS, widget("a")))["metadata"]["managedFields"]
    unusable: list[list[Json]] = [[], [{"manager": "x"}]]
    for given in unusable:
        after = await api.ok("PATCH", f"{WIDGETS}/a", {"metadata": {"managedFields": given}}, kind=MERGE)
        assert after["metadata"]["managedFields"] == entries
    after = await api.ok("PATCH", f"{WIDGETS}/a", {"metadata": {"managedFields": [{}]}}, kind=MERGE)
    assert not after["metadata"].get("managedFields")


@pytest.mark.parametrize("empty", [[], [{}]], ids=["no entry", "an empty entry"])
async def test_managed_fields_of_built_in_objects_are_cleared_by_an_empty_list_too(
    api: Client, empty: list[Json]
) -> None:
    made = await api.ok("POST", f"{DEPLOYMENTS}?fieldManager=maker", deployment())
    unusable = {"metadata": {"managedFields": [{"manager": "x"}]}}
    after = await api.ok("PATCH", f"{DEPLOYMENTS}/shop", unusable, kind=MERGE)
    assert after["metadata"]["managedFields"] == made["metadata"]["managedFields"]
    after = await api.ok("PATCH", f"{DEPLOYMENTS}/shop", {"metadata": {"managedFields": empty}}, kind=MERGE)
    assert not after["metadata"].get("managedFields")
    # updates are not tracked any more, until an apply finds that all belongs to whoever was before it
    scaled = {"spec": {"replicas": 2}}
    after = await api.ok("PATCH", f"{DEPLOYMENTS}/shop?fieldManager=scaler", scaled, kind=MERGE)
    assert not after["metadata"].get("managedFields")
    _, refusal = await api.call("PATCH", f"{DEPLOYMENTS}/shop?fieldManager=chart", deployment(), kind=APPLY)
    why = 'conflict with "before-first-apply" using apps/v1: .spec.replicas'
    assert refusal["message"] == f"Apply failed with 1 conflict: {why}"


async def test_an_applier_that_leaves_a_container_out_removes_it(api: Client) -> None:
    by_chart = f"{DEPLOYMENTS}/shop?fieldManager=chart"
    await api.ok("PATCH", by_chart, deployment(), kind=APPLY)
    less = deployment()
    del less["spec"]["template"]["spec"]["containers"][1]
    after = await api.ok("PATCH", by_chart, less, kind=APPLY)
    assert [one["name"] for one in after["spec"]["template"]["spec"]["containers"]] == ["app"]


async def test_deletion_honours_preconditions(api: Client) -> None:
    made = await api.ok("POST", WIDGETS, widget("a"))
    for wrong in ({"uid": str(uuid.uuid4())}, {"resourceVersion": "1"}):
        assert await api.refused("DELETE", f"{WIDGETS}/a", {"preconditions": wrong}) == (409, "Conflict")
    right = {key: made["metadata"][key] for key in ("uid", "resourceVersion")}
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": right, "propagationPolicy": "Background"}
    answer = await api.ok("DELETE", f"{WIDGETS}/a", options)
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert answer["details"] == {"name": "a", "group": GROUP, "kind": "widgets", "uid": right["uid"]}


async def test_finalizers_hold_an_object(api: Client) -> None:
    body = widget("a")
    body["metadata"]["finalizers"] = ["example.test/hold"]
    await api.ok("POST", WIDGETS, body)
    marked = await api.ok("DELETE", f"{WIDGETS}/a")
    assert (marked["kind"], marked["metadata"]["generation"]) == ("Widget", 2)
    assert marked["metadata"]["deletionTimestamp"]
    await api.ok("PATCH", f"{WIDGETS}/a", {"metadata": {"finalizers": None}}, kind=MERGE)
    assert (await api.refused("GET", f"{WIDGETS}/a"))[0] == 404


async def test_a_dry_run_leaves_nothing(api: Client) -> None:
    made = await api.ok("POST", f"{WIDGETS}?dryRun=All", widget("a"))
    assert made["spec"]["color"] == "red"
    assert (await api.refused("GET", f"{WIDGETS}/a"))[0] == 404
    await api.ok("POST", WIDGETS, widget("a"))
    assert (await api.ok("PATCH", f"{WIDGETS}/a?dryRun=All", {"spec": {"size": 9}}, kind=MERGE))["spec"]["size"] == 9
    assert (await api.ok("GET", f"{WIDGETS}/a"))["spec"]["size"] == 3


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "abc"),
        ("labelSelector=tier=web", "ab"),
        ("labelSelector=tier!=web", "c"),
        ("labelSelector=tier in (web,db),canary", "b"),
        ("labelSelector=tier notin (web)", "c"),
        ("labelSelector=!canary", "ac"),
        ("labelSelector=canary", "b"),
        ("labelSelector=tier==web,!canary", "a"),
        ("fieldSelector=metadata.name=b", "b"),
        ("fieldSelector=metadata.name!=b", "ac"),
    ],
)
async def test_selectors_choose(api: Client, query: str, names: str) -> None:
    for name, labels in (("a", {"tier": "web"}), ("b", {"tier": "web", "canary": "x"}), ("c", {})):
        body = widget(name)
        body["metadata"]["labels"] = labels
        await api.ok("POST", WIDGETS, body)
    found = await api.ok("GET", f"{WIDGETS}?{query}")
    assert "".join(one["metadata"]["name"] for one in found["items"]) == names


async def test_selectors_that_are_not_understood_are_refused(api: Client) -> None:
    assert await api.refused("GET", f"{WIDGETS}?fieldSelector=spec.size=3") == (400, "BadRequest")
    assert await api.refused("GET", f"{WIDGETS}?labelSelector=a b c") == (400, "BadRequest")


async def test_lists_page_through_one_moment(api: Client) -> None:
    for name in "abcde":
        await api.ok("POST", MAPS, config_map(name, labels={"paged": "yes"}))
    first = await api.ok("GET", f"{MAPS}?limit=2&labelSelector=paged")
    await api.ok("DELETE", f"{MAPS}/d")
    names = [one["metadata"]["name"] for one in first["items"]]
    page = first
    while token := page["metadata"].get("continue"):
        page = await api.ok("GET", f"{MAPS}?limit=2&labelSelector=paged&continue={token}")
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        names += [one["metadata"]["name"] for one in page["items"]]
    assert names == list("abcde")
    assert first["kind"] == "ConfigMapList"


async def test_items_of_built_in_lists_do_not_name_their_kind(api: Client) -> None:
    await api.ok("POST", INGRESSES, ingress("i"))
    await api.ok("POST", WIDGETS, widget("a"))
    built_in = (await api.ok("GET", INGRESSES))["items"][0]
    custom = (await api.ok("GET", WIDGETS))["items"][0]
    assert ("kind" in built_in, custom.get("kind")) == (False, "Widget")


async def test_a_collection_is_deleted_by_selector(api: Client) -> None:
    for name, labels in (("a", {"x": "y"}), ("b", {"x": "y"}), ("c", {})):
        await api.ok("POST", MAPS, config_map(name, labels=labels))
    await api.ok("DELETE", f"{MAPS}?labelSelector=x=y")
    left = await api.ok("GET", f"{MAPS}?fieldSelector=metadata.name!=kube-root-ca.crt")
    assert [one["metadata"]["name"] for one in left["items"]] == ["c"]


async def test_a_watch_goes_on_where_a_list_ended(api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("old"))
    version = (await api.ok("GET", WIDGETS))["metadata"]["resourceVersion"]
    await api.ok("POST", WIDGETS, widget("a"))
    async with api.watch(f"{WIDGETS}?watch=true&resourceVersion={version}&timeoutSeconds=20") as events:
        await api.ok("PATCH", f"{WIDGETS}/a", {"spec": {"size": 4}}, kind=MERGE)
        await api.ok("DELETE", f"{WIDGETS}/a")
        seen = [await anext(events) for _ in range(3)]
    assert [(kind, body["metadata"]["name"], body["spec"]["size"]) for kind, body in seen] == [
        ("ADDED", "a", 3),
        ("MODIFIED", "a", 4),
        ("DELETED", "a", 4),
    ]
    versions = [int(body["metadata"]["resourceVersion"]) for _, body in seen]
    assert versions == sorted(set(versions))
    assert seen[0][1]["kind"] == "Widget"


async def test_a_watch_without_a_version_begins_with_what_is_there(api: Client) -> None:
    await api.ok("POST", INGRESSES, ingress("i"))
    async with api.watch(f"{INGRESSES}?watch=1&timeoutSeconds=20") as events:
        kind, body = await anext(events)
        assert (kind, body["kind"], body["metadata"]["name"]) == ("ADDED", "Ingress", "i")
        await api.ok("POST", INGRESSES, ingress("j"))
        assert (await anext(events))[1]["metadata"]["name"] == "j"


async def test_an_object_that_leaves_a_watch_s_selection_is_deleted_there(api: Client) -> None:
    version = (await api.ok("GET", MAPS))["metadata"]["resourceVersion"]
    path = f"{MAPS}?watch=true&resourceVersion={version}&labelSelector=on=yes&timeoutSeconds=20"
    async with api.watch(path) as events:
        await api.ok("POST", MAPS, config_map("a"))
        for value in ("yes", "no", "yes"):
            await api.ok("PATCH", f"{MAPS}/a", {"metadata": {"labels": {"on": value}}}, kind=MERGE)
        seen = [await anext(events) for _ in range(3)]
    assert [kind for kind, _ in seen] == ["ADDED", "DELETED", "ADDED"]
    assert [body["metadata"]["labels"]["on"] for _, body in seen] == ["yes"] * 3  # as it was selected last
    versions = [int(body["metadata"]["resourceVersion"]) for _, body in seen]
    assert versions == sorted(set(versions))


@pytest.mark.slow
async def test_a_watch_ends_in_time_and_after_a_bookmark_only_if_the_world_went_on(api: Client) -> None:
    version = (await api.ok("GET", WIDGETS))["metadata"]["resourceVersion"]
    path = f"{WIDGETS}?watch=true&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=4"
    async with api.watch(path) as events:
        seen = [event async for event in events]
    assert {kind for kind, _ in seen} <= {"BOOKMARK"}
    assert all(int(body["metadata"]["resourceVersion"]) > int(version) for _, body in seen)


@pytest.mark.slow
async def test_a_watch_from_the_future_is_silent(api: Client) -> None:
    made = await api.ok("POST", MAPS, config_map("a"))
    future = int(made["metadata"]["resourceVersion"]) + 100_000
    query = f"watch=true&resourceVersion={future}&allowWatchBookmarks=true&timeoutSeconds=3"
    async with api.watch(f"{MAPS}?{query}") as events:
        await api.ok("DELETE", f"{MAPS}/a")
        assert [event async for event in events] == []
    assert await api.refused("GET", f"{MAPS}?resourceVersion={future}") == (504, "Timeout")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ({"pathType": None}, {"spec.rules[0].http.paths[0].pathType"}),
        ({"pathType": "Regex"}, {"spec.rules[0].http.paths[0].pathType"}),
        ({"path": "relative"}, {"spec.rules[0].http.paths[0].path"}),
    ],
)
async def test_an_ingress_with_an_impossible_path_is_invalid(api: Client, path: Json, fields: set[str]) -> None:
    assert await api.causes("POST", INGRESSES, ingress("i", path)) == fields


async def test_an_ingress_leads_somewhere(api: Client) -> None:
    assert await api.causes("POST", INGRESSES, ingress("i") | {"spec": {}}) == {"spec"}


async def test_a_lease_s_times_have_microseconds(api: Client) -> None:
    body: Json = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00Z"}
    assert await api.refused("POST", LEASES, body | {"spec": spec}) == (400, "BadRequest")
    coarse = {"spec": dict(spec)}
    spec["renewTime"] = "2026-01-01T00:00:00.000001Z"
    made = await api.ok("POST", LEASES, body | {"spec": spec})
    assert made["spec"] == spec
    assert await api.causes("PATCH", f"{LEASES}/l", coarse, kind=MERGE) == {"patch"}
    await api.ok("PATCH", f"{LEASES}/l", {"spec": {"holderIdentity": "you"}}, kind=MERGE)
    assert await api.refused("PUT", f"{LEASES}/l", made) == (409, "Conflict")


async def test_an_event_is_the_same_in_both_groups(api: Client) -> None:
    about = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "name": "a", "namespace": api.namespace, "uid": "1"}
    body = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "regarding": about,
        "note": "5 of 100 failed",
        "type": "Warning",
        "reason": "SLOViolated",
        "action": "Rollback",
        "reportingController": "example.test/c",
        "reportingInstance": "c-1",
        "eventTime": "2026-01-01T00:00:00.000000Z",
    }
    await api.ok("POST", "/apis/events.k8s.io/v1/namespaces/{ns}/events", body)
    seen = await api.ok("GET", "/api/v1/namespaces/{ns}/events/e")
    assert (seen["apiVersion"], seen["message"], seen["reason"]) == ("v1", "5 of 100 failed", "SLOViolated")
    assert (seen["involvedObject"], seen["reportingComponent"]) == (about, "example.test/c")
    query = "?fieldSelector=involvedObject.name=a,reason=SLOViolated"
    assert len((await api.ok("GET", "/api/v1/namespaces/{ns}/events" + query))["items"]) == 1


async def test_what_is_not_served_is_not_found(api: Client) -> None:
    for path in ("/apis/apps/v1/gadgets", "/apis/apps/v7/deployments", "/api/v1/gadgets"):
        assert await api.refused("GET", path) == (404, "NotFound")
    group = f"/apis/{GROUP}"
    for path in (f"{group}/v1/gadgets", f"{group}/v7/widgets", "/apis/no.test/v1/x", "/apis/no.test", "/no/such"):
        async with api.session.get(path) as response:
            assert (response.status, response.content_type) == (404, "text/plain")
            assert await response.text() == "404 page not found\n"
    assert await api.refused("POST", f"{INGRESSES}/i", ingress("i")) == (405, "MethodNotAllowed")


async def test_get_as_a_table_has_the_printer_columns(api: Client) -> None:
    await api.ok("POST", WIDGETS, widget("a"))
    status = {
        "status": {
            "phase": "Ok",
            "conditions": [{"type": "Old", "status": "False"}, {"type": "Ready", "status": "True"}],
        }
    }
    await api.ok("PATCH", f"{WIDGETS}/a/status", status, kind=MERGE)
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    async with api.session.get(WIDGETS.format(ns=api.namespace), headers=accept) as response:
        table = await response.json()
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [one["name"] for one in table["columnDefinitions"]] == ["Name", "Size", "Phase", "Ready", "Age"]
    assert table["rows"][0]["cells"][:4] == ["a", 3, "Ok", "True"]
    assert table["rows"][0]["object"]["metadata"]["name"] == "a"
