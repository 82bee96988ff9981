"""Which differences are written, and how: numbers wait, words do not, and what is unknown is spared."""

from typing import Any

import pytest

from ingress_canary.api.rollout_status import Phase, RolloutStatus, Verdict
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.preflight.problem import Findings, Problem, ProblemSeverity
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.publish import (
    STATUS,
    newsworthy_messages,
    published_status,
    shown_status,
    status_patch,
    stored_texts,
    unchanged,
    worth_writing,
)
from tests.domain.world import BEGIN, World, at_step


def status(**members: Any) -> RolloutStatus:
    return RolloutStatus.model_validate({"phase": "Progressing", "reason": "Baking", **members})


def baked(left: float, evidence: str = "too few requests") -> Message:
    return Message(MessageKey.BAKING, step="step 1", left=left, evidence=evidence)


def held(why: str) -> Message:
    return Message(MessageKey.OFF_UNTIL_DATA, why=why)


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        (baked(90), baked(80), False),
        (baked(90), baked(90, "it needs about 90 more requests"), False),
        (baked(90), Message(MessageKey.BAKING, step="step 2", left=90, evidence="too few requests"), True),
        (baked(90), Message(MessageKey.INSUFFICIENT_EVIDENCE, step="step 1", evidence="too few requests"), True),
        (held("connection refused"), held("connection refused"), False),
        (held("connection refused"), held("timed out"), True),
        (held("5 of 6 pods"), held("4 of 6 pods"), True),
    ],
    ids=str,
)
def test_measurements_are_no_news_and_other_values_are(before: Message, after: Message, news: bool) -> None:
    stored, shown = status(message=str(before)), status(message=str(after))
    known = stored_texts({STATUS: before}, stored)
    assert worth_writing(stored, shown, {STATUS: after}, known) is news


def test_any_other_text_is_news_where_it_is_not_known_what_the_stored_one_says() -> None:
    stored, shown = status(message=str(baked(90))), status(message=str(baked(80)))
    assert worth_writing(stored, shown, {STATUS: baked(80)})
    assert not worth_writing(stored, stored, {STATUS: baked(90)})
    # what this process remembers is of another text than somebody has stored since
    stale = stored_texts({STATUS: baked(80)}, shown)
    assert worth_writing(stored, shown, {STATUS: baked(80)}, stale)


@pytest.mark.parametrize(
    ("member", "kind", "while_so", "reason"),
    [("frozen", "Frozen", "True", "Frozen"), ("outdated", "ScheduleCurrent", "False", "ScheduleChanged")],
)
def test_what_lasts_is_reported_while_it_does_and_a_checkpoint_takes_nothing_back(
    member: str, kind: str, while_so: str, reason: str
) -> None:
    def shown() -> dict[str, tuple[str, str]]:
        return {one.type: (one.status, one.message) for one in world.status.conditions if one.type == kind}

    def why() -> str:
        return next(one.reason for one in world.status.conditions if one.type == kind)

    world = at_step(1)
    assert shown() == {}
    setattr(world, member, "because")
    world.step()
    assert shown() == {kind: (while_so, "because")}
    assert why() == reason
    # as the daemon does when it ends
    assert (
        published_status(Decision(world.status, world.evaluation), world.now).conditions[-1]
        == world.status.conditions[-1]
    )
    setattr(world, member, None)
    world.step()
    assert shown() == {kind: ({"True": "False", "False": "True"}[while_so], "")}
    assert why() == world.status.reason != reason


STEP = {"index": 1, "weight": 5, "startedAt": "2026-03-02T10:00:00Z"}


@pytest.mark.parametrize(
    ("change", "news"),
    [
        ({"step": {**STEP, "bakedSeconds": 12.5, "heldSeconds": 3}}, False),
        ({"step": {**STEP, "index": 2}}, True),
        ({"step": {**STEP, "startedAt": "2026-03-02T10:00:01Z"}}, True),
        ({"observedShare": 0.25}, False),
        ({"analysisState": "v1.x"}, False),
        ({"slos": [{"name": "a", "verdict": "pass", "canary": {"total": 9}}]}, False),
        ({"slos": [{"name": "a", "verdict": "fail"}]}, True),
        ({"weight": 6}, True),
        ({"lastAction": {"id": "1", "verb": "pause"}}, True),
        ({"observedGeneration": 2}, True),
    ],
    ids=str,
)
def test_only_what_changes_something_is_written_at_once(change: dict[str, Any], news: bool) -> None:
    base = {"step": STEP, "slos": [{"name": "a", "verdict": "pass"}]}
    assert worth_writing(status(**base), status(**{**base, **change})) is news


