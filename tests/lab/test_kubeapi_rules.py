"""Rules of CRDs in CEL, as the lab's API asks them: what they answer, and what it does not take for a rule."""

from typing import Any

import pytest

from ingress_canary.lab.kubeapi import KubeApi
from ingress_canary.lab.kubeapi.errors import ApiError
from ingress_canary.lab.kubeapi.kinds.cel import NoSuchKey, Unevaluable, UnknownRule, compiled
from ingress_canary.lab.kubeapi.kinds.rules import asked
from tests.lab.api_client import CRD


@pytest.mark.parametrize(
    ("rule", "value", "answer"),
    [
        ("1 + 2 * 3 == 7 && !(2 > 3)", None, True),
        ("-self < 0 || self == 0", 1, True),
        ("(1 + 2) * 3 - 9 == 0", None, True),
        ("has(self.a) != has(self.b)", {"a": 1}, True),
        ("has(self.a.b)", {"a": {}}, False),
        ("!has(self.a) || self.a in ['x', \"y\"]", {"a": "y"}, True),
        ("!has(self.a) || self.a in ['x', \"y\"]", {"a": "z"}, False),
        ("[true, false, 1 < 2].filter(x, x).size() == 2", None, True),
        ("size(self.many) <= 2 && self.many.size() >= 2", {"many": [1, 2]}, True),
        ("duration(self) == duration('5400s')", "1h30m", True),
        ("duration(self) > duration('1ms')", "0.5s", True),
        ("double(int(self * 1000.0 + 0.5)) / 1000.0 == 0.125", 0.125, True),
    ],
)
def test_a_rule_is_evaluated(rule: str, value: Any, answer: bool) -> None:
    assert compiled(rule)({"self": value}) is answer


def test_what_cannot_be_evaluated_says_why() -> None:
    with pytest.raises(NoSuchKey, match="no such key: a"):
        compiled("self.a == 1")({"self": {}})
    with pytest.raises(Unevaluable, match=r"type conversion error from 'string' to 'google.protobuf.Duration'"):
        compiled("duration(self) > duration('0')")({"self": "1 hour"})
    broken = list(asked({"b": 1}, {"type": "object", "x-kubernetes-validations": [{"rule": "self.a == 1"}]}, []))
    assert [one.message for one in broken] == [
        'Invalid value: "object": no such key: a evaluating rule: failed rule: self.a == 1'
    ]


@pytest.mark.parametrize(
    "rule", ["self.a ? 1 : 2", "self.matches('a')", "self.all(x, x)", "hash(self)", "self ==", "(self", "self.1", "'a"]
)
async def test_a_rule_in_other_words_is_refused_with_its_definition(rule: str) -> None:
    with pytest.raises(UnknownRule):
        compiled(rule)
    (version,) = CRD["spec"]["versions"]
    shape = version["schema"]["openAPIV3Schema"] | {"x-kubernetes-validations": [{"rule": rule}]}
    spec = CRD["spec"] | {"versions": [version | {"schema": {"openAPIV3Schema": shape}}]}
    async with KubeApi() as lab:
        with pytest.raises(ApiError, match="openAPIV3Schema") as refusal:
            lab.store.create("customresourcedefinitions", "", CRD | {"spec": spec})
    assert refusal.value.code == 422


async def test_what_the_lab_stores_itself_may_be_from_before_a_rule() -> None:
    (version,) = CRD["spec"]["versions"]
    shape = version["schema"]["openAPIV3Schema"] | {
        "x-kubernetes-validations": [{"rule": "self.spec.size < 3", "message": "too large"}]
    }
    spec = CRD["spec"] | {"versions": [version | {"schema": {"openAPIV3Schema": shape}}]}
    body = {"apiVersion": "contract.example.test/v1", "kind": "Widget", "spec": {"size": 3}}
    async with KubeApi([CRD | {"spec": spec}]) as lab:
        made = lab.store.create("widgets", "default", body | {"metadata": {"name": "old"}})
    assert made["spec"]["size"] == 3
