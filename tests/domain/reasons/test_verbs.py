"""The action annotation is anybody's text: it is understood or refused in words, and never raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import ActionStatus
from ingress_canary.domain.reasons.verbs import Action, Verb, VerbTarget


@pytest.mark.parametrize(
    ("text", "verb", "revision", "ident"),
    [
        ("pause#1", Verb.PAUSE, None, "1"),
        (" resume # a b ", Verb.RESUME, None, "a b"),
        ("abort:v2#x", Verb.ABORT, "v2", "x"),
        ("finish:v2.3.1#x", Verb.FINISH, "v2.3.1", "x"),
        ("promote:v2#x", Verb.PROMOTE, "v2", "x"),
        ("retry:#x", Verb.RETRY, None, "x"),
        ("pause#" + "i" * 500, Verb.PAUSE, None, "i" * 128),
    ],
)
def test_an_action_names_its_verb_its_revision_and_its_id(
    text: str, verb: Verb, revision: str | None, ident: str
) -> None:
    assert Action.parse(text) == Action(ident, text, verb, revision)


@pytest.mark.parametrize(
    ("text", "verb", "step"),
    [
        ("approve:v2/3#x", Verb.APPROVE, 3),
        ("skip:v2/12#x", Verb.SKIP, 12),
        ("abort:v2/3#x", Verb.ABORT, 3),
        ("finish:v2/3#x", Verb.FINISH, 3),
    ],
)
def test_an_action_may_name_the_step_too(text: str, verb: Verb, step: int) -> None:
    assert Action.parse(text) == Action("x", text, verb, "v2", step)


@pytest.mark.parametrize(
    ("text", "ident", "note"),
    [
        ("promote:v2#7#hotfix for #4711", "7", "hotfix for #4711"),
        ("pause#7#", "7", ""),
        ("pause#7# two\n lines ", "7", "two lines"),
        ("pause#7#" + "w" * 500, "7", "w" * 256),
    ],
)
def test_what_follows_the_id_says_why(text: str, ident: str, note: str) -> None:
    action = Action.parse(text)
    assert (action.id, action.note, action.problem) == (ident, note, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "an id is missing"),
        ("pause", "an id is missing"),
        ("pause#", "an id is missing"),
        ("pause#  ", "an id is missing"),
        ("#1", "'' is none of approve, pause"),
        ("Pause#1", "'Pause' is none of approve, pause"),
        ("pause##why", "an id is missing"),
        ("x" * 500 + "#1", f"'{'x' * 32}' is none of"),
        ("finish#1", "finish names its revision: write finish:<revision>#<id>"),
        ("finish:/2#1", "finish names its revision"),
        ("approve#1", "approve names its revision: write approve:<revision>/<step>#<id>"),
        ("approve:v2#1", "approve names its step by its number from 1: write approve:<revision>/<step>#<id>"),
        ("skip:v2/0#1", "skip names its step by its number from 1"),
        ("skip:v2/-1#1", "skip names its step by its number from 1"),
        ("skip:v2/dogfood#1", "skip names its step by its number from 1"),
        ("skip:v2/99999#1", "skip names its step by its number from 1"),
        ("skip:v2/²#1", "skip names its step by its number from 1"),
        ("abort:v2/last#1", "'last' is no step: write its number from 1"),
    ],
)
def test_a_malformed_action_says_what_to_write(text: str, problem: str) -> None:
    action = Action.parse(text)
    assert action.problem is not None
    assert action.problem.startswith(problem)


@given(st.text(max_size=400))
def test_any_text_has_an_id_that_can_be_stored(text: str) -> None:
    action = Action.parse(text)
    assert 0 < len(ActionStatus(id=action.id, verb=action.verb or action.text[:32]).id) <= 128
    assert (action.verb is None) <= (action.problem is not None)
    target = action.verb.row.target if action.verb else VerbTarget.NOTHING
    assert target is VerbTarget.NOTHING or action.revision or action.problem
    assert not target.has_step or action.step or action.problem


def test_a_row_says_what_its_verb_does_and_is_found_by_its_word() -> None:
    for verb in Verb:
        assert Verb.of(verb.row.word) is verb
        assert verb.row.help.endswith(".")


def test_what_may_raise_exposure_refers_to_the_state_that_its_sender_saw() -> None:
    assert [verb for verb in Verb if verb.row.raises_exposure and not verb.row.on_sight] == []


def test_stopping_needs_neither_a_right_nor_an_unchanged_state() -> None:
    assert not any(verb.row.guarded or verb.row.on_sight for verb in (Verb.PAUSE, Verb.ABORT))
