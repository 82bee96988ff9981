"""Lint tells every problem at once, each with its file, line, field and remedy."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.lint.check import lint_files, lint_texts
from ingress_canary.lint.findings import LintFinding, LintSeverity
from ingress_canary.lint.model_errors import example

ROOT = Path(__file__).resolve().parents[2]

HEAD = """apiVersion: ingress-canary.io/v1alpha1
kind: CanarySchedule
metadata: {name: web, namespace: sre}
spec:
"""
STEPS = "  steps: [{weight: 5, bake: 10m}]\n"
SLOS = "  slos: [{name: availability, objective: 99.9, sli: {requests: {}}}]\n"

ROLLOUT = """apiVersion: ingress-canary.io/v1alpha1
kind: CanaryRollout
metadata: {name: checkout, namespace: shop}
spec:
  ingresses: [checkout]
  stableService: checkout
"""

INLINE = """  canaryService: c
  schedule:
    inline:
      slos: [{name: a, objective: 99, sli: {requests: {}}}]
      steps:
      - {weight: 5, bake: 1m}
      - {weight: 4, bake: 1m}"""


def lint(text: str) -> list[LintFinding]:
    """Return the findings of a text without what each schedule is told of its SLOs."""
    return [
        one for one in lint_texts([("f.yaml", text)]) if one.severity is LintSeverity.ERROR or ".slos" not in one.field
    ]


def notes(slos: str, more: str = "") -> list[tuple[str, str, str]]:
    """Return the notes on a schedule with these SLOs."""
    found = lint_texts([("f.yaml", f"{HEAD}{STEPS}  slos: [{slos}]\n{more}")])
    assert {one.severity for one in found} <= {LintSeverity.NOTE}
    return [(one.field.removeprefix("spec."), one.message, one.remedy) for one in found]


STEP_CASES = [
    ("{wieght: 5, bake: 10m}", "wieght", "unknown field `wieght`", "did you mean `weight`?"),
    ("{weight: 5, bake: 10m, min_requests: 5}", "min_requests", "unknown field", "did you mean `minRequests`?"),
    ("{weight: 101, bake: 10m}", "weight", "between 0 and 100 percent; got 101", "from 0 to 100"),
    ("{weight: 0.1234, bake: 10m}", "weight", "at most three decimals; got 0.1234", "at most three decimals"),
    ('{weight: "5", bake: 10m}', "weight", "a weight is a number", "from 0 to 100"),
    ("{weight: 5, bake: 10}", "bake", "got 10", "such as 90s, 10m or 1h30m"),
    ("{weight: 5, bake: 10 m}", "bake", "got '10 m'", "such as 90s, 10m or 1h30m"),
    ("{weight: 5, bake: 9000h}", "bake", "must be 0s to 8760h; got 9000h", "such as 90s, 10m or 1h30m; must be 0s to"),
    ("{weight: 5, bake: 1m, approval: {timeout: 0s}}", "approval.timeout", "must be 1ms to 8760h; got 0s", "such as"),
    ("{weight: 5, bake: 1m, approval: {timeout: 8761h}}", "approval.timeout", "must be 1ms to 8760h", "such as 90s"),
    ("{weight: 5}", "", "needs a bake", "add one, such as bake: 10m"),
    ("{bake: 10m}", "", "exactly one of weight and ramp", "add one of them"),
    ("{weight: 5, bake: 1m, require: Prof}", "require", "one of Proof, NoFail; got `Prof`", "did you mean `Proof`?"),
    ("{weight: 5, bake: 1m, minRequests: -1}", "minRequests", "must be at least 0; got -1", "from 0 to"),
    ("{weight: 5, bake: 1m, minRequests: 1.5}", "minRequests", "a whole number; got 1.5", "without quotes or decimals"),
    ("{weight: 5, bake: 1m, name: Dog}", "name", "`Dog`", "lower-case letters"),
    ("{weight: 5, bake: 1m, cookie: a b}", "cookie", "holds a space: the controller would drop", "use only letters"),
    ("{weight: 5, bake: 1m, cookie: on}", "cookie", "must be a string; got true", "put it in quotes"),
    (
        "{weight: 5, bake: 1m, header: {name: X_A}}",
        "header.name",
        "is not a header name that the controller can look up",
        "use letters, digits and hyphens only",
    ),
    (
        "{weight: 5, bake: 1m, header: {name: X, value: a b}}",
        "header.value",
        "holds a space: the controller would",
        "use only",
    ),
    ('{weight: 5, bake: 1m, header: {name: X, pattern: "a{1,3}"}}', "header.pattern", "holds ','", "use only"),
    (
        '{weight: 5, bake: 1m, header: {name: X, pattern: "(a"}}',
        "header.pattern",
        "not a regular expression",
        "correct",
    ),
    ("{weight: 5, bake: 1m, header: {name: X, value: a, pattern: b}}", "header.value", "exclude each other", "remove"),
    ("{weight: 5, bake: 1m, header: {}}", "header.name", "`name` is required", "add it"),
    ("{ramp: {from: 1, to: 50, factor: 2, by: 1, bake: 1m}}", "ramp", "exactly one of by and factor", "by, factor"),
    ("{ramp: {from: 50, to: 1, by: 1, bake: 1m}}", "ramp", "a ramp rises", "swap them"),
    ("{ramp: {from: 1, to: 50, factor: 1, bake: 1m}}", "ramp.factor", "must be above 1; got 1", "from above 1 to 100"),
    ("{ramp: {from: 1, to: 5, by: 1}}", "ramp.bake", "`bake` is required", "such as 90s"),
    ("5", "", "must be a mapping; got 5", "name: value"),
]


@pytest.mark.parametrize(("step", "field", "message", "remedy"), STEP_CASES)
def test_a_bad_step_is_reported_with_its_line_field_and_remedy(
    step: str, field: str, message: str, remedy: str
) -> None:
    found = lint(f"{HEAD}{SLOS}  steps:\n  - {step}\n")
    assert len(found) == 1
    assert (found[0].file, found[0].line, found[0].object) == ("f.yaml", 7, "CanarySchedule sre/web")
    assert found[0].field == ".".join(filter(None, ["spec.steps[0]", field]))
    assert message in found[0].message
    assert remedy in found[0].remedy


SPEC_CASES = [
    ("  slos: [{name: a, objective: 100, sli: {requests: {}}}]", "slos[0].objective", "below 100; got 100", "from 50"),
    ("  slos: [{name: a, sli: {requests: {}}}]", "slos[0]", "an objective is needed", "objective: 99.9"),
    (
        "  slos: [{name: a, objective: 90, maxBurn: 9, sli: {requests: {}}}]",
        "slos[0].maxBurn", "0.9 of all requests", "lower maxBurn or raise the objective",
    ),
    (
        "  slos: [{name: a, objective: 99, sli: {latencyDistribution: {}}}]",
        "slos[0].objective", "latencyDistribution has no objective: it compares with stable", "remove it",
    ),
    (
        "  slos: [{name: a, sli: {latencyDistribution: {threshold: 500ms}}}]",
        "slos[0].sli.latencyDistribution.threshold", "unknown field", "remove it",
    ),
    (
        "  slos: [{name: a, sli: {latencyDistribution: {}}}, {name: b, sli: {latencyDistribution: {}}}]",
        "slos[1].sli", "compares what a compares", "remove one of them",
    ),
    (
        "  slos: [{name: a, onFailure: Rolback, sli: {latencyDistribution: {}}}]",
        "slos[0].onFailure", "one of Rollback, Pause; got `Rolback`", "did you mean `Rollback`?",
    ),
    ("  slos: [{name: a, objective: 99, sli: {}}]", "slos[0].sli", "exactly one of requests", "add one"),
    ('  slos: [{name: a, objective: 99, sli: {requests: {bad: ["9.."]}}}]', "slos[0].sli.requests.bad[0]", "9", "5.."),
    ("  slos: []", "slos", "at least 1 entries", "write 1 to 10 entries"),
    (f"{SLOS}  windows: {{timezone: Europe/Berln}}", "windows.timezone", "unknown time zone", "Europe/Berlin"),
    (f"{SLOS}  windows: {{timezone: '@'}}", "windows.timezone", "unknown time zone", "an IANA name"),
    (f"{SLOS}  windows: {{allow: [{{days: [Mon], from: 9:00, to: 16:00}}]}}", "windows.allow[0].from", "9:00", "09:00"),
    (f"{SLOS}  windows: {{allow: [{{days: [Tu], from: 09:00, to: 16:00}}]}}", "windows.allow[0].days[0]", "Tu", "Tue"),
    (
        f"{SLOS}  windows: {{allow: [{{days: [Mon], from: 09:00, to: 09:00}}]}}",
        "windows.allow[0].to", "the range is empty", "over midnight",
    ),
    (
        f"{SLOS}  windows: {{freezes: [{{from: 2026-12-18T00:00, to: 2026-12-17T00:00}}]}}",
        "windows.freezes[0].to", "ends before it begins", "after from",
    ),
    (
        f"{SLOS}  windows: {{freezes: [{{from: 2026-02-30T00:00, to: 2026-12-17T00:00}}]}}",
        "windows.freezes[0].from", "no such time", "a date of the calendar",
    ),
    (
        "  slos: [{name: a, objective: 99.9, minDelta: 0.1, sli: {requests: {}}}]",
        "slos[0].minDelta", "must be percentage points; got 0.1", "0.1pp",
    ),
    (f"{SLOS}  analysis: {{baseline: {{minDelta: 0.001}}}}", "analysis.baseline.minDelta", "got 0.001", "0.1pp"),
    (
        f"{SLOS}  windows: {{freezes: [{{from: 2026-12-18T00:00, to: 9999-12-31T23:59}}]}}",
        "windows.freezes[0].to", "the year must be 2000 to 2199; got 9999", "write a time such as",
    ),
    (
        f"{SLOS}  windows: {{timezone: Europe/Berlin, freezes: [{{from: 0001-01-01T00:00, to: 2026-01-01T00:00}}]}}",
        "windows.freezes[0].from", "the year must be 2000 to 2199; got 0001", "write a time such as",
    ),
    (f"{SLOS}  analysis: {{settle: 99999999h}}", "analysis.settle", "must be 0s to 10m; got 99999999h", "to 10m"),
    (f"{SLOS}  analysis: {{noDataTimeout: 8760h1s}}", "analysis.noDataTimeout", "must be 0s to 8760h", "to 8760h"),
    (f"{SLOS}  maxHold: 99999999h", "maxHold", "must be 0s to 8760h; got 99999999h", "to 8760h"),
    (f"{SLOS}  analysis: {{excludeStatuses: 308}}", "analysis.excludeStatuses", "must be a list; got 308", "- "),
    (f"{SLOS}  onFailure: pause", "onFailure", "one of Rollback, Pause; got `pause`", "did you mean `Pause`?"),
    (f"{SLOS}  maxHold: 6", "maxHold", "got 6", "such as 90s"),
    (f"{SLOS}  max_hold: 6h", "max_hold", "unknown field", "did you mean `maxHold`?"),
    (f"{SLOS}  gates: [1]", "gates[0]", "must be a mapping", "name: value"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "field", "message", "remedy"), SPEC_CASES)
def test_a_bad_schedule_is_reported_with_its_line_field_and_remedy(
    members: str, field: str, message: str, remedy: str
) -> None:
    (found,) = [one for one in lint(f"{HEAD}{STEPS}{members}\n") if "not served" not in one.message]
    assert (found.line, found.field) == (5 + len(members.splitlines()), f"spec.{field}")
    assert message in found.message
    assert remedy in found.remedy


ROLLOUT_CASES = [
    ("  canaryService: checkout\n  schedule: {ref: {name: web}}", 7, "spec.canaryService", "must not be stableService"),
    ("  canaryService: c\n  schedule: {}", 8, "spec.schedule", "exactly one of ref and inline"),
    ("  canaryService: c", 4, "spec.schedule", "`schedule` is required"),
    (
        "  canaryService: c\n  shadow: {name: checkout}\n  schedule: {ref: {name: web}}",
        8, "spec.shadow.name", "must not be the primary's name",
    ),
    (
        "  canaryService: c\n  schedule: {ref: {name: web}}\n  workload: {scaleCanary: {to: 3, drain: 9999999h}}",
        9, "spec.workload.scaleCanary.drain", "must be 0s to 8760h",
    ),
    ("  canaryService: c\n  schedule: {ref: {name: web}}\n  revision: 12", 9, "spec.revision", "must be a string"),
    (
        INLINE,
        13, "spec.schedule.inline.steps[1].weight", "falls from 5 to 4",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("members", "line", "field", "message"), ROLLOUT_CASES)
def test_a_bad_rollout_is_reported_with_its_line_and_field(members: str, line: int, field: str, message: str) -> None:
    (found,) = lint(f"{ROLLOUT}{members}\n")
    assert (found.line, found.field, found.object) == (line, field, "CanaryRollout shop/checkout")
    assert message in found.message
    assert found.remedy


HEAD_CASES = [
    ("kind: CanarySchedule\nmetadata: {name: a}\nspec: {}", "apiVersion", "`apiVersion` is required"),
    ("apiVersion: ingress-canary.io/v1alpha1\nmetadata: {name: a}", "kind", "`kind` is required"),
    ("apiVersion: ingress-canary.io/v1\nkind: CanaryRollout", "apiVersion", "got `ingress-canary.io/v1`"),
    ("apiVersion: ingress-canary.oi/v1alpha1\nkind: CanaryRollout", "apiVersion", "must be ingress-canary.io/v1alpha1"),
    ("apiVersion: ingress-canary.io/v1alpha1\nkind: CanaryRolout", "kind", "got `CanaryRolout`"),
    (HEAD.replace("name: web, ", "") + STEPS + SLOS, "metadata.name", "`metadata.name` is required"),
    (HEAD.replace("name: web", "name: Web") + STEPS + SLOS, "metadata.name", "`Web`"),
    (HEAD.replace("spec:", "specc:") + STEPS + SLOS, "specc", "unknown field `specc`"),
    (HEAD.replace("spec:", "spec: 5"), "spec", "`spec` is required"),
    ("just a string", "", "not an object"),
]


@pytest.mark.parametrize(("text", "field", "message"), HEAD_CASES)
def test_a_document_that_is_no_object_of_ours_but_was_meant_to_be(text: str, field: str, message: str) -> None:
    found = [one for one in lint(text) if one.field == field]
    assert len(found) == 1
    assert message in found[0].message
    assert found[0].remedy


def test_documents_of_other_kinds_are_skipped_with_a_note() -> None:
    (found,) = lint("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspecc: 1\n")
    assert found.severity is LintSeverity.NOTE
    assert "skipped" in found.message


def test_every_problem_of_every_document_is_reported_at_once() -> None:
    steps = "  steps:\n  - {weight: 50, bake: 10}\n  - {weight: 5, bake: 1m}\n  - {wieght: 60, bake: 1m}\n"
    found = lint(f"{HEAD}{SLOS}{steps}---\n{ROLLOUT}  canaryService: Bad_Name\n---\na: [\n")
    assert [(one.line, one.field) for one in found] == [
        (7, "spec.steps[0].bake"),
        (8, "spec.steps[1].weight"),
        (9, "spec.steps[2].wieght"),
        (14, "spec.schedule"),
        (17, "spec.canaryService"),
        (20, ""),
    ]


ILL = """  maxHold: 5
  maxHoold: 5m
  analysis: {settle: soon}
  slos:
  - {name: own, objective: 199, sli: {prometheus: {bad: "b{", total: 't{a="{{sid}}"}'}}}
  - {name: own, sli: {prometheusThreshold: {query: "max(load"}}}
  - {name: own, objective: 99, sli: {prometheus: {bad: "rate(b[1m])", total: t}}}
  notifications:
  - {name: told, secretRef: {name: s, key: k}, body: "{{reson}}"}
  - {name: told}
