"""config/admission: what it lets pass without the right must be nothing that lets a rollout go on."""

import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.domain.reasons.verbs import Action, Verb

POLICY, BINDING, ROLE = yaml.safe_load_all(
    (Path(__file__).parent.parent / "config/admission/approve.yaml").read_text(encoding="utf-8")
)
GUARDED = {Verb.APPROVE, Verb.SKIP, Verb.PROMOTE}


def expression() -> str:
    """Return the one rule."""
    (rule,) = POLICY["spec"]["validations"]
    text: str = rule["expression"]
    return text


def free() -> re.Pattern[str]:
    """Return what may be asked for without the right; RE2 and Python read it alike."""
    (pattern,) = re.findall(r"asked\.matches\('([^']+)'\)", expression())
    return re.compile(pattern)


def test_every_verb_is_either_free_or_guarded() -> None:
    passing = {verb for verb in Verb if free().search(f"{verb}:v2/1#1") and free().search(f"{verb}#1")}
    assert passing == set(Verb) - GUARDED


@given(
    st.text(max_size=6), st.sampled_from([*Verb, "x"]), st.text(max_size=6), st.sampled_from([":v2/1", ":v2", ""]),
    st.text(max_size=20),
)  # fmt: skip
def test_nothing_that_the_daemon_would_read_as_guarded_passes_as_free(
    before: str, verb: str, after: str, target: str, rest: str
) -> None:
    text = f"{before}{verb}{after}{target}#{rest}"
    assert Action.parse(text).verb not in GUARDED or not free().search(text)


def test_the_policy_asks_for_the_right_of_this_object_and_is_bound() -> None:
    rules: list[dict[str, Any]] = POLICY["spec"]["matchConstraints"]["resourceRules"]
    assert rules == [
        {
            "apiGroups": ["ingress-canary.io"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"],
            "resources": ["canaryrollouts"],
        }
    ]  # fmt: skip
    assert POLICY["spec"]["failurePolicy"] == "Fail"
    assert all(ACTION_ANNOTATION in one["expression"] for one in POLICY["spec"]["variables"])
    assert ".check('approve').allowed()" in expression().replace(" ", "")
    assert BINDING["spec"] == {"policyName": POLICY["metadata"]["name"], "validationActions": ["Deny"]}
    assert {"get", "patch", "approve"} <= set(ROLE["rules"][0]["verbs"])
