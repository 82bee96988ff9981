"""Frames of the demo's live view, drawn to text."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from ingress_canary.api.rollout_status import LogE, Phase, RequestTally, RolloutStatus, SloStatus, StepStatus, Verdict
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.cli.views.demo_journal import JournalEntry
from ingress_canary.cli.views.demo_screen import DemoSnapshot, frame

SCHEDULE = ScheduleSpec.model_validate(
    {
        "steps": [{"ramp": {"from": 1, "to": 100, "factor": 3, "bake": "1m"}}],
        "slos": [
            {"name": "availability", "objective": 99.5, "sli": {"requests": {}}},
            {"name": "latency", "objective": 99, "maxBurn": 5, "sli": {"latency": {"threshold": "500ms"}}},
        ],
    }
)
MISSING = "needs about 48 more canary requests without errors (27 of 75 seen), at the present 0.15/s about 5m20s"

ENTRIES = [JournalEntry(20 * n, "StepPassed", f"step {n}, {n} %", f"step {n} passed: {MISSING}") for n in range(1, 30)]


def progressing(verdict: Verdict = Verdict.INCONCLUSIVE, **changes: Any) -> RolloutStatus:
    counts = {
        "canary": RequestTally(total=27),
        "stable": RequestTally(total=34_567, bad=12),
        "step": RequestTally(total=27),
    }
    slos = [SloStatus(name="availability", verdict=verdict, message=MISSING, log_e=LogE(passing=1.5), **counts)]
    step = StepStatus(index=3, weight=9, started_at=datetime(2026, 1, 1, tzinfo=UTC), baked_seconds=20)
    status = RolloutStatus(
        phase=Phase.PROGRESSING, reason="WeightNotEffective", step=step, weight=9, observed_share=0.0871, slos=slos
    )
    return status.model_copy(update=changes)


def drawn(status: RolloutStatus, width: int, height: int, entries: list[JournalEntry] = ENTRIES) -> list[str]:
    requests = {"total": 12_345, "canary": 678, "canaryFailed": 9}
    seen = DemoSnapshot(status, SCHEDULE, requests, 754.0, 20, "the canary has begun to fail", entries)
    console = Console(width=width, height=height, force_terminal=False)
    with console.capture() as capture:
        console.print(frame(seen, width, height))
    return capture.get().splitlines()


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (100, 30), (200, 60)])
@pytest.mark.parametrize("status", [RolloutStatus(), progressing()])
def test_a_frame_fits_the_terminal_with_what_was_printed_before_it(
    status: RolloutStatus, size: tuple[int, int]
) -> None:
    width, height = size
    lines = drawn(status, width, height)
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height - 3, 20)


def test_a_frame_says_where_the_rollout_is_and_what_is_missing() -> None:
    text = "\n".join(drawn(progressing(), 80, 24))
    for words in (
        "Progressing  WeightNotEffective  step 3 of 6",
        "12:34 (38 s real)",
        "8.71 %",
        "20s of 1m",
        "◌ not proven yet",
        "canary 0/27  stable 12/34,567 bad",
        "48 more canary requests without errors",
        "the canary has begun to fail",
        "12,345 requests, 678 answered by the canary, 9 of them failed",
        "step 29, 29 %",
    ):
        assert words in text


def test_a_rail_shows_the_steps_that_were_passed_and_the_one_that_failed() -> None:
    def marks(status: RolloutStatus) -> str:
        return "".join(mark for mark in drawn(status, 80, 24)[2] if mark in "●◉✗○")

    assert marks(RolloutStatus()) == "○○○○○○"
    assert marks(progressing()) == "●●◉○○○"
    assert marks(progressing(phase=Phase.ROLLED_BACK)) == "●●✗○○○"
    assert marks(progressing(phase=Phase.SUCCEEDED)) == "●●●●●●"


def test_a_proof_grows_and_a_fail_fills_it() -> None:
    def filled(status: RolloutStatus) -> int:
        return drawn(status, 80, 24)[9].count("━")

    assert filled(RolloutStatus()) == 0
    half, whole = filled(progressing()), filled(progressing(Verdict.FAIL))
    assert 0 < half < whole
    assert half == pytest.approx(whole / 2, abs=1)