"""


def test_what_is_wrong_in_one_place_hides_nothing_that_is_wrong_in_another() -> None:
    """The rules that the daemon refuses by speak of what the models take, whatever else they refuse."""
    steps = "  steps: [{weight: 5, bake: 1m}]\n  gates: [{name: g, when: beforeStep, url: 'http://g', steps: [nine]}]\n"
    fields = {one.field for one in lint(HEAD + ILL + steps)}
    assert fields >= {
        "spec.maxHold", "spec.maxHoold", "spec.analysis.settle", "spec.slos[0].objective",
        "spec.slos[0].sli.prometheus.bad", "spec.slos[0].sli.prometheus.total", "spec.slos[1].name",
        "spec.slos[1].sli.prometheusThreshold", "spec.slos[2].sli.prometheus.bad", "spec.notifications[0].body",
        "spec.notifications[1].secretRef", "spec.gates[0].steps[0]",
    }  # fmt: skip
    inline = "  canaryService: Bad_Name\n  schedule:\n    inline:\n"
    nested = "".join(f"    {line}\n" for line in (ILL + steps).splitlines())
    reported = {one.field for one in lint(ROLLOUT + inline + nested)}
    assert reported == {"spec.canaryService", *(field.replace("spec", "spec.schedule.inline", 1) for field in fields)}


def test_a_query_that_is_too_deep_is_reported_with_its_field_its_bound_and_a_remedy() -> None:
    deep = {"name": "own", "objective": 99, "sli": {"prometheus": {"bad": "b", "total": "(" * 26 + "t" + ")" * 26}}}
    (found,) = lint(HEAD + STEPS + f"  slos: [{json.dumps(deep)}]\n")
    assert found.field == "spec.slos[0].sli.prometheus.total"
    assert found.message == (
        "is nested 26 levels deep, and 25 are the most (brackets, functions, signs and the operators of a chain count)"
    )
    assert found.remedy == "let Prometheus record parts of it by a rule, and query what is recorded"


@pytest.mark.parametrize("steps", ["[{weight: 50, bake: 1m}, {weight: 5, bake: 1m}]", "[{weight: 5, bake: soon}]", "5"])
def test_nothing_is_reported_of_steps_that_cannot_be_read(steps: str) -> None:
    gates = '  gates: [{name: g, when: beforeStep, url: "http://g", steps: [nine]}]\n'
    assert {one.field.partition("[")[0] for one in lint(f"{HEAD}{SLOS}{gates}  steps: {steps}\n")} == {"spec.steps"}


GATES = """  gates:
  - {name: a, when: sometimes, url: "http://a/"}
  - {name: b, when: beforeStart, url: "shop.example/b"}
  - {name: c, when: beforeStart, url: "https://me:word@c/"}
  - {name: d, when: beforeStart, url: "http://d:port/"}
  - {name: e, when: beforeStart, url: "http://e/", steps: [x]}
  - {name: f, when: afterFinish, url: "http://f/", onReject: Pause}
  - {name: g, when: duringStep, url: "http://g/", timeout: 5m, backoff: 10ms}
  - {name: h, when: beforeStep, url: "http://h/", secret: {name: s, key: k}}
  - {name: i, when: beforeStep, url: "http://i/", secretRef: {name: s, key: "a key"}}
  - {when: beforeStep}
