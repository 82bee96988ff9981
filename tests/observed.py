"""What config/ says of the daemon's metrics, taken apart: the queries of alerts and dashboard, and what they name."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.reasons.vocabulary import Reason

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "config/prometheus/rules.yaml"
RULE_TESTS = ROOT / "config/prometheus/rules.test.yaml"
DASHBOARD = ROOT / "config/grafana/ingress-canary.json"

Names = Mapping[str, frozenset[str]]
"""The labels of each series name."""

SCRAPED = frozenset({"instance", "job", "namespace"})
"""Labels that Prometheus gives to what it scrapes."""
VARIABLES = {"$namespace": "shop", "$rollout": "checkout", "$__rate_interval": "1m", "$__range": "1h"}
WORDS: Mapping[str, frozenset[str]] = {
    "phase": frozenset(Phase),
    "reason": frozenset(Reason),
    "test": frozenset({"absolute", "relative", "pass"}),
    "result": frozenset({"sent", "failed", "dropped"}),
    "code": frozenset({"error", *map(str, range(100, 600))}),
    "verb": frozenset({"get", "list", "watch", "create", "update", "patch", "delete"}),
    "namespace": frozenset({"shop"}),
    "name": frozenset({"checkout"}),
    "le": frozenset({"60.0"}),
}
"""What the value of a label may be; of the last three the queries name no others."""


class Query(NamedTuple):
    """One query of a file."""

    where: str
    text: str
    used_labels: frozenset[str]
    """Labels that the words beside it name."""


def promtool() -> str:
    """Return the program; without it the test is skipped, in CI it fails."""
    found = shutil.which("promtool")
    if found is None:
        how = "promtool is missing: apt-get install prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(how)
        pytest.skip(how)
    return found


def rules() -> dict[str, dict[str, Any]]:
    """Return every alert rule by its name."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    made: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return made


def filled(text: str) -> str:
    """Return a dashboard's query with values for its variables."""
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    return text


def drawn() -> Iterator[Query]:
    """Yield every query of the dashboard's panels, annotations and variables."""
    board = dashboard()
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            used_labels = frozenset(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            yield Query(panel["title"], filled(target["expr"]), used_labels)
    for one in board["annotations"]["list"]:
        yield Query(one["name"], filled(one["expr"]), frozenset(re.findall(r"\{\{(\w+)\}\}", one["titleFormat"])))
    for one in board["templating"]["list"][1:]:
        (found,) = re.findall(r"^label_values\((.*), (\w+)\)$", one["definition"])
        yield Query(one["name"], filled(found[0]), frozenset({found[1]}))


def alerted() -> Iterator[Query]:
    """Yield the query of every alert."""
    for name, rule in rules().items():
        used_labels = re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))
        yield Query(name, rule["expr"], frozenset(used_labels))


def names(page: str) -> Names:
    """Return what a metrics page shows."""
    found: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, frozenset()) | frozenset(sample.labels)
    return found


def faults(query: Query, known: Names) -> Iterator[str]:
    """Yield what a query names that does not exist: series, labels, values of labels."""
    expression = promql_parser.parse(query.text)
    for one in _selectors(expression):
        if one.name not in known:
            yield f"no series {one.name}"
            continue
        for matcher in one.matchers.matchers:
            if matcher.name in known[one.name]:
                yield from _strangers(matcher.name, matcher.value)
            else:
                yield f"{one.name} has no label {matcher.name}"
    for labels, sides in _modifiers(expression):
        for side in sides:
            there = SCRAPED.union(*(known.get(one.name or "", frozenset()) for one in _selectors(side)))
            yield from (f"no label {label} in {side.prettify()}" for label in labels if label not in there)
    every = SCRAPED.union(*(known.get(one.name or "", frozenset()) for one in _selectors(expression)))
    yield from (f"names a label {label}" for label in query.used_labels - every)


def _strangers(label: str, value: str) -> Iterator[str]:
    """Yield each alternative of a matcher's value that no value of the label can be."""
    for word in value.split("|"):
        if not any(re.fullmatch(word, known) for known in WORDS[label]):
            yield f"{label} is never {word}"


def _children(node: Any) -> list[Any]:
    parts = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector")]
    return [part for part in (*parts, *getattr(node, "args", ())) if part is not None]


def _selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for child in _children(node):
        yield from _selectors(child)


def _modifiers(node: Any) -> Iterator[tuple[list[str], list[Any]]]:
    """Yield the labels that an operator names, and the operands that must have them."""
    modifier = getattr(node, "modifier", None)
    if isinstance(node, promql_parser.AggregateExpr) and modifier is not None:
        yield list(modifier.labels), [node.expr]
    elif isinstance(node, promql_parser.BinaryExpr) and modifier is not None and modifier.matching is not None:
        yield list(modifier.matching.labels), [node.lhs, node.rhs]
    for child in _children(node):
        yield from _modifiers(child)
