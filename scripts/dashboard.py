"""The Grafana dashboard, config/grafana/ingress-canary.json: written by ``generate.py``, no place counted by hand.

A panel is one call below. Its queries name only metrics and labels of docs/reference/metrics.md, as a test shows.
"""

import json
from typing import Any

Json = dict[str, Any]

SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
CHOSEN = 'namespace=~"$namespace", name=~"$rollout"'
NAME = "{{namespace}}/{{name}}"
COLUMNS = 24

PHASES = {
    "Pending": "text", "Progressing": "blue", "Paused": "orange", "Promoting": "purple", "Succeeded": "green",
    "RolledBack": "red",
}  # fmt: skip
VERDICTS = {"-1": ("fail", "red"), "0": ("inconclusive", "yellow"), "1": ("pass", "green"), "2": ("no data", "text")}


def target(expr: str, legend: str = "", **more: Any) -> Json:
    """Return one query of a panel."""
    return {"datasource": SOURCE, "editorMode": "code", "expr": expr, "legendFormat": legend or "__auto", **more}


def panel(kind: str, title: str, *targets: Json, width: int = 8, height: int = 8, **more: Any) -> Json:
    """Return a panel without its place; ``more`` may hold unit, description, defaults, overrides, options."""
    defaults = {**more.get("defaults", {}), **({"unit": more["unit"]} if "unit" in more else {})}
    made = [{**one, "refId": chr(ord("A") + number)} for number, one in enumerate(targets)]
    return {
        "type": kind, "title": title, "description": more.get("description", ""), "datasource": SOURCE,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": defaults, "overrides": more.get("overrides", [])},
        "options": more.get("options", {}), "targets": made,
        **({"transformations": more["transformations"]} if "transformations" in more else {}),
    }  # fmt: skip


def lines(title: str, *targets: Json, **more: Any) -> Json:
    """Return a panel of lines over time."""
    custom = {"lineWidth": 2, "showPoints": "never", **more.pop("custom", {})}
    defaults = {"custom": custom, **more.pop("defaults", {})}
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, *targets, defaults=defaults, options=options, **more)


def number(title: str, *targets: Json, **more: Any) -> Json:
    """Return a panel of the newest numbers."""
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "textMode": "value_and_name"}
    defaults = {"color": {"mode": "thresholds"}, **more.pop("defaults", {})}
    return panel("stat", title, *targets, defaults=defaults, options=options, **more)


def steps(*bounds: tuple[str, float | None]) -> Json:
    """Return thresholds: a colour from each bound on, the first from below all."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in bounds]}


def named(name: str, **properties: Any) -> Json:
    """Return how the series of a name are drawn otherwise."""
    shown = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byRegexp", "options": f"/{name}/"}, "properties": shown}


def colored(name: str, color: str) -> Json:
    """Return how the series of a name get their colour."""
    return named(f"^{name}$", color={"mode": "fixed", "fixedColor": color})


def quantiles(metric: str, by: str = "") -> tuple[Json, ...]:
    """Return the queries of the median and the 99th percentile of a histogram."""
    labels, legend = (f"le, {by}", f"{{{{{by}}}}} ") if by else ("le", "")
    return tuple(
        target(
            f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))", f"{legend}{told}"
        )
        for q, told in ((0.5, "p50"), (0.99, "p99"))
    )


def per_rollout(metric: str, more: str = "", matchers: str = "") -> str:
    """Return each rollout's value, whichever replica tells it."""
    return f"max by (namespace, name{more}) ({metric}{{{CHOSEN}{matchers}}})"


DASHED = named("^proof", **{"custom.lineStyle": {"fill": "dash", "dash": [8, 8]}, "custom.lineWidth": 1})
OURS = "and on (instance, job) ingress_canary_build_info"

BY_PHASE = target(f"count by (phase) ({per_rollout('ingress_canary_rollout_info', ', phase')})", "{{phase}}")