"""
IN_GATES = {
    "gates[0].when": "one of beforeStart, beforeStep, duringStep, beforePromotion, afterFinish",
    "gates[1].url": "is not what it takes",
    "gates[2].url": "is not what it takes",
    "gates[3].url": "Port could not be cast to integer",
    "gates[4].steps": "beforeStart comes with no step",
    "gates[5].onReject": "afterFinish is called after the end, and its answer changes nothing",
    "gates[6].timeout": "must be 1ms to 60s",
    "gates[6].backoff": "must be 1s to 5m",
    "gates[7].secret": "unknown field `secret`",
    "gates[8].secretRef.key": "is not what it takes",
    "gates[9].name": "`name` is required",
    "gates[9].url": "`url` is required",
}


def test_what_is_wrong_with_gates_is_reported_where_it_stands_with_the_remedy() -> None:
    steps = "  steps: [{name: few, weight: 5, bake: 1m}]\n  slos: [{name: a, objective: 99, sli: {requests: {}}}]\n"
    found = lint(HEAD + steps + GATES)
    reported = {one.field.removeprefix("spec."): one for one in found}
    assert set(reported) == set(IN_GATES)
    for field, words in IN_GATES.items():
        assert words in reported[field].message, field
        assert reported[field].remedy, field
    doubled = (
        '  gates: [{name: a, when: beforeStart, url: "http://a/"}, {name: a, when: afterFinish, url: "http://a/"}]\n'
    )
    (same,) = lint(HEAD + steps + doubled)
    assert (same.field, same.message) == ("spec.gates", "two gates are named a")
    (nowhere,) = lint(HEAD + steps + '  gates: [{name: a, when: beforeStep, url: "http://a/", steps: [few, fwe]}]\n')
    assert (nowhere.field, nowhere.message) == ("spec.gates[0].steps[1]", "there is no step fwe")
    assert nowhere.remedy == "write few or a number from 1 to 1"


def test_what_is_wrong_with_a_users_promql_is_reported_where_it_stands() -> None:
    text = """  steps: [{weight: 5, bake: 1m}]
  slos:
  - name: own
    objective: 99
    sli:
      prometheus:
        bad: errors_total{service="{{servcie}}"}
        total: rate(requests_total[5m])
  - name: load
    sli:
      prometheusThreshold: {query: "max(load", max: 1}
  - {name: both, objective: 99, sli: {prometheus: {bad: b, good: g, total: t}}}
