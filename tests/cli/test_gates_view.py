"""``status NAME`` shows of each gate its answer, how often it was asked, and when it is asked next."""

from datetime import UTC, datetime

from ingress_canary.cli.views.status_text import render_rollout

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_each_gate_is_a_line_with_its_answer_and_when_it_is_asked_next() -> None:
    asked = "2026-03-02T09:59:50Z"
    gates = [
        {"name": "schema", "when": "beforeStart", "step": 1, "verdict": "passed", "message": "ok", "attempts": 1,
         "at": asked},
        {"name": "load", "when": "beforeStep", "step": 2, "verdict": "unknown", "message": "503", "attempts": 3,
         "at": asked, "nextAt": "2026-03-02T10:00:10Z"},
        {"name": "logs", "when": "duringStep", "verdict": "unknown"},
    ]  # fmt: skip
    body = {
        "metadata": {"name": "checkout", "namespace": "shop"},
        "status": {"phase": "Progressing", "gates": gates},
    }
    shown = [" ".join(line.split()) for line in render_rollout(body, NOW).splitlines()]
    assert "GATE WHEN STEP VERDICT ASKED LAST NEXT MESSAGE" in shown
    assert "schema beforeStart 1 passed 1x 09:59:50Z - ok" in shown
    assert "load beforeStep 2 unknown 3x 09:59:50Z 10:00:10Z 503" in shown
    assert "logs duringStep - unknown 0x - - -" in shown


def test_a_rollout_without_gates_shows_none() -> None:
    assert "GATE" not in render_rollout({"metadata": {"name": "checkout", "namespace": "shop"}, "status": {}}, NOW)