ROLLOUTS = (
    number(
        "Rollouts by phase", BY_PHASE,
        width=6, overrides=[colored(phase, color) for phase, color in PHASES.items()],
    ),
    panel(
        "table", "Rollouts now",
        target(per_rollout("ingress_canary_rollout_info", ", phase, reason, revision"), format="table", instant=True),
        width=12, description="The reason is explained in docs/reference/reasons.md.",
        options={"showHeader": True, "sortBy": [{"displayName": "phase"}]},
        transformations=[{"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}}],
    ),
    lines(
        "Rollouts by phase, over time", BY_PHASE,
        width=6, custom={"stacking": {"mode": "normal"}, "fillOpacity": 40},
        overrides=[colored(phase, color) for phase, color in PHASES.items()],
    ),
)  # fmt: skip
TRAFFIC = (
    lines(
        "Weight and observed share",
        target(per_rollout("ingress_canary_weight"), f"{NAME} weight"),
        target(f"100 * {per_rollout('ingress_canary_observed_share')}", f"{NAME} share"),
        width=16,
        unit="percent",
        custom={"lineInterpolation": "stepAfter"},
        defaults={"min": 0, "max": 100},
        description="What the daemon wants on the canary, and what the canary got since the step settled.",
        overrides=[named("share$", **{"custom.lineStyle": {"fill": "dash", "dash": [4, 4]}})],
    ),
    lines("Step", target(per_rollout("ingress_canary_step"), NAME), custom={"lineInterpolation": "stepAfter"}),
)
EVIDENCE = (
    lines(
        "Evidence against the canary",
        target(per_rollout("ingress_canary_slo_log_evalue", ", slo, test", ', test=~"absolute|relative"'),
               f"{NAME} {{{{slo}}}} {{{{test}}}}"),
        target(per_rollout("ingress_canary_slo_log_evalue_threshold", ", slo", ', test="absolute"'),
               f"proof: {NAME} {{{{slo}}}}"),
        overrides=[DASHED],
        description="ln E of both fail tests, against the objective and against stable. At the dashed line: proven.",
    ),
    lines(
        "Evidence for the canary, in this step",
        target(per_rollout("ingress_canary_slo_log_evalue", ", slo", ', test="pass"'), f"{NAME} {{{{slo}}}}"),
        target(per_rollout("ingress_canary_slo_log_evalue_threshold", ", slo", ', test="pass"'),
               f"proof: {NAME} {{{{slo}}}}"),
        overrides=[DASHED], description="ln E of the pass test. At the dashed line the SLO is proven kept.",
    ),
    panel(
        "state-timeline", "Verdicts", target(per_rollout("ingress_canary_slo_verdict", ", slo"), f"{NAME} {{{{slo}}}}"),
        defaults={"mappings": [{"type": "value", "options": {
            value: {"text": text, "color": color} for value, (text, color) in VERDICTS.items()
        }}]},
        options={"showValue": "never", "mergeValues": True},
    ),
)  # fmt: skip
BAD = "SLOViolated|StepTimedOut|AbortedByUser|Intervened|DriftFight|CanaryNotReady"
"""Reasons of transitions that call for a person."""
ROLLBACKS = "sum by (le) (increase(ingress_canary_rollback_seconds_bucket[$__range]))"

ENDS = (
    lines(
        "Transitions",
        target("sum by (reason) (increase(ingress_canary_transitions_total[$__rate_interval])) > 0", "{{reason}}"),
        custom={"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal"}},
    ),
    number(
        "Transitions that call for a person",
        target(f'sum by (reason) (increase(ingress_canary_transitions_total{{reason=~"{BAD}"}}[$__range])) > 0',
               "{{reason}}"),
        defaults={"thresholds": steps(("red", None)), "decimals": 0}, description="In the time range shown.",
    ),
    number(
        "Rollbacks: from proof to shadow gone",
        target("sum(increase(ingress_canary_rollback_seconds_count[$__range]))", "rollbacks"),
        target(f"histogram_quantile(0.5, {ROLLBACKS})", "p50"),
        target(f"histogram_quantile(0.99, {ROLLBACKS})", "p99"),
        overrides=[named("^p", unit="s", thresholds=steps(("green", None), ("orange", 30), ("red", 60)))],
        description="In the time range shown.",
    ),
)  # fmt: skip
SOURCES = (
    lines("Time of a look", *quantiles("ingress_canary_source_query_seconds", "source"), unit="s"),
    lines(
        "Targets without an answer",
        target("sum by (source) (rate(ingress_canary_source_errors_total[$__rate_interval]))", "{{source}}"),
        unit="ops",
    ),
    lines(
        "Since the last good look",
        target("time() - max by (source) (ingress_canary_source_last_success_timestamp_seconds)", "{{source}}"),
        unit="s",
        description="It grows while nothing is asked, too: at rest the daemon takes no look.",
    ),
)  # fmt: skip
CALLS = "ingress_canary_api_requests_total"
FAILED = f'sum by (verb, resource, code) (rate({CALLS}{{code!~"2.."}}[$__rate_interval]))'

DAEMON = (
    lines("Leader", target("ingress_canary_leader", "{{instance}}"),
          custom={"lineInterpolation": "stepAfter", "fillOpacity": 20}, defaults={"min": 0, "max": 1, "decimals": 0},
          description="One replica at 1, the others at 0."),
    lines("API requests", target(f"sum by (verb, resource) (rate({CALLS}[$__rate_interval]))", "{{verb}} {{resource}}"),
          unit="reqps",
          description="The API budget: at rest there are watches and the lease, and no reads."),
    lines("API requests not answered with 2xx", target(f"{FAILED} > 0", "{{code}} {{verb}} {{resource}}"),
          unit="reqps"),
    lines("Time of a pass", *quantiles("ingress_canary_reconcile_seconds"), unit="s"),
    lines("Passes, and those that failed",
          target("sum(rate(ingress_canary_reconcile_seconds_count[$__rate_interval]))", "passes"),
          target("sum(rate(ingress_canary_reconcile_errors_total[$__rate_interval]))", "failed"), unit="ops",
          overrides=[colored("failed", "red")]),
    lines("Queue", target("sum by (instance) (ingress_canary_queue_depth)", "{{instance}} waiting"),
          target("max by (instance) (ingress_canary_queue_oldest_seconds)", "{{instance}} longest wait"),
          overrides=[named("wait$", unit="s")]),
    lines("Memory", target(f"process_resident_memory_bytes {OURS}", "{{instance}}"), unit="bytes", width=12),
    lines("CPU", target(f"rate(process_cpu_seconds_total[$__rate_interval]) {OURS}", "{{instance}}"), width=12,
          description="Cores."),
)  # fmt: skip
ROWS = (
    ("Rollouts", ROLLOUTS), ("Traffic", TRAFFIC), ("Evidence", EVIDENCE), ("How they end", ENDS),
    ("Metrics source", SOURCES), ("Daemon", DAEMON),
)  # fmt: skip


def variable(name: str, label: str, query: str) -> Json:
    """Return a variable with the values that a label has now."""
    return {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1, "multi": True,
        "includeAll": True, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]},
        "definition": query, "query": {"query": query, "refId": name},
    }  # fmt: skip


