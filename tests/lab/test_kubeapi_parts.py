"""The pure parts of the lab's API: patches, schemas, owners of fields."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.lab.kubeapi.kinds import schema
from ingress_canary.lab.kubeapi.storage import managed_fields, patches
from ingress_canary.lab.kubeapi.storage.managed_fields import Author
from tests.lab.api_client import CRD

SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

KEYS = st.sampled_from(["spec", "size", "parts", "name", "count", "free", "tags", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=4)


def without_nulls(value: Any) -> Any:
    return (
        {key: without_nulls(one) for key, one in value.items() if one is not None} if isinstance(value, dict) else value
    )


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_applied_twice_is_applied_once(target: Any, patch: Any) -> None:
    before = patches.clone(target)
    once = patches.merge(target, patch)
    assert patches.merge(once, patch) == once
    assert target == before


@given(OBJECTS)
def test_a_merge_patch_of_nothing_gives_the_patch_without_its_nulls(patch: Any) -> None:
    assert patches.merge({}, patch) == without_nulls(patch)


@given(OBJECTS)
def test_pruning_and_defaulting_are_done_once(body: Any) -> None:
    schema.prune(body, SCHEMA)
    schema.default(body, SCHEMA)
    done = patches.clone(body)
    assert schema.prune(body, SCHEMA) == []
    schema.default(body, SCHEMA)
    assert body == done


@given(OBJECTS, OBJECTS)
def test_every_field_is_owned_by_its_last_writer_alone(first: Any, second: Any) -> None:
    old = {"apiVersion": "v1", "metadata": {}, "type": "x", **first}
    old["metadata"]["managedFields"] = managed_fields.record(None, old, Author("first"))
    new = {"apiVersion": "v1", "metadata": {}, "type": "x", **second}
    new["metadata"]["managedFields"] = managed_fields.record(old, new, Author("second"))
    written = managed_fields.applied_before(new, Author("second"))
    kept = managed_fields.applied_before(new, Author("first"))
    assert not written & kept
    assert (written | kept) >= managed_fields.leaves(new)
    assert written >= managed_fields.differing(old, new)
    assert kept <= managed_fields.applied_before(old, Author("first")) - managed_fields.differing(old, new)


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": 1}, {"a": None, "b": 2}, {"b": 2}),
        ({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 2}}, {"a": {"c": 2}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"$retainKeys": ["c"], "c": 3}}, {"a": {"c": 3}}),
        ({"rules": [1, 2]}, {"rules": [3]}, {"rules": [3]}),
        (
            {"containers": [{"name": "a", "image": "x:1"}, {"name": "b"}]},
            {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "a", "image": "x:2"}]},
            {"containers": [{"name": "a", "image": "x:2"}, {"name": "b"}]},
        ),
        (
            {"env": [{"name": "a"}, {"name": "b"}]},
            {"env": [{"name": "a", "$patch": "delete"}]},
            {"env": [{"name": "b"}]},
        ),
        ({"finalizers": ["a"]}, {"finalizers": ["b"]}, {"finalizers": ["a", "b"]}),
        ({"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
    ],
)
def test_strategic_patches_know_directives_and_keyed_lists(target: Any, patch: Any, expected: Any) -> None:
    assert patches.strategic(target, patch) == expected


@pytest.mark.parametrize(
    ("rules", "value", "valid"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "a", True),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, [], False),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1}, True),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1, "b": 1}, False),
        ({"not": {"enum": ["a"]}}, "a", False),
        ({"allOf": [{"maximum": 3}, {"minimum": 2}]}, 1, False),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, 0, False),
        ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z", True),
        ({"type": "string", "format": "date-time"}, "yesterday", False),
        ({"type": "array", "x-kubernetes-list-type": "set"}, ["a", "a"], False),
        (
            {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
            [{"k": 1}, {"k": 2}],
            True,
        ),
        ({"type": "object", "maxProperties": 1}, {"a": 1, "b": 2}, False),
    ],
)
def test_schemas_combine(rules: Any, value: Any, valid: bool) -> None:
    assert (not list(schema.validate(value, rules, "spec"))) == valid
