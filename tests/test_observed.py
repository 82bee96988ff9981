"""Alerts and dashboard name what there is: series, labels and words, runbooks, and places that Grafana can draw."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from ingress_canary.adapters.telemetry.daemon_metrics import PrometheusTelemetry
from tests.adapters.test_telemetry import AT, KEY, LEVELS, progressing
from tests.observed import (
    ROOT,
    RULE_TESTS,
    RULES,
    SCRAPED,
    Names,
    Query,
    alerted,
    dashboard,
    drawn,
    faults,
    names,
    promtool,
    rules,
)
from tests.pages import anchors, blocks

QUERIES = [*drawn(), *alerted()]
MOST_COLUMNS = 24
PROMISED = (
    "rollout_info", "weight", "observed_share", "step", "slo_log_evalue", "slo_verdict", "transitions_total",
    "rollback_seconds", "reconcile_seconds", "queue_depth", "source_query_seconds", "source_errors_total",
    "api_requests_total", "leader",
)  # fmt: skip


@pytest.fixture(scope="module")
def known() -> Names:
    """What the telemetry adapter shows of a daemon at work."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    telemetry = PrometheusTelemetry(registry)
    telemetry.rollout(KEY, progressing, LEVELS)
    telemetry.api_request("patch", "ingresses", "200", 0.01)
    telemetry.source_read(AT, 0.1, 1, 0)
    return names(generate_latest(registry).decode())


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_every_query_names_series_labels_and_words_that_there_are(query: Query, known: Names) -> None:
    assert list(faults(query, known)) == []


@pytest.mark.parametrize(
    ("text", "used_labels", "fault"),
    [
        ("ingress_canary_weigth", (), "no series ingress_canary_weigth"),
        ('ingress_canary_weight{rollout="x"}', (), "ingress_canary_weight has no label rollout"),
        ('rate(ingress_canary_transitions_total{reason=~"Promoted|Gone"}[5m])', (), "reason is never Gone"),
        ("sum by (slo) (ingress_canary_weight)", (), "no label slo in ingress_canary_weight"),
        ("ingress_canary_weight / on (slo) ingress_canary_step", (), "no label slo in ingress_canary_weight"),
        ("ingress_canary_leader", ("revision",), "names a label revision"),
    ],
)
def test_what_does_not_exist_would_be_found(text: str, used_labels: tuple[str, ...], fault: str, known: Names) -> None:
    assert next(faults(Query("", text, frozenset(used_labels)), known)) == fault


def test_what_the_daemon_promises_to_show_is_there_and_drawn(known: Names) -> None:
    drawn_ones = " ".join(query.text for query in drawn())
    for name in PROMISED:
        assert {f"ingress_canary_{name}", f"ingress_canary_{name}_bucket"} & known.keys(), name
        assert f"ingress_canary_{name}" in drawn_ones, name


def ask(*words: str | Path) -> None:
    done = subprocess.run([promtool(), *words], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_the_rules_in_order() -> None:
    ask("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_the_scrape_job_of_the_how_to_is_one_that_prometheus_takes(tmp_path: Path) -> None:
    (job,) = [one.text for one in blocks(ROOT / "docs/howto/alert.md") if "scrape_configs:" in one.text]
    # Debian builds Prometheus without the discovery of Kubernetes
    (tmp_path / "prometheus.yml").write_text(re.sub(r" *kubernetes_sd_configs.*\n", "", job))
    ask("check", "config", tmp_path / "prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    ask("test", "rules", RULE_TESTS)


def test_each_alert_has_been_seen_silent_and_firing() -> None:
    cases = [
        case for test in yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]  # fmt: skip
    for fires in (True, False):
        assert {case["alertname"] for case in cases if bool(case.get("exp_alerts")) is fires} == set(rules())


@pytest.mark.parametrize("name", rules())
def test_each_alert_says_what_is_so_how_bad_it_is_and_where_to_read_on(name: str) -> None:
    rule = rules()[name]
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert name == "IngressCanaryDown" or "$value" in rule["annotations"]["description"] or rule.get("for")
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor in anchors(ROOT / page)


def test_the_how_to_lists_every_alert_with_its_severity() -> None:
    page = (ROOT / "docs/howto/alert.md").read_text(encoding="utf-8")
    used_labels = dict(re.findall(r"^\| `(IngressCanary\w+)` \| (\w+) \|", page, re.MULTILINE))
    assert used_labels == {name: rule["labels"]["severity"] for name, rule in rules().items()}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dashboard()["panels"]
    return found


def test_grafana_can_place_every_panel() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= MOST_COLUMNS
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken.keys(), panel["title"]
        taken |= dict.fromkeys(cells, panel["title"])
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert len({panel["title"] for panel in panels()}) == len(panels())


def test_every_query_of_the_dashboard_asks_the_chosen_prometheus() -> None:
    board = dashboard()
    assert board["schemaVersion"] >= 39
    assert board["templating"]["list"][0]["name"] == "datasource"
    assert {one["name"] for one in board["templating"]["list"]} == {"datasource", "namespace", "rollout"}
    asking = [one for panel in panels() for one in (panel, *panel.get("targets", ())) if panel["type"] != "row"]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for one in (*asking, *board["templating"]["list"][1:], *board["annotations"]["list"]):
        assert one["datasource"] == chosen
    for panel in panels():
        refs = [one["refId"] for one in panel.get("targets", ())]
        assert len(set(refs)) == len(refs)


def test_panels_of_rollouts_show_those_that_were_chosen(known: Names) -> None:
    of_rollouts = [name for name, labels in known.items() if {"namespace", "name"} <= labels]
    asked = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    some = [text for text in asked if any(name in text for name in of_rollouts)]
    assert some
    assert [text for text in some if 'namespace=~"$namespace", name=~"$rollout"' not in text] == []


def test_what_prometheus_adds_is_none_of_the_daemons_own_but_the_namespace(known: Names) -> None:
    assert {label for name, labels in known.items() for label in labels & SCRAPED} == {"namespace"}