def placed() -> list[Json]:
    """Return every panel with its id and its place: rows one below the other, their panels from left to right."""
    panels: list[Json] = []
    y = 0
    for title, row in ROWS:
        panels.append(
            {
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            }
        )
        x, y, below = 0, y + 1, y + 1
        for one in row:
            place = one["gridPos"]
            if x + place["w"] > COLUMNS:
                x, y = 0, below
            panels.append({**one, "gridPos": {"x": x, "y": y, **place}})
            x, below = x + place["w"], max(below, y + place["h"])
        y = below
    return [{"id": number, **one} for number, one in enumerate(panels, 1)]


def dashboard() -> str:
    """Return the file."""
    moves = f"{per_rollout('ingress_canary_last_transition_timestamp_seconds')} * 1000"
    made = {
        "uid": "ingress-canary", "title": "Canary rollouts (ingress-canary)", "tags": ["ingress-canary"],
        "description": "Generated by `make generate` from scripts/dashboard.py.",
        "schemaVersion": 39, "version": 1, "editable": True, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"}, "fiscalYearStartMonth": 0, "links": [],
        "templating": {"list": [
            {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            variable("namespace", "Namespace", "label_values(ingress_canary_rollout_info, namespace)"),
            variable("rollout", "Rollout", 'label_values(ingress_canary_rollout_info{namespace=~"$namespace"}, name)'),
        ]},
        "annotations": {"list": [
            {"name": "Transitions", "datasource": SOURCE, "enable": True, "iconColor": "blue", "expr": moves,
             "useValueForTime": True, "titleFormat": NAME, "step": "30s"},
        ]},
        "panels": placed(),
    }  # fmt: skip
    return json.dumps(made, indent=1) + "\n"