"""
    *rest, both = lint(HEAD + text)
    assert (both.line, both.field) == (16, "spec.slos[2].sli.prometheus")
    assert "exactly one of bad and good" in both.message
    assert lint(HEAD + text.replace("bad: b, ", "")) == rest
    assert [(one.line, one.field) for one in rest] == [
        (11, "spec.slos[0].sli.prometheus.bad"),
        (12, "spec.slos[0].sli.prometheus.total"),
        (15, "spec.slos[1].sli.prometheusThreshold.query"),
    ]
    assert [one.message for one in rest] == [
        "unknown variable {{servcie}}", "is not a counter", "this parser does not know it: unclosed left parenthesis",
    ]  # fmt: skip
    assert all(one.remedy for one in rest)


def test_a_probe_takes_no_credentials_because_messages_repeat_its_address() -> None:
    probe = '  probe: {url: "http://user:secret@shop.example/", header: X-Version, value: v2}\n'
    schedule = "  schedule: {ref: {name: standard}}\n"
    (found,) = lint(f"{ROLLOUT}  canaryService: c\n{probe}{schedule}")
    assert found.field == "spec.probe.url"
    assert "without credentials" in found.remedy


def test_a_probe_that_could_not_match_a_steps_pattern_is_reported() -> None:
    text = f"""{ROLLOUT}  canaryService: c
  probe: {{url: "http://shop.example/", header: X-Version, value: v2}}
  schedule:
    inline:
      routing: {{header: {{name: X-Canary, pattern: ^staff}}}}
      steps: [{{weight: 5, bake: 1m}}]
      slos: [{{name: a, objective: 99.5, sli: {{requests: {{}}}}}}]
