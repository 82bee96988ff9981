"""What ``status NAME`` says of steps and pauses: what is true, and what helps."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.cli.views.rollout_table import render_table
from ingress_canary.cli.views.status_text import render_rollout

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
SLOS = [{"name": "availability", "objective": 99.5, "sli": {"requests": {}}}]
CONTENT = {"steps": [{"weight": weight, "bake": "10m"} for weight in (5, 50, 100)], "slos": SLOS}


def shown(phase: str, reason: str, step: int | None = 1, **status: Any) -> list[str]:
    content = ScheduleSpec.model_validate(CONTENT).dump()
    at = {"index": step, "weight": 5, "startedAt": "2026-03-02T09:00:00Z"} if step else None
    stored = {"phase": phase, "reason": reason, "step": at, "schedule": {"hash": "x", "content": content}, **status}
    return render_rollout({"metadata": {"name": "checkout", "namespace": "shop"}, "status": stored}, NOW).splitlines()


RESUME = "to go on: ingress-canary resume checkout -n shop"


@pytest.mark.parametrize(
    ("by", "reason", "line"),
    [
        ("Spec", "PausedByUser", "paused    by spec.paused; to go on: set it to false"),
        ("User", "PausedByUser", f"paused    by a person; {RESUME}"),
        ("Daemon", "Intervened", f"paused    because of Intervened; {RESUME}"),
        ("Daemon", "DriftFight", f"paused    because of DriftFight; {RESUME}"),
        ("Daemon", "ApprovalTimedOut", f"paused    because of ApprovalTimedOut; {RESUME}"),
    ],
)
def test_a_pause_names_who_or_what_began_it_and_what_ends_it(by: str, reason: str, line: str) -> None:
    assert line in shown("Paused", reason, pause={"by": by, "returnsTo": "Progressing"})


@pytest.mark.parametrize(
    ("phase", "reason", "step", "rail"),
    [
        ("Progressing", "Baking", 2, "steps     + 5 %   > 50 %   . 100 %"),
        ("Paused", "PausedByUser", 2, "steps     + 5 %   = 50 %   . 100 %"),
        ("Promoting", "AwaitingStable", 3, "steps     + 5 %   + 50 %   + 100 %"),
        ("Succeeded", "Promoted", 3, "steps     + 5 %   + 50 %   + 100 %"),
        ("Succeeded", "Superseded", 1, "steps     - 5 %   . 50 %   . 100 %"),
        ("Succeeded", "Superseded", None, "steps     . 5 %   . 50 %   . 100 %"),
        ("RolledBack", "SLOViolated", 2, "steps     + 5 %   x 50 %   . 100 %"),
    ],
)
def test_the_rail_marks_only_what_was_passed_as_passed(phase: str, reason: str, step: int | None, rail: str) -> None:
    assert rail in shown(phase, reason, step)


def test_a_table_of_nothing_names_the_namespace_that_was_asked_for() -> None:
    assert render_table([], NOW, "shopp") == "no CanaryRollout in namespace shopp"
    assert render_table([], NOW) == "no CanaryRollout found"


def test_a_distribution_shows_its_one_test_and_what_is_slower() -> None:
    counts = {
        "canary": {"total": 900, "bad": 108},
        "stable": {"total": 8100, "bad": 324},
        "step": {"total": 90, "bad": 9},
    }
    slo = {"name": "shape", "verdict": "inconclusive", "message": "slower than 0.25 s", "logE": {"relative": 2.5}}
    content = {**CONTENT, "slos": [*SLOS, {"name": "shape", "sli": {"latencyDistribution": {}}}]}
    stored = {
        "phase": "Progressing", "reason": "Baking", "slos": [slo | counts],
        "schedule": {"hash": "x", "content": ScheduleSpec.model_validate(content).dump()},
    }  # fmt: skip
    lines = render_rollout({"metadata": {"name": "checkout", "namespace": "shop"}, "status": stored}, NOW).splitlines()
    (row,) = [line.split() for line in lines if line.startswith("shape ")]
    assert " ".join(row) == ("shape inconclusive 108 slower of 900 324 slower of 8,100 9 slower of 90 - 2.50 of 5.99 -")
    assert "shape: slower than 0.25 s" in lines


def test_an_slo_held_against_bounds_shows_no_test_and_unknown_levels_are_left_out() -> None:
    load = {"name": "load", "sli": {"prometheusThreshold": {"query": "max(load)", "max": 1}}}
    content = ScheduleSpec.model_validate({**CONTENT, "slos": [*SLOS, load]}).dump()
    slos = [{"name": slo["name"], "verdict": "pass", "logE": {"absolute": -1}} for slo in (*SLOS, load)]
    evidence = {line.split()[0]: " ".join(line.split()) for line in shown("Progressing", "Baking", slos=slos) if line}
    known = {
        line.split()[0]: " ".join(line.split())
        for line in shown("Progressing", "Baking", slos=slos, schedule={"hash": "x", "content": content})
        if line
    }
    assert known["availability"].endswith("-1.00 of 5.30 0.00 of 5.30 0.00 of 3.00")
    assert known["load"].endswith("0 bad of 0 - - -")
    assert evidence["load"].endswith("0 bad of 0 -1.00 0.00 0.00")
