"""The action annotation is anybody's text: it is understood or refused in words, and never raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.rollout import ActionStatus
from ingress_canary.domain.actions import NEED_REVISION, Action, Verb


@pytest.mark.parametrize(
    ("text", "verb", "revision", "ident"),
    [
        ("pause#1", Verb.PAUSE, None, "1"),
        (" resume # a b ", Verb.RESUME, None, "a b"),
        ("abort:v2#x", Verb.ABORT, "v2", "x"),
        ("finish:v2.3.1#x", Verb.FINISH, "v2.3.1", "x"),
        ("finish:v2/3#x", Verb.FINISH, "v2", "x"),
        ("retry:#x", Verb.RETRY, None, "x"),
        ("pause#a#b", Verb.PAUSE, None, "a#b"),
        ("pause#" + "i" * 500, Verb.PAUSE, None, "i" * 128),
    ],
)
def test_an_action_names_its_verb_its_revision_and_its_id(
    text: str, verb: Verb, revision: str | None, ident: str
) -> None:
    assert Action.parse(text) == Action(ident, text, verb, revision)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "an id is missing"),
        ("pause", "an id is missing"),
        ("pause#", "an id is missing"),
        ("pause#  ", "an id is missing"),
        ("#1", "'' is none of pause"),
        ("Pause#1", "'Pause' is none of pause"),
        ("x" * 500 + "#1", f"'{'x' * 32}' is none of"),
        ("finish#1", "finish names its revision: write finish:<revision>#<id>"),
        ("finish:/2#1", "finish names its revision"),
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
    assert action.verb not in NEED_REVISION or action.revision or action.problem
