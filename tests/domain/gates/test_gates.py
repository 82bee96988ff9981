"""Webhook gates: what each answer leads to on each occasion, what is asked when, and what survives a crash."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress_canary.api.gate import GateStatus, GateVerdict
from ingress_canary.api.rollout_status import Phase
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Decision, Obstacle
from ingress_canary.domain.gates.request import gate_calls
from ingress_canary.domain.gates.schedule import GateAnswer
from ingress_canary.domain.metrics.samples import Reading
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.status.publish import worth_writing
from tests.domain.world import BEGIN, INTERVAL, World, deployment, schedule, with_spec

PASSED, REJECTED, UNKNOWN = GateVerdict.PASSED, GateVerdict.REJECTED, GateVerdict.UNKNOWN
HANGS = None
Says = GateVerdict | None
MINUTE = timedelta(minutes=1)


@dataclass
class Gated(World):
    """A world whose gates answer as ``says`` tells; one that hangs says nothing at all."""

    says: dict[str, Says] = field(default_factory=dict)
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    """Gate, step and id of each question, in order."""

    def pass_(self, reading: Reading | None = None, *, die: str = "") -> Decision:
        self._answer()
        return super().pass_(reading, die=die)

    def _answer(self) -> None:
        for one in self.memory.gates or ():
            if one.next_at is not None and one.next_at <= self.now:
                self.asked.append((one.name, one.step, one.question))
                answer = self.says.get(one.name, HANGS)
                if answer is not HANGS:
                    self.answers[one.name] = GateAnswer(one.question, answer, f"says {answer}", self.now)

    def gate_status(self, name: str = "qa") -> GateStatus:
        return next(one for one in self.status.gates if one.name == name)


def gate(when: str, name: str = "qa", **members: Any) -> dict[str, Any]:
    return {"name": name, "when": when, "url": f"http://{name}.shop/", **members}


def world(*gates: dict[str, Any], says: Says = HANGS, **changes: Any) -> Gated:
    made = Gated(schedule=schedule(gates=list(gates), **changes))
    made.says = {one["name"]: says for one in gates}
    return made


def waits(made: Gated) -> Gated:
    made.until(lambda w: w.status.reason == Reason.AWAITING_GATE)
    return made


Reached = Callable[[World], bool]
BEFORE: list[tuple[str, Phase, float]] = [
    ("beforeStart", Phase.PENDING, 0),
    ("beforeStep", Phase.PENDING, 0),
    ("duringStep", Phase.PROGRESSING, 5),
    ("beforePromotion", Phase.PROGRESSING, 100),
]
"""When, and where a rollout waits for such a gate first."""


@pytest.mark.parametrize("says", [HANGS, UNKNOWN])
@pytest.mark.parametrize(("when", "phase", "weight"), BEFORE)
def test_what_does_not_pass_holds_for_ever_and_passes_as_soon_as_the_gate_does(
    when: str, phase: Phase, weight: float, says: Says
) -> None:
    made = waits(world(gate(when), says=says, maxHold="10m"))
    made.step(120)
    assert (made.status.phase, made.weight, made.status.reason) == (phase, weight, Reason.AWAITING_GATE)
    made.says["qa"] = PASSED
    made.until(lambda w: w.status.phase is Phase.PROMOTING)
    assert {reason for _, _, reason in made.history} == {Reason.SETTLING, Reason.STEP_PASSED}


@pytest.mark.parametrize(("when", "phase", "weight"), BEFORE)
def test_a_rejection_holds_and_is_reported_until_the_gate_passes(when: str, phase: Phase, weight: float) -> None:
    made = world(gate(when), says=REJECTED)
    made.until(lambda w: w.status.reason == Reason.GATE_REJECTED)
    made.step(120)
    assert (made.status.phase, made.weight, made.status.reason) == (phase, weight, Reason.GATE_REJECTED)
    assert [alert.reason for alert in made.decisions[-1].alerts][:1] == [Reason.GATE_REJECTED]
    made.says["qa"] = PASSED
    made.until(lambda w: w.status.phase is Phase.PROMOTING)


@pytest.mark.parametrize(("when", "phase", "weight"), BEFORE)
def test_a_rejection_pauses_where_the_gate_says_so_and_resume_asks_again(
    when: str, phase: Phase, weight: float
) -> None:
    made = world(gate(when, onReject="Pause"), says=REJECTED)
    made.until(lambda w: w.status.phase is Phase.PAUSED)
    assert (made.status.reason, made.weight) == (Reason.GATE_REJECTED, weight)
    assert made.status.message.startswith("gate qa (")
    assert made.status.message.endswith("rejected: says rejected; resume asks it again")
    made.step(20)
    times = len(made.asked)
    made.action = "resume#1"
    made.until(lambda w: len(made.asked) > times)
    # it still says no
    made.until(lambda w: w.status.phase is Phase.PAUSED)
    made.says["qa"], made.action = PASSED, "resume#2"
    made.until(lambda w: w.status.phase is Phase.PROMOTING)


@pytest.mark.parametrize(("when", "phase", "weight"), BEFORE)
def test_a_rejection_rolls_back_where_the_gate_says_so(when: str, phase: Phase, weight: float) -> None:
    made = world(gate(when, onReject="Rollback"), says=REJECTED)
    made.until(lambda w: w.status.phase is Phase.ROLLED_BACK)
    assert (made.status.reason, made.weight, made.shadow) == (Reason.GATE_REJECTED, 0, None)
    assert made.status.failed_revision == made.status.revision
    times = len(made.asked)
    made.step(100)
    assert len(made.asked) == times
    made.action, made.says["qa"] = "retry#1", PASSED
    made.until(lambda w: w.status.phase is Phase.PROMOTING)


@pytest.mark.parametrize(("when", "phase", "weight"), BEFORE)
def test_a_gate_that_hangs_keeps_no_failing_canary_on(when: str, phase: Phase, weight: float) -> None:
    made = waits(world(gate(when)))
    made.traffic.canary = 0.5
    if phase is Phase.PROGRESSING:
        made.until(lambda w: w.status.phase is Phase.ROLLED_BACK, 5)
        assert made.status.reason == Reason.SLO_VIOLATED


def test_each_occasion_is_asked_once_for_each_step_that_it_is_for_and_nothing_at_rest() -> None:
    gates = [
        gate("afterFinish", "told"), gate("beforePromotion", "last"), gate("beforeStep", "each"),
        gate("beforeStep", "some", steps=["2"]), gate("beforeStart", "first"),
    ]  # fmt: skip
    made = world(*gates, says=PASSED)
    made.until(lambda w: w.status.phase is Phase.PROMOTING)
    made.stable = deployment("checkout", "app:v2")
    made.until(lambda w: w.status.phase is Phase.SUCCEEDED)
    made.step(120)
    assert [(name, step) for name, step, _ in made.asked] == [
        ("first", 1), ("each", 1), ("each", 2), ("some", 2), ("each", 3), ("last", 3), ("told", 3),
    ]  # fmt: skip
    assert len({question for *_, question in made.asked}) == len(made.asked)
    assert not made.decisions[-1].wants_evidence
    assert [(one.name, one.verdict, one.next_at) for one in made.status.gates] == [
        (name, PASSED, None) for name in ("told", "last", "each", "some", "first")
    ]


def test_a_gate_of_a_step_is_asked_each_tick_while_it_lasts_paused_or_not() -> None:
    made = world(gate("duringStep"), says=PASSED, steps=[{"weight": 5, "bake": "10h"}])
    made.until(lambda w: w.weight == 5)
    made.step(20)
    assert 18 <= len(made.asked) <= 22
    assert len({question for *_, question in made.asked}) == 1
    made.action = "pause#1"
    made.step(20)
    assert made.status.phase is Phase.PAUSED
    assert 36 <= len(made.asked) <= 42
    made.action = "abort#2"
    made.step()
    times = len(made.asked)
    made.step(20)
    assert len(made.asked) == times


def test_a_rejection_rolls_back_a_paused_rollout_too() -> None:
    made = world(gate("duringStep", onReject="Rollback"), says=PASSED)
    made.until(lambda w: w.weight == 5)
    made.action = "pause#1"
    made.step()
    made.says["qa"] = REJECTED
    made.step(2)
    assert (made.status.phase, made.status.reason) == (Phase.ROLLED_BACK, Reason.GATE_REJECTED)


def test_a_pass_that_has_grown_old_no_longer_counts_at_a_step() -> None:
    made = world(gate("duringStep"), says=PASSED)
    made.until(lambda w: w.weight == 5)
    made.step()
    made.says["qa"] = HANGS
    waits(made)
    assert "qa (duringStep, step 1) passed: says passed, " in made.status.message
    assert "s ago, which is too old; asked once" in made.status.message
    made.step(100)
    assert made.weight == 5


def test_steady_passes_are_not_written_each_tick() -> None:
    made = world(gate("duringStep"), says=PASSED)
    made.until(lambda w: w.weight == 5)
    made.step()
    before = made.status
    after = made.pass_().status
    assert before.gates
    later = after.gates[0].model_copy(update={"at": made.now + 5 * MINUTE, "message": "other words"})
    assert not worth_writing(after, after.model_copy(update={"gates": [later]}))
    no = later.model_copy(update={"verdict": REJECTED})
    assert worth_writing(after, after.model_copy(update={"gates": [no]}))


def test_attempts_come_further_and_further_apart_and_are_shown() -> None:
    made = waits(world(gate("beforeStart", backoff="30s"), says=UNKNOWN))
    made.step(200)
    assert 8 <= len(made.asked) <= 11
    record = made.gate_status()
    assert record.at is not None
    assert record.next_at is not None
    assert record.next_at - record.at == 5 * MINUTE
    assert record.attempts == len(made.asked)
    assert len({question for *_, question in made.asked}) == 1
    assert f"says unknown; asked {record.attempts} times, next at {record.next_at:%H:%M:%S} UTC" in made.status.message
    assert [alert.reason for alert in made.decisions[-1].alerts] == [Reason.AWAITING_GATE]


def test_a_gate_is_asked_when_everything_else_lets_the_rollout_pass() -> None:
    freeze = {"from": "2026-03-02T10:00", "to": "2026-03-02T12:00"}
    made = world(gate("beforeStart"), says=PASSED, windows={"freezes": [freeze]})
    made.until(lambda w: w.status.reason == Reason.FROZEN)
    made.step(100)
    assert made.asked == []
    made.until(lambda w: w.weight == 5, 1000)
    assert len(made.asked) == 1


def test_people_are_asked_before_gates_are() -> None:
    steps = [{"weight": 5, "bake": "1m"}, {"weight": 50, "bake": "1m", "approval": {"when": "Before"}}]
    made = world(gate("beforeStep", steps=["2"]), says=PASSED, steps=steps)
    made.until(lambda w: w.status.reason == Reason.AWAITING_APPROVAL)
    made.step(100)
    assert made.asked == []
    made.action = f"approve:{made.status.revision}/2#1"
    made.until(lambda w: w.weight == 50)
    assert len(made.asked) == 1


def test_a_person_who_skips_passes_the_gates_to_come_and_those_of_the_step_go_on() -> None:
    made = world(gate("beforeStep", steps=["2"]), gate("duringStep", "logs", steps=["2"]))
    made.says["logs"] = PASSED
    waits(made)
    made.action = f"skip:{made.status.revision}/1#1"
    made.until(lambda w: w.weight == 50)
    made.step(2)
    assert made.gate_status("logs").verdict is PASSED
    assert made.gate_status("qa").next_at is None


def test_an_answer_from_before_a_long_stop_is_not_enough() -> None:
    made = world(gate("beforeStart", "one"), gate("beforeStart", "two"), says=PASSED)
    made.says["two"] = HANGS
    waits(made)
    made.frozen = "incident 4711"
    made.step(200)
    assert [name for name, *_ in made.asked].count("one") == 1
    made.frozen, made.says["one"], made.says["two"] = None, HANGS, PASSED
    made.step(20)
    assert made.weight == 0
    assert "gate one (beforeStart, step 1) passed: says passed, 3" in made.status.message
    made.says["one"] = PASSED
    made.until(lambda w: w.weight == 5)


def test_gates_are_asked_one_after_the_other() -> None:
    made = waits(world(gate("beforeStart", "one"), gate("beforeStart", "two")))
    made.step(20)
    assert {name for name, *_ in made.asked} == {"one"}
    made.says["one"] = PASSED
    made.step()
    assert {name for name, *_ in made.asked} == {"one", "two"}


@pytest.mark.parametrize("when", ["beforeStart", "beforeStep", "beforePromotion"])
def test_a_crash_at_any_pass_skips_no_gate(when: str) -> None:
    made = world(gate(when), says=PASSED)
    deaths = 0
    while made.status.phase is not Phase.PROMOTING:
        made.now += timedelta(seconds=INTERVAL)
        made.pass_(made.read())
        for _ in range(5):
            dies = made.status.reason == Reason.AWAITING_GATE
            deaths += dies
            made.pass_(die="status" if dies else "")
        assert made.now < BEGIN + 60 * MINUTE
    assert deaths >= len({step for _, step, _ in made.asked})
    wanted = {"beforeStart": {1}, "beforeStep": {1, 2, 3}, "beforePromotion": {3}}
    assert {step for _, step, _ in made.asked} == wanted[when]
    assert len({question for *_, question in made.asked}) == len(wanted[when])


def test_a_wait_survives_a_restart_with_its_attempts() -> None:
    made = waits(world(gate("beforeStart"), says=UNKNOWN))
    made.step(30)
    attempts, at = made.gate_status().attempts, made.gate_status().next_at
    made.crash()
    made.says["qa"] = HANGS
    made.pass_()
    # stable is learnt anew first, and nothing is asked until then
    assert (made.status.reason, made.gate_status().attempts) == (Reason.WARMING_UP, attempts)
    waits(made)
    assert (made.gate_status().attempts, made.gate_status().next_at) == (attempts, at)


def test_the_answer_for_one_revision_is_nothing_to_the_next() -> None:
    made = waits(world(gate("beforeStart")))
    first = made.gate_status().question
    made.canary = deployment("checkout-canary", "app:v3")
    made.step()
    second = made.gate_status().question
    assert first != second
    made.answers["qa"] = GateAnswer(first, PASSED, "", made.now)
    made.step()
    assert made.weight == 0
    made.says["qa"] = PASSED
    made.until(lambda w: w.weight == 5)


def test_a_try_asks_anew_what_the_last_one_asked() -> None:
    made = world(gate("beforeStart"), says=PASSED)
    made.until(lambda w: w.weight == 5)
    made.action = "abort#1"
    made.step(2)
    made.action = "retry#2"
    made.until(lambda w: w.weight == 5)
    assert len({question for *_, question in made.asked}) == 2


@pytest.mark.parametrize(("says", "attempts"), [(PASSED, 1), (REJECTED, 1), (UNKNOWN, 10)])
@pytest.mark.parametrize("ending", [Phase.SUCCEEDED, Phase.ROLLED_BACK])
def test_an_end_is_sent_after_it_is_stored_a_bounded_number_of_times_and_changes_nothing(
    ending: Phase, says: GateVerdict, attempts: int
) -> None:
    made = world(gate("afterFinish"), says=says)
    if ending is Phase.ROLLED_BACK:
        made.until(lambda w: w.weight == 5)
        made.action = "abort#1"
    else:
        made.until(lambda w: w.status.phase is Phase.PROMOTING)
        made.stable = deployment("checkout", "app:v2")
    made.until(lambda w: w.status.phase is ending)
    ended = made.status.message
    made.step(5)
    made.crash()
    made.pass_()
    made.step(120)
    assert len(made.asked) == attempts
    assert (made.status.phase, made.status.message) == (ending, ended)
    assert made.gate_status().next_at is None
    made.crash()
    made.pass_()
    made.step(100)
    assert len(made.asked) == attempts


def test_nothing_is_sent_about_a_rollout_that_never_began() -> None:
    made = world(gate("afterFinish"), says=PASSED)
    made.action = "abort#1"
    made.until(lambda w: w.status.phase is Phase.ROLLED_BACK)
    made.step(20)
    made.canary = deployment("checkout-canary", "app:v1")
    made.step(20)
    assert made.status.phase is Phase.SUCCEEDED
    assert made.asked == []


def test_a_canary_set_to_stables_version_at_rest_is_no_end_of_a_rollout() -> None:
    made = world(gate("afterFinish"), says=PASSED)
    made.until(lambda w: w.weight == 5)
    made.action = "abort#1"
    made.until(lambda w: w.status.phase is Phase.ROLLED_BACK)
    made.step(5)
    made.canary = deployment("checkout-canary", "app:v1")
    made.step(20)
    assert made.status.phase is Phase.SUCCEEDED
    assert len(made.asked) == 1


def test_a_pause_by_a_gate_puts_back_nothing_that_another_writer_has_taken_away() -> None:
    made = world(gate("duringStep", onReject="Pause"), says=PASSED)
    made.until(lambda w: w.weight == 5)
    made.says["qa"] = REJECTED
    made.annotate(canary_weight="1")
    made.step(2)
    assert (made.status.phase, made.status.reason, made.weight) == (Phase.PAUSED, Reason.INTERVENED, 1)


def test_a_schedule_that_cannot_be_read_any_more_keeps_the_answers_and_asks_nothing() -> None:
    made = world(gate("duringStep"), says=PASSED)
    made.until(lambda w: w.weight == 5)
    made.step()
    seen = made.observe()._replace(compiled=None, obstacles=(Obstacle(Reason.INVALID_SPEC, "broken"),))
    kept = decide(seen, made.now).status.gates
    assert [(one.name, one.verdict, one.next_at) for one in kept] == [("qa", PASSED, None)]
    assert list(gate_calls(seen, decide(seen, made.now).status)) == []


def test_a_pause_by_the_spec_asks_again_what_was_rejected() -> None:
    made = world(gate("duringStep", onReject="Pause"), says=PASSED)
    made.until(lambda w: w.weight == 5)
    with_spec(made, paused=True)
    made.step()
    made.says["qa"] = REJECTED
    made.step(2)
    assert made.gate_status().verdict is REJECTED
    made.says["qa"] = HANGS
    with_spec(made, paused=False)
    made.step()
    assert made.status.phase is Phase.PROGRESSING
    assert (made.gate_status().verdict, made.gate_status().attempts) == (UNKNOWN, 0)


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(st.sampled_from([PASSED, PASSED, PASSED, REJECTED, HANGS]), st.sampled_from([*[""] * 15, "status"])),
        min_size=45,
        max_size=45,
    )
)
def test_no_weight_rises_but_by_a_pass_with_any_answer_of_gates_and_any_crash(ticks: list[tuple[Says, str]]) -> None:
    made = world(gate("beforeStart", "first"), gate("beforeStep", "each"), gate("duringStep", "all"))
    passed = set[tuple[str, int]]()
    for says, die in ticks:
        made.says = {"first": says, "each": says, "all": says}
        made.now += timedelta(seconds=INTERVAL)
        weight, times = made.weight, len(made.asked)
        made.pass_(made.read())
        made.pass_(die=die)
        for _ in range(4):
            made.pass_()
        passed |= {(name, step) for name, step, _ in made.asked[times:] if says is PASSED}
        if made.weight > weight:
            assert made.status.step is not None
            index = made.status.step.index
            assert ("each", index) in passed
            assert (("first", 1) if index == 1 else ("all", index - 1)) in passed
    assert made.status.phase not in (Phase.ROLLED_BACK, Phase.PAUSED)
