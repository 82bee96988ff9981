"""Checkpoints of each released version, read for ever, and what a newer release may add to them.

``checkpoints/`` holds what the releases stored, each recorded by its own code (``record_checkpoints.py`` says how).
"""

import base64
import json
import zlib
from collections.abc import Callable
from math import exp, log, log1p
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.slo.analysis import Analysis
from ingress_canary.domain.slo.checkpoint.checkpoint import Unusable, decode, encode
from tests.domain.evaluation.record_checkpoints import evidence
from tests.domain.world import World, at_step, schedule

RELEASED = {
    f"{path.stem}, {name}": case
    for path in sorted((Path(__file__).parent / "checkpoints").glob("*.json"))
    for name, case in json.loads(path.read_text()).items()
}


def restored(status: dict[str, Any], state: str | None = None) -> Evaluation:
    """Return the evaluation that a stored status continues, with another checkpoint if one is given."""
    changed = status if state is None else {**status, "analysisState": state}
    compiled = CompiledSchedule.of(schedule(**status["schedule"]["content"]))
    return Evaluation.restored(compiled, RolloutStatus.model_validate(changed))


def repacked(state: str, change: Callable[[list[Any]], None]) -> str:
    """Return a checkpoint whose document is changed."""
    version, text, *parts = state.split(".")
    document = json.loads(zlib.decompress(base64.b64decode(text)))
    change(document)
    return ".".join([version, base64.b64encode(zlib.compress(json.dumps(document).encode())).decode(), *parts])


def test_there_is_a_checkpoint_of_each_kind_of_each_release() -> None:
    assert {name.partition(",")[0] for name in RELEASED} == {"3fdf44c", "df46b18"}
    assert all(case["evidence"]["resume"] for case in RELEASED.values())
    assert any(case["evidence"]["firstFailAt"] for case in RELEASED.values())


@pytest.mark.parametrize("delta", ["0.1pp", "0.7pp"])
def test_an_older_release_goes_on_where_each_slo_has_a_difference_of_its_own(delta: str) -> None:
    """It knows the one for all, and takes 0.1pp where none is said."""
    said = {} if delta == "0.1pp" else {"analysis": {"baseline": {"minDelta": delta}}}
    slo = {"name": "availability", "objective": 98, "sli": {"requests": {}}}
    own = CompiledSchedule.of(schedule(slos=[{**slo, "minDelta": "0.3pp"}], **said))
    former = CompiledSchedule.of(schedule(slos=[slo], analysis={"baseline": {"minDelta": delta}}))
    assert [plan.objectives[0].design.delta for plan in (own.plan, former.plan)] == [0.003, float(delta[:-2]) / 100]
    assert isinstance(decode(encode(Analysis.of(own.plan)), former.plan), Analysis)
    assert isinstance(decode(encode(Analysis.of(former.plan)), own.plan), Analysis)


@pytest.mark.parametrize("case", RELEASED.values(), ids=RELEASED)
def test_a_checkpoint_of_each_release_goes_on_with_the_same_evidence(case: dict[str, Any]) -> None:
    evaluation = restored(case["status"])
    assert evaluation.lost is None
    now, then = evidence(case["status"], evaluation), case["evidence"]
    for when in ("slos", "afterOneTick"):
        for slo, before in zip(now.pop(when), then[when], strict=True):
            proven, was_proven = slo.pop("logE"), before["logE"]
            assert slo == {key: value for key, value in before.items() if key != "logE"}
            assert proven["passing"] == was_proven["passing"]
            for test in ("absolute", "relative"):
                # it was staked otherwise: what is known counts for a fifth less, and what was not staked not at all
                least, most = log(max(1e-9, 0.8 - 0.5 * exp(-was_proven[test]))), log1p(0.031 * exp(-was_proven[test]))
                assert least - 1e-4 <= proven[test] - was_proven[test] <= most + 1e-4
    assert now == {key: value for key, value in then.items() if key in now}


@pytest.mark.parametrize("case", RELEASED.values(), ids=RELEASED)
def test_what_is_written_from_it_begins_with_what_an_older_release_reads(case: dict[str, Any]) -> None:
    # the same members in the same order, with others behind them: going back by one release loses nothing either
    state = case["status"]["analysisState"]
    assert restored(case["status"]).checkpoint.split(".")[:3:2] == state.split(".")[:3:2]
    documents: list[Any] = []
    for text in (state, restored(case["status"]).checkpoint):
        repacked(text, documents.append)
    before, after = documents
    assert before[:5] == after[:5]
    for former, row in zip(before[5], after[5], strict=True):
        for place in (1, 2):
            assert row[place] == pytest.approx([bet + log(0.8) for bet in former[place]])
        assert [former[0], *former[4:]] == [row[0], *row[4:]]