"""
    (found,) = lint(text)
    assert (found.field, found.line) == ("spec.probe", 8)
    assert "X-Canary is matched by a pattern" in found.message
    assert "set send" in found.remedy


def test_what_the_api_server_fills_in_is_no_wish() -> None:
    stored = RolloutSpec.model_validate(yaml.safe_load(f"{ROLLOUT}{INLINE.replace('weight: 4', 'weight: 6')}")["spec"])
    text = yaml.safe_dump(yaml.safe_load(ROLLOUT) | {"spec": stored.dump()})
    assert "notReadyTimeout" in text
    assert lint(text) == []


def test_falling_weights_point_at_every_step_that_falls() -> None:
    steps = "  steps:\n  - {weight: 50, bake: 1m}\n  - {weight: 5, bake: 1m}\n"
    steps += "  - ramp: {from: 3, to: 9, by: 1, bake: 1m}\n"
    found = lint(f"{HEAD}{SLOS}{steps}")
    assert [(one.line, one.field) for one in found] == [(8, "spec.steps[1].weight"), (9, "spec.steps[2].ramp.from")]


@pytest.mark.parametrize(
    ("ramps", "too_many"),
    [
        ("{from: 1, to: 50, by: 1, bake: 1m}", False),
        ("{from: 1, to: 51, by: 1, bake: 1m}", True),
        ("{from: 0.001, to: 100, factor: 1.1, bake: 1m}", True),
        ("{from: 1, to: 50, factor: 2, bake: 1m}", False),
    ],
)
def test_a_ramp_counts_as_the_steps_it_expands_to(ramps: str, too_many: bool) -> None:
    found = lint(f"{HEAD}{SLOS}  steps:\n  - ramp: {ramps}\n")
    assert ["more than 50 steps" in one.message for one in found] == [True] * too_many


def test_two_slos_of_one_name_are_reported_once_and_at_the_second() -> None:
    slos = "  slos:\n" + "  - {name: a, objective: 99, sli: {requests: {}}}\n" * 2
    (found,) = lint(f"{HEAD}{STEPS}{slos}")
    assert (found.line, found.field) == (8, "spec.slos[1].name")


def test_a_member_that_is_null_was_not_given() -> None:
    assert lint(f"{HEAD}{STEPS}{SLOS}  windows:\n  analysis:\n  maxHold: ~\n") == []
    (found,) = lint(f"{HEAD}{STEPS}{SLOS}  wrong:\n")
    assert "unknown field" in found.message


def test_a_live_object_with_its_status_is_no_problem() -> None:
    live = ROLLOUT.replace("{name:", "{uid: a, resourceVersion: '1', name:")
    assert lint(f"{live}  canaryService: c\n  schedule: {{ref: {{name: web}}}}\nstatus: {{phase: Pending}}\n") == []


def test_a_schedule_has_no_status() -> None:
    (found,) = lint(f"{HEAD}{STEPS}{SLOS}status: {{}}\n")
    assert "unknown field `status`" in found.message


@pytest.mark.parametrize(
    ("ref", "fields"),
    [
        ("{name: web, namespace: sre}", []),
        ("{name: wep, namespace: sre}", ["spec.schedule.ref.name"]),
        ("{name: other, namespace: elsewhere}", []),
        ("{name: other}", []),
    ],
)
def test_a_schedule_is_missed_only_where_some_of_its_namespace_are_given(ref: str, fields: list[str]) -> None:
    rollout = f"{ROLLOUT}  canaryService: c\n  schedule: {{ref: {ref}}}\n"
    found = lint_texts([("a", rollout), ("b", HEAD + STEPS + SLOS)])
    assert [one.field for one in found if one.severity is LintSeverity.ERROR] == fields


def test_a_file_that_cannot_be_read_is_a_finding_among_others(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    (tmp_path / "bad.yaml").write_text("a: [\n")
    found = lint_files([tmp_path / "none.yaml", tmp_path / "latin.yaml", tmp_path / "bad.yaml", tmp_path])
    assert [Path(one.file).name for one in found] == [tmp_path.name, "bad.yaml", "latin.yaml", "none.yaml"]
    assert all(one.remedy for one in found)


def test_the_samples_are_clean() -> None:
    samples = sorted((ROOT / "config/samples").glob("*.yaml"))
    assert samples
    assert [one for one in lint_files(samples) if one.severity is LintSeverity.ERROR or one.remedy] == []


P99 = "{name: fast, objective: 99, sli: {latency: {threshold: 300ms}}}"


@pytest.mark.parametrize(
    ("slo", "words"),
    [
        (P99, "allows 1% of requests slower than 300ms"),
        (P99.replace("sli", "maxBurn: 2.5, sli"), "allows 2.5% of requests slower than 300ms"),
        (
            "{name: a, objective: 99.9, sli: {requests: {bad: ['5..', '499']}}}",
            "allows 1% of requests answered 5.. or 499",
        ),
        ("{name: a, objective: 99, sli: {prometheus: {bad: b, total: t}}}", "allows 10% of events that count as bad"),
    ],
)
def test_a_note_says_in_words_what_an_slo_allows(slo: str, words: str) -> None:
    assert notes(slo) == [("slos[0]", words, "")]


def test_a_threshold_allows_no_share_and_an_invalid_schedule_is_told_its_problems_alone() -> None:
    assert notes("{name: a, sli: {prometheusThreshold: {query: q, max: 1}}}") == []
    (found,) = lint_texts([("f.yaml", f"{HEAD}{STEPS}  slos: [{P99}]\n  maxHold: 5\n")])
    assert found.field == "spec.maxHold"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ('payment_seconds_sum{service="{{service}}"}', "payment_seconds_sum"), ("sum(queue_depth)", "queue_depth"),
        ('{__name__="open_files_ratio"}', "open_files_ratio"), ("errors_total", ""), ("legacy_errors", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("member", ["bad", "good", "total"])
def test_a_metric_that_is_no_counter_by_its_name_is_noted(query: str, name: str, member: str) -> None:
    queries = {"good" if member == "good" else "bad": "b", "total": "t", member: query.replace("{{service}}", "x")}
    slo = {"name": "a", "objective": 99, "sli": {"prometheus": queries}}
    found = [(field, message) for field, message, _ in notes(json.dumps(slo)) if "allows" not in message]
    told = f"`{name}` is no counter of events by its name: a rate, a ratio, an amount or what a recording rule computes"
    assert found == ([(f"slos[0].sli.prometheus.{member}", f"{told} is no counter")] if name else [])


@pytest.mark.parametrize("query", ["job:errors:rate5m", 'sum(job:errors:rate5m{a="b"})', '{__name__=~"job:.*"}'])
@pytest.mark.parametrize("member", ["bad", "good", "total"])
def test_what_a_recording_rule_computes_is_refused_as_a_counter(query: str, member: str) -> None:
    queries = {"good" if member == "good" else "bad": "b", "total": "t", member: query}
    slo = {"name": "a", "objective": 99, "sli": {"prometheus": queries}}
    (found,) = lint(f"{HEAD}{STEPS}  slos: [{json.dumps(slo)}]\n")
    assert found.field == f"spec.slos[0].sli.prometheus.{member}"
    assert "is what a recording rule computes, by its colon, and no counter" in found.message


def test_what_a_recording_rule_computes_may_be_a_threshold() -> None:
    assert notes("{name: a, sli: {prometheusThreshold: {query: 'max(job:errors:rate5m)', max: 1}}}") == []


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("max(x) > 100", True), ("count(x > 100)", True), ("(sum by (a) ((x != 1)))", True),
        ('max(x{a="{{service}}"}) <= 100', True), ("max(x) > bool 100", False), ("x / (y > 0)", False),
        ("max(x > 100) or vector(0)", False), ("max(x)", False),
    ],
)  # fmt: skip
def test_a_threshold_that_answers_nothing_while_all_is_well_is_refused(query: str, refused: bool) -> None:
    slo = {"name": "a", "sli": {"prometheusThreshold": {"query": query, "max": 1}}}
    told = [(one.field, one.remedy) for one in lint(f"{HEAD}{STEPS}  slos: [{json.dumps(slo)}]\n")]
    remedy = "write > bool for 1 or 0, or leave the comparison out and say min or max"
    assert told == ([("spec.slos[0].sli.prometheusThreshold.query", remedy)] if refused else [])


@pytest.mark.parametrize(
    ("matcher", "value"),
    [
        ('le="1"', "1"), ("le = '10'", "10"), ('le=~"0.5|2"', "2"), ('le="0.5"', ""), ('le="1.0"', ""),
        ('le=~"1([.]0)?"', ""), ('le="+Inf"', ""), ('handle="1"', ""), ('le!="1"', ""),
    ],
)  # fmt: skip
def test_a_bound_that_prometheus_3_stores_otherwise_is_noted(matcher: str, value: str) -> None:
    own = {"bad": f"took_bucket{{{matcher}}}", "total": "took_count"}
    quick = {"query": f"max(rate(took_bucket{{{matcher}}}[1m]))", "max": 1}
    slos = [
        {"name": "a", "objective": 99, "sli": {"prometheus": own}},
        {"name": "b", "sli": {"prometheusThreshold": quick}},
    ]
    found = [(field, *told) for field, *told in notes(json.dumps(slos)[1:-1]) if "allows" not in told[0]]
    places = ("slos[0].sli.prometheus.bad", "slos[1].sli.prometheusThreshold.query") if value else ()
    what = f'le="{value}" finds nothing on Prometheus 3, which stores it as "{value}.0"'
    assert found == [(place, what, f'write le=~"{value}([.]0)?", which every version understands') for place in places]


HANGS = "a canary that hangs until its clients give up (status 499) passes"


@pytest.mark.parametrize(
    ("bad", "others", "more", "remedy"),
    [
        ("", "", "", 'add an SLO on latency, or write bad: ["5..", "499"]'),
        ("bad: ['50.']", "", "", 'add an SLO on latency, or write bad: ["50.", "499"]'),
        ("bad: ['5..', '499']", "", "", ""),
        ("bad: ['5..', '4..']", "", "", ""),
        ("", f", {P99}", "", ""),
        (
            "bad: ['5..', '4..']", "", "  analysis: {excludeStatuses: ['499']}\n",
            "add an SLO on latency, or remove 499 from analysis.excludeStatuses",
        ),
    ],
)  # fmt: skip
def test_a_note_asks_for_what_a_hanging_canary_would_violate(bad: str, others: str, more: str, remedy: str) -> None:
    slo = f"{{name: a, objective: 99.9, sli: {{requests: {{{bad}}}}}}}{others}"
    asked = [(field, message, said) for field, message, said in notes(slo, more) if said]
    assert asked == ([("slos[0].sli.requests", HANGS, remedy)] if remedy else [])


def test_notes_on_an_inline_schedule_stand_at_its_own_lines() -> None:
    text = f"{ROLLOUT}{INLINE.replace('weight: 4', 'weight: 6')}"
    found = [(one.line, one.field) for one in lint_texts([("f.yaml", text)])]
    assert found == [(10, "spec.schedule.inline.slos[0]"), (10, "spec.schedule.inline.slos[0].sli.requests")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = [
    ("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("metadata", "namespace"), ("spec",),
    ("spec", "steps"), ("spec", "steps", 0), ("spec", "steps", 0, "weight"), ("spec", "steps", 0, "bake"),
    ("spec", "steps", 0, "ramp"), ("spec", "steps", 0, "header"), ("spec", "slos"), ("spec", "slos", 0),
    ("spec", "slos", 0, "name"), ("spec", "slos", 0, "sli"), ("spec", "routing"), ("spec", "windows"),
    ("spec", "windows", "timezone"), ("spec", "windows", "allow", 0), ("spec", "windows", "freezes", 0, "from"),
    ("spec", "analysis"), ("spec", "schedule"), ("spec", "schedule", "ref"), ("spec", "schedule", "inline"),
]  # fmt: skip


@given(path=st.sampled_from(PATHS), value=JSON, kind=st.sampled_from(KINDS))
def test_whatever_a_member_holds_lint_answers_with_findings(path: tuple[str | int, ...], value: Any, kind: str) -> None:
    document = yaml.safe_load(HEAD + STEPS + SLOS) | {"kind": kind}
    document["spec"] |= {"windows": {"allow": [{}], "freezes": [{}]}, "schedule": {}}
    parent = document
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    for finding in lint(yaml.safe_dump(document)):
        assert finding.message
        assert finding.line > 0


def leaves(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for member in [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
        yield from leaves(member)


@pytest.mark.parametrize("kind", KINDS)
def test_every_pattern_has_an_example_of_what_to_write(kind: str) -> None:
    spec = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    patterns = [leaf for leaf in leaves(spec) if "pattern" in leaf]
    assert patterns
    assert [
        leaf["pattern"] for leaf in patterns if "such as" not in example(leaf) and "time" not in example(leaf)
    ] == []


NOTIFIED = """  notifications:
  - {name: chat, secretRef: {name: chat, key: urls}}
  - {name: chat, secretRef: {name: chat, key: urls}, title: "{{reson}}"}