@pytest.mark.parametrize(
    ("stored", "change", "patch"),
    [
        ({}, {}, {}),
        ({"newer": 1}, {}, {}),
        ({"weight": 5}, {"weight": 0}, {"weight": 0}),
        ({"shadow": {"name": "a", "uid": "u"}}, {"shadow": {"name": "a"}}, {"shadow": {"uid": None}}),
        (
            {"shadow": {"name": "a", "uid": "u", "x": 1}},
            {"shadow": {"name": "b"}},
            {"shadow": {"uid": None, "name": "b"}},
        ),
        ({"pause": {"by": "User", "returnsTo": "Promoting"}}, {"pause": None}, {"pause": None}),
        ({"shadow": {"name": "a", "newer": 1}}, {"shadow": None}, {"shadow": None}),
        ({}, {"shadow": {"name": "a"}}, {"shadow": {"name": "a"}}),
    ],
    ids=str,
)  # fmt: skip
def test_a_patch_takes_away_only_what_it_knows(
    stored: dict[str, Any], change: dict[str, Any], patch: dict[str, Any]
) -> None:
    full = {**status().dump(), **stored}
    before = RolloutStatus.model_validate(full, extra="ignore")
    after = RolloutStatus.model_validate({**before.dump(), **change})
    assert status_patch(full, before, after) == patch


def test_conditions_keep_the_time_of_their_last_change() -> None:
    world = at_step(1)
    entered = {c.type: c.last_transition_time for c in world.status.conditions}
    world.step(4)
    later = {c.type: (c.status, c.last_transition_time) for c in world.status.conditions}
    assert later["Ready"] == ("True", entered["Ready"])
    assert later["Effective"][0] == "True"
    assert later["Effective"][1] > entered["Effective"]
    assert later["Promoted"] == ("Unknown", entered["Promoted"])


@pytest.mark.parametrize(
    ("phase", "ended", "promoted"),
    [("Succeeded", "Promoted", "True"), ("Succeeded", "Superseded", "False"), ("RolledBack", "SLOViolated", "False")],
)
def test_promoted_says_how_it_ended_also_where_the_history_is_lost(phase: str, ended: str, promoted: str) -> None:
    made = published_status(Decision(status(phase=phase, reason=ended)), BEGIN)
    assert {c.type: c.status for c in made.conditions}["Promoted"] == promoted


def test_a_rollout_that_has_not_begun_publishes_no_evidence() -> None:
    world = World()
    world.step(2)
    assert world.status.phase is Phase.PENDING
    assert (world.status.slos, world.status.analysis_state) == ([], None)


def test_a_checkpoint_holds_finite_logarithms_of_overwhelming_evidence() -> None:
    world = at_step(3)
    world.traffic.canary, world.traffic.rate = 1, 5000
    world.until(lambda w: w.status.phase is Phase.ROLLED_BACK, ticks=8)
    (slo,) = world.status.slos
    assert slo.verdict is Verdict.FAIL
    assert slo.log_e.absolute > 9000


def baking() -> tuple[World, Observation, Decision]:
    """Return a rollout that bakes, with its next reading and what is decided on it."""
    world = at_step(1)
    world.step(4)
    seen = world.observe(world.read())
    return world, seen, decide(seen, world.now)


def test_a_tick_that_changes_numbers_alone_is_known_without_words() -> None:
    world, seen, decision = baking()
    assert decision.status.message == world.status.message
    assert unchanged(world.status, decision, None, seen, world.texts)
    after = shown_status(decision, world.now, None, seen)
    assert after.message != world.status.message
    assert not worth_writing(world.status, after, newsworthy_messages(decision), world.texts)


@pytest.mark.parametrize(
    "change",
    [
        {"weight": 6.0}, {"reason": "InsufficientEvidence"}, {"step": None}, {"slos": []}, {"conditions": []},
        {"alerts": [{"reason": "NoData", "at": BEGIN}]}, {"revision": "v3"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_was_stored_otherwise_is_news(change: dict[str, Any]) -> None:
    world, seen, decision = baking()
    assert not unchanged(world.status.model_copy(update=change), decision, None, seen, world.texts)


@pytest.mark.parametrize(
    "change",
    [
        {"alerts": (Alert(Reason.NO_DATA, verbatim("none")),)}, {"evaluation": None}, {"moved": object()},
        {"asks": (object(),)},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_calls_for_a_person_or_a_gate_is_news(change: dict[str, Any]) -> None:
    world, seen, decision = baking()
    assert not unchanged(world.status, decision._replace(**change), None, seen, world.texts)


def test_findings_are_compared_to_the_letter_and_a_freeze_is_news() -> None:
    world, seen, decision = baking()
    clean = Findings((), accept_unchecked=False)
    others = [condition for condition in world.status.conditions if condition.type != "Preflight"]
    unfound = world.status.model_copy(update={"conditions": others})
    assert not unchanged(unfound, decision._replace(status=unfound), clean, seen, world.texts)
    stored = shown_status(decision, world.now, clean, seen)
    known = stored_texts(newsworthy_messages(decision, clean, seen), stored)
    assert unchanged(stored, decision._replace(status=stored), clean, seen, known)
    frozen = seen._replace(frozen="holidays")
    assert not unchanged(stored, decision._replace(status=stored), clean, frozen, known)
    odd = Problem(7, "odd", ProblemSeverity.WARNING, "Ingress shop/checkout", "spec", "is odd", "mend it")
    warned = Findings((odd,), accept_unchecked=False)
    assert not unchanged(stored, decision._replace(status=stored), warned, seen, known)
