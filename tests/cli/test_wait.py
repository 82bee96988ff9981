"""What ``wait`` makes of a rollout as it is now."""

from typing import Any

import pytest
import typer

from ingress_canary.cli.commands.wait import CODES, Goal, judged, out_of_time
from ingress_canary.cli.inputs.amounts import patience


def rollout(phase: str, revision: str | None = "v2", spec: str | None = None, **status: Any) -> dict[str, Any]:
    stored = {"phase": phase, "observedGeneration": 1, **({"revision": revision} if revision else {}), **status}
    return {"metadata": {"generation": 1}, "spec": {"revision": spec} if spec else {}, "status": stored}


def ended(reason: str, promoted: str | None = None) -> dict[str, Any]:
    at = "2026-03-02T10:00:00Z"
    condition = {"type": "Promoted", "status": promoted, "reason": reason, "lastTransitionTime": at}
    entry = {"at": at, "phase": "Succeeded", "reason": reason}
    return {"history": [entry], "conditions": [condition] if promoted else []}


@pytest.mark.parametrize(
    ("body", "goal", "revision", "appeared", "code"),
    [
        (rollout("Succeeded"), Goal.SUCCEEDED, None, True, 0),
        (rollout("Succeeded"), Goal.SUCCEEDED, "v2", False, 0),
        (rollout("RolledBack"), Goal.SUCCEEDED, None, True, 2),
        (rollout("Progressing"), Goal.SUCCEEDED, None, True, None),
        (rollout("Pending", None), Goal.SUCCEEDED, None, False, None),
        # another revision than the one that is waited for: not there yet, or gone
        (rollout("Succeeded", "v1"), Goal.SUCCEEDED, "v2", False, None),
        (rollout("RolledBack", "v1"), Goal.SUCCEEDED, "v2", False, None),
        (rollout("Succeeded", "v1", "v2"), Goal.SUCCEEDED, None, False, None),
        (rollout("Progressing", "v3"), Goal.SUCCEEDED, "v2", True, 1),
        (rollout("Progressing", "v3", stableRevision="v2"), Goal.SUCCEEDED, "v2", True, 0),
        # the spec has just been changed
        ({**rollout("Succeeded"), "metadata": {"generation": 2}}, Goal.SUCCEEDED, None, True, None),
        (rollout("Promoting"), Goal.PROMOTING, None, True, 0),
        (rollout("Succeeded"), Goal.PROMOTING, None, True, 0),
        (rollout("RolledBack"), Goal.PROMOTING, None, True, 2),
        (rollout("Paused"), Goal.PAUSED, None, True, 0),
        (rollout("RolledBack"), Goal.ROLLED_BACK, None, True, 0),
        (rollout("Succeeded"), Goal.ROLLED_BACK, None, True, 2),
        # the canary was set back to stable's version
        (rollout("Succeeded", **ended("Superseded", "False")), Goal.SUCCEEDED, None, True, 2),
        (rollout("Succeeded", **ended("Superseded")), Goal.SUCCEEDED, "v2", True, 2),
        (rollout("Succeeded", **ended("Superseded")), Goal.PROMOTING, None, True, 2),
        (rollout("Succeeded", **ended("Promoted", "True")), Goal.SUCCEEDED, "v2", True, 0),
        (rollout("Succeeded", **ended("Promoted")), Goal.SUCCEEDED, "v2", True, 0),
        ({"metadata": {}, "spec": {}}, Goal.SUCCEEDED, "v2", False, None),
        ({"metadata": {}, "spec": {}, "status": {"phase": "Newer"}}, Goal.SUCCEEDED, None, False, None),
    ],
)
def test_a_rollout_is_judged_by_its_revision_and_its_end(
    body: dict[str, Any], goal: Goal, revision: str | None, appeared: bool, code: int | None
) -> None:
    found = judged(body, goal, revision, appeared=appeared)
    assert (None if found is None else CODES[found.result]) == code


@pytest.mark.parametrize(
    ("body", "revision", "message"),
    [
        (rollout("Progressing", message="baking"), "zzz", "revision zzz has not appeared; of v2: baking"),
        (rollout("Progressing", spec="v3", message="baking"), None, "revision v3 has not appeared; of v2: baking"),
        (rollout("Progressing", message="baking"), "v2", "baking"),
        (rollout("Progressing", message="baking"), None, "baking"),
        ({"metadata": {}, "spec": {}}, "zzz", "revision zzz has not appeared"),
    ],
)
def test_when_the_time_is_up_a_revision_that_never_came_is_reported(
    body: dict[str, Any], revision: str | None, message: str
) -> None:
    assert out_of_time(body, revision).message == message


@pytest.mark.parametrize(
    ("text", "span"), [("90", 90), ("90s", 90), ("1h30m", 5400), ("0", 0), ("0.5", 0.5), ("500ms", 0.5)]
)
def test_a_time_to_wait_is_a_duration_or_a_number_of_seconds(text: str, span: float) -> None:
    assert patience(text) == span


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e300", "soon", ""])
def test_what_is_no_time_to_wait_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        patience(text)