"""


def test_notifications_are_checked_where_they_are_given() -> None:
    steps = "  steps: [{weight: 5, bake: 1m}]\n"
    doubled, unknown = lint(HEAD + SLOS + steps + NOTIFIED)
    assert (doubled.field, doubled.message) == ("spec.notifications[1].name", "two notifications are named `chat`")
    assert lint(HEAD + SLOS + steps + NOTIFIED.replace("- {name: chat", "- {name: other", 1)) == [unknown]
    assert unknown.field == "spec.notifications[1].title"
    assert "unknown variable {{reson}}" in unknown.message
    (missing,) = lint(f"{HEAD}{SLOS}{steps}  notifications: [{{name: chat, secretRef: {{name: chat}}}}]\n")
    assert missing.field == "spec.notifications[0].secretRef.key"


ZERO = "a step of weight 0 without a route gets no requests"


@pytest.mark.parametrize(
    ("members", "field", "message"),
    [
        ("  steps: [{weight: 0, bake: 1m}]\n", "steps[0]", ZERO),
        ("  steps: [{weight: 0, bake: 1m, require: NoFail}]\n", "steps[0]", ZERO),
        (STEPS + "  maxHold: 0s\n", "maxHold", "no step could wait for its evidence"),
    ],
)
def test_what_could_never_pass_is_reported(members: str, field: str, message: str) -> None:
    (found,) = lint(HEAD + SLOS + members)
    assert (found.field, bool(found.remedy)) == (f"spec.{field}", True)
    assert found.message.startswith(message)


@pytest.mark.parametrize(
    "members",
    [
        "  steps: [{weight: 0, bake: 1m, require: NoFail, minRequests: 0}]\n",
        "  steps: [{weight: 0, bake: 1m, cookie: insider}]\n",
        "  steps: [{weight: 0, bake: 1m}]\n  routing: {cookie: insider}\n",
    ],
)
def test_a_step_of_weight_0_passes_by_a_route_or_unasked(members: str) -> None:
    assert lint(HEAD + SLOS + members) == []


def test_a_bad_status_that_is_excluded_is_reported() -> None:
    slos = '  slos: [{name: a, objective: 99, sli: {requests: {bad: ["5..", "308"]}}}]\n'
    (found,) = lint(HEAD + STEPS + slos)
    assert found.field == "spec.slos[0].sli.requests.bad[1]"
    assert lint(HEAD + STEPS + slos + "  analysis: {excludeStatuses: []}\n") == []


def test_a_member_without_content_is_one_of_those_that_exclude_each_other() -> None:
    (found,) = lint(
        HEAD + STEPS + "  slos: [{name: a, objective: 99, sli: {requests: {}, latency: {threshold: 1s}}}]\n"
    )
    assert found.remedy == "remove all but one of requests, latency"
    (neither,) = lint(HEAD + STEPS + "  slos: [{name: a, sli: {prometheusThreshold: {query: q}}}]\n")
    assert (neither.message, neither.remedy) == ("say min, max or both", "")


def test_members_that_are_missing_are_reported_one_by_one() -> None:
    found = lint(
        f"{ROLLOUT}  canaryService: c\n  schedule: {{ref: {{name: q}}}}\n  promotion: {{strategy: CopyImages}}\n"
    )
    assert [one.field for one in found] == ["spec.workload.canary", "spec.workload.stable"]


def test_one_workload_on_both_sides_is_reported() -> None:
    same = "  workload: {canary: {kind: Deployment, name: c}, stable: {kind: Deployment, name: c}}\n"
    (found,) = lint(f"{ROLLOUT}  canaryService: c\n  schedule: {{ref: {{name: q}}}}\n{same}")
    assert found.field == "spec.workload.stable"


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a comment\n", "---\n"])
def test_a_file_with_nothing_in_it_is_noted(text: str) -> None:
    (found,) = lint(text)
    assert (found.message, found.severity) == ("no CanarySchedule or CanaryRollout in it", LintSeverity.NOTE)
