"""What people elsewhere wrote is shown, and no terminal obeys it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.cli.views.rollout_table import render_table
from ingress_canary.cli.views.status_text import render_rollout
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.preflight.problem import Problem, ProblemSeverity
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.reasons.printable import printable
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.engine.report import warning_event

NASTY = "a\x1b]0;x\x07 b\x9b31m\u202ec"
SHOWN = "a\\x1b]0;x\\x07 b\\x9b31m\\u202ec"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ümlauts and 漢字", "plain, with ümlauts and 漢字"),
        (NASTY, SHOWN),
        ("two\nlines\tand\u2028more", "two lines and more"),
        ("\ud800", "\\ud800"),
        ("", ""),
    ],
)
def test_a_text_is_made_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_whatever_it_is(text: str) -> None:
    assert printable(text).isprintable()


def test_a_message_shows_what_it_quotes() -> None:
    assert str(Message(MessageKey.NOTED, message=verbatim(NASTY), note=NASTY)).count(SHOWN) == 2


def test_a_problem_of_preflight_shows_what_it_quotes() -> None:
    quoted = Problem(
        28, "x", ProblemSeverity.ERROR, "Ingress a/b", "metadata", "the Host \x1b[2J\u202e too", "remove it"
    )
    shown = "Ingress a/b metadata: the Host \\x1b[2J\\u202e too; remove it"
    assert str(quoted) == shown
    assert warning_event(Key("a", "b"), "uid", quoted).message == f"rule 28: {shown}"


def test_a_note_of_an_action_is_shown() -> None:
    assert Action.parse(f"abort#1#{NASTY}\nsecond").note == f"{SHOWN} second"
    refused = Action.parse(f"{NASTY}#1")
    assert str(verbatim(str(refused.problem))).isprintable()


def test_what_somebody_wrote_into_a_status_does_not_reach_the_terminal() -> None:
    entry = {"at": "2026-03-02T09:00:00Z", "phase": "Paused", "reason": NASTY, "message": NASTY}
    body: dict[str, Any] = {
        "metadata": {"namespace": "shop", "name": "checkout", "creationTimestamp": "2026-03-02T09:00:00Z"},
        "spec": {},
        "status": {
            "phase": "Paused", "reason": NASTY, "message": NASTY, "revision": NASTY, "history": [entry],
            "lastAction": {"id": "1", "verb": "pause", "result": NASTY, "note": NASTY},
        },
    }  # fmt: skip
    text = render_rollout(body, NOW) + render_table([body], NOW)
    assert text.replace("\n", "").isprintable()
    assert text.count(SHOWN) > 5
