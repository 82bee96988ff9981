"""Which differences are written, and how: numbers wait, words do not, and what is unknown is spared."""

from typing import Any

import pytest

from ingress_canary.api.rollout import Phase, RolloutStatus, Verdict
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Alert, Decision, Observation
from ingress_canary.domain.preflight.problem import Findings, Problem, ProblemSeverity
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.publish import published_status, shown_status, status_patch, unchanged, worth_writing
from tests.domain.world import BEGIN, World, at_step


def status(**members: Any) -> RolloutStatus:
    return RolloutStatus.model_validate({"phase": "Progressing", "reason": "Baking", **members})


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        ("1,234 of 5,678 requests", "2,345 of 7,000 requests", False),
        ("1m of judged time to go", "1m10s of judged time to go", False),
        ("about 2h", "about 1h59m30s", False),
        ("1e-05% bad", "0.1% bad", False),
        ("E=400 of 400", "E=1.2e3989 of 400", False),
        ("at 1e+03/s", "at 999/s", False),
        ("step 1: 500ms", "step 1: 1.5s", False),
        ("rule 5: another canary", "rule 14: no endpoint", True),
        ("3 hosts", "3 more", True),
        ("connection refused", "timed out", True),
    ],
)
def test_numbers_in_a_sentence_are_no_news_and_other_changes_are(before: str, after: str, news: bool) -> None:
    reason = "PreflightFailed"
    assert worth_writing(status(reason=reason, message=before), status(reason=reason, message=after)) is news


def test_a_sentence_made_of_measurements_waits_for_the_checkpoint() -> None:
    proven, unproven = "availability: is proven better", "availability: needs about 90 more canary requests"
    assert not worth_writing(status(message=unproven), status(message=proven))


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
    assert decision.words is not None
    assert decision.status.message == world.status.message
    assert unchanged(world.status, decision, None, seen)
    after = shown_status(decision, world.now, None, seen)
    assert after.message != world.status.message
    assert not worth_writing(world.status, after)


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
    assert not unchanged(world.status.model_copy(update=change), decision, None, seen)


@pytest.mark.parametrize(
    "change",
    [
        {"alerts": (Alert(Reason.NO_DATA, "none"),)}, {"evaluation": None}, {"moved": object()}, {"asks": (object(),)},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_calls_for_a_person_or_a_gate_is_news(change: dict[str, Any]) -> None:
    world, seen, decision = baking()
    assert not unchanged(world.status, decision._replace(**change), None, seen)


def test_findings_are_compared_to_the_letter_and_a_freeze_is_news() -> None:
    world, seen, decision = baking()
    clean = Findings((), accept_unchecked=False)
    others = [condition for condition in world.status.conditions if condition.type != "Preflight"]
    unfound = world.status.model_copy(update={"conditions": others})
    assert not unchanged(unfound, decision._replace(status=unfound), clean, seen)
    stored = shown_status(decision, world.now, clean, seen)
    assert unchanged(stored, decision._replace(status=stored), clean, seen)
    frozen = seen._replace(frozen="holidays")
    assert not unchanged(stored, decision._replace(status=stored), clean, frozen)
    odd = Problem(7, "odd", ProblemSeverity.WARNING, "Ingress shop/checkout", "spec", "is odd", "mend it")
    warned = Findings((odd,), accept_unchecked=False)
    assert not unchanged(stored, decision._replace(status=stored), warned, seen)