def more(document: list[Any]) -> None:
    """Add members as a newer release of the same version may."""
    for row in document[5]:
        row.append({"of": "tomorrow"})
    document.append(["more"])


@pytest.mark.parametrize("case", RELEASED.values(), ids=RELEASED)
def test_members_and_parts_of_a_newer_release_are_left_alone(case: dict[str, Any]) -> None:
    ours = restored(case["status"])
    version, text, resume, additions = repacked(ours.checkpoint, more).split(".")
    resumes = [*json.loads(base64.b64decode(resume)), "more"]
    rows, *others = json.loads(zlib.decompress(base64.b64decode(additions)))
    newer = [[[*row, {"of": "tomorrow"}] for row in rows], *others, "more"]
    parts = [
        base64.b64encode(json.dumps(resumes).encode()).decode(),
        base64.b64encode(zlib.compress(json.dumps(newer).encode())).decode(),
    ]
    evaluation = restored(case["status"], ".".join([version, text, *parts, "bW9yZQ=="]))
    assert evaluation.lost is None
    assert evidence(case["status"], evaluation) == evidence(case["status"], ours)


def refingerprinted(digest: str) -> Callable[[list[Any]], None]:
    """Return the change of a document that gives its plan another digest."""
    return lambda document: document.__setitem__(0, digest)


CASE = RELEASED["3fdf44c, in a ramp, two SLOs"]
STATE = CASE["status"]["analysisState"]
LOST = {
    "another version": ("v2." + STATE.removeprefix("v1."), Unusable.VERSION),
    "a digest by another algorithm": (repacked(STATE, refingerprinted("blake2:0123")), Unusable.ALGORITHM),
    "other tests": (repacked(STATE, refingerprinted("0123456789abcdef")), Unusable.PLAN),
    "damage": (STATE[:40], Unusable.MALFORMED),
    "too many lists": (repacked(STATE, lambda document: document.append([[]] * 20_000)), Unusable.MALFORMED),
    "too many numbers": (repacked(STATE, lambda document: document.append([1] * 200_000)), Unusable.MALFORMED),
    "too many bytes": (repacked(STATE, lambda document: document.append("x" * 2**20)), Unusable.MALFORMED),
}


@pytest.mark.parametrize(("state", "why"), LOST.values(), ids=LOST)
def test_evidence_that_cannot_go_on_begins_anew_with_its_bake_and_says_why(state: str, why: Unusable) -> None:
    evaluation = restored(CASE["status"], state)
    assert evaluation.lost is why
    assert (evaluation.analysis.step, evaluation.analysis.canary_requests) == (CASE["evidence"]["step"], 0)
    assert (evaluation.baked, evaluation.held, evaluation.resume) == (0, 0, None)


def test_what_is_within_the_bounds_is_read() -> None:
    state = repacked(STATE, lambda document: document.append([[[]] * 19_000, [1] * 150_000, "x" * 100_000]))
    assert restored(CASE["status"], state).lost is None


def lose(world: World) -> World:
    """Let another process go on with a checkpoint that it cannot read."""
    state = f"v9.{world.status.analysis_state}"
    world.status = world.status.model_copy(update={"analysis_state": state})
    world.crash()
    return world


def test_lost_evidence_is_reported_once_and_moves_nothing() -> None:
    world = at_step(2)
    world.step(7)
    before = world.status
    lose(world).step(20)
    alerts = [alert for decision in world.decisions for alert in decision.alerts]
    assert [alert.reason for alert in alerts] == [Reason.EVIDENCE_LOST]
    assert str(Unusable.VERSION) in str(alerts[0].message)
    assert world.history[: len(before.history)] == [(e.step, e.weight, e.reason) for e in before.history]
    assert str(world.status.analysis_state).startswith("v1."), "what goes on from here is readable again"


def test_a_step_is_not_passed_with_the_bake_of_evidence_that_was_lost() -> None:
    world = at_step(1, schedule=schedule(steps=[{"weight": 50, "bake": "10m", "require": "NoFail"}]))
    world.step(59)
    assert [reason for _, _, reason in lose(world).history] == ["Settling"]
    world.step(50)
    assert [reason for _, _, reason in world.history] == ["Settling"]
    world.step(20)
    assert [reason for _, _, reason in world.history] == ["Settling", "StepPassed"]
